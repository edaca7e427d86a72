//! What a statement asks of labels, as routes and silences keep it.

use crate::alert::Severity;
use crate::alert::dispatch::Condition;
use crate::error::{QueryError, Result};
use crate::statement::watch::{Compare, Matcher};

/// The conditions, all of which must hold.
///
/// # Errors
/// One that nothing can be.
pub(super) fn conditions(matchers: &[Matcher]) -> Result<Vec<Condition>> {
    matchers.iter().map(condition).collect()
}

fn condition(matcher: &Matcher) -> Result<Condition> {
    let Matcher { label, by, value } = matcher;
    if matches!(by, Compare::Equal | Compare::NotEqual) {
        let (label, value) = (label.clone(), value.clone());
        return Ok(if *by == Compare::Equal {
            Condition::Is(label, value)
        } else {
            Condition::IsNot(label, value)
        });
    }
    let severity: Severity = value.parse().map_err(QueryError::Invalid)?;
    let beyond = |other: Option<&Severity>, sign| {
        other.copied().ok_or_else(|| {
            QueryError::Invalid(format!(
                "no severity is {sign} {severity}; there are low, medium, high and critical"
            ))
        })
    };
    let all = Severity::ALL;
    Ok(match by {
        Compare::AtLeast => Condition::SeverityAtLeast(severity),
        Compare::Above => {
            Condition::SeverityAtLeast(beyond(all.iter().find(|other| **other > severity), "above")?)
        }
        Compare::Below => {
            Condition::SeverityAtMost(beyond(all.iter().rev().find(|other| **other < severity), "below")?)
        }
        _ => Condition::SeverityAtMost(severity),
    })
}
