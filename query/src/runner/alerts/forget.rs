//! What alerts remember of rows that are erased.

use std::collections::{BTreeMap, BTreeSet};

use driftline_storage::{Snapshot, TableId, mentions};

use super::Alerts;
use crate::alert::entry::ALERT_PREFIX;
use crate::continuous::definitions;
use crate::database::Database;
use crate::error::Result;
use crate::runner::store;

/// Which alerts read a table, itself or what continuous queries make of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readers {
    by_table: BTreeMap<TableId, BTreeSet<Reader>>,
    all: BTreeSet<Reader>,
    /// The names of states of anything else.
    states: Vec<String>,
}

/// An alert, of one model where it is of all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reader {
    pub(crate) alert: String,
    /// What its state is kept under.
    pub(crate) key: String,
}

impl Readers {
    /// The alerts that read a table.
    pub(crate) fn of(&self, table: TableId) -> Option<&BTreeSet<Reader>> {
        self.by_table.get(&table)
    }

    /// The names of what is written down and is of no alert.
    pub(crate) fn states(&self) -> impl Iterator<Item = &String> {
        self.states.iter()
    }

    /// All alerts.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Reader> {
        self.all.iter()
    }
}

impl Alerts {
    /// Which alerts read which tables.
    pub(crate) fn readers(&self, snapshot: &Snapshot) -> Result<Readers> {
        let id = |name: &String| snapshot.table(name).map(|table| table.id);
        let mut readers = Readers::default();
        for judge in &self.judges {
            let reader = Reader { alert: judge.rule.name.clone(), key: judge.key.clone() };
            readers.all.insert(reader.clone());
            for table in &judge.sources {
                readers.by_table.entry(*table).or_default().insert(reader.clone());
            }
        }
        let is_other = |name: &String| *name != super::TOLD && !name.starts_with(ALERT_PREFIX);
        readers.states = store::states(snapshot)?.into_keys().filter(is_other).collect();
        let made: Vec<(TableId, TableId)> =
            definitions(snapshot)?.iter().filter_map(|it| Some((id(&it.source)?, id(&it.into)?))).collect();
        // As often as there are queries: then what the last of a chain is read by is known of the first.
        for _ in 0..made.len() {
            for (source, into) in &made {
                let further = readers.by_table.get(into).cloned().unwrap_or_default();
                readers.by_table.entry(*source).or_default().extend(further);
            }
        }
        Ok(readers)
    }

    /// Forgets what holds all values of a row that is erased, and writes down what is left. Messages that wait and hold them
    /// are not sent any more.
    pub(crate) async fn forget(
        &mut self,
        db: &Database,
        readers: &Readers,
        mentioned: &[(TableId, Vec<Vec<String>>)],
    ) -> Result<()> {
        for (table, values) in mentioned {
            let holds = |text: &str| values.iter().all(|value| value.iter().any(|it| mentions(text, it)));
            let is_it = |identity: &BTreeMap<String, String>| {
                values.iter().all(|value| identity.values().any(|text| value.contains(text)))
            };
            let of = readers.of(*table);
            let reads = |key: &str| of.is_some_and(|of| of.iter().any(|reader| reader.key == key));
            let tells = |alert: &str| of.is_some_and(|of| of.iter().any(|reader| reader.alert == alert));
            for judge in self.judges.iter_mut().filter(|judge| reads(&judge.key)) {
                judge.state.forget(is_it, holds);
            }
            for group in self.told.groups.values_mut().filter(|group| tells(&group.alert)) {
                group.ended.retain(|_, notice| !serde_json::to_string(notice).is_ok_and(|text| holds(&text)));
            }
            db.outbox().forget(|letter| {
                let mut alerts = letter.message.alerts.iter();
                alerts.any(|notice| tells(&notice.alert))
                    && serde_json::to_string(&letter.message).is_ok_and(|text| holds(&text))
            });
        }
        self.write_down(db).await
    }

    /// Writes down how all stand: before rows go whose values states had, and after, for a state that has one by chance goes
    /// with them.
    pub(crate) async fn write_down(&mut self, db: &Database) -> Result<()> {
        let judges = self.judges.iter().filter(|judge| !judge.catches_up());
        let mut states: Vec<_> = judges.map(|judge| judge.kept()).collect();
        if states.is_empty() {
            return Ok(());
        }
        states
            .extend(serde_json::to_string(&self.told).ok().map(|told| (super::TOLD.to_owned(), Some(told))));
        db.blocking(move |ingest| ingest.tell(&[], &[], &states)).await?;
        self.show(db);
        Ok(())
    }
}
