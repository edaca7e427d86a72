//! What clauses are made of: durations, times, names and lists of them.

use std::collections::BTreeMap;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use datafusion::sql::sqlparser::tokenizer::{Location, Token};

use crate::duration;
use crate::error::Result;
use crate::statement::parser::{Parser, wrong_at};

/// The shortest length of windows: shorter ones would be judged without a pause.
const EVERY_NANOS_MIN: i64 = 1_000_000_000;

/// A range of time in nanoseconds since 1970; its end is after its start and not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// Its start.
    pub(crate) from: i64,
    /// Its end.
    pub(crate) to: i64,
}

/// Which clauses were read. Each may stand once.
#[derive(Debug, Default)]
pub(super) struct Clauses(Vec<&'static [&'static str]>);

impl Clauses {
    /// Takes the words that begin a clause if they come next.
    pub(super) fn begin(&mut self, parser: &mut Parser<'_>, words: &'static [&'static str]) -> Result<bool> {
        let at = parser.peek().span.start;
        if !parser.eat(words) {
            return Ok(false);
        }
        if self.has(words) {
            return Err(wrong_at(&format!("{} is there twice", words.join(" ")), at));
        }
        self.0.push(words);
        Ok(true)
    }

    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.0.contains(&words)
    }
}

/// Whether the statement ends here.
pub(super) fn is_end(parser: &Parser<'_>) -> bool {
    matches!(parser.peek().token, Token::SemiColon | Token::EOF)
}

/// `'text'`.
pub(super) fn text(parser: &mut Parser<'_>, what: &str) -> Result<String> {
    let Token::SingleQuotedString(text) = parser.peek().token else {
        return Err(parser.expected(what));
    };
    parser.next();
    Ok(text)
}

/// A text that `read` makes something of; its error is told with the place.
pub(super) fn read<T>(
    parser: &mut Parser<'_>,
    what: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T> {
    let at = parser.peek().span.start;
    let text = text(parser, what)?;
    read(&text).map_err(|error| wrong_at(&error, at))
}

/// `'90 seconds'`.
pub(super) fn duration(parser: &mut Parser<'_>) -> Result<i64> {
    read(parser, "a duration in single quotes, such as '1 hour'", nanos)
}

/// The same, where none at all is well too: `'0 s'`.
pub(super) fn duration_or_none(parser: &mut Parser<'_>) -> Result<i64> {
    read(parser, "a duration in single quotes, such as '10 seconds'", nanos_or_none)
}

/// The length of windows.
pub(super) fn every(parser: &mut Parser<'_>) -> Result<i64> {
    read(parser, "a duration in single quotes, such as '1 minute'", nanos_of_windows)
}

pub(super) fn nanos(text: &str) -> Result<i64, String> {
    duration::nanos(text).map_err(|error| error.to_string())
}

/// Nanoseconds of a duration, or 0 of `0 s`.
pub(super) fn nanos_or_none(text: &str) -> Result<i64, String> {
    let is_zero = |unit: &str| duration::nanos(&format!("1{unit}")).is_ok();
    let unit = text.trim().strip_prefix('0').filter(|unit| !unit.starts_with(|c: char| c.is_ascii_digit()));
    match unit {
        Some(unit) if is_zero(unit) => Ok(0),
        _ => nanos(text),
    }
}

pub(super) fn nanos_of_windows(text: &str) -> Result<i64, String> {
    match nanos(text)? {
        EVERY_NANOS_MIN.. => nanos(text),
        _ => Err(format!("EVERY {text:?} is too often; it is at least '1 second'")),
    }
}

/// `FROM '..' TO '..'`, if it comes next.
pub(super) fn range(parser: &mut Parser<'_>) -> Result<Option<Range>> {
    if !parser.eat(&["FROM"]) {
        return Ok(None);
    }
    let at = parser.peek().span.start;
    let from = moment(parser)?;
    parser.expect(&["TO"])?;
    let to = moment(parser)?;
    match from < to {
        true => Ok(Some(Range { from, to })),
        false => Err(wrong_at("the range ends where it begins or before", at)),
    }
}

/// The same, where it must stand.
pub(super) fn range_here(parser: &mut Parser<'_>) -> Result<Range> {
    range(parser)?.ok_or_else(|| parser.expected("FROM '2026-01-01' TO '2026-02-01'"))
}

/// A time, in UTC where it names no zone.
fn moment(parser: &mut Parser<'_>) -> Result<i64> {
    let wrong = |text: &str| {
        format!("{text:?} is no time from 1677 to 2262; write '2026-01-31' or '2026-01-31T12:00:00Z'")
    };
    read(parser, "a time in single quotes, such as '2026-01-31T12:00:00Z'", |text| {
        string_to_timestamp_nanos(text.trim()).map_err(|_| wrong(text))
    })
}

/// `a, b`.
pub(super) fn names(parser: &mut Parser<'_>) -> Result<Vec<String>> {
    let mut names = vec![parser.name()?];
    while parser.take(&Token::Comma) {
        names.push(parser.name()?);
    }
    Ok(names)
}

/// `(a, b)`: columns or labels.
pub(super) fn columns(parser: &mut Parser<'_>) -> Result<Vec<String>> {
    listed(parser, "( and names", |parser| parser.identifier("a name"))
}

/// `(item, ..)`.
fn listed<T>(
    parser: &mut Parser<'_>,
    what: &str,
    item: impl Fn(&mut Parser<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    if !parser.take(&Token::LParen) {
        return Err(parser.expected(what));
    }
    let mut items = Vec::new();
    loop {
        items.push(item(parser)?);
        if parser.take(&Token::RParen) {
            return Ok(items);
        }
        if !parser.take(&Token::Comma) {
            return Err(parser.expected("a comma or )"));
        }
    }
}

/// A name with a value, as written, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) at: Location,
}

impl Pair {
    /// An error about it, told with its place.
    pub(super) fn wrong(&self, what: &str) -> crate::QueryError {
        wrong_at(&format!("{}: {what}", self.name), self.at)
    }

    /// Its value as `read` takes it.
    pub(super) fn read<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T> {
        read(&self.value).map_err(|what| self.wrong(&what))
    }
}

/// `(name = 'value', ..)`, each name once.
pub(super) fn pairs(parser: &mut Parser<'_>) -> Result<Vec<Pair>> {
    let pairs = listed(parser, "( and name = 'value'", pair)?;
    for (at, pair) in pairs.iter().enumerate() {
        if pairs.iter().take(at).any(|before| before.name == pair.name) {
            return Err(wrong_at(&format!("{} is there twice", pair.name), pair.at));
        }
    }
    Ok(pairs)
}

/// The same as a map. Options are the same in any case, so their names are made small.
pub(super) fn options(parser: &mut Parser<'_>) -> Result<BTreeMap<String, String>> {
    let mut options = BTreeMap::new();
    for pair in pairs(parser)? {
        let name = pair.name.to_lowercase();
        if options.insert(name.clone(), pair.value).is_some() {
            return Err(wrong_at(&format!("{name} is there twice"), pair.at));
        }
    }
    Ok(options)
}

/// The same as a map, names as written: labels and annotations are told apart by case.
pub(super) fn labels(parser: &mut Parser<'_>) -> Result<BTreeMap<String, String>> {
    Ok(pairs(parser)?.into_iter().map(|pair| (pair.name, pair.value)).collect())
}

fn pair(parser: &mut Parser<'_>) -> Result<Pair> {
    let at = parser.peek().span.start;
    let name = parser.identifier("a name")?;
    if !parser.take(&Token::Eq) {
        return Err(parser.expected("="));
    }
    Ok(Pair { name, value: value(parser)?, at })
}

/// A text in single quotes, a number, or a word, such as true.
pub(super) fn value(parser: &mut Parser<'_>) -> Result<String> {
    let minus = parser.take(&Token::Minus);
    match parser.peek().token {
        Token::SingleQuotedString(text) if !minus => {
            parser.next();
            Ok(text)
        }
        Token::Number(digits, _) => {
            parser.next();
            Ok(if minus { format!("-{digits}") } else { digits })
        }
        Token::Word(word) if !minus => {
            parser.next();
            Ok(word.value)
        }
        _ => Err(parser.expected("a value, such as 'text' or 0.5")),
    }
}

/// A whole number above 0.
pub(super) fn count<T: std::str::FromStr>(parser: &mut Parser<'_>, what: &str) -> Result<T> {
    if let Token::Number(digits, _) = parser.peek().token
        && digits.bytes().any(|digit| digit != b'0')
        && let Ok(count) = digits.parse()
    {
        parser.next();
        return Ok(count);
    }
    Err(parser.expected(what))
}
