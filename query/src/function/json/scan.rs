//! Reading a JSON text (RFC 8259) as it is written: nothing is built, values are places in the text. So numbers stay
//! what they are to the last digit, and what is not asked for costs a look at its letters.

use std::borrow::Cow;

use crate::limits::JSON_DEPTH_MAX;

/// Reads a text from its beginning. Every call is None where the text is no JSON.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Option<()> {
        self.space();
        (self.at == self.text.len()).then_some(())
    }

    /// The first letter of the value that comes next.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.space();
        self.byte()
    }

    /// Passes a value; its text.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let from = self.at;
        match first {
            b'{' => self.members(|scanner, _| scanner.value().map(drop))?,
            b'[' => self.elements(|scanner, _| scanner.value().map(drop))?,
            b'"' => drop(self.string()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        }
        self.text.get(from..self.at)
    }

    /// Passes an object; `value` passes the value of each member.
    pub(super) fn members(&mut self, mut value: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.list(b'{', b'}', |scanner, _| {
            scanner.space();
            let name = unquoted(scanner.string()?)?;
            scanner.space();
            scanner.eat(b':')?;
            value(scanner, &name)
        })
    }

    /// Passes an array; `value` passes each element, told which it is.
    pub(super) fn elements(&mut self, value: impl FnMut(&mut Self, u64) -> Option<()>) -> Option<()> {
        self.list(b'[', b']', value)
    }

    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self, u64) -> Option<()>,
    ) -> Option<()> {
        self.eat(open)?;
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return None;
        }
        self.space();
        if self.byte() != Some(close) {
            let mut place = 0;
            loop {
                item(self, place)?;
                place += 1;
                self.space();
                if self.byte() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.depth -= 1;
        self.eat(close)
    }

    /// Passes a string; its text, in quotes.
    fn string(&mut self) -> Option<&'a str> {
        let from = self.at;
        self.eat(b'"')?;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => self.escape()?,
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(from..self.at)
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 1;
        match self.byte()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                let digits = self.text.as_bytes().get(self.at + 1..self.at + 5)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += 5;
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.eat(b'-');
        // 0 begins no longer number.
        if self.eat(b'0').is_none() {
            self.digits()?;
        }
        if self.eat(b'.').is_some() {
            self.digits()?;
        }
        if self.eat(b'e').or_else(|| self.eat(b'E')).is_some() {
            let _ = self.eat(b'+').or_else(|| self.eat(b'-'));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.at += self.text.get(self.at..)?.starts_with(word).then_some(word.len())?;
        Some(())
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// What a string says; None where half of a surrogate pair stands alone in it.
pub(super) fn unquoted(string: &str) -> Option<Cow<'_, str>> {
    if string.contains('\\') {
        return serde_json::from_str(string).ok().map(Cow::Owned);
    }
    let inner = string.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map(Cow::Borrowed)
}
