//! Who is told beside the notifiers that an alert names, and who when nobody cares.

use std::collections::BTreeSet;

use super::News;
use crate::alert::{Notice, Severity};

/// What a route or a silence asks of a notice. A label that it lacks counts as empty.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// `severity >= high`.
    SeverityAtLeast(Severity),
    /// `severity <= medium`.
    SeverityAtMost(Severity),
    /// `team = 'risk'`.
    Is(String, String),
    /// `team != 'risk'`.
    IsNot(String, String),
}

impl Condition {
    /// Whether a notice is such.
    pub(super) fn holds(&self, notice: &Notice) -> bool {
        let label = |name: &str| notice.labels.get(name).map_or("", String::as_str);
        match self {
            Self::SeverityAtLeast(least) => notice.severity >= *least,
            Self::SeverityAtMost(most) => notice.severity <= *most,
            Self::Is(name, value) => label(name) == value,
            Self::IsNot(name, value) => label(name) != value,
        }
    }
}

/// Notices that meet all its conditions are told to its notifiers too.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// All must hold; none is for everything.
    pub conditions: Vec<Condition>,
    /// Who is told.
    pub notify: Vec<String>,
    /// Who is told more of what fires and is not acknowledged.
    pub escalations: Vec<Escalation>,
}

/// Who is told if nobody acknowledges for so long.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Escalation {
    /// Nanoseconds since anybody was told first.
    pub after: i64,
    /// The notifiers.
    pub notify: Vec<String>,
}

impl Route {
    /// Whether a notice takes it.
    pub fn takes(&self, notice: &Notice) -> bool {
        self.conditions.iter().all(|condition| condition.holds(notice))
    }
}

/// Whom a notice is for, whether or not it waits for its time: the alert's own notifiers and those of its routes.
pub(super) fn notifiers<'a>(news: &'a News, routes: &[&'a Route]) -> BTreeSet<&'a str> {
    let own = news.notify.iter();
    own.chain(routes.iter().flat_map(|route| &route.notify)).map(String::as_str).collect()
}

/// Those to whom routes escalate, with the moment for each, given when anybody was told first. It is later than that,
/// whatever the route says: what is due after a call must not be due at its own time again.
pub(super) fn escalations<'a>(
    routes: &[&'a Route],
    first_told_at: i64,
) -> impl Iterator<Item = (i64, &'a str)> {
    routes.iter().flat_map(|route| &route.escalations).flat_map(move |escalation| {
        let due = first_told_at.saturating_add(escalation.after.max(1));
        escalation.notify.iter().map(move |who| (due, who.as_str()))
    })
}
