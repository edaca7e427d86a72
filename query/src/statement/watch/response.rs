//! What people say of an alert that fires: `ACKNOWLEDGE ALERT`, `RESOLVE ALERT`, `COMMENT ON ALERT`.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::clause::{self, Clauses};
use crate::error::Result;
use crate::statement::parser::Parser;

/// Something said of one episode of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// What it does.
    pub(crate) kind: ResponseKind,
    /// The episode's id, as `system.alerts` shows it.
    pub(crate) id: String,
    /// Who says so, where that was written.
    pub(crate) by: Option<String>,
    /// What is said; always there of a comment.
    pub(crate) comment: Option<String>,
}

/// What a response does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseKind {
    /// Somebody looks after it.
    Acknowledge,
    /// It is over, whatever the rule says.
    Resolve,
    /// Nothing, but to be read later.
    Comment,
}

/// The statements, by how they begin.
const BEGINNINGS: [(&[&str], ResponseKind); 3] = [
    (&["ACKNOWLEDGE", "ALERT"], ResponseKind::Acknowledge),
    (&["RESOLVE", "ALERT"], ResponseKind::Resolve),
    (&["COMMENT", "ON", "ALERT"], ResponseKind::Comment),
];

/// One of these statements; None where it is another one.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<Response>> {
    let found = BEGINNINGS.iter().find(|(words, _)| parser.eat(words));
    found.map(|(_, kind)| response(parser, *kind)).transpose()
}

fn response(parser: &mut Parser<'_>, kind: ResponseKind) -> Result<Response> {
    let id = clause::text(parser, "the id of an alert in single quotes, as system.alerts shows it")?;
    let (mut clauses, mut by, mut comment) = (Clauses::default(), None, None);
    loop {
        if clauses.begin(parser, &["AS"])? {
            by = Some(clause::text(parser, "a name in single quotes, such as 'anna'")?);
        } else if clauses.begin(parser, &["COMMENT"])?
            || (kind == ResponseKind::Comment && comment.is_none() && is_text(parser))
        {
            comment = Some(said(parser)?);
        } else {
            break;
        }
    }
    if kind == ResponseKind::Comment && comment.is_none() {
        return Err(parser.expected("AS 'name' or the comment in single quotes"));
    }
    Ok(Response { kind, id, by, comment })
}

fn is_text(parser: &Parser<'_>) -> bool {
    matches!(parser.peek().token, Token::SingleQuotedString(_))
}

fn said(parser: &mut Parser<'_>) -> Result<String> {
    clause::text(parser, "a comment in single quotes")
}
