//! A transition with the rule that it is of.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::notice::notice;
use crate::alert::state::Transition;
use crate::alert::{Notice, Rule};

/// What happened, of which rule.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) rule: Arc<Rule>,
    pub(crate) transition: Transition,
    /// What it was held against, and the column that was.
    pub(crate) threshold: Option<f64>,
    pub(crate) statistic: Option<String>,
    /// Whether it was due while the database was down.
    pub(crate) late: bool,
}

impl Told {
    /// The same each time the window is judged: the row of the history that it has.
    pub(crate) fn id(&self) -> String {
        let Transition { episode, kind, at, .. } = &self.transition;
        format!("{episode}-{}-{at}", super::tables::what(*kind))
    }

    /// The labels of its instance.
    pub(crate) fn labels(&self) -> BTreeMap<&String, &String> {
        self.rule.labels.iter().chain(&self.transition.identity).collect()
    }

    /// What there is to tell, if anything.
    pub(crate) fn notice(&self) -> Option<Notice> {
        let columns = &self.transition.columns;
        let evidence = (!columns.is_empty()).then(|| serde_json::Value::Object(columns.clone()));
        let found = notice(&self.rule, &self.transition, evidence.into_iter().collect())?;
        let threshold = found.threshold.or(self.threshold);
        Some(Notice { threshold, statistic: found.statistic.or_else(|| self.statistic.clone()), ..found })
    }
}
