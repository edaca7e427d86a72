//! The merge over segment files: readers as its inputs, a file a run as its outputs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
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

mod origins;
mod summaries;

pub(crate) use self::origins::{Origins, Run};

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
) -> Result<Vec<Merged>> {
    let named = |(at, id): (usize, &u64)| {
        let source = inputs.iter().find(|input| input.segment.info().id == *id)?;
        Some(Numbered { source: source.clone(), number: at as u32 })
    };
    let ordered: Vec<Numbered> = job.inputs.iter().enumerate().filter_map(named).collect();
    if ordered.len() != job.inputs.len() {
        // A segment went with its table or its partition since the job was planned.
        return Err(crate::error::StorageError::Cancelled);
    }
    let mut files = Files { target, schema, lattices: target.lattices.clone(), numbers: Vec::new() };
    let readers: Vec<_> = ordered.iter().map(|input| input.source.segment.clone()).collect();
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
    written: &[Merged],
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

/// A segment that was written, and where its rows come from, in their order.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) written: Written,
    pub(crate) origins: Origins,
}

/// An input whose rows go through the merge with a column that says which they are.
struct Numbered {
    source: Source,
    number: u32,
}

/// The name of that column; it comes last.
const ORIGIN: &str = "\0origin";

impl Source {
    /// How many rows of a row group are hidden.
    fn hidden_in(&self, group: &GroupInfo) -> u64 {
        // A segment has fewer rows than a u32 can count.
        let (first, end) = (group.first_row as u32, (group.first_row + group.rows as u64) as u32);
        self.hidden.as_ref().map_or(0, |hidden| hidden.range_cardinality(first..end))
    }
}

impl Input for Numbered {
    fn info(&self) -> &SegmentInfo {
        self.source.segment.info()
    }

    fn shown_rows(&self) -> u64 {
        self.info().rows - self.source.hidden.as_ref().map_or(0, |hidden| hidden.len())
    }

    fn groups(&self, schema: &TableSchema) -> Result<Vec<Group>> {
        let same_columns = self.info().schema_version == schema.version;
        let may_copy = self.info().level > 0 && same_columns;
        let group = |group: &GroupInfo| {
            let hidden = self.source.hidden_in(group);
            Group {
                rows: group.rows as u64 - hidden,
                first: group.first_key,
                last: group.last_key,
                copyable: may_copy && group.compacted && group.whole_cells && hidden == 0,
                bytes: group.bytes,
            }
        };
        Ok(self.source.segment.groups()?.iter().map(group).collect())
    }

    fn rows(&self, group: usize, schema: &TableSchema) -> Result<Rows> {
        let rows = self.source.segment.read_rows(group, schema)?;
        let Some(info) = self.source.segment.groups()?.get(group) else { return Ok(rows) };
        let rows = self.marked(rows, info)?;
        match &self.source.hidden {
            Some(hidden) if self.source.hidden_in(info) > 0 => rows.without(hidden, info.first_row as u32),
            _ => Ok(rows),
        }
    }
}

impl Numbered {
    /// The rows of a row group with the column that says which they are.
    fn marked(&self, rows: Rows, group: &GroupInfo) -> Result<Rows> {
        let origin = u64::from(self.number) << 32 | group.first_row;
        let origins = UInt64Array::from_iter_values(origin..origin + rows.len() as u64);
        let mut fields = rows.batch.schema().fields().to_vec();
        fields.push(Arc::new(Field::new(ORIGIN, DataType::UInt64, false)));
        let mut columns = rows.batch.columns().to_vec();
        columns.push(Arc::new(origins));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(merge::invalid)?;
        Ok(Rows { series: rows.series, batch })
    }
}

/// A segment being written, and where its rows come from.
struct Traced<'a> {
    writer: SegmentWriter<'a>,
    origins: Origins,
}

impl Output<Numbered> for Traced<'_> {
    fn push(&mut self, rows: Rows) -> Result<()> {
        let columns = rows.batch.num_columns().saturating_sub(1);
        if rows.batch.schema().fields().last().is_none_or(|last| last.name() != ORIGIN) {
            return self.writer.push(rows);
        }
        for origin in rows.batch.column(columns).as_primitive::<UInt64Type>().values() {
            self.origins.push(Run { source: (origin >> 32) as u32, first: *origin as u32, rows: 1 });
        }
        let kept: Vec<usize> = (0..columns).collect();
        let batch = rows.batch.project(&kept).map_err(merge::invalid)?;
        self.writer.push(Rows { series: rows.series, batch })
    }

    fn copy(&mut self, input: &Numbered, group: usize) -> Result<()> {
        if let Some(info) = input.source.segment.groups()?.get(group) {
            // A segment has fewer rows than a u32 can count.
            let (first, rows) = (info.first_row as u32, info.rows as u32);
            self.origins.push(Run { source: input.number, first, rows });
        }
        self.writer.copy(&input.source.segment, group..group + 1)
    }

    fn bytes(&self) -> u64 {
        self.writer.bytes()
    }
}

struct Files<'a> {
    target: &'a Target<'a>,
    schema: &'a Arc<TableSchema>,
    /// Those given and those chosen since: a column has one lattice in all segments of a job.
    lattices: BTreeMap<ColumnId, Lattice>,
    numbers: Vec<u64>,
}

impl Outputs<Numbered> for Files<'_> {
    type Written = Merged;

    fn write(&mut self, job: &Job, fill: &mut Fill<'_, Numbered>) -> Result<(Merged, u64)> {
        let mut file = self.begin()?;
        let writer = file.begin(SegmentSpec {
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
        let mut traced = Traced { writer, origins: Origins::default() };
        fill(&mut traced)?;
        let Traced { writer, origins } = traced;
        let written = writer.finish()?;
        self.end(file)?;
        self.lattices.extend(written.lattices.clone());
        let rows = written.info.rows;
        Ok((Merged { written, origins }, rows))
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
