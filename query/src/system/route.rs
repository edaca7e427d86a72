//! `system.routes`.

use arrow::record_batch::RecordBatch;

use super::build::{rows, text};
use crate::alert::dispatch::{Condition, Escalation, Route};
use crate::alert::metric::span_text;
use crate::error::Result;

/// The columns of `system.routes`: as CREATE ROUTE takes them, `conditions` without WHERE and empty where all are told.
pub(super) const ROUTES: [&str; 4] = ["name", "conditions", "notify", "escalations"];

/// One row a route.
pub(super) fn routes(all: &[Route]) -> Result<RecordBatch> {
    rows(
        &ROUTES,
        vec![
            text(all.iter().map(|route| &route.name)),
            text(all.iter().map(|route| conditions(&route.conditions))),
            text(all.iter().map(|route| route.notify.join(", "))),
            text(
                all.iter()
                    .map(|route| route.escalations.iter().map(escalation).collect::<Vec<_>>().join(" ")),
            ),
        ],
    )
}

/// `severity >= 'high' AND team = 'risk'`.
pub(super) fn conditions(all: &[Condition]) -> String {
    all.iter().map(condition).collect::<Vec<_>>().join(" AND ")
}

fn condition(condition: &Condition) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match condition {
        Condition::SeverityAtLeast(least) => format!("severity >= {}", quoted(least.name())),
        Condition::SeverityAtMost(most) => format!("severity <= {}", quoted(most.name())),
        Condition::Is(label, value) => format!("{label} = {}", quoted(value)),
        Condition::IsNot(label, value) => format!("{label} != {}", quoted(value)),
    }
}

fn escalation(escalation: &Escalation) -> String {
    format!("ESCALATE AFTER '{}' TO {}", span_text(escalation.after), escalation.notify.join(", "))
}
