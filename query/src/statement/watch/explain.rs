//! `EXPLAIN DRIFT`: where a shift comes from.

use super::clause::{self, Range};
use crate::error::Result;
use crate::statement::parser::Parser;

/// Where the shift of a column comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExplainDrift {
    /// The model's name as written.
    pub(crate) model: String,
    /// The column's name as written.
    pub(crate) feature: String,
    /// The baseline's name as written.
    pub(crate) baseline: Option<String>,
    /// The window; None for the newest day of rows.
    pub(crate) range: Option<Range>,
}

/// What follows `EXPLAIN DRIFT`.
pub(super) fn explain(parser: &mut Parser<'_>) -> Result<ExplainDrift> {
    let model = parser.name()?;
    parser.expect(&["FEATURE"])?;
    let feature = parser.name()?;
    let baseline = parser.eat(&["BASELINE"]).then(|| parser.name()).transpose()?;
    Ok(ExplainDrift { model, feature, baseline, range: clause::range(parser)? })
}
