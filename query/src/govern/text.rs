//! Texts of statements as they are kept and logged: bounded, cut between characters.

use std::sync::Arc;

use crate::limits::QUERY_TEXT_BYTES_MAX;

/// A statement as it is kept. That of an ERASE would keep the very values that are to be gone, and options of notifiers
/// are secrets.
pub(super) fn kept(sql: &str) -> Arc<str> {
    let sql = sql.trim();
    if sql.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("ERASE")) {
        return "ERASE .. (the values are not kept)".into();
    }
    if sql.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("APPLY")) {
        return "APPLY .. (the statements are not kept: those of notifiers have secrets)".into();
    }
    if let Some(open) = options_of_notifier(sql) {
        return format!(
            "{} (.. the options of notifiers are not kept)",
            cut(sql[..open].trim_end(), QUERY_TEXT_BYTES_MAX)
        )
        .into();
    }
    cut(sql, QUERY_TEXT_BYTES_MAX).into()
}

/// Where the options of a statement about a notifier begin; wherever its words may stand, so that neither a comment nor
/// a statement before it brings them out.
fn options_of_notifier(sql: &str) -> Option<usize> {
    let text = sql.to_ascii_lowercase();
    let changes = ["create", "alter"].iter().any(|verb| text.contains(verb));
    let at = text.find("notifier").filter(|_| changes)?;
    text[at..].find('(').map(|open| at + open)
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
