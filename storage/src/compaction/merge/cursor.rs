//! One input of a merge, block by block in the order of the job.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::UInt32Array;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use super::keys::{Head, Keys};
use super::{Group, Input};
use crate::error::{Result, StorageError};
use crate::partition::{CellKey, Width};
use crate::rows::Rows;
use crate::schema::TableSchema;

/// An input and how far it has been read.
pub(super) struct Cursor<'a, I> {
    input: &'a I,
    schema: &'a TableSchema,
    keys: Keys,
    /// Those with rows to merge, by their numbers in the input.
    groups: Vec<(usize, Group)>,
    /// The row group that is read next.
    next: usize,
    /// The rows being taken, and the first that was not.
    block: Option<(Arc<Rows>, usize)>,
    /// Rows of the next interval that were read with the last block, where widths differ.
    ahead: Option<Rows>,
}

impl<'a, I: Input> Cursor<'a, I> {
    pub(super) fn new(input: &'a I, schema: &'a TableSchema, keys: Keys) -> Result<Self> {
        let groups =
            input.groups(schema)?.into_iter().enumerate().filter(|(_, group)| group.rows > 0).collect();
        Ok(Self { input, schema, keys, groups, next: 0, block: None, ahead: None })
    }

    /// The place of its next row, or a bound below it as long as that row is not decoded; none at the end.
    pub(super) fn head(&self) -> Option<Head> {
        if let Some((rows, at)) = &self.block {
            return Some(self.keys.head(rows, *at));
        }
        if let Some(ahead) = &self.ahead {
            return Some(self.bound(self.keys.head(ahead, 0).time));
        }
        let (_, group) = self.groups.get(self.next)?;
        match self.same_width() {
            true => Some(Head { cell: group.first, time: i64::MIN }),
            false => Some(self.bound(group.first.interval)),
        }
    }

    /// The first place of the coarser interval that holds `time`.
    fn bound(&self, time: i64) -> Head {
        let interval = self.keys.width().interval(self.coarse().interval(time));
        Head { cell: CellKey { interval, series: 0 }, time: i64::MIN }
    }

    fn same_width(&self) -> bool {
        self.input.info().width == self.keys.width()
    }

    fn coarse(&self) -> Width {
        self.keys.width().max(self.input.info().width)
    }

    /// The row group that comes next as a whole, with its number.
    pub(super) fn next_group(&self) -> Option<(usize, Group)> {
        let whole = self.block.is_none() && self.same_width();
        self.groups.get(self.next).filter(|_| whole).copied()
    }

    /// Goes past a row group that was copied.
    pub(super) fn skip_group(&mut self) {
        self.next += 1;
    }

    /// Reads the next block; false where there is one already.
    pub(super) fn load(&mut self) -> Result<bool> {
        if self.block.is_some() {
            return Ok(false);
        }
        let rows = if self.same_width() { self.read_group()? } else { self.read_interval()? };
        self.block = rows.filter(|rows| rows.len() > 0).map(|rows| (Arc::new(rows), 0));
        Ok(true)
    }

    fn read_group(&mut self) -> Result<Option<Rows>> {
        let Some((number, group)) = self.groups.get(self.next) else { return Ok(None) };
        let rows = self.input.rows(*number, self.schema)?;
        if rows.len() as u64 != group.rows {
            let info = self.input.info();
            let expected = format!("{} rows in row group {number}, found {}", group.rows, rows.len());
            return Err(StorageError::corrupt(info.path(), info.offset, expected));
        }
        self.next += 1;
        Ok(Some(rows))
    }

    /// All rows of the next interval of the coarser width, in the order of the job. Widths nest, so that rows of one
    /// coarse interval follow each other in either order.
    fn read_interval(&mut self) -> Result<Option<Rows>> {
        let mut parts = Vec::new();
        let mut wanted = None;
        while let Some(rows) = self.read_ahead()? {
            let interval = |head: Head| self.coarse().interval(head.time);
            let first = *wanted.get_or_insert(interval(self.keys.head(&rows, 0)));
            let end = self.keys.partition_point(&rows, 0, |head| interval(head) <= first);
            if end < rows.len() {
                self.ahead = Some(rows.slice(end, rows.len() - end));
            }
            if end > 0 {
                parts.push(rows.slice(0, end));
            }
            if self.ahead.is_some() {
                break;
            }
        }
        join(&parts)?.map(|rows| self.sorted(&rows)).transpose()
    }

    fn read_ahead(&mut self) -> Result<Option<Rows>> {
        match self.ahead.take() {
            Some(rows) => Ok(Some(rows)),
            None => self.read_group(),
        }
    }

    /// Rows of one coarse interval in the order of the job. The rows of a series are in order of time in both orders:
    /// a stable sort by cell is enough, and keeps rows of one time in order of writing.
    fn sorted(&self, rows: &Rows) -> Result<Rows> {
        let mut order: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
        order.sort_by_key(|row| self.keys.head(rows, *row as usize).cell);
        let series = order.iter().filter_map(|row| rows.series.get(*row as usize).copied()).collect();
        Ok(Rows {
            series,
            batch: take_record_batch(&rows.batch, &UInt32Array::from(order)).map_err(invalid)?,
        })
    }

    /// The next rows: at most `room`, before the cell `border`, and before the first row of the next cursor (also the
    /// rows that are its equals where they were written before it). At least one row.
    pub(super) fn take(
        &mut self,
        room: usize,
        border: Option<CellKey>,
        bound: Option<(Head, bool)>,
    ) -> (Arc<Rows>, Range<usize>) {
        let Some((rows, start)) = self.block.take() else { return (Arc::new(empty(self.schema)), 0..0) };
        let before = |head: Head| {
            let in_order = bound.is_none_or(|(bound, older)| head < bound || (older && head == bound));
            in_order && border.is_none_or(|border| head.cell < border)
        };
        let end = self.keys.partition_point(&rows, start, before).max(start + 1).min(start + room.max(1));
        if end < rows.len() {
            self.block = Some((rows.clone(), end));
        }
        (rows, start..end)
    }
}

fn empty(schema: &TableSchema) -> Rows {
    Rows { series: Vec::new().into(), batch: arrow_array::RecordBatch::new_empty(schema.stored_arrow()) }
}

pub(super) fn join(parts: &[Rows]) -> Result<Option<Rows>> {
    let Some(first) = parts.first() else { return Ok(None) };
    let batch =
        concat_batches(&first.batch.schema(), parts.iter().map(|part| &part.batch)).map_err(invalid)?;
    let series = parts.iter().flat_map(|part| part.series.iter().copied()).collect();
    Ok(Some(Rows { series, batch }))
}

pub(in crate::compaction) fn invalid(error: arrow_schema::ArrowError) -> StorageError {
    StorageError::Invalid(format!("rows do not merge: {error}"))
}
