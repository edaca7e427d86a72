//! Who is told beside the notifiers that an alert names, and who when nobody cares.

use std::collections::BTreeSet;

use super::News;
use crate::alert::{Notice, Severity};

/// What a route asks of a notice. A label that it lacks counts as empty.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// `severity >= high`.
    SeverityAtLeast(Severity),
    /// `team = 'risk'`.
    Is(String, String),
    /// `team != 'risk'`.
    IsNot(String, String),
}

impl Condition {
    fn holds(&self, notice: &Notice) -> bool {
        let label = |name: &str| notice.labels.get(name).map_or("", String::as_str);
        match self {
            Self::SeverityAtLeast(least) => notice.severity >= *least,
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
    /// How long after anybody was told first, in nanoseconds, more are told of what fires and is not acknowledged.
    pub escalate_after: Option<i64>,
    /// Those.
    pub escalate_to: Vec<String>,
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
    routes.iter().filter_map(move |route| Some((route, route.escalate_after?))).flat_map(
        move |(route, after)| {
            route
                .escalate_to
                .iter()
                .map(move |who| (first_told_at.saturating_add(after.max(1)), who.as_str()))
        },
    )
}
