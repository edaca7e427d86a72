//! `CREATE ROUTE`.

use super::clause;
use super::matcher::{self, Matcher};
use crate::alert::dispatch::Escalation;
use crate::error::Result;
use crate::statement::parser::{Parser, wrong_at};

/// Who is told of some alerts, and who after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateRoute {
    /// Its name as written.
    pub(crate) name: String,
    /// What the labels must be, all of it; empty for all alerts.
    pub(crate) matchers: Vec<Matcher>,
    /// The notifiers that are told at once.
    pub(crate) notify: Vec<String>,
    /// Who is told if nobody acknowledges, each later than the one before.
    pub(crate) escalations: Vec<Escalation>,
}

/// What follows `CREATE ROUTE`.
pub(super) fn create(parser: &mut Parser<'_>) -> Result<CreateRoute> {
    let name = parser.name()?;
    let matchers = if parser.eat(&["WHERE"]) { matcher::list(parser)? } else { Vec::new() };
    if !parser.eat(&["NOTIFY"]) {
        return Err(parser.expected("WHERE label = 'value' [AND ..] or NOTIFY and notifiers"));
    }
    let notify = clause::names(parser)?;
    let mut escalations: Vec<Escalation> = Vec::new();
    while parser.eat(&["ESCALATE", "AFTER"]) {
        let at = parser.peek().span.start;
        let after = clause::duration(parser)?;
        if escalations.last().is_some_and(|before| before.after >= after) {
            return Err(wrong_at("each ESCALATE AFTER is later than the one before", at));
        }
        parser.expect(&["TO"])?;
        escalations.push(Escalation { after, notify: clause::names(parser)? });
    }
    Ok(CreateRoute { name, matchers, notify, escalations })
}
