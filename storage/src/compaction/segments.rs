//! The merge over segment files: readers as its inputs, a file a run as its outputs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::control::Control;
use super::merge::{self, Fill, Group, Input, Output, Outputs};
use super::plan::Job;
use super::width::{self, Rate};
use crate::disk::Disk;
use crate::distribution::Lattice;
use crate::error::Result;
use crate::limits::COMPACTION_SORT_BYTES_MAX;
use crate::partition::{Partition, Width};
use crate::rows::Rows;
use crate::schema::{ColumnId, SeriesId, TableSchema};
use crate::segment::{
    CellTable, GroupInfo, SegmentFile, SegmentFileWriter, SegmentInfo, SegmentReader, SegmentSpec,
    SegmentWriter, Written,
};
use crate::series::SeriesRegistry;

mod summaries;

/// What the engine lends to a merge.
pub(crate) struct Target<'a> {
    /// Where the segments go.
    pub(crate) disk: &'a dyn Disk,
    /// Numbers for files and segments, each given once.
    pub(crate) take_id: &'a dyn Fn() -> u64,
    /// The tags of the series.
    pub(crate) series: &'a SeriesRegistry,
    /// Lattices chosen before for the table's columns.
    pub(crate) lattices: &'a BTreeMap<ColumnId, Lattice>,
    /// Row groups encoded at once.
    pub(crate) threads: usize,
    /// Where what comes out goes together with that of other jobs; each segment gets a file of its own without it.
    pub(crate) shared: Option<&'a Shared>,
}

/// A file that the segments of several small jobs share: tables that few rows come to have no file each.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    file: RefCell<Option<SegmentFileWriter>>,
    number: Cell<Option<u64>>,
}

impl Shared {
    /// Makes its bytes durable. Only then they can be read.
    pub(crate) fn finish(&self) -> Result<()> {
        self.file.take().map_or(Ok(()), SegmentFileWriter::finish)
    }

    /// Takes it away, as far as the disk lets itself be cleaned; open removes the rest.
    pub(crate) fn remove(&self, disk: &dyn Disk) {
        drop(self.file.take());
        if let Some(number) = self.number.take() {
            let _ = disk.remove(&SegmentFile::path_of(number));
        }
    }
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// Merges the segments of a job, given in any order, into new files, synced but named by no manifest yet. After an
/// error no file of it is left, as far as the disk lets itself be cleaned; open removes the rest.
///
/// Of a job that writes to a shared file nothing is synced, and nothing removed: the caller does both, and has to
/// [`check`] it in between.
pub(crate) fn run(
    job: &Job,
    inputs: &[Source],
    schema: &Arc<TableSchema>,
    target: &Target<'_>,
    control: &Control<'_>,
) -> Result<Vec<Written>> {
    let named = |id: &u64| inputs.iter().find(|input| input.info().id == *id).cloned();
    let ordered: Vec<Source> = job.inputs.iter().filter_map(named).collect();
    if ordered.len() != job.inputs.len() {
        // A segment went with its table or its partition since the job was planned.
        return Err(crate::error::StorageError::Cancelled);
    }
    let mut files = Files { target, schema, lattices: target.lattices.clone(), numbers: Vec::new() };
    let readers: Vec<_> = ordered.iter().map(|source| source.segment.clone()).collect();
    let written =
        merge::run(job, &ordered, schema, &mut files, control).and_then(|written| match target.shared {
            None => summaries::check_all(&written, &readers, schema, control).map(|()| written),
            Some(_) => Ok(written),
        });
    if written.is_err() {
        files.remove();
    }
    written
}

/// Counts what was written to a shared file, which is finished, against what it was merged from.
pub(crate) fn check(
    written: &[Written],
    inputs: &[Source],
    schema: &TableSchema,
    control: &Control<'_>,
) -> Result<()> {
    let readers: Vec<_> = inputs.iter().map(|source| source.segment.clone()).collect();
    summaries::check_all(written, &readers, schema, control)
}

/// A segment with the rows of it that are hidden.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) segment: Arc<SegmentReader>,
    pub(crate) hidden: Option<Arc<RoaringBitmap>>,
}

impl Source {
    /// How many rows of a row group are hidden.
    fn hidden_in(&self, group: &GroupInfo) -> u64 {
        // A segment has fewer rows than a u32 can count.
        let (first, end) = (group.first_row as u32, (group.first_row + group.rows as u64) as u32);
        self.hidden.as_ref().map_or(0, |hidden| hidden.range_cardinality(first..end))
    }
}

impl Input for Source {
    fn info(&self) -> &SegmentInfo {
        self.segment.info()
    }

    fn shown_rows(&self) -> u64 {
        self.info().rows - self.hidden.as_ref().map_or(0, |hidden| hidden.len())
    }

    fn groups(&self, schema: &TableSchema) -> Result<Vec<Group>> {
        let same_columns = self.info().schema_version == schema.version;
        let may_copy = self.info().level > 0 && same_columns;
        let group = |group: &GroupInfo| {
            let hidden = self.hidden_in(group);
            Group {
                rows: group.rows as u64 - hidden,
                first: group.first_key,
                last: group.last_key,
                copyable: may_copy && group.compacted && group.whole_cells && hidden == 0,
                bytes: group.bytes,
            }
        };
        Ok(self.segment.groups()?.iter().map(group).collect())
    }

    fn rows(&self, group: usize, schema: &TableSchema) -> Result<Rows> {
        let rows = self.segment.read_rows(group, schema)?;
        let info = self.segment.groups()?.get(group).filter(|info| self.hidden_in(info) > 0);
        match (info, &self.hidden) {
            (Some(info), Some(hidden)) => rows.without(hidden, info.first_row as u32),
            _ => Ok(rows),
        }
    }
}

impl Output<Source> for SegmentWriter<'_> {
    fn push(&mut self, rows: Rows) -> Result<()> {
        Self::push(self, rows)
    }

    fn copy(&mut self, input: &Source, group: usize) -> Result<()> {
        Self::copy(self, &input.segment, group..group + 1)
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }
}

struct Files<'a> {
    target: &'a Target<'a>,
    schema: &'a Arc<TableSchema>,
    /// Those given and those chosen since: a column has one lattice in all segments of a job.
    lattices: BTreeMap<ColumnId, Lattice>,
    numbers: Vec<u64>,
}

impl Outputs<Source> for Files<'_> {
    type Written = Written;

    fn write(&mut self, job: &Job, fill: &mut Fill<'_, Source>) -> Result<(Written, u64)> {
        let mut file = self.begin()?;
        let mut writer = file.begin(SegmentSpec {
            id: (self.target.take_id)(),
            schema: self.schema,
            partition: job.partition,
            width: job.width,
            level: job.level,
            first_seq: job.first_seq,
            last_seq: job.last_seq,
            series: self.target.series,
            lattices: &self.lattices,
            threads: self.target.threads,
        })?;
        fill(&mut writer)?;
        let written = writer.finish()?;
        self.end(file)?;
        self.lattices.extend(written.lattices.clone());
        let rows = written.info.rows;
        Ok((written, rows))
    }
}

impl Files<'_> {
    fn begin(&mut self) -> Result<SegmentFileWriter> {
        if let Some(begun) = self.target.shared.and_then(|shared| shared.file.take()) {
            return Ok(begun);
        }
        let number = (self.target.take_id)();
        match self.target.shared {
            Some(shared) => shared.number.set(Some(number)),
            None => self.numbers.push(number),
        }
        SegmentFileWriter::create(self.target.disk, number)
    }

    fn end(&self, file: SegmentFileWriter) -> Result<()> {
        let Some(shared) = self.target.shared else { return file.finish() };
        shared.file.replace(Some(file));
        Ok(())
    }

    fn remove(&self) {
        for number in &self.numbers {
            // What cannot be removed now is named by nothing, and goes when the directory is opened.
            let _ = self.target.disk.remove(&SegmentFile::path_of(*number));
        }
    }
}

/// The width for what comes out of these inputs: what the owner set, or what their cells ask for. Where widths change,
/// rows are sorted anew interval by interval; if one is too large for that, the inputs' width stays.
pub(crate) fn choose_width(
    inputs: &[Arc<SegmentReader>],
    schema: &TableSchema,
    partition: Partition,
) -> Result<Width> {
    let cells = inputs.iter().map(|input| input.cells()).collect::<Result<Vec<_>>>()?;
    let infos: Vec<&SegmentInfo> = inputs.iter().map(|input| input.info()).collect();
    let current = infos.iter().max_by_key(|info| info.rows).map_or(Width::MIN, |info| info.width);
    let summarised = width::summarised(schema);
    let wanted = width::set_by_hand(schema, partition)
        .unwrap_or_else(|| width::choose_again(rate(&infos, &cells), summarised, partition, current));
    // Every width in use is a way out; where none is cheap enough the one that sorts least is.
    let cost = |width: Width| sort_bytes(&infos, &cells, width);
    if cost(wanted) <= COMPACTION_SORT_BYTES_MAX {
        return Ok(wanted);
    }
    Ok(infos.iter().map(|info| info.width).min_by_key(|width| cost(*width)).unwrap_or(wanted))
}

/// Rows of each series over the time that the inputs span.
fn rate(infos: &[&SegmentInfo], cells: &[&CellTable]) -> Rate {
    let mut rows: BTreeMap<SeriesId, u64> = BTreeMap::new();
    for cells in cells {
        for (series, ends) in cells.series.iter().zip(cells.first_rows.windows(2)) {
            let (from, to) = (ends.first().unwrap_or(&0), ends.last().unwrap_or(&0));
            *rows.entry(*series).or_default() += to.saturating_sub(*from);
        }
    }
    let least = infos.iter().map(|info| info.min_time).min().unwrap_or(0);
    let greatest = infos.iter().map(|info| info.max_time).max().unwrap_or(0);
    Rate::of(rows.into_values().collect(), greatest.saturating_sub(least))
}

/// Decoded bytes of the largest interval that has to be sorted anew at this width, all inputs together.
fn sort_bytes(infos: &[&SegmentInfo], cells: &[&CellTable], width: Width) -> u64 {
    let mut bytes: BTreeMap<i64, u64> = BTreeMap::new();
    for (info, cells) in infos.iter().zip(cells).filter(|(info, _)| info.width != width) {
        let (coarse, row) = (width.max(info.width), info.raw_bytes / info.rows.max(1) + 1);
        for (interval, ends) in cells.intervals.iter().zip(cells.first_rows.windows(2)) {
            let (from, to) = (ends.first().unwrap_or(&0), ends.last().unwrap_or(&0));
            *bytes.entry(coarse.interval(*interval)).or_default() += to.saturating_sub(*from) * row;
        }
    }
    bytes.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
