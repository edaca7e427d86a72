//! Retention at work: segments that a table no longer keeps leave the manifest.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};

use parking_lot::MutexGuard;

use super::compact::Moved;
use super::state::State;
use super::{Engine, Inner};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::retention::{Retention, column_ages};
use crate::schema::{ColumnId, TableId, TableSchema};
use crate::segment::{SegmentInfo, SegmentReader};

/// What retention took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Segments.
    pub segments: u64,
    /// Rows in them, hidden ones too.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments that were written anew without a column.
    pub stripped: u64,
}

/// The tables of a catalog that do not keep all.
#[derive(Debug, Default)]
pub(super) struct Limited {
    /// Which catalog; held so that it tells the same from another and does not keep it.
    catalog: Weak<BTreeMap<TableId, Arc<TableSchema>>>,
    tables: Arc<Vec<(TableId, Retention)>>,
    /// Columns that go before their rows, each with its age.
    columns: Arc<BTreeMap<TableId, Vec<(ColumnId, i64)>>>,
}

impl Engine {
    /// Drops what is past the retention of its table or column, as the engine does by itself once a minute. Rows still in
    /// memory go after their flush.
    pub fn expire(&self) -> Result<Expired> {
        let expired = self.inner.expire()?;
        Ok(Expired { stripped: self.inner.expire_columns(true)?, ..expired })
    }
}

impl Inner {
    /// Drops whole segments. No log is needed: the rows are in no frame that would be replayed, and a manifest that is
    /// published leaves them out or is not there.
    pub(super) fn expire(&self) -> Result<Expired> {
        self.try_expire().or_else(|error| {
            // What makes room first needs some itself.
            self.spend_reserve(&error).ok_or(error)?;
            self.try_expire()
        })
    }

    fn try_expire(&self) -> Result<Expired> {
        let going = self.past_retention(&self.files.lock().manifest.clone());
        match self.settle_labels(going.into_keys()) {
            // What makes room is not kept from it: labels in memory then wait for rows that do not come back.
            Err(error) if error.is_disk_full() => {}
            settled => settled?,
        }
        let series = self.flushing.lock();
        let gone = self.past_retention(&self.files.lock().manifest.clone());
        let all = || gone.values().flatten();
        let expired = Expired {
            segments: all().count() as u64,
            rows: all().map(|s| s.rows).sum(),
            bytes: all().map(|s| s.bytes).sum(),
            stripped: 0,
        };
        if expired.segments > 0 {
            let ids: HashSet<u64> = all().map(|s| s.id).collect();
            self.publish(
                &series,
                |files| Ok(without(&files.manifest, &ids)),
                |state| gone.iter().flat_map(|(table, segments)| leave(state, *table, segments)).collect(),
            )?;
        }
        self.counters.expired(expired);
        Ok(expired)
    }

    fn past_retention(&self, manifest: &Manifest) -> BTreeMap<TableId, Vec<SegmentInfo>> {
        let now = self.options.clock.now_nanos();
        let tables = self.limited_tables();
        if tables.is_empty() {
            return BTreeMap::new();
        }
        let mut limited: BTreeMap<TableId, (Retention, Vec<&SegmentInfo>)> =
            tables.iter().map(|(table, retention)| (*table, (*retention, Vec::new()))).collect();
        for segment in &manifest.segments {
            if let Some((_, segments)) = limited.get_mut(&segment.table) {
                segments.push(segment);
            }
        }
        let expired = |(retention, segments): (Retention, Vec<&SegmentInfo>)| -> Vec<SegmentInfo> {
            retention.expired(&segments, now).into_iter().cloned().collect()
        };
        let gone = limited.into_iter().map(|(table, limited)| (table, expired(limited)));
        gone.filter(|(_, segments)| !segments.is_empty()).collect()
    }

    /// The tables that do not keep all. Gathered anew only after the catalog has changed: this is asked once a minute.
    fn limited_tables(&self) -> Arc<Vec<(TableId, Retention)>> {
        self.limited().tables.clone()
    }

    /// The columns whose values go before their rows.
    pub(super) fn limited_columns(&self) -> Arc<BTreeMap<TableId, Vec<(ColumnId, i64)>>> {
        self.limited().columns.clone()
    }

    fn limited(&self) -> MutexGuard<'_, Limited> {
        let by_id = self.state.lock().catalog.by_id.clone();
        let mut limited = self.limited.lock();
        if limited.catalog.upgrade().is_none_or(|known| !Arc::ptr_eq(&known, &by_id)) {
            let of = |(table, schema): (&TableId, &Arc<TableSchema>)| Some((*table, Retention::of(schema)?));
            let columns = by_id.iter().map(|(table, schema)| (*table, column_ages(schema)));
            *limited = Limited {
                catalog: Arc::downgrade(&by_id),
                tables: Arc::new(by_id.iter().filter_map(of).collect()),
                columns: Arc::new(columns.filter(|(_, ages)| !ages.is_empty()).collect()),
            };
        }
        limited
    }
}

fn leave(state: &mut State, table: TableId, segments: &[SegmentInfo]) -> Vec<Arc<SegmentReader>> {
    let ids: Vec<u64> = segments.iter().map(|s| s.id).collect();
    state.compacted(table, &ids, Vec::new(), &Moved::default())
}

fn without(manifest: &Manifest, gone: &HashSet<u64>) -> Manifest {
    let mut next = manifest.clone();
    next.segments.retain(|segment| !gone.contains(&segment.id));
    next.forget_others();
    next
}
