//! Texts made to fit the field they go into.

/// Stands where something is missing.
const MARK: char = '…';

/// At most so many characters; the last one is `…` where some are missing.
pub(super) fn chars(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    kept.extend((chars_max > 0).then_some(MARK));
    kept
}

/// The text with each character replaced, at most so many characters in all: what replaces one is never torn.
pub(super) fn escaped(text: &str, chars_max: usize, escape: fn(char) -> Option<&'static str>) -> String {
    let width = |c: char| escape(c).map_or(1, |text| text.chars().count());
    let fits = text.chars().map(width).sum::<usize>() <= chars_max;
    let budget = if fits { chars_max } else { chars_max.saturating_sub(1) };
    let mut kept = String::with_capacity(text.len().min(chars_max));
    let mut used = 0;
    for c in text.chars() {
        used += width(c);
        if used > budget {
            break;
        }
        match escape(c) {
            Some(text) => kept.push_str(text),
            None => kept.push(c),
        }
    }
    kept.extend((!fits && chars_max > 0).then_some(MARK));
    kept
}

/// One line: what would break it or steer a terminal becomes a space.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// As [`line`], but newlines stay.
pub(super) fn lines(text: &str) -> String {
    let keep = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    text.chars().map(keep).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests;
