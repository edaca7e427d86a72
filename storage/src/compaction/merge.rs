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
use crate::partition::{CellKey, Width};
use crate::rows::Rows;
use crate::schema::TableSchema;
use crate::segment::SegmentInfo;

mod cursor;
mod keys;
mod pending;

use cursor::Cursor;
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

    /// Its row groups in order.
    fn groups(&self, schema: &TableSchema) -> Result<Vec<Group>>;

    /// The rows of a row group with the stored columns of `schema`: nulls where a column came later, BIGINT widened.
    fn rows(&self, group: usize, schema: &TableSchema) -> Result<Rows>;
}

/// A segment being written.
pub(crate) trait Output<I> {
    /// What is known of it once it is whole.
    type Written;

    /// Adds rows, which come after all before them.
    fn push(&mut self, rows: Rows) -> Result<()>;

    /// Adds a row group of an input as its bytes are.
    fn copy(&mut self, input: &I, group: usize) -> Result<()>;

    /// Bytes written so far.
    fn bytes(&self) -> u64;

    /// Makes it durable; what is known of it, and its rows.
    fn finish(self) -> Result<(Self::Written, u64)>;
}

/// Begins the segments of a job.
pub(crate) trait Outputs<I> {
    /// A segment being written.
    type Output: Output<I>;

    /// The next one.
    fn begin(&mut self, job: &Job) -> Result<Self::Output>;
}

type WrittenOf<I, O> = <<O as Outputs<I>>::Output as Output<I>>::Written;

/// Merges `inputs`, given as [`Job::inputs`] names them, and writes what comes out. Nothing of it is in force: after
/// an error, and when cancelled, what was written is garbage and the inputs are as they were.
pub(crate) fn run<I: Input, O: Outputs<I>>(
    job: &Job,
    inputs: &[I],
    schema: &TableSchema,
    outputs: &mut O,
    control: &Control<'_>,
) -> Result<Vec<WrittenOf<I, O>>> {
    let before = inputs.iter().map(|input| input.info().rows).sum();
    let mut merge = Merge::new(job, inputs, schema, outputs, control)?;
    while merge.step()? {}
    merge.end_segment()?;
    if merge.rows_out != before {
        return Err(StorageError::RowsDiffer { table: schema.name.clone(), before, after: merge.rows_out });
    }
    Ok(merge.written)
}

struct Merge<'a, I: Input, O: Outputs<I>> {
    job: &'a Job,
    inputs: &'a [I],
    outputs: &'a mut O,
    control: &'a Control<'a>,
    cursors: Vec<Cursor<'a, I>>,
    /// The least row, or a bound below it, of each cursor that has any left.
    heads: BinaryHeap<Reverse<(Head, usize)>>,
    pending: Pending,
    /// Rows of a row group: fewer where rows are large.
    group_rows: usize,
    output: Option<O::Output>,
    /// The cell of the row before the pending ones in this output.
    last: Option<CellKey>,
    /// Bytes of the row group written last: the best guess for the next one.
    group_bytes: u64,
    written: Vec<WrittenOf<I, O>>,
    rows_out: u64,
}

impl<'a, I: Input, O: Outputs<I>> Merge<'a, I, O> {
    fn new(
        job: &'a Job,
        inputs: &'a [I],
        schema: &'a TableSchema,
        outputs: &'a mut O,
        control: &'a Control<'a>,
    ) -> Result<Self> {
        let keys = Keys::of(schema, job.width)?;
        let open = |input| Cursor::new(input, schema, keys);
        let cursors = inputs.iter().map(open).collect::<Result<Vec<_>>>()?;
        let heads = cursors.iter().enumerate();
        let heads = heads.filter_map(|(at, cursor)| Some(Reverse((cursor.head()?, at)))).collect();
        let pending = Pending::new(schema, keys);
        let group_rows = group_rows(inputs);
        let (written, rows_out, group_bytes) = (Vec::new(), 0, 0);
        let (output, last) = (None, None);
        Ok(Self {
            job,
            inputs,
            outputs,
            control,
            cursors,
            heads,
            pending,
            group_rows,
            output,
            last,
            group_bytes,
            written,
            rows_out,
        })
    }

    /// Moves some rows on; false at the end.
    fn step(&mut self) -> Result<bool> {
        let Some(Reverse((head, at))) = self.heads.pop() else { return Ok(false) };
        let bound = self.heads.peek().map(|Reverse(bound)| *bound);
        self.cross(head)?;
        if self.copy(at, bound)? {
            self.control.breathe()?;
        } else if self.decode(at)? {
            self.control.breathe()?;
        } else {
            self.take(at, bound)?;
        }
        if let Some(head) = self.cursors.get(at).and_then(Cursor::head) {
            self.heads.push(Reverse((head, at)));
        }
        Ok(true)
    }

    /// Ends the segment where the next row must not, or should not, lie in it.
    fn cross(&mut self, head: Head) -> Result<()> {
        let Some(last) = self.pending.last().or(self.last).filter(|last| *last < head.cell) else {
            return Ok(());
        };
        let expected = self.pending.rows() as u64 * self.group_bytes / self.group_rows as u64;
        let bytes = self.output.as_ref().map_or(0, Output::bytes) + expected;
        if self.job.ends(last, head.cell, bytes) {
            self.end_segment()?;
        }
        Ok(())
    }

    /// Copies the next row group of a cursor where nothing else has rows before its end or in its first cell.
    fn copy(&mut self, at: usize, bound: Option<(Head, usize)>) -> Result<bool> {
        let Some(cursor) = self.cursors.get(at) else { return Ok(false) };
        let Some((index, group)) = cursor.next_group().filter(|(_, group)| group.copyable) else {
            return Ok(false);
        };
        let alone = bound.is_none_or(|(bound, _)| group.last < bound.cell);
        let begins_a_cell = self.pending.last().or(self.last).is_none_or(|last| last < group.first);
        // A handful of rows before it would become a row group of their own, and stay one: better decode this too.
        let worth_it = self.pending.rows() == 0 || self.pending.rows() >= PAGE_ROWS_MAX.min(self.group_rows);
        if self.job.level == 0 || !alone || !begins_a_cell || !worth_it || self.crosses(&group) {
            return Ok(false);
        }
        self.write_pending(true)?;
        self.end_if_full(group.first, group.bytes)?;
        if let Some(input) = self.inputs.get(at) {
            self.output()?.copy(input, index)?;
        }
        self.last = Some(group.last);
        self.group_bytes = group.bytes;
        self.cursors.iter_mut().skip(at).take(1).for_each(Cursor::skip_group);
        Ok(true)
    }

    /// Whether a segment has to end within the row group.
    fn crosses(&self, group: &Group) -> bool {
        self.job.ends(group.first, group.last, 0)
    }

    /// Reads the next block of a cursor that has none; false where it has one.
    fn decode(&mut self, at: usize) -> Result<bool> {
        self.cursors.get_mut(at).map_or(Ok(false), Cursor::load)
    }

    /// Takes the rows of a cursor up to the next cursor's first, a place where a segment may have to end, or a full
    /// row group.
    fn take(&mut self, at: usize, bound: Option<(Head, usize)>) -> Result<()> {
        let room = self.group_rows.saturating_sub(self.pending.rows());
        let border = self.cursors.get(at).and_then(Cursor::head).and_then(|head| self.job.border(head.cell));
        let Some(cursor) = self.cursors.get_mut(at) else { return Ok(()) };
        let (block, range) = cursor.take(room, border, bound.map(|(bound, other)| (bound, at < other)));
        self.pending.add(&block, range);
        if self.pending.rows() >= self.group_rows {
            self.write_pending(false)?;
            self.control.breathe()?;
        }
        Ok(())
    }

    /// Writes pending rows: all of them, or up to the end of a whole cell where that leaves a good row group.
    fn write_pending(&mut self, all: bool) -> Result<()> {
        while let Some((rows, first, last)) = self.pending.group(all)? {
            self.end_if_full(first, self.group_bytes)?;
            let before = self.output()?.bytes();
            self.output()?.push(rows)?;
            self.group_bytes = self.output()?.bytes().saturating_sub(before).max(self.group_bytes / 2);
            self.last = Some(last);
            if !all {
                break;
            }
        }
        Ok(())
    }

    /// Ends the segment where so many more bytes would be too many, and the next row begins a cell.
    fn end_if_full(&mut self, next: CellKey, more: u64) -> Result<()> {
        let bytes = self.output.as_ref().map_or(0, Output::bytes);
        let full = bytes.saturating_add(more) > self.job.run_bytes_max;
        if full && self.last.is_some_and(|last| last < next) {
            self.finish()?;
        }
        Ok(())
    }

    fn output(&mut self) -> Result<&mut O::Output> {
        let output = match self.output.take() {
            Some(output) => output,
            None => self.outputs.begin(self.job)?,
        };
        Ok(self.output.insert(output))
    }

    fn end_segment(&mut self) -> Result<()> {
        self.write_pending(true)?;
        self.finish()
    }

    fn finish(&mut self) -> Result<()> {
        self.last = None;
        if let Some(output) = self.output.take() {
            let (written, rows) = output.finish()?;
            self.rows_out += rows;
            self.written.push(written);
        }
        Ok(())
    }
}

/// Rows of a row group, so that its bytes as plain arrays stay within the limit for the input with the largest rows.
fn group_rows<I: Input>(inputs: &[I]) -> usize {
    let row = inputs.iter().map(|input| input.info().raw_bytes / input.info().rows.max(1)).max().unwrap_or(0);
    let fit = ROW_GROUP_BYTES_MAX as u64 / row.max(1);
    usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, ROW_GROUP_ROWS_MAX)
}

#[cfg(test)]
mod tests;
