//! The merge against a naive model: segments in memory, few rows a row group.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampNanosecondArray};

use super::*;
use crate::clock::ManualClock;
use crate::compaction::plan::{self, PlanOptions};
use crate::partition::{Partition, Width};
use crate::schema::{Column, ColumnType, Role, SeriesId};

const GROUP_ROWS: usize = 16;
const ROW_BYTES: u64 = 10;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// A row: `number` counts rows in order of writing, and is their value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    time: i64,
    series: SeriesId,
    number: i64,
    /// Only rows written after the column was added have it.
    added: Option<f64>,
}

#[derive(Clone, Debug)]
struct Segment {
    info: SegmentInfo,
    groups: Vec<(Rows, bool)>,
    /// How often a row group was decoded.
    reads: Cell<usize>,
}

fn schema(version: u32) -> TableSchema {
    let columns = [
        Column::new("time", ColumnType::Timestamp, Role::Time),
        Column::new("host", ColumnType::Text, Role::Tag),
        Column::new("number", ColumnType::BigInt, Role::Field),
        Column::new("added", ColumnType::Double, Role::Field),
    ];
    let mut schema = TableSchema::new("t", columns.into_iter().take(2 + version as usize).collect());
    schema.version = version;
    schema
}

fn rows_of(rows: &[Row], schema: &TableSchema) -> Rows {
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|r| r.time)).with_timezone("UTC");
    let number = Int64Array::from_iter_values(rows.iter().map(|r| r.number));
    let added: Float64Array = rows.iter().map(|r| r.added).collect();
    let columns: [ArrayRef; 3] = [Arc::new(times), Arc::new(number), Arc::new(added)];
    let columns = columns.into_iter().take(schema.version as usize + 1).collect();
    let batch = RecordBatch::try_new(schema.stored_arrow(), columns).unwrap();
    Rows { series: rows.iter().map(|r| r.series).collect(), batch }
}

fn plain(rows: &Rows) -> Vec<Row> {
    let keys = Keys::of(&schema(1), Width::MIN).unwrap();
    let number = rows.batch.column(1).as_primitive::<Int64Type>();
    let added = rows.batch.columns().get(2).map(|c| c.as_primitive::<Float64Type>());
    let row = |at: usize| Row {
        time: keys.times(rows)[at],
        series: rows.series[at],
        number: number.value(at),
        added: added.filter(|a| a.is_valid(at)).map(|a| a.value(at)),
    };
    (0..rows.len()).map(row).collect()
}

fn cell(row: &Row, width: Width) -> CellKey {
    CellKey { interval: width.interval(row.time), series: row.series }
}

impl Segment {
    fn all(&self) -> Vec<Row> {
        self.groups.iter().flat_map(|(rows, _)| plain(rows)).collect()
    }

    fn new(id: u64, spec: &SegmentInfo, groups: Vec<(Rows, bool)>) -> Self {
        let mut segment = Self { info: spec.clone(), groups, reads: Cell::new(0) };
        let rows = segment.all();
        let (first, last) = (rows.first().unwrap(), rows.last().unwrap());
        segment.info = SegmentInfo {
            id,
            file: id,
            first_key: cell(first, spec.width),
            last_key: cell(last, spec.width),
            rows: rows.len() as u64,
            bytes: rows.len() as u64 * ROW_BYTES,
            raw_bytes: rows.len() as u64 * 24,
            min_time: rows.iter().map(|r| r.time).min().unwrap(),
            max_time: rows.iter().map(|r| r.time).max().unwrap(),
            ..spec.clone()
        };
        segment
    }
}

impl Input for &Segment {
    fn info(&self) -> &SegmentInfo {
        &self.info
    }

    fn groups(&self, schema: &TableSchema) -> Result<Vec<Group>> {
        let same = self.info.schema_version == schema.version && self.info.level > 0;
        let all = self.all();
        let mut start = 0;
        let group = |(rows, compacted): &(Rows, bool)| {
            let plain = plain(rows);
            let (first, last) =
                (cell(&plain[0], self.info.width), cell(plain.last().unwrap(), self.info.width));
            let end = start + plain.len();
            let begins = start == 0 || cell(&all[start - 1], self.info.width) < first;
            let ends = all.get(end).is_none_or(|next| last < cell(next, self.info.width));
            start = end;
            let bytes = plain.len() as u64 * ROW_BYTES;
            Group {
                rows: plain.len() as u64,
                first,
                last,
                copyable: same && *compacted && begins && ends,
                bytes,
            }
        };
        Ok(self.groups.iter().map(group).collect())
    }

    fn rows(&self, group: usize, schema: &TableSchema) -> Result<Rows> {
        self.reads.set(self.reads.get() + 1);
        Ok(rows_of(&plain(&self.groups[group].0), schema))
    }
}

/// Segments written to memory.
struct Memory<'s> {
    schema: &'s TableSchema,
    next_id: u64,
    copied: usize,
}

#[derive(Default)]
struct Open {
    groups: Vec<(Rows, bool)>,
    copied: usize,
}

impl Output<&Segment> for Open {
    fn push(&mut self, rows: Rows) -> Result<()> {
        assert!(rows.len() <= GROUP_ROWS, "a row group of {} rows", rows.len());
        self.groups.push((rows, true));
        Ok(())
    }

    fn copy(&mut self, input: &&Segment, group: usize) -> Result<()> {
        self.copied += 1;
        self.groups.push(input.groups[group].clone());
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.groups.iter().map(|(rows, _)| rows.len() as u64 * ROW_BYTES).sum()
    }
}

impl<'i> Outputs<&'i Segment> for Memory<'_> {
    type Written = Segment;

    fn write(&mut self, job: &Job, fill: &mut Fill<'_, &'i Segment>) -> Result<(Segment, u64)> {
        let mut open = Open::default();
        fill(&mut open)?;
        self.next_id += 1;
        self.copied += open.copied;
        let mut spec = blank(job.partition, job.width, job.level, (job.first_seq, job.last_seq));
        spec.schema_version = self.schema.version;
        let segment = Segment::new(self.next_id, &spec, open.groups);
        let rows = segment.info.rows;
        Ok((segment, rows))
    }
}

fn blank(partition: Partition, width: Width, level: u8, seqs: (u64, u64)) -> SegmentInfo {
    SegmentInfo {
        id: 0,
        file: 0,
        offset: 0,
        level,
        partition,
        width,
        first_key: CellKey::default(),
        last_key: CellKey::default(),
        table: 1,
        schema_version: 1,
        rows: 0,
        bytes: 0,
        raw_bytes: 0,
        min_time: 0,
        max_time: 0,
        first_seq: seqs.0,
        last_seq: seqs.1,
        footer_crc: 0,
    }
}

#[derive(Default)]
struct Table {
    segments: Vec<Segment>,
    next_id: u64,
    copied: usize,
}

impl Table {
    fn flush(&mut self, mut rows: Vec<Row>, seq: u64, width: Width, schema: &TableSchema) {
        rows.sort_by_key(|r| (cell(r, width), r.time));
        let groups = rows.chunks(GROUP_ROWS).map(|rows| (rows_of(rows, schema), false)).collect();
        let mut spec = blank(Partition::of(0, Partition::LONG), width, 0, (seq, seq));
        spec.schema_version = schema.version;
        self.next_id += 1;
        self.segments.push(Segment::new(self.next_id, &spec, groups));
    }

    fn plan(&self, options: &PlanOptions, width: Width) -> Option<Job> {
        let infos: Vec<SegmentInfo> = self.segments.iter().map(|s| s.info.clone()).collect();
        plan::plan(&infos, options, &mut |_| Ok(width)).unwrap()
    }

    fn run(&mut self, job: &Job, schema: &TableSchema, control: &Control<'_>) -> Result<()> {
        let find = |id: &u64| self.segments.iter().find(|s| s.info.id == *id).unwrap();
        let inputs: Vec<&Segment> = job.inputs.iter().map(find).collect();
        let mut memory = Memory { schema, next_id: self.next_id, copied: 0 };
        let written = run(job, &inputs, schema, &mut memory, control)?;
        (self.next_id, self.copied) = (memory.next_id, self.copied + memory.copied);
        self.segments.retain(|s| !job.inputs.contains(&s.info.id));
        self.segments.extend(written);
        Ok(())
    }

    /// All rows by (series, time), equal ones as the order of segments says.
    fn rows(&self) -> Vec<Row> {
        let mut segments: Vec<&Segment> = self.segments.iter().collect();
        segments.sort_by_key(|s| (s.info.first_seq, s.info.id));
        let mut rows: Vec<Row> = segments.iter().flat_map(|s| s.all()).collect();
        rows.sort_by_key(|r| (r.series, r.time));
        rows
    }

    fn check(&self, written: &[Row], story: &str) {
        let mut expected = written.to_vec();
        expected.sort_by_key(|r| (r.series, r.time));
        assert!(self.rows() == expected, "{story}: rows differ");
        for segment in &self.segments {
            let rows = segment.all();
            let key = |r: &Row| (cell(r, segment.info.width), r.time);
            assert!(rows.is_sorted_by_key(key), "{story}: a segment out of order");
        }
        for (at, a) in self.segments.iter().enumerate().filter(|(_, a)| a.info.level > 0) {
            for b in self.segments.iter().skip(at + 1).filter(|b| b.info.level > 0) {
                assert!(!plan::overlap(&a.info, &b.info), "{story}: runs share a cell");
            }
        }
    }
}

fn free<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    let clock = ManualClock::at(0);
    work(&Control::new(&clock, &|| false, &|_| ()))
}

fn widths() -> Vec<Width> {
    Width::all().take(5).collect()
}

fn random_rows(random: &mut Random, numbers: &mut i64, version: u32) -> Vec<Row> {
    let (count, series, hours) = (1 + random.below(150), 1 + random.below(5), 1 + random.below(40));
    let base = random.below(30) as i64 * 3_600;
    let row = |_| {
        *numbers += 1;
        // Few distinct times: many rows are equal in series and time.
        let time = (base + random.below(hours * 3_600) as i64).div_euclid(200) * 200_000_000_000;
        let added = (version > 1 && *numbers % 3 > 0).then_some(*numbers as f64);
        Row { time, series: random.below(series) as SeriesId, number: *numbers, added }
    };
    (0..count).map(row).collect()
}

fn options(random: &mut Random) -> PlanOptions {
    PlanOptions {
        runs_max: 2 + random.below(4) as usize,
        run_bytes_max: ROW_BYTES * (20 + random.below(200)),
        group_rows: GROUP_ROWS,
        force: random.below(3) == 0,
        quiet: random.below(2) == 0,
        ..PlanOptions::default()
    }
}

fn story(seed: u64) -> usize {
    let mut random = Random(seed);
    let (mut table, mut written, mut numbers) = (Table::default(), Vec::new(), 0);
    let favourite = widths()[random.below(5) as usize];
    for step in 0..14 {
        let version = if step < 7 { 1 } else { 2 };
        let rows = random_rows(&mut random, &mut numbers, version);
        let pick = |random: &mut Random| match random.below(3) {
            0 => widths()[random.below(5) as usize],
            _ => favourite,
        };
        table.flush(rows.clone(), step + 1, pick(&mut random), &schema(version));
        written.extend(rows);
        let (options, width) = (options(&mut random), pick(&mut random));
        for _ in 0..random.below(3) {
            let Some(job) = table.plan(&options, width) else { break };
            free(|control| table.run(&job, &schema(version), control)).unwrap();
            table.check(&written, &format!("seed {seed}, step {step}"));
        }
    }
    table.copied
}

#[test]
fn merged_rows_are_those_of_the_inputs_in_order() {
    let first = 0xfeed;
    println!("seeds from {first}");
    let copied: usize = (first..first + 60).map(story).sum();
    assert!(copied > 0, "no row group was copied in all stories");
}

/// An hour of a reading every 10 s and series, from `hour` on.
fn hour(hour: i64, series: SeriesId, numbers: &mut i64) -> Vec<Row> {
    let row = |at: i64| {
        *numbers += 1;
        let time = (hour * 3_600 + at / i64::from(series) * 450) * 1_000_000_000;
        Row { time, series: (at % i64::from(series)) as SeriesId, number: *numbers, added: None }
    };
    (0..8 * i64::from(series)).map(row).collect()
}

fn one_hour() -> Width {
    widths()[2]
}

#[test]
fn row_groups_that_nothing_reaches_into_are_copied_undecoded() {
    let (mut table, mut numbers, mut written) = (Table::default(), 0, Vec::new());
    let options = PlanOptions { force: true, group_rows: GROUP_ROWS, ..PlanOptions::default() };
    for at in 0..20 {
        let rows = hour(at, 4, &mut numbers);
        written.extend(rows.clone());
        table.flush(rows, at as u64 + 1, one_hour(), &schema(1));
    }
    while let Some(job) = table.plan(&options, one_hour()) {
        free(|control| table.run(&job, &schema(1), control)).unwrap();
    }
    table.segments.iter().for_each(|s| s.reads.set(0));
    table.copied = 0;
    let late = hour(7, 4, &mut numbers);
    written.extend(late.clone());
    table.flush(late, 30, one_hour(), &schema(1));
    let job = table.plan(&options, one_hour()).unwrap();
    let groups: usize = table.segments.iter().map(|s| s.groups.len()).sum();
    free(|control| table.run(&job, &schema(1), control)).unwrap();
    table.check(&written, "one late hour");
    // 40 row groups of two cells each; the late hour lies in two of them.
    assert_eq!((groups, table.copied), (40 + 2, 38));
}

#[test]
fn a_cancelled_merge_leaves_its_inputs() {
    let (mut table, mut numbers, mut written) = (Table::default(), 0, Vec::new());
    for seq in 1..=4 {
        let rows = hour(0, 4, &mut numbers);
        written.extend(rows.clone());
        table.flush(rows, seq, one_hour(), &schema(1));
    }
    let options = PlanOptions { force: true, group_rows: GROUP_ROWS, ..PlanOptions::default() };
    let job = table.plan(&options, one_hour()).unwrap();
    let clock = ManualClock::at(0);
    let before: Vec<u64> = table.segments.iter().map(|s| s.info.id).collect();
    for pieces in 0..8 {
        let (left, rested) = (Cell::new(pieces), Cell::new(0));
        let cancelled = || left.get() == 0;
        let rest = |_: Duration| {
            left.set(left.get() - 1);
            rested.set(rested.get() + 1);
        };
        let result = table.run(&job, &schema(1), &Control::new(&clock, &cancelled, &rest));
        assert!(matches!(result, Err(StorageError::Cancelled)), "after {pieces} pieces");
        assert_eq!(rested.get(), pieces);
        assert_eq!(table.segments.iter().map(|s| s.info.id).collect::<Vec<_>>(), before);
    }
    table.check(&written, "cancelled");
}

#[test]
fn a_segment_that_lacks_rows_stops_the_merge() {
    let (mut table, mut numbers) = (Table::default(), 0);
    (1..=2).for_each(|seq| table.flush(hour(0, 4, &mut numbers), seq, one_hour(), &schema(1)));
    table.segments[0].info.rows += 1;
    let options = PlanOptions { force: true, group_rows: GROUP_ROWS, ..PlanOptions::default() };
    let job = table.plan(&options, one_hour()).unwrap();
    let result = free(|control| table.run(&job, &schema(1), control));
    assert!(matches!(result, Err(StorageError::RowsDiffer { before: 65, after: 64, .. })), "{result:?}");
    assert_eq!(table.segments.len(), 2);
}
