//! What a template may hold, and how much a text.

use std::io;

/// Bytes of a template.
pub const TEMPLATE_BYTES_MAX: usize = 4096;

/// Bytes of a text; more is cut off, with an ellipsis.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Bytes of one column or label within a template; more is cut off.
pub const COLUMN_BYTES_MAX: usize = 1024;

/// Steps that filling in a template may take: some thousand turns of a loop.
pub const STEPS_MAX: u64 = 20_000;

/// Tags that a template may have. `set` and its like are not among them: with them a short template can double a text
/// again and again.
const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Refuses what the limits of the engine do not hold: it counts steps, not what a step takes.
pub(super) fn reject(template: &str) -> Result<(), String> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(format!(
            "the template has {} bytes, at most {TEMPLATE_BYTES_MAX} are taken; shorten it",
            template.len()
        ));
    }
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        rest = &rest[at + 1..];
        let inside = match rest.chars().next() {
            Some('{') => expression(&rest[1..]),
            Some('%') => {
                let tag = rest[1..].trim_start_matches(['-', '+']).trim_start();
                let name: String = tag.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
                if !TAGS.contains(&name.as_str()) {
                    return Err(format!("the tag {name:?} is not taken in a text; {} are", TAGS.join(", ")));
                }
                expression(&rest[1..])
            }
            Some('#') => {
                rest = rest.find("#}").map_or("", |end| &rest[end..]);
                continue;
            }
            _ => continue,
        };
        if inside.contains('*') {
            return Err("* is not taken in a text, as it can repeat one; write {{ x | times(100) }}, or let the query \
                        compute the column"
                .to_owned());
        }
    }
    Ok(())
}

/// A tag without the texts in quotes in it, up to where it ends.
fn expression(tag: &str) -> String {
    let mut inside = String::new();
    let mut quote = None;
    let mut characters = tag.chars().peekable();
    while let Some(it) = characters.next() {
        match quote {
            Some(_) if it == '\\' => drop(characters.next()),
            Some(end) if it == end => quote = None,
            Some(_) => {}
            None if it == '"' || it == '\'' => quote = Some(it),
            None if (it == '}' || it == '%') && characters.peek() == Some(&'}') => break,
            None => inside.push(it),
        }
    }
    inside
}

/// At most so many bytes, the ellipsis included.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    const MORE: &str = "…";
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes.saturating_sub(MORE.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MORE}", &text[..end])
}

/// Takes one byte more than a text may have, so that it can be seen to be too long, and ends the filling in there.
#[derive(Default)]
pub(super) struct Bounded {
    pub(super) bytes: Vec<u8>,
    pub(super) full: bool,
}

impl io::Write for &mut Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (TEXT_BYTES_MAX + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.full = bytes.len() > room;
        if self.full { Err(io::ErrorKind::WriteZero.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
