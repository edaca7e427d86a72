//! Retention at work: segments that a table no longer keeps leave the manifest.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::compact::Moved;
use super::state::State;
use super::{Engine, Inner};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::retention::Retention;
use crate::schema::TableId;
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
}

impl Engine {
    /// Drops what is past the retention of its table, as the engine does by itself once a minute. Rows still in memory
    /// go after their flush.
    pub fn expire(&self) -> Result<Expired> {
        self.inner.expire()
    }
}

impl Inner {
    /// Drops whole segments. No log is needed: the rows are in no frame that would be replayed, and a manifest that is
    /// published leaves them out or is not there.
    pub(super) fn expire(&self) -> Result<Expired> {
        let series = self.flushing.lock();
        let gone = self.past_retention(&self.files.lock().manifest.clone());
        let all = || gone.values().flatten();
        let expired = Expired {
            segments: all().count() as u64,
            rows: all().map(|s| s.rows).sum(),
            bytes: all().map(|s| s.bytes).sum(),
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
        let (catalog, now) = (self.state.lock().catalog.clone(), self.options.clock.now_nanos());
        let mut limited: BTreeMap<TableId, (Retention, Vec<&SegmentInfo>)> = BTreeMap::new();
        for (table, schema) in catalog.by_id.iter() {
            if let Some(retention) = Retention::of(schema) {
                limited.insert(*table, (retention, Vec::new()));
            }
        }
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
