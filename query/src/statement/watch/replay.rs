//! Alerts held against the past: `BACKTEST ALERT`, `CALIBRATE ALERT`.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::clause::{self, Range};
use crate::error::Result;
use crate::statement::parser::Parser;

/// When an alert would have fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backtest {
    /// The alert's name as written.
    pub(crate) name: String,
    /// The windows that are judged.
    pub(crate) range: Range,
}

/// Which threshold an alert should have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calibrate {
    /// The alert's name as written.
    pub(crate) name: String,
    /// How many false alarms are borne; above 0.
    pub(crate) false_alarms: f64,
    /// In how many nanoseconds.
    pub(crate) per: i64,
    /// The windows that are judged; None for all of which there are rows.
    pub(crate) range: Option<Range>,
    /// Times when alarms would have been right.
    pub(crate) except: Vec<Range>,
}

/// What follows `BACKTEST ALERT`.
pub(super) fn backtest(parser: &mut Parser<'_>) -> Result<Backtest> {
    Ok(Backtest { name: parser.name()?, range: clause::range_here(parser)? })
}

/// What follows `CALIBRATE ALERT`.
pub(super) fn calibrate(parser: &mut Parser<'_>) -> Result<Calibrate> {
    let name = parser.name()?;
    parser.expect(&["FALSE", "ALARMS"])?;
    let false_alarms = alarms(parser)?;
    parser.expect(&["PER"])?;
    let per = clause::duration(parser)?;
    let range = clause::range(parser)?;
    let except = if parser.eat(&["EXCEPT"]) { ranges(parser)? } else { Vec::new() };
    Ok(Calibrate { name, false_alarms, per, range, except })
}

fn alarms(parser: &mut Parser<'_>) -> Result<f64> {
    if let Token::Number(digits, _) = parser.peek().token
        && let Ok(alarms) = digits.parse::<f64>()
        && alarms.is_finite()
        && alarms > 0.0
    {
        parser.next();
        return Ok(alarms);
    }
    Err(parser.expected("a number of false alarms above 0, such as 1"))
}

/// `(FROM '..' TO '..'), ..`
fn ranges(parser: &mut Parser<'_>) -> Result<Vec<Range>> {
    let mut ranges = Vec::new();
    loop {
        if !parser.take(&Token::LParen) {
            return Err(parser.expected("( and FROM '..' TO '..'"));
        }
        ranges.push(clause::range_here(parser)?);
        if !parser.take(&Token::RParen) {
            return Err(parser.expected(")"));
        }
        if !parser.take(&Token::Comma) {
            return Ok(ranges);
        }
    }
}
