//! The texts of an alert: that they can be filled in.

use crate::alert::{Rule, template};
use crate::error::{QueryError, Result};

/// What every template can speak of, whatever the query answers.
const FACTS: [&str; 8] =
    ["alert", "model", "value", "threshold", "window_start", "window_end", "columns", "labels"];
/// The labels that every notice has beside those of the rule.
const LABELS: [&str; 2] = ["alertname", "severity"];

/// Looks at the texts of a rule whose query answers these columns.
///
/// # Errors
/// A template that cannot be filled in, or speaks of what will not be there.
pub(super) fn check(rule: &Rule, columns: &[String]) -> Result<()> {
    let labels = rule.labels.keys().map(String::as_str).chain(LABELS);
    let known: Vec<&str> = columns.iter().map(String::as_str).chain(labels).chain(FACTS).collect();
    for (name, text) in &rule.annotations {
        template::check(text).map_err(|what| QueryError::Invalid(format!("annotation {name}: {what}")))?;
        if let Some(unknown) = template::names(text).iter().find(|used| !known.contains(&used.as_str())) {
            return Err(QueryError::Invalid(format!(
                "annotation {name} speaks of {{{{ {unknown} }}}}, which is no column of the query, no label and no fact; \
                 there are {}",
                known.join(", ")
            )));
        }
    }
    Ok(())
}
