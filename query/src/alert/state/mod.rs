//! The state of one alert, and how a window changes it.
//!
//! Windows are judged once and in order. What follows from a window depends on nothing but the rule, the state and what
//! was seen: judging the same windows again from the same state gives the same [`Transition`]s, with the same names.
//!
//! A row can be bad (`WHEN` is true), well (`RESOLVE WHEN` is true; without it, `WHEN` is false), neither, or without
//! data (what would decide is null). Where a rule's conditions overlap, a row may be both: it can begin an episode and,
//! one window later, end it.

mod identity;
mod instance;
mod people;
mod row;
mod transition;
mod trouble;

use std::collections::{BTreeMap, btree_map::Entry};

pub use identity::{alert_fingerprint, fingerprint};
pub use instance::{Instance, Mark, Phase, Sight};
pub use people::PeopleError;
pub use row::{Row, Seen, Window};
pub use transition::{EndReason, Kind, Standing, Transition};
pub use trouble::Trouble;

use super::Rule;
use instance::{Given, Step};

/// Instances that one alert may have, those of the window judged and those kept from before together: what an alert
/// keeps in memory is bounded by it. Beyond it windows count as failed.
pub const INSTANCES_MAX: usize = 10_000;

/// The state of one alert. It is kept as JSON, in the same write as what came of it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct AlertState {
    /// The end of the last window judged. Nanoseconds since 1970, as all times here.
    pub judged_until: Option<i64>,
    /// Those that are not simply well, by fingerprint.
    pub instances: BTreeMap<String, Instance>,
    /// Why the alert itself cannot be relied on; None where it can.
    pub trouble: Option<Trouble>,
    /// From when on rows are missed: the end of the last window with a row, else of the first one judged.
    pub rows_since: Option<i64>,
}

impl AlertState {
    /// Judges the next window.
    ///
    /// One that ends at or before `judged_until` was judged before: nothing comes of it. The transitions are in a
    /// fixed order: the alert's own first, then the instances by fingerprint.
    pub fn judge(&mut self, rule: &Rule, window: Window, seen: Seen) -> Vec<Transition> {
        if self.judged_until.is_some_and(|until| window.end <= until) {
            return Vec::new();
        }
        let gap = self.judged_until.is_some_and(|until| window.end.saturating_sub(until) > rule.every);
        let step = Step { rule, window, gap };
        let mut out = Vec::new();
        self.judged_until = Some(window.end);
        self.note_rows(window.end, &seen);
        let rows = self.sort_out(seen);
        let trouble = self.trouble_now(&step, &rows);
        self.trouble = Trouble::step(self.trouble.take(), &step, trouble, &mut out);
        self.step_instances(&step, rows.ok(), &mut out);
        out
    }

    /// Ends all there is: the alert is dropped, switched off, or asks something else from now on. Windows judged stay
    /// judged. What was pending is told to the history as broken.
    pub fn end_all(&mut self, rule: &Rule, reason: EndReason, at: i64) -> Vec<Transition> {
        let mut out = Vec::new();
        out.extend(self.trouble.take().map(|trouble| trouble.ended(rule, reason)));
        for (fingerprint, instance) in std::mem::take(&mut self.instances) {
            let kind = match instance.phase {
                Phase::Pending => Kind::Broken,
                Phase::Firing | Phase::NoData => Kind::Ended(reason),
                Phase::Settled => continue,
            };
            let told = instance.told(rule, &fingerprint, kind, instance.standing());
            out.push(Transition { to: Standing::Normal, reason: Some(reason.text().to_owned()), ..told });
        }
        self.rows_since = None;
        out.into_iter().map(|transition| Transition { at, ..transition }).collect()
    }

    /// Forgets what holds values: instances that they tell from others, without a word, and what was last seen of others.
    pub(crate) fn forget(
        &mut self,
        is_it: impl Fn(&BTreeMap<String, String>) -> bool,
        holds: impl Fn(&str) -> bool,
    ) {
        self.instances.retain(|_, instance| !is_it(&instance.identity));
        for instance in self.instances.values_mut() {
            if holds(&serde_json::to_string(&instance.last.columns).unwrap_or_default()) {
                instance.last.columns.clear();
            }
        }
    }

    /// What is not well now and has been told, or should have been: for each episode the transition that would lead to
    /// it, with what was last known. A dispatcher compares it with what it told.
    pub fn live(&self, rule: &Rule) -> Vec<Transition> {
        let own = self.trouble.iter().map(|it| it.told(rule, it.kind(), Standing::Normal));
        let instances = self.instances.iter().filter(|(_, instance)| instance.is_live());
        own.chain(instances.map(|(fingerprint, instance)| {
            let kind = if instance.phase == Phase::NoData { Kind::NoData } else { Kind::Fired };
            instance.told(rule, fingerprint, kind, Standing::Normal)
        }))
        .collect()
    }

    /// All episodes that go on, those that are pending too, each with who takes care of it.
    pub fn going_on(&self, rule: &Rule) -> Vec<(Transition, Option<Mark>)> {
        let own =
            self.trouble.iter().map(|it| (it.told(rule, it.kind(), it.standing), it.acknowledged.clone()));
        let instances = self.instances.iter().filter(|(_, it)| it.phase != Phase::Settled);
        own.chain(instances.map(|(fingerprint, it)| {
            let kind = match it.phase {
                Phase::Pending => Kind::Pending,
                Phase::NoData => Kind::NoData,
                _ => Kind::Fired,
            };
            (it.told(rule, fingerprint, kind, it.standing()), it.acknowledged.clone())
        }))
        .collect()
    }

    /// The episodes that somebody takes care of.
    pub fn acknowledged(&self) -> impl Iterator<Item = &str> {
        let own = self.trouble.iter().filter(|it| it.acknowledged.is_some()).map(|it| it.episode.as_str());
        let marked = self.instances.values().filter(|it| it.is_live() && it.acknowledged.is_some());
        own.chain(marked.map(|it| it.episode.as_str()))
    }

    fn note_rows(&mut self, end: i64, seen: &Seen) {
        let any = matches!(seen, Seen::Rows(rows) if !rows.is_empty());
        if any || self.rows_since.is_none() {
            self.rows_since = Some(end);
        }
    }

    /// The rows by fingerprint, or why this window cannot be judged.
    fn sort_out(&self, seen: Seen) -> Result<BTreeMap<String, Row>, String> {
        let rows = match seen {
            Seen::Failed(why) => return Err(why),
            Seen::Rows(rows) => rows,
        };
        let count = rows.len();
        let mut sorted = BTreeMap::new();
        let mut twice: BTreeMap<String, (BTreeMap<String, String>, usize)> = BTreeMap::new();
        for row in rows {
            match sorted.entry(fingerprint(&row.identity)) {
                Entry::Vacant(place) => {
                    place.insert(row);
                }
                Entry::Occupied(place) => {
                    twice.entry(place.key().clone()).or_insert_with(|| (row.identity, 1)).1 += 1;
                }
            }
        }
        if let Some((identity, rows)) = twice.into_values().next() {
            return Err(format!(
                "{rows} rows have the identity {}, one is judged; let BY name the columns that tell them apart, or \
                 group the rows in the query",
                shown(&identity)
            ));
        }
        let kept = self.instances.keys().filter(|known| !sorted.contains_key(*known)).count();
        if count + kept > INSTANCES_MAX {
            return Err(format!(
                "the query answers {count} rows beside {kept} instances that it answered before; an alert has at most \
                 {INSTANCES_MAX} instances; let the query answer fewer"
            ));
        }
        Ok(sorted)
    }

    fn trouble_now(
        &self,
        step: &Step<'_>,
        rows: &Result<BTreeMap<String, Row>, String>,
    ) -> Option<(Standing, String)> {
        let rows = match rows {
            Err(why) => return Some((Standing::Error, why.clone())),
            Ok(rows) => rows,
        };
        let missed = step.window.end.saturating_sub(self.rows_since.unwrap_or(step.window.end));
        let after = step.rule.no_data_after.filter(|after| rows.is_empty() && missed >= *after)?;
        Some((Standing::NoData, format!("the query has answered no row for {} s or more", after / SECOND)))
    }

    fn step_instances(
        &mut self,
        step: &Step<'_>,
        mut rows: Option<BTreeMap<String, Row>>,
        out: &mut Vec<Transition>,
    ) {
        let first = out.len();
        for (fingerprint, instance) in std::mem::take(&mut self.instances) {
            let given = given(step.rule, &fingerprint, rows.as_mut());
            if let Some(after) = instance.step(step, &fingerprint, given, out) {
                self.instances.insert(fingerprint, after);
            }
        }
        for (fingerprint, row) in rows.unwrap_or_default() {
            if row.verdict(step.rule).is_some_and(|verdict| verdict.bad) {
                let new = Instance::begin(step, &fingerprint, row, out);
                self.instances.insert(fingerprint, new);
            }
        }
        out[first..].sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    }
}

const SECOND: i64 = 1_000_000_000;

/// What the window holds for an instance; its row is taken out.
fn given(rule: &Rule, fingerprint: &str, rows: Option<&mut BTreeMap<String, Row>>) -> Given {
    let Some(rows) = rows else {
        return Given::Failed;
    };
    match rows.remove(fingerprint).map(|row| (row.verdict(rule), row)) {
        Some((Some(verdict), row)) => Given::Row(verdict, row),
        _ => Given::NoData,
    }
}

fn shown(identity: &BTreeMap<String, String>) -> String {
    let labels: Vec<_> = identity.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", labels.join(", "))
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
