//! Values of windows that were judged, as they are by what has come since: `system.alert_history.revised_value`.
//!
//! A window is judged once. Rows and labels that come later change neither state nor messages, but what the history says of
//! the window: its query is asked again when nothing else is to do, with all labels that are known by then.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use driftline_storage::{Snapshot, TableId, TimeRange};

use super::judge::Judge;
use super::tables::{HISTORY, REVISED};
use super::told::Told;
use crate::alert::state::Seen;
use crate::continuous::Span;
use crate::database::Database;
use crate::error::Result;
use crate::limits::{REVISED_AT_ONCE_MAX, REVISED_KEPT_MAX};
use crate::runner::{Marks, Sight};

/// What the history says of windows, by rule and end of window.
#[derive(Debug, Default)]
pub(super) struct Revisions {
    known: HashMap<String, VecDeque<Past>>,
    /// Windows whose rows have changed since.
    changed: BTreeSet<(i64, String)>,
}

/// A row of the history.
#[derive(Clone, Debug)]
struct Past {
    at: i64,
    id: String,
    identity: BTreeMap<String, String>,
    window_end: i64,
    value: Option<f64>,
}

/// A value that a row of the history has from now on.
#[derive(Clone, Debug)]
pub(crate) struct Revised {
    pub(crate) at: i64,
    pub(crate) id: String,
    pub(crate) value: Option<f64>,
}

impl Revisions {
    /// Notes what was told.
    pub(super) fn note(&mut self, key: &str, told: &[Told]) {
        for told in told.iter().filter(|told| told.transition.value.is_some()) {
            let transition = &told.transition;
            self.push(
                key,
                Past {
                    at: transition.at,
                    id: told.id(),
                    identity: transition.identity.clone(),
                    window_end: transition.window.end,
                    value: transition.value,
                },
            );
        }
    }

    fn push(&mut self, key: &str, past: Past) {
        let known = self.known.entry(key.to_owned()).or_default();
        known.push_back(past);
        if known.len() > REVISED_KEPT_MAX {
            known.pop_front();
        }
    }

    /// Forgets a rule that is no more, or asks something else from now on.
    pub(super) fn forget(&mut self, key: &str) {
        self.known.remove(key);
        self.changed.retain(|(_, known)| known != key);
    }

    /// Takes up what the last process told.
    pub(super) fn load(&mut self, snapshot: &Snapshot, judges: &[Judge]) -> Result<()> {
        let Some(table) = snapshot.table(HISTORY) else { return Ok(()) };
        let mut found: Vec<(String, Past)> = Vec::new();
        for part in snapshot.scan(table.id, TimeRange::ALL)? {
            for rows in part.read(&table.columns, TimeRange::ALL)? {
                found.extend((0..rows.num_rows()).filter_map(|row| past(&rows, row, judges)));
            }
        }
        found.sort_by_key(|(_, past)| past.at);
        found.into_iter().for_each(|(key, past)| self.push(&key, past));
        Ok(())
    }

    /// Notes which windows are to be asked again.
    pub(super) fn touched(&mut self, judges: &[Judge], marks: &HashMap<TableId, Marks>) {
        if marks.is_empty() {
            return;
        }
        for judge in judges {
            let marks = judge.sources.iter().filter_map(|table| marks.get(table));
            let touched = marks.filter_map(|marks| first_touched(marks, judge.reads_labels)).min();
            let (Some(from), Some(known)) = (touched, self.known.get(&judge.key)) else { continue };
            let ends = known.iter().map(|past| past.window_end).filter(|end| *end > from);
            self.changed.extend(ends.map(|end| (end, judge.key.clone())));
        }
    }

    /// Whether windows wait to be asked again.
    pub(super) fn is_behind(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Asks some windows again, the newest first, and writes down what is otherwise.
    pub(super) async fn revise(&mut self, db: &Database, sight: &Sight<'_>, judges: &[Judge]) -> Result<()> {
        let mut revised = Vec::new();
        for _ in 0..REVISED_AT_ONCE_MAX {
            let Some((end, key)) = self.changed.pop_last() else { break };
            let Some(judge) = judges.iter().find(|judge| judge.key == key) else { continue };
            let Ok(Seen::Rows(rows)) = judge.ask_again(sight, end).await else { continue };
            for past in self.known.get_mut(&key).into_iter().flatten().filter(|past| past.window_end == end) {
                let value = rows.iter().find(|row| row.identity == past.identity).and_then(|row| row.value);
                if value.map(f64::to_bits) != past.value.map(f64::to_bits) {
                    past.value = value;
                    revised.push(Revised { at: past.at, id: past.id.clone(), value });
                }
            }
        }
        if revised.is_empty() { Ok(()) } else { db.blocking(move |ingest| ingest.revise(&revised)).await }
    }
}

/// The first time of what was touched; of keys the times are not known.
fn first_touched(marks: &Marks, reads_labels: bool) -> Option<i64> {
    let rows = marks.spans.hull();
    let labels = marks.labelled.hull().filter(|_| reads_labels);
    let keys = (reads_labels && !marks.keys.is_empty()).then_some(Span::ALL);
    [rows, labels, keys].into_iter().flatten().map(|span| span.start).min()
}

/// A row of the history as it is known here, and of which rule.
fn past(rows: &arrow::record_batch::RecordBatch, row: usize, judges: &[Judge]) -> Option<(String, Past)> {
    let text = |name: &str| {
        let column = rows.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let time = |name: &str| {
        let column = rows.column_by_name(name)?.as_primitive_opt::<TimestampNanosecondType>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let number = |name: &str| {
        let column = rows.column_by_name(name)?.as_primitive_opt::<Float64Type>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let (alert, model) = (text("alert")?, text("model"));
    let judge =
        judges.iter().find(|judge| judge.rule.name == alert && judge.rule.model.as_deref() == model)?;
    let labels: BTreeMap<String, String> = serde_json::from_str(text("labels")?).ok()?;
    let identity = labels.into_iter().filter(|(name, _)| judge.rule.by.contains(name)).collect();
    let value = Some(number(REVISED).or(number("value"))?);
    let (at, window_end, id) = (time("time")?, time("window_end")?, text("id")?.to_owned());
    if judge.rule.altered_at.is_some_and(|altered| at < altered) {
        return None;
    }
    Some((judge.key.clone(), Past { at, id, identity, window_end, value }))
}
