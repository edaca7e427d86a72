//! `SHOW ..`: short for queries of system tables.

use crate::error::Result;
use crate::statement::Statement;
use crate::statement::parser::{self, Parser};

/// What each shows.
const SHOWN: [(&[&str], &str); 7] = [
    (&["SHOW", "CONTINUOUS", "QUERIES"], "SELECT * FROM system.continuous_queries ORDER BY name"),
    (&["SHOW", "ALERT", "RULES"], "SELECT * FROM system.rules ORDER BY name"),
    (&["SHOW", "ALERTS"], "SELECT * FROM system.alerts"),
    (&["SHOW", "NOTIFIERS"], "SELECT * FROM system.notifiers ORDER BY name"),
    (&["SHOW", "SILENCES"], "SELECT * FROM system.silences ORDER BY name"),
    (&["SHOW", "ROUTES"], "SELECT * FROM system.routes ORDER BY name"),
    (&["SHOW", "INHIBITIONS"], "SELECT * FROM system.inhibitions ORDER BY name"),
];

/// The query that such a statement is short for; None where it is another one.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<Statement>> {
    let found = SHOWN.iter().find(|(words, _)| parser.eat(words));
    found.map(|(_, sql)| parser::query(sql)).transpose()
}
