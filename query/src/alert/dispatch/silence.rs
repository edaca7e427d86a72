//! What keeps a notice from being told for now: silences, and alerts that another alert explains.

use std::collections::BTreeSet;

use super::Condition;
use crate::alert::period::Span;
use crate::alert::{Notice, Status};

/// Nobody is told of what it matches while it lasts. What still holds at its end is told then.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Silence {
    /// Its name.
    pub id: String,
    /// The alert it is for; None is all.
    pub alert: Option<String>,
    /// What a notice must be to be matched, all of it; none is for everything.
    pub conditions: Vec<Condition>,
    /// Nanoseconds since 1970.
    pub from: i64,
    /// The first nanosecond it does not cover.
    pub to: i64,
    /// Whether it comes back each week, at the same hours in UTC.
    pub weekly: bool,
    /// Why.
    pub comment: Option<String>,
    /// Who made it.
    pub by: Option<String>,
}

impl Silence {
    /// When it lasts.
    pub fn span(&self) -> Span {
        Span { from: self.from, to: self.to, weekly: self.weekly }
    }

    /// Whether it is about that notice, whenever it lasts.
    pub fn matches(&self, notice: &Notice) -> bool {
        self.alert.as_ref().is_none_or(|alert| *alert == notice.alert)
            && self.conditions.iter().all(|condition| condition.holds(notice))
    }
}

/// While the source fires, nobody is told of the target where both have the same values of some labels.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Inhibition {
    /// Its name.
    pub name: String,
    /// The alert that explains the other. That it is silenced itself changes nothing.
    pub source: String,
    /// The alert that is not told. One that is its own source is not held back.
    pub target: String,
    /// The labels; one that both lack counts as the same.
    pub equal: Vec<String>,
}

impl Inhibition {
    fn key<'a>(&self, notice: &'a Notice) -> Vec<Option<&'a str>> {
        self.equal.iter().map(|name| notice.labels.get(name).map(String::as_str)).collect()
    }
}

/// A circle of inhibitions, as the alerts in it: all of them firing, none would be told. CREATE INHIBITION refuses what
/// closes one.
pub fn circle(inhibitions: &[Inhibition]) -> Option<Vec<String>> {
    inhibitions.iter().filter(|it| it.source != it.target).find_map(|first| {
        let mut seen = BTreeSet::new();
        let mut paths = vec![vec![first.source.clone(), first.target.clone()]];
        while let Some(path) = paths.pop() {
            let last = path.last()?.clone();
            if last == first.source {
                return Some(path);
            }
            if seen.insert(last.clone()) {
                let next = inhibitions.iter().filter(|it| it.source == last && it.target != last);
                paths.extend(next.map(|it| [path.clone(), vec![it.target.clone()]].concat()));
            }
        }
        None
    })
}

/// The silences and inhibitions as they are at one moment.
pub(super) struct Quiet<'a> {
    now: i64,
    silences: Vec<&'a Silence>,
    inhibitions: Vec<(&'a Inhibition, BTreeSet<Vec<Option<&'a str>>>)>,
}

impl<'a> Quiet<'a> {
    pub(super) fn new(
        now: i64,
        silences: &'a [Silence],
        inhibitions: &'a [Inhibition],
        live: impl Iterator<Item = &'a Notice> + Clone,
    ) -> Self {
        let fires = |by: &Inhibition, it: &&Notice| it.status == Status::Firing && it.alert == by.source;
        let of = |by: &'a Inhibition| live.clone().filter(|it| fires(by, it)).map(|it| by.key(it)).collect();
        Self {
            now,
            silences: silences.iter().filter(|it| it.span().covers(now)).collect(),
            inhibitions: inhibitions
                .iter()
                .filter(|it| it.source != it.target)
                .map(|it| (it, of(it)))
                .collect(),
        }
    }

    /// Whether nobody is to be told of it now.
    pub(super) fn holds_back(&self, notice: &Notice) -> bool {
        self.silences.iter().any(|it| it.matches(notice))
            || self
                .inhibitions
                .iter()
                .any(|(by, sources)| by.target == notice.alert && sources.contains(&by.key(notice)))
    }

    /// When a silence on it ends first. What an inhibition holds back has no such time: its source ends by an event.
    pub(super) fn ends(&self, notice: &Notice) -> Option<i64> {
        self.silences
            .iter()
            .filter(|it| it.matches(notice))
            .filter_map(|it| it.span().end_from(self.now))
            .min()
    }
}
