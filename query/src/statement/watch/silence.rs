//! `CREATE SILENCE`.

use super::clause::{self, Clauses, Range};
use super::matcher::{self, Matcher};
use super::{Compare, clause::range};
use crate::error::Result;
use crate::statement::parser::{Parser, wrong_at};

const WEEK: i64 = 7 * 86_400_000_000_000;

/// A time in which nobody is told of some alerts; they are judged all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateSilence {
    /// Its name as written, where it has one.
    pub(crate) name: Option<String>,
    /// The alert it is for, where it is for one.
    pub(crate) alert: Option<String>,
    /// What the labels must be, all of it; only equal and not equal.
    pub(crate) matchers: Vec<Matcher>,
    /// When.
    pub(crate) range: Range,
    /// Whether it comes again each week after that.
    pub(crate) every_week: bool,
    /// Why.
    pub(crate) comment: Option<String>,
}

/// What follows `CREATE SILENCE`.
pub(super) fn create(parser: &mut Parser<'_>) -> Result<CreateSilence> {
    let begins = ["FOR", "WHERE", "FROM", "EVERY", "COMMENT"].iter().any(|word| parser.peek_is(word));
    let name = if begins { None } else { Some(parser.name()?) };
    let (mut clauses, mut alert, mut matchers) = (Clauses::default(), None, Vec::new());
    let (mut found, mut every_week, mut comment) = (None, false, None);
    loop {
        let at = parser.peek().span.start;
        if clauses.begin(parser, &["FOR", "ALERT"])? {
            alert = Some(parser.name()?);
        } else if clauses.begin(parser, &["WHERE"])? {
            matchers = matcher::list(parser)?;
            if matchers.iter().any(|matcher| !matches!(matcher.by, Compare::Equal | Compare::NotEqual)) {
                return Err(wrong_at("a silence goes by = and != only", at));
            }
        } else if clauses.begin(parser, &["EVERY", "WEEK"])? {
            every_week = true;
        } else if clauses.begin(parser, &["COMMENT"])? {
            comment = Some(clause::text(parser, "a comment in single quotes")?);
        } else if found.is_none() && parser.peek_is("FROM") {
            found = range(parser)?;
        } else {
            break;
        }
    }
    let Some(range) = found else {
        return Err(parser.expected(
            "FOR ALERT name, WHERE label = 'value', EVERY WEEK, COMMENT '..' or FROM '2026-01-01' TO '2026-01-02', \
             which must be there",
        ));
    };
    if every_week && range.to.saturating_sub(range.from) > WEEK {
        return Err(parser.expected("a range of at most a week before EVERY WEEK"));
    }
    Ok(CreateSilence { name, alert, matchers, range, every_week, comment })
}
