//! Paths into a JSON text, such as `$.user.tags[0]`.

use std::collections::VecDeque;

use datafusion::common::{Result, plan_err};

use super::scan::Scanner;

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Into the member of this name.
    Member(String),
    /// Into the element at this place; below 0 from the end.
    Element(i64),
}

/// A path, read once and followed in every row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// Reads a path. Errors name the place of the character where it goes wrong, from 1.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader { text, rest: text };
        reader.path().map(Self)
    }

    /// The text of what stands at the end of the path; None where there is nothing or the text is no JSON. Where a
    /// name occurs twice in an object the last one counts, as nearly all readers of JSON have it.
    pub(super) fn find<'a>(&self, json: &'a str) -> Option<&'a str> {
        let mut scanner = Scanner::new(json);
        let found = follow(&mut scanner, &self.0)?;
        scanner.end()?;
        found
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn path(&mut self) -> Result<Vec<Step>> {
        if !self.eat("$") {
            return self.expected("$, the whole value");
        }
        let mut steps = Vec::new();
        while !self.rest.is_empty() {
            steps.push(self.step()?);
        }
        Ok(steps)
    }

    fn step(&mut self) -> Result<Step> {
        if self.eat(".") {
            return self.member();
        }
        if !self.eat("[") {
            return self.expected(". or [");
        }
        let step = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => Step::Member(self.quoted(quote)?),
            _ => self.element()?,
        };
        if self.eat("]") { Ok(step) } else { self.expected("]") }
    }

    fn member(&mut self) -> Result<Step> {
        if self.rest.starts_with('"') {
            return self.quoted('"').map(Step::Member);
        }
        let end = self.rest.find(['.', '[', ']', '"', '\'', '*', ' ']).unwrap_or(self.rest.len());
        if end == 0 {
            return self.expected("a name; one with . [ ] * or spaces in it is written in double quotes");
        }
        Ok(Step::Member(self.take(end).to_owned()))
    }

    /// A name in quotes; a backslash takes the character after it as it is.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let mut name = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            if character == quote {
                self.take(at + 1);
                return Ok(name);
            }
            let literal = if character == '\\' { characters.next().map(|(_, c)| c) } else { Some(character) };
            name.extend(literal);
        }
        self.take(self.rest.len());
        self.expected(&format!("{quote}, the end of the name"))
    }

    fn element(&mut self) -> Result<Step> {
        let end = self.rest.find(']').unwrap_or(self.rest.len());
        match self.rest.get(..end).map(str::parse) {
            Some(Ok(place)) => {
                self.take(end);
                Ok(Step::Element(place))
            }
            _ => self.expected("a whole number, or a name in quotes"),
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn expected<T>(&self, what: &str) -> Result<T> {
        let read = self.text.len() - self.rest.len();
        let place = self.text.get(..read).unwrap_or_default().chars().count() + 1;
        plan_err!("JSON path {:?}: expected {what} at character {place}", self.text)
    }
}

/// Passes a value and keeps what the steps lead to: the outer None is a text that is no JSON.
fn follow<'a>(scanner: &mut Scanner<'a>, steps: &[Step]) -> Option<Option<&'a str>> {
    let Some((step, rest)) = steps.split_first() else { return scanner.value().map(Some) };
    match (scanner.peek()?, step) {
        (b'{', Step::Member(wanted)) => member(scanner, wanted, rest),
        (b'[', Step::Element(place)) if *place >= 0 => from_start(scanner, place.unsigned_abs(), rest),
        (b'[', Step::Element(place)) => from_end(scanner, place.unsigned_abs(), rest),
        // A value that has no such inside has nothing there.
        _ => scanner.value().map(|_| None),
    }
}

fn member<'a>(scanner: &mut Scanner<'a>, wanted: &str, rest: &[Step]) -> Option<Option<&'a str>> {
    let mut found = None;
    scanner.members(|scanner, name| {
        if name == wanted {
            found = follow(scanner, rest)?;
        } else {
            scanner.value()?;
        }
        Some(())
    })?;
    Some(found)
}

fn from_start<'a>(scanner: &mut Scanner<'a>, wanted: u64, rest: &[Step]) -> Option<Option<&'a str>> {
    let mut found = None;
    scanner.elements(|scanner, place| {
        if place == wanted {
            found = follow(scanner, rest)?;
        } else {
            scanner.value()?;
        }
        Some(())
    })?;
    Some(found)
}

/// The length is known at the end only: what may be meant is kept until then.
fn from_end<'a>(scanner: &mut Scanner<'a>, back: u64, rest: &[Step]) -> Option<Option<&'a str>> {
    let mut last = VecDeque::new();
    scanner.elements(|scanner, _| {
        last.push_back(follow(scanner, rest)?);
        if last.len() as u64 > back {
            last.pop_front();
        }
        Some(())
    })?;
    Some(if last.len() as u64 == back { last.pop_front().flatten() } else { None })
}
