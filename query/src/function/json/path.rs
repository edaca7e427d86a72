//! Paths into a JSON text, such as `$.user.tags[0]`.

use std::fmt;

use datafusion::common::{Result, plan_err};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::VecDeque;

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

    /// What stands at the end of the path; None where there is nothing or the text is no JSON. Where a name occurs
    /// twice in an object the last one counts, as nearly all readers of JSON have it.
    pub(super) fn find(&self, json: &str) -> Option<Value> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let found = Find(&self.0).deserialize(&mut reader).ok()?;
        reader.end().ok()?;
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

/// Reads a value and keeps what the steps lead to.
struct Find<'p>(&'p [Step]);

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Option<Value>, D::Error> {
        match self.0 {
            [] => Value::deserialize(reader).map(Some),
            [step, rest @ ..] => reader.deserialize_any(Within { step, rest }),
        }
    }
}

/// Goes one step into a value. A value that has no such inside has nothing there.
struct Within<'p> {
    step: &'p Step,
    rest: &'p [Step],
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            match self.step {
                Step::Member(wanted) if *wanted == name => {
                    found = members.next_value_seed(Find(self.rest))?
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Option<Value>, A::Error> {
        match self.step {
            Step::Member(_) => {
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                Ok(None)
            }
            Step::Element(place) if *place >= 0 => from_start(elements, *place, self.rest),
            Step::Element(place) => from_end(&mut elements, place.unsigned_abs(), self.rest),
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }
}

fn from_start<'de, A: SeqAccess<'de>>(
    mut elements: A,
    place: i64,
    rest: &[Step],
) -> Result<Option<Value>, A::Error> {
    for _ in 0..place {
        if elements.next_element::<IgnoredAny>()?.is_none() {
            return Ok(None);
        }
    }
    let found = elements.next_element_seed(Find(rest))?.flatten();
    while elements.next_element::<IgnoredAny>()?.is_some() {}
    Ok(found)
}

/// The length is known at the end only: what may be meant is kept until then.
fn from_end<'de, A: SeqAccess<'de>>(
    elements: &mut A,
    back: u64,
    rest: &[Step],
) -> Result<Option<Value>, A::Error> {
    let mut last = VecDeque::new();
    while let Some(element) = elements.next_element_seed(Find(rest))? {
        last.push_back(element);
        if last.len() as u64 > back {
            last.pop_front();
        }
    }
    Ok(if last.len() as u64 == back { last.pop_front().flatten() } else { None })
}
