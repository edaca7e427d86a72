//! Texts of statements as they are kept and logged: bounded, cut between characters.

use std::sync::Arc;

use crate::limits::QUERY_TEXT_BYTES_MAX;

/// A statement as it is kept. That of an ERASE would keep the very values that are to be gone.
pub(super) fn kept(sql: &str) -> Arc<str> {
    let sql = sql.trim();
    if sql.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("ERASE")) {
        return "ERASE .. (the values are not kept)".into();
    }
    cut(sql, QUERY_TEXT_BYTES_MAX).into()
}

/// At most so many bytes of a text; what is missing is told.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let kept = text.get(..end).unwrap_or_default();
    format!("{kept} .. ({} bytes more)", text.len() - end)
}
