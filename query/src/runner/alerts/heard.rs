//! When models were heard of, over restarts: what `system.activity` shows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use driftline_storage::TableId;

use super::ALIVE;
use crate::database::Database;
use crate::runner::Activity;

/// What is written down of the activity of tables.
#[derive(Debug, Default)]
pub(super) struct Heard {
    written: HashMap<TableId, Activity>,
    has_begun: bool,
}

impl Heard {
    /// Notes from now on when rows of these tables come. The first time: with what the last process knew.
    pub(super) fn begin(
        &mut self,
        db: &Database,
        models: &BTreeSet<TableId>,
        states: &BTreeMap<String, String>,
        now: i64,
    ) {
        let alive = states.get(ALIVE).and_then(|text| text.parse::<i64>().ok());
        for table in models {
            let Some(source) = db.watched().source(*table) else { continue };
            let known = states.get(&key(*table)).filter(|_| !self.has_begun);
            let known = known.and_then(|text| serde_json::from_str::<Activity>(text).ok());
            source.watch_activity(|| match (known, alive) {
                (Some(mut known), alive) => {
                    let progress = source.progress();
                    known.was_down(alive.unwrap_or(now), now, progress.newest.map(|_| progress.arrived));
                    known
                }
                (None, _) => Activity::new(now),
            });
        }
        self.has_begun = true;
    }

    /// What has changed since it was written down last, and that the database is alive.
    pub(super) fn changed(
        &mut self,
        db: &Database,
        models: &BTreeSet<TableId>,
        now: i64,
    ) -> Vec<(String, Option<String>)> {
        let mut changed = vec![(ALIVE.to_owned(), Some(now.to_string()))];
        for table in models {
            let Some(activity) = db.watched().source(*table).and_then(|source| source.activity()) else {
                continue;
            };
            if self.written.get(table).is_none_or(|written| activity.differs(written)) {
                changed.push((key(*table), serde_json::to_string(&activity).ok()));
                self.written.insert(*table, activity);
            }
        }
        changed
    }
}

/// The name among the states of the activity of a table.
fn key(table: TableId) -> String {
    format!("activity/{table}")
}
