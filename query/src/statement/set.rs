//! `SET driftline.<name> = true | false`.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::parser::Parser;
use crate::database::Access;
use crate::error::{QueryError, Result};
use crate::settings::{SETTINGS, Settings};

/// A setting and what it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    name: String,
    value: bool,
}

/// What stands behind `SET driftline`.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Set> {
    if !parser.take(&Token::Period) {
        return Err(parser.expected("a point and the name of a setting"));
    }
    let name = parser.name()?;
    if !SETTINGS.contains(&name.as_str()) {
        let known = SETTINGS.join(", ");
        return Err(QueryError::Invalid(format!("unknown setting driftline.{name}; there is {known}")));
    }
    if !parser.take(&Token::Eq) && !parser.eat(&["TO"]) {
        return Err(parser.expected("= and true or false"));
    }
    let value = parser.eat(&["TRUE"]) || parser.eat(&["ON"]);
    if !value && !parser.eat(&["FALSE"]) && !parser.eat(&["OFF"]) {
        return Err(parser.expected("true or false"));
    }
    Ok(Set { name, value })
}

impl Set {
    /// Sets it, for all that the embedding program asks from here on.
    pub(super) fn apply(&self, settings: &mut Settings, access: Access) -> Result<()> {
        if access == Access::Network {
            return Err(QueryError::Denied(format!(
                "SET driftline.{} would change what others are answered: it is for the embedding program",
                self.name
            )));
        }
        settings.summaries = self.value;
        Ok(())
    }
}
