//! Conditions on labels: `WHERE severity >= 'high' AND owner = 'risk'`.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::clause;
use crate::alert::Severity;
use crate::error::Result;
use crate::statement::parser::{Parser, wrong_at};

/// The one label whose values have an order.
const SEVERITY: &str = "severity";

/// What one label must be. A label that is not there is as an empty one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Matcher {
    /// The label's name as written.
    pub(crate) label: String,
    /// How it is compared; by order only where the label is `severity`.
    pub(crate) by: Compare,
    /// What with; of `severity` the name of one.
    pub(crate) value: String,
}

/// How a label is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compare {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// `WHERE matcher [AND ..]`, if it comes next; all must hold.
pub(super) fn list(parser: &mut Parser<'_>) -> Result<Vec<Matcher>> {
    let mut matchers = vec![matcher(parser)?];
    while parser.eat(&["AND"]) {
        matchers.push(matcher(parser)?);
    }
    Ok(matchers)
}

fn matcher(parser: &mut Parser<'_>) -> Result<Matcher> {
    let at = parser.peek().span.start;
    let label = parser.identifier("a label")?;
    let by = compare(parser)?;
    let value = clause::value(parser)?;
    if !label.eq_ignore_ascii_case(SEVERITY) {
        return match by {
            Compare::Equal | Compare::NotEqual => Ok(Matcher { label, by, value }),
            _ => Err(wrong_at(&format!("{label} has no order, only severity has: write = or !="), at)),
        };
    }
    let severity: Severity = value.parse().map_err(|error: String| wrong_at(&error, at))?;
    Ok(Matcher { label: SEVERITY.to_owned(), by, value: severity.name().to_owned() })
}

fn compare(parser: &mut Parser<'_>) -> Result<Compare> {
    let found = match parser.peek().token {
        Token::Eq => Compare::Equal,
        Token::Neq => Compare::NotEqual,
        Token::Gt => Compare::Above,
        Token::GtEq => Compare::AtLeast,
        Token::Lt => Compare::Below,
        Token::LtEq => Compare::AtMost,
        _ => return Err(parser.expected("= or !=, of severity also >, >=, < or <=")),
    };
    parser.next();
    Ok(found)
}
