//! `CREATE INHIBITION`.

use super::clause;
use crate::error::Result;
use crate::statement::parser::Parser;

/// While the source fires, nobody is told of the target where some labels are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateInhibition {
    /// Its name as written, where it has one.
    pub(crate) name: Option<String>,
    /// The alert that says enough.
    pub(crate) source: String,
    /// The alert that adds nothing.
    pub(crate) target: String,
    /// The labels that must be the same.
    pub(crate) equal: Vec<String>,
}

/// What follows `CREATE INHIBITION`.
pub(super) fn create(parser: &mut Parser<'_>) -> Result<CreateInhibition> {
    let name = if parser.peek_is("SOURCE") { None } else { Some(parser.name()?) };
    parser.expect(&["SOURCE"])?;
    let source = parser.name()?;
    parser.expect(&["TARGET"])?;
    let target = parser.name()?;
    parser.expect(&["EQUAL"])?;
    Ok(CreateInhibition { name, source, target, equal: clause::columns(parser)? })
}
