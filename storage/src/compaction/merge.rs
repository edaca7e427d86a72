//! The merge: rows of several segments, in order of (interval, series, time, order of writing), into disjoint ones.
//!
//! Each input is a [`cursor`] over its row groups, known by a lower bound until its rows are needed: a row group that
//! nothing else reaches into is copied as it lies. The least cursor gives all its rows up to the next one's first, so
//! that work goes by runs of rows where inputs do not interleave. At most two decoded row groups an input are held,
//! and one that is being put together; an input of another width holds one interval of the coarser of the two.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::control::Control;
use super::plan::Job;
use crate::error::{Result, StorageError};
use crate::limits::{PAGE_ROWS_MAX, ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS_MAX};
use crate::partition::CellKey;
use crate::rows::Rows;
use crate::schema::TableSchema;
use crate::segment::SegmentInfo;

mod cursor;
mod keys;
mod pending;

use cursor::Cursor;
pub(super) use cursor::invalid;
use keys::{Head, Keys};
use pending::Pending;

/// What the merge needs to know of a row group before it reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// Rows in it.
    pub(crate) rows: u64,
    /// The cell of its first row, at its segment's width.
    pub(crate) first: CellKey,
    /// The cell of its last row.
    pub(crate) last: CellKey,
    /// Whether its bytes may stand in a level-1 segment: well encoded, whole cells, the columns of the schema now.
    pub(crate) copyable: bool,
    /// Its bytes in the file.
    pub(crate) bytes: u64,
}

/// A segment that is merged.
pub(crate) trait Input {
    /// What the manifest says of it.
    fn info(&self) -> &SegmentInfo;

    /// Rows of it that are merged: all but the hidden ones.
    fn shown_rows(&self) -> u64 {
        self.info().rows
    }

    /// Its row groups in order, counted without hidden rows.
    fn groups(&self, schema: &TableSchema) -> Result<Vec<Group>>;

    /// The rows of a row group that are not hidden, with the stored columns of `schema`: nulls where a column came later,
    /// BIGINT widened. Columns of its own may follow; they go to the output with the others.
    fn rows(&self, group: usize, schema: &TableSchema) -> Result<Rows>;
}

/// A segment being written.
pub(crate) trait Output<I> {
    /// Adds rows, which come after all before them.
    fn push(&mut self, rows: Rows) -> Result<()>;

    /// Adds a row group of an input as its bytes are.
    fn copy(&mut self, input: &I, group: usize) -> Result<()>;

    /// Bytes written so far, about.
    fn bytes(&self) -> u64;
}

/// Puts the rows of one segment into it.
pub(crate) type Fill<'a, I> = dyn FnMut(&mut dyn Output<I>) -> Result<()> + 'a;

/// Writes the segments of a job.
pub(crate) trait Outputs<I> {
    /// What is known of a segment once it is whole.
    type Written;

    /// Begins the next segment, has it filled and makes it durable; what is known of it, and its rows.
    fn write(&mut self, job: &Job, fill: &mut Fill<'_, I>) -> Result<(Self::Written, u64)>;
}

/// Merges `inputs`, given as [`Job::inputs`] names them, and writes what comes out. Nothing of it is in force: after
/// an error, and when cancelled, what was written is garbage and the inputs are as they were.
pub(crate) fn run<I: Input, O: Outputs<I>>(
    job: &Job,
    inputs: &[I],
    schema: &TableSchema,
    outputs: &mut O,
    control: &Control<'_>,
) -> Result<Vec<O::Written>> {
    let before = inputs.iter().map(Input::shown_rows).sum();
    let mut merge = Merge::new(job, inputs, schema, control)?;
    let (mut written, mut after) = (Vec::new(), 0);
    while merge.has_more() {
        let (segment, rows) = outputs.write(job, &mut |output| merge.fill(output))?;
        written.push(segment);
        after += rows;
    }
    if before != after {
        return Err(StorageError::RowsDiffer { table: schema.name.clone(), before, after });
    }
    Ok(written)
}

struct Merge<'a, I: Input> {
    job: &'a Job,
    inputs: &'a [I],
    control: &'a Control<'a>,
    cursors: Vec<Cursor<'a, I>>,
    /// The least row, or a bound below it, of each cursor that has any left.
    heads: BinaryHeap<Reverse<(Head, usize)>>,
    pending: Pending,
    /// Rows of a row group: fewer where rows are large.
    group_rows: usize,
    /// The last cell written to this segment.
    last: Option<CellKey>,
    /// Bytes of the row group written last: the best guess for the next one.
    group_bytes: u64,
}

impl<'a, I: Input> Merge<'a, I> {
    fn new(job: &'a Job, inputs: &'a [I], schema: &'a TableSchema, control: &'a Control<'a>) -> Result<Self> {
        let keys = Keys::of(schema, job.width)?;
        let open = |input| Cursor::new(input, schema, keys);
        let cursors = inputs.iter().map(open).collect::<Result<Vec<_>>>()?;
        let heads = cursors.iter().enumerate();
        let heads = heads.filter_map(|(at, cursor)| Some(Reverse((cursor.head()?, at)))).collect();
        let pending = Pending::new(keys);
        let group_rows = group_rows(inputs, job.group_rows);
        Ok(Self { job, inputs, control, cursors, heads, pending, group_rows, last: None, group_bytes: 0 })
    }

    fn has_more(&self) -> bool {
        !self.heads.is_empty() || self.pending.rows() > 0
    }

    /// Fills one segment. It takes at least one row group, so that each segment brings the merge on.
    fn fill(&mut self, output: &mut dyn Output<I>) -> Result<()> {
        self.last = None;
        while let Some(Reverse((head, at))) = self.heads.pop() {
            let goes_on = self.step(head, at, output);
            if let Some(head) = self.cursors.get(at).and_then(Cursor::head) {
                self.heads.push(Reverse((head, at)));
            }
            if !goes_on? {
                return Ok(());
            }
        }
        self.write_pending(true, output).map(drop)
    }

    /// Moves some rows of a cursor on; false where the segment ends before them.
    fn step(&mut self, head: Head, at: usize, output: &mut dyn Output<I>) -> Result<bool> {
        if self.ends_before(head.cell, output.bytes()) {
            self.write_pending(true, output)?;
            return Ok(false);
        }
        if self.pending.rows() >= self.group_rows {
            self.control.breathe()?;
            let whole = self.pending.last().is_some_and(|last| last < head.cell);
            return self.write_pending(whole, output);
        }
        let bound = self.heads.peek().map(|Reverse(bound)| *bound);
        if self.may_copy(at, bound) {
            return self.copy(at, output);
        }
        if self.cursors.get_mut(at).map_or(Ok(false), Cursor::load)? {
            return self.control.breathe().map(|()| true);
        }
        self.take(at, bound);
        Ok(true)
    }

    /// Whether the segment must not, or should not, go on with this cell.
    fn ends_before(&self, next: CellKey, written: u64) -> bool {
        let last = self.pending.last().or(self.last).filter(|last| *last < next);
        let expected = self.pending.rows() as u64 * self.group_bytes / self.group_rows as u64;
        last.is_some_and(|last| self.job.ends(last, next, written + expected))
    }

    /// Whether the next row group of a cursor can go over as it lies: nothing else has rows before its end, or in its
    /// first cell.
    fn may_copy(&self, at: usize, bound: Option<(Head, usize)>) -> bool {
        let group = self.cursors.get(at).and_then(Cursor::next_group).map(|(_, group)| group);
        let Some(group) = group.filter(|group| group.copyable && self.job.level > 0) else { return false };
        let alone = bound.is_none_or(|(bound, _)| group.last < bound.cell);
        let begins_a_cell = self.pending.last().or(self.last).is_none_or(|last| last < group.first);
        // A handful of rows before it would become a row group of their own, and stay one: better decode this too.
        let pending = self.pending.rows();
        let worth_it = pending == 0 || pending >= PAGE_ROWS_MAX.min(self.group_rows);
        alone && begins_a_cell && worth_it && !self.job.ends(group.first, group.last, 0)
    }

    fn copy(&mut self, at: usize, output: &mut dyn Output<I>) -> Result<bool> {
        let (Some(cursor), Some(input)) = (self.cursors.get_mut(at), self.inputs.get(at)) else {
            return Ok(false);
        };
        let Some((index, group)) = cursor.next_group() else { return Ok(false) };
        if !self.write_pending(true, output)? || self.is_full(group.first, group.bytes, output.bytes()) {
            return Ok(false);
        }
        output.copy(input, index)?;
        self.last = Some(group.last);
        self.group_bytes = group.bytes;
        self.cursors.iter_mut().skip(at).take(1).for_each(Cursor::skip_group);
        self.control.breathe().map(|()| true)
    }

    /// Takes the rows of a cursor up to the next cursor's first, a place where a segment may have to end, or a full
    /// row group.
    fn take(&mut self, at: usize, bound: Option<(Head, usize)>) {
        let room = self.group_rows.saturating_sub(self.pending.rows());
        let Some(cursor) = self.cursors.get_mut(at) else { return };
        let border = cursor.head().and_then(|head| self.job.border(head.cell));
        let (block, range) = cursor.take(room, border, bound.map(|(bound, other)| (bound, at < other)));
        self.pending.add(&block, range);
    }

    /// Writes pending rows: all of them, or up to the end of a whole cell where that leaves a good row group. False
    /// where the segment is full before them.
    fn write_pending(&mut self, all: bool, output: &mut dyn Output<I>) -> Result<bool> {
        let Some(first) = self.pending.first() else { return Ok(true) };
        let expected = self.pending.rows() as u64 * self.group_bytes / self.group_rows as u64;
        let before = output.bytes();
        if self.is_full(first, expected, before) {
            return Ok(false);
        }
        if let Some((rows, last)) = self.pending.group(all)? {
            output.push(rows)?;
            self.last = Some(last);
        }
        // A writer may hold rows back: then the guess fades instead of falling to nothing.
        self.group_bytes = output.bytes().saturating_sub(before).max(self.group_bytes / 2);
        Ok(true)
    }

    /// Whether so many more bytes would be too many for the segment, and it can end before `next`.
    fn is_full(&self, next: CellKey, more: u64, written: u64) -> bool {
        let full = written.saturating_add(more) > self.job.run_bytes_max;
        full && self.last.is_some_and(|last| last < next)
    }
}

/// Rows of a row group, so that its bytes as plain arrays stay within the limit for the input with the largest rows.
fn group_rows<I: Input>(inputs: &[I], most: usize) -> usize {
    let row = inputs.iter().map(|input| input.info().raw_bytes / input.info().rows.max(1)).max().unwrap_or(0);
    let fit = ROW_GROUP_BYTES_MAX as u64 / row.max(1);
    usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, most.clamp(1, ROW_GROUP_ROWS_MAX))
}

#[cfg(test)]
mod tests;
