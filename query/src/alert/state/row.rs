//! What a judge is shown: a window and what the alert's query answered for it.

use std::collections::BTreeMap;

use crate::alert::Rule;

/// A stretch of time that is judged. Nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Window {
    /// Its first nanosecond.
    pub start: i64,
    /// The first nanosecond after it.
    pub end: i64,
}

/// One row of the alert's query, with what the rule's conditions say of it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Row {
    /// What tells this instance from others; empty where the query answers one row.
    pub identity: BTreeMap<String, String>,
    /// `WHEN`. None is null: no data.
    pub when: Option<bool>,
    /// `RESOLVE WHEN`. Not looked at where the rule has none.
    pub resolve: Option<bool>,
    /// What was judged.
    pub value: Option<f64>,
    /// All columns of the row, for texts and the history.
    pub columns: serde_json::Map<String, serde_json::Value>,
}

/// What a window gave.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Seen {
    /// The rows of the query, in any order.
    Rows(Vec<Row>),
    /// The query could not be answered: why.
    Failed(String),
}

/// What a row with data says. Between `bad` and `well` an alert neither begins nor ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) bad: bool,
    pub(super) well: bool,
}

impl Row {
    /// None where the row is there but says nothing: no data.
    pub(super) fn verdict(&self, rule: &Rule) -> Option<Verdict> {
        if rule.resolve_when.is_none() {
            return self.when.map(|bad| Verdict { bad, well: !bad });
        }
        if self.when.is_none() && self.resolve.is_none() {
            return None;
        }
        Some(Verdict { bad: self.when == Some(true), well: self.resolve == Some(true) })
    }
}
