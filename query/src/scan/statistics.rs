//! Statistics and summaries of cells as they were read, kept from one query to the next: to read those of a segment takes
//! longer than most queries that look at a few of its cells.

use std::collections::HashMap;
use std::sync::Arc;

use driftline_storage::{CellStatistics, CellSummaries, CellValues, ColumnId, SegmentReader};
use parking_lot::Mutex;

use crate::error::Result;
use crate::limits::STATISTICS_KEPT_BYTES_MAX;

/// Those used last, of whole segments and columns, up to a number of bytes. Of segments that are gone they stay until others
/// need the room: nobody asks for them again.
#[derive(Debug, Default)]
pub(crate) struct StatisticsCache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kept: HashMap<Key, Kept>,
    bytes: usize,
    /// Counts uses, to tell which was longest ago.
    uses: u64,
}

/// Of which segment and column, and what of it.
type Key = (u64, ColumnId, Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Statistics,
    Summaries,
}

#[derive(Debug)]
struct Kept {
    used: u64,
    bytes: usize,
    read: Read,
}

/// What was read of a column.
#[derive(Clone, Debug)]
enum Read {
    Statistics(Arc<CellStatistics>),
    Summaries(Arc<CellSummaries>),
}

impl StatisticsCache {
    /// The statistics of a column; none where the segment keeps none. Blocks on the disk.
    pub(crate) fn of(
        &self,
        segment: &SegmentReader,
        column: ColumnId,
    ) -> Result<Option<Arc<CellStatistics>>> {
        let key = (segment.info().id, column, Kind::Statistics);
        if let Some(Read::Statistics(known)) = self.0.lock().get(key) {
            return Ok(Some(known));
        }
        let Some(read) = segment.statistics(column)? else { return Ok(None) };
        let read = Arc::new(read);
        self.0.lock().put(key, Read::Statistics(Arc::clone(&read)));
        Ok(Some(read))
    }

    /// The summaries of a column; none where the segment keeps none. Blocks on the disk.
    pub(crate) fn summaries_of(
        &self,
        segment: &SegmentReader,
        column: ColumnId,
    ) -> Result<Option<Arc<CellSummaries>>> {
        let key = (segment.info().id, column, Kind::Summaries);
        if let Some(Read::Summaries(known)) = self.0.lock().get(key) {
            return Ok(Some(known));
        }
        let Some(read) = segment.cell_summaries(column)? else { return Ok(None) };
        let read = Arc::new(read);
        self.0.lock().put(key, Read::Summaries(Arc::clone(&read)));
        Ok(Some(read))
    }
}

impl Inner {
    fn get(&mut self, key: Key) -> Option<Read> {
        self.uses += 1;
        let kept = self.kept.get_mut(&key)?;
        kept.used = self.uses;
        Some(kept.read.clone())
    }

    fn put(&mut self, key: Key, read: Read) {
        let bytes = size_of::<Kept>() + read.bytes();
        if bytes > STATISTICS_KEPT_BYTES_MAX {
            return;
        }
        while self.bytes + bytes > STATISTICS_KEPT_BYTES_MAX && self.forget_oldest() {}
        self.bytes += bytes;
        let kept = Kept { used: self.uses, bytes, read };
        if let Some(before) = self.kept.insert(key, kept) {
            self.bytes -= before.bytes;
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key);
        let gone = oldest.and_then(|key| self.kept.remove(&key));
        self.bytes -= gone.as_ref().map_or(0, |gone| gone.bytes);
        gone.is_some()
    }
}

impl Read {
    fn bytes(&self) -> usize {
        let statistics = match self {
            Self::Summaries(summaries) => return summaries.held_bytes(),
            Self::Statistics(statistics) => statistics,
        };
        let of_cell = match statistics.values {
            CellValues::Integer { .. } => size_of::<i128>() + 2 * size_of::<i64>(),
            CellValues::Double { .. } => 3 * size_of::<f64>() + 2 * size_of::<u64>(),
        };
        statistics.counts.len() * (size_of::<u64>() + of_cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: usize) -> Read {
        let values = CellValues::Integer { sums: vec![0; cells], mins: vec![0; cells], maxs: vec![0; cells] };
        Read::Statistics(Arc::new(CellStatistics { counts: vec![0; cells], values }))
    }

    fn key(segment: u64) -> Key {
        (segment, 1, Kind::Statistics)
    }

    #[test]
    fn those_used_longest_ago_make_room() {
        let mut inner = Inner::default();
        let third = STATISTICS_KEPT_BYTES_MAX / 3 / 40 - 10;
        for segment in 0..3 {
            inner.get(key(segment));
            inner.put(key(segment), of(third));
        }
        assert!(inner.get(key(0)).is_some());
        inner.put(key(3), of(third));
        let is_there = |inner: &mut Inner, segment| inner.get(key(segment)).is_some();
        assert_eq!([0, 1, 2, 3].map(|segment| is_there(&mut inner, segment)), [true, false, true, true]);
        inner.put(key(4), of(4 * third));
        inner.put(key(3), of(1));
        let held: usize = inner.kept.values().map(|kept| kept.bytes).sum();
        assert_eq!((inner.kept.len(), inner.bytes), (3, held));
        assert!(inner.bytes <= STATISTICS_KEPT_BYTES_MAX);
    }
}
