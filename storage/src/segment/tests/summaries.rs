//! Summaries against a count of the rows, one by one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow_select::concat::concat;
use proptest::prelude::*;

use super::memory_disk::MemoryDisk;
use super::sample::{mix, reader, spec};
use crate::distribution::{Categorical, Distribution, Lattice, Numeric};
use crate::error::StorageError;
use crate::limits::SUMMARY_ROWS_MIN;
use crate::partition::Width;
use crate::rows::Rows;
use crate::schema::{Column, ColumnId, ColumnType, Meaning, Role, TableSchema};
use crate::segment::{
    SegmentFileWriter, SegmentInfo, SegmentReader, SegmentSpec, SegmentWriter, Summaries, TimeRange, Unit,
};
use crate::series::SeriesRegistry;

const X: ColumnId = 3;
const LATENCY: ColumnId = 4;
const COLOUR: ColumnId = 5;
const FLAG: ColumnId = 6;
const PLACE: ColumnId = 7;
const NOTE: ColumnId = 8;
const PLAIN: ColumnId = 9;
const REQUEST: ColumnId = 10;
const ANSWER: ColumnId = 11;

fn schema() -> Arc<TableSchema> {
    let field = |name: &str, ty| Column::new(name, ty, Role::Field);
    let meaning = |name: &str, ty, meaning| Column { meaning: Some(meaning), ..field(name, ty) };
    let mut schema = TableSchema::new(
        "predictions",
        vec![
            Column::new("host", ColumnType::Text, Role::Tag),
            Column::new("time", ColumnType::Timestamp, Role::Time),
            meaning("x", ColumnType::Double, Meaning::NumericFeature),
            meaning("latency", ColumnType::BigInt, Meaning::Latency),
            meaning("colour", ColumnType::Text, Meaning::CategoricalFeature),
            field("flag", ColumnType::Boolean),
            field("place", ColumnType::Text),
            field("note", ColumnType::Text),
            field("plain", ColumnType::Double),
            Column::new("request", ColumnType::Text, Role::Key),
            meaning("answer", ColumnType::Text, Meaning::Prediction),
        ],
    );
    schema.id = 7;
    schema.columns.iter_mut().zip(1..).for_each(|(column, id)| column.id = id);
    Arc::new(schema)
}

/// Cells as (minute, series, rows), and the number from which their values are made.
fn rows(schema: &TableSchema, cells: &[(i64, u32, usize)], seed: usize) -> Rows {
    let times = cells
        .iter()
        .flat_map(|(minute, _, rows)| (0..*rows as i64).map(move |at| minute * Width::MIN.nanos() + at));
    let series: Vec<u32> =
        cells.iter().flat_map(|(_, series, rows)| std::iter::repeat_n(*series, *rows)).collect();
    let n = |at: usize| mix(seed * 1_000_000 + at) as usize;
    let some = |at: usize| !n(at).is_multiple_of(7);
    let all = 0..series.len();
    let x = |at: usize| match n(at) % 31 {
        0 => f64::NAN,
        1 => f64::NEG_INFINITY,
        2 => -0.0,
        _ => 273.0 + (n(at) % 100_000) as f64 / 3_000.0,
    };
    let text = |name: &str, at: usize, most: usize| some(at).then(|| format!("{name}{}", n(at) / 8 % most));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(all.clone().map(|at| some(at).then(|| x(at))).collect::<Float64Array>()),
        Arc::new(all.clone().map(|at| Some((n(at) % 40) as i64)).collect::<Int64Array>()),
        Arc::new(all.clone().map(|at| text("colour", at, 100)).collect::<StringArray>()),
        Arc::new(all.clone().map(|at| some(at).then(|| n(at) % 2 > 0)).collect::<BooleanArray>()),
        Arc::new(all.clone().map(|at| text("place", at, 60)).collect::<StringArray>()),
        Arc::new(all.clone().map(|at| text("note", at, 65)).collect::<StringArray>()),
        Arc::new(all.clone().map(|at| Some(n(at) as f64)).collect::<Float64Array>()),
        Arc::new(all.clone().map(|_| Some("same")).collect::<StringArray>()),
        Arc::new(all.map(|at| text("answer", at, 2_000)).collect::<StringArray>()),
    ];
    let batch = RecordBatch::try_new(schema.stored_arrow(), columns).unwrap();
    Rows { series: series.into(), batch }
}

struct Bench {
    disk: MemoryDisk,
    schema: Arc<TableSchema>,
    lattices: BTreeMap<ColumnId, Lattice>,
    level: u8,
    threads: usize,
}

impl Bench {
    fn new() -> Self {
        let lattices = BTreeMap::new();
        Self { disk: MemoryDisk::default(), schema: schema(), lattices, level: 0, threads: 1 }
    }

    fn write(&self, id: u64, fill: impl FnOnce(&mut SegmentWriter<'_>)) -> Arc<SegmentReader> {
        self.write_all(id, fill).0
    }

    fn write_all(
        &self,
        id: u64,
        fill: impl FnOnce(&mut SegmentWriter<'_>),
    ) -> (Arc<SegmentReader>, BTreeMap<ColumnId, Lattice>) {
        let series = SeriesRegistry::of_numbers(5_000);
        let mut file = SegmentFileWriter::create(&self.disk, id).unwrap();
        let spec = spec(id, &self.schema, &series, &self.lattices);
        let (level, threads) = (self.level, self.threads);
        let mut writer = file.begin(SegmentSpec { width: Width::MIN, level, threads, ..spec }).unwrap();
        fill(&mut writer);
        let written = writer.finish().unwrap();
        file.finish().unwrap();
        (reader(&self.disk, written.info), written.lattices)
    }

    fn write_cells(&self, id: u64, cells: &[(i64, u32, usize)]) -> Arc<SegmentReader> {
        self.write(id, |writer| push(writer, &rows(&self.schema, cells, id as usize), usize::MAX))
    }
}

fn push(writer: &mut SegmentWriter<'_>, rows: &Rows, slice: usize) {
    let slice = slice.min(rows.len());
    for start in (0..rows.len()).step_by(slice) {
        writer.push(rows.slice(start, slice.min(rows.len() - start))).unwrap();
    }
}

/// The units that a segment must have, by its cell table, and the rows of each.
fn units(reader: &SegmentReader) -> Vec<(Unit, Vec<Range<u64>>)> {
    let cells = reader.cells().unwrap();
    let (mut all, mut small) = (Vec::new(), BTreeMap::<i64, Vec<Range<u64>>>::new());
    for cell in 0..cells.len() {
        let rows = cells.rows(cell);
        if rows.end - rows.start >= SUMMARY_ROWS_MIN as u64 {
            all.push((Unit::Cell(cell as u32), vec![rows]));
        } else {
            small.entry(cells.intervals[cell]).or_default().push(rows);
        }
    }
    small.retain(|_, rows| rows.iter().map(|r| r.end - r.start).sum::<u64>() >= SUMMARY_ROWS_MIN as u64);
    all.extend(small.into_iter().map(|(interval, rows)| (Unit::Interval(interval), rows)));
    all
}

fn values(reader: &SegmentReader, column: &Column) -> ArrayRef {
    let groups = 0..reader.groups().unwrap().len();
    let read = |group| reader.read(group, std::slice::from_ref(column), TimeRange::ALL).unwrap();
    let pages: Vec<ArrayRef> = groups.flat_map(read).map(|page| page.column(0).clone()).collect();
    concat(&pages.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap()
}

fn count(values: &ArrayRef, lattice: Option<Lattice>, rows: &[Range<u64>]) -> Distribution {
    let mut numeric = lattice.map(Numeric::on);
    let mut categorical = Categorical::new();
    for row in rows.iter().flat_map(Clone::clone).map(|row| row as usize) {
        let number = match values.data_type() {
            arrow_schema::DataType::Float64 => values.as_primitive::<Float64Type>().value(row),
            arrow_schema::DataType::Int64 => values.as_primitive::<Int64Type>().value(row) as f64,
            _ => 0.0,
        };
        match (&mut numeric, values.is_null(row)) {
            (Some(numeric), true) => numeric.push_null(),
            (Some(numeric), false) => numeric.push(number),
            (None, true) => categorical.push_null(),
            (None, false) => match values.as_boolean_opt() {
                Some(flags) => categorical.push(if flags.value(row) { "true" } else { "false" }),
                None => categorical.push(values.as_string::<i32>().value(row)),
            },
        }
    }
    numeric.map_or(Distribution::Categorical(categorical), Distribution::Numeric)
}

/// Which columns have summaries, each of them equal to its rows.
fn assert_equal_rows(reader: &SegmentReader, schema: &TableSchema) -> Vec<ColumnId> {
    assert_eq!(reader.recount().unwrap().len(), 0);
    let (units, mut found) = (units(reader), Vec::new());
    for column in &schema.columns {
        let Some(summaries) = reader.summaries(column.id).unwrap() else { continue };
        let values = values(reader, column);
        let expected = units.iter().map(|(unit, rows)| (*unit, count(&values, summaries.lattice, rows)));
        let expected = Summaries { units: expected.collect(), ..summaries.clone() };
        assert_eq!(summaries.units.len(), expected.units.len(), "{}", column.name);
        for (found, expected) in summaries.units.iter().zip(&expected.units) {
            assert_eq!(found, expected, "{}", column.name);
        }
        found.push(column.id);
    }
    reader.verify().unwrap();
    found
}

/// Large, small and straddling cells in several intervals.
const CELLS: [(i64, u32, usize); 11] = [
    (0, 1, 900),
    (0, 2, 70_000),
    (0, 3, 1_023),
    (1, 1, 1_024),
    (1, 2, 5),
    (2, 1, 400),
    (2, 2, 3_000),
    (2, 3, 30_000),
    (2, 4, 40_000),
    (2, 5, 700),
    (3, 1, 1_023),
];

#[test]
fn summaries_equal_the_rows_whatever_the_slices_and_threads() {
    let mut bench = Bench::new();
    let mut sizes = Vec::new();
    for (id, slice, threads) in [(1, usize::MAX, 1), (2, 999, 3)] {
        bench.threads = threads;
        let all = rows(&bench.schema, &CELLS, 1);
        let reader = bench.write(id, |writer| push(writer, &all, slice));
        assert!(reader.groups().unwrap().iter().any(|group| !group.whole_cells));
        let found = assert_equal_rows(&reader, &bench.schema);
        assert_eq!(
            found,
            [X, LATENCY, COLOUR, FLAG, PLACE],
            "{NOTE}, {PLAIN}, {REQUEST}, {ANSWER} have none"
        );
        let units: Vec<Unit> = reader.summaries(X).unwrap().unwrap().units.iter().map(|u| u.0).collect();
        let minute = |at: i64| Unit::Interval(at * Width::MIN.nanos());
        let cells = [1, 3, 6, 7, 8].map(Unit::Cell);
        assert_eq!(units, [&cells[..], &[minute(0), minute(2)]].concat());
        sizes.push(reader.section_sizes().unwrap().into_iter().find(|(tag, _)| tag == "SUMM").unwrap());
    }
    assert_eq!(sizes[0], sizes[1]);
}

#[test]
fn few_rows_have_no_summaries_and_choose_no_lattice() {
    let bench = Bench::new();
    let all = rows(&bench.schema, &[(0, 1, 1_000), (1, 1, 1_000)], 1);
    let (reader, lattices) = bench.write_all(1, |writer| push(writer, &all, usize::MAX));
    assert!(bench.schema.columns.iter().all(|column| reader.summaries(column.id).unwrap().is_none()));
    assert!(lattices.is_empty() && reader.section_sizes().unwrap().iter().all(|(tag, _)| tag != "SUMM"));
}

#[test]
fn lattices_are_chosen_once_and_anew_only_where_they_fit_no_more() {
    let mut bench = Bench::new();
    let all = rows(&bench.schema, &[(0, 1, 9_000)], 1);
    let fill = |writer: &mut SegmentWriter<'_>| push(writer, &all, usize::MAX);
    let (first, chosen) = bench.write_all(1, fill);
    assert_eq!(chosen.keys().copied().collect::<Vec<_>>(), [X, LATENCY]);
    assert_eq!(chosen[&LATENCY], Lattice::Dict);
    assert!(matches!(chosen[&X], Lattice::Affine { .. }), "{chosen:?}");
    assert_eq!(first.summaries(X).unwrap().unwrap().lattice, Some(chosen[&X]));
    (bench.lattices, bench.level) = (chosen.clone(), 1);
    assert!(bench.write_all(2, fill).1.is_empty());
    let blind = BTreeMap::from([(X, Lattice::Affine { exponent: 9 }), (LATENCY, Lattice::Dict)]);
    (bench.lattices, bench.level) = (blind.clone(), 0);
    let (kept, none) = bench.write_all(3, fill);
    assert_eq!((kept.summaries(X).unwrap().unwrap().lattice, none.len()), (Some(blind[&X]), 0));
    bench.level = 1;
    let (again, fresh) = bench.write_all(4, fill);
    assert_eq!(fresh, BTreeMap::from([(X, chosen[&X])]));
    assert_equal_rows(&again, &bench.schema);
}

/// Copies `groups` of a segment between rows of its own.
fn copy(
    bench: &Bench,
    id: u64,
    from: &Arc<SegmentReader>,
    groups: Range<usize>,
    after: i64,
) -> Arc<SegmentReader> {
    bench.write(id, |writer| {
        push(writer, &rows(&bench.schema, &[(-1, 1, 1_500), (-1, 2, 10)], 77), usize::MAX);
        writer.copy(from, groups).unwrap();
        push(writer, &rows(&bench.schema, &[(after, 900, 600), (after, 901, 2_000)], 78), usize::MAX);
    })
}

#[test]
fn row_groups_bring_their_summaries_along() {
    let mut bench = Bench::new();
    bench.level = 1;
    let cells: Vec<(i64, u32, usize)> = (0..8)
        .flat_map(|minute| [(minute, 1, 20_000), (minute, 2, 15_000), (minute, 3, 1_000), (minute, 4, 500)])
        .collect();
    let (from, chosen) =
        bench.write_all(1, |writer| push(writer, &rows(&bench.schema, &cells, 1), usize::MAX));
    bench.lattices = chosen;
    assert_eq!(from.groups().unwrap().len(), 8);
    let copied = copy(&bench, 2, &from, 1..4, 3);
    assert_eq!(assert_equal_rows(&copied, &bench.schema), [X, LATENCY, COLOUR, FLAG, PLACE]);
    let of = |reader: &SegmentReader, unit| {
        let all = reader.summaries(X).unwrap().unwrap().units;
        all.into_iter().find(|(found, _)| *found == unit).unwrap().1
    };
    assert_eq!(of(&copied, Unit::Cell(2)), of(&from, Unit::Cell(4)));
    let minute = Unit::Interval(Width::MIN.nanos());
    assert_eq!(of(&copied, minute), of(&from, minute));
    bench.lattices = BTreeMap::from([(X, Lattice::Log { bits: 9 })]);
    let other = copy(&bench, 3, &from, 0..2, 1);
    assert_eq!(assert_equal_rows(&other, &bench.schema), [X, LATENCY, COLOUR, FLAG, PLACE]);
}

#[test]
fn an_interval_may_be_split_between_row_groups_taken_over_and_others() {
    let mut bench = Bench::new();
    bench.level = 1;
    let cells: Vec<(i64, u32, usize)> = (0..400).map(|series| (0, series, 400)).collect();
    let from = bench.write_cells(1, &cells);
    assert_eq!(from.groups().unwrap().len(), 3);
    for (id, groups) in [(2, 0..1), (3, 1..3), (4, 2..3)] {
        let copied = copy(&bench, id, &from, groups, 0);
        assert_eq!(assert_equal_rows(&copied, &bench.schema), [X, LATENCY, COLOUR, FLAG, PLACE]);
    }
}

#[test]
fn a_column_younger_than_the_rows_taken_over_has_nulls_there() {
    let mut bench = Bench::new();
    bench.level = 1;
    let from = bench.write_cells(1, &[(0, 1, 20_000), (0, 2, 300), (0, 3, 900)]);
    let mut younger = (*bench.schema).clone();
    let score =
        Column { id: 12, meaning: Some(Meaning::Score), ..Column::new("s", ColumnType::Double, Role::Field) };
    younger.columns.push(score);
    bench.schema = Arc::new(younger);
    let copied = bench.write(2, |writer| writer.copy(&from, 0..1).unwrap());
    assert_eq!(assert_equal_rows(&copied, &bench.schema), [X, LATENCY, COLOUR, FLAG, PLACE, 12]);
    let nulls = copied.summaries(12).unwrap().unwrap().units[0].1.null_count();
    assert_eq!(nulls, 20_000);
}

#[test]
fn a_column_without_numbers_at_first_has_no_lattice_yet() {
    let bench = Bench::new();
    let all = rows(&bench.schema, &[(0, 1, 2_000)], 1);
    let mut columns = all.batch.columns().to_vec();
    columns[1] = Arc::new(Float64Array::from(vec![None; 2_000]));
    let batch = RecordBatch::try_new(all.batch.schema(), columns).unwrap();
    let (reader, chosen) = bench.write_all(1, |writer| writer.push(Rows { batch, ..all }).unwrap());
    assert_eq!(chosen.keys().copied().collect::<Vec<_>>(), [LATENCY]);
    assert_equal_rows(&reader, &bench.schema);
}

#[test]
fn one_column_is_read_without_the_others() {
    let bench = Bench::new();
    let reader = bench.write_cells(1, &CELLS);
    reader.summaries(FLAG).unwrap();
    bench.disk.take_read_bytes();
    reader.summaries(LATENCY).unwrap();
    let sizes: BTreeMap<String, u64> = reader.section_sizes().unwrap().into_iter().collect();
    assert!(bench.disk.take_read_bytes() < sizes["SUMM"] / 3, "{sizes:?}");
}

fn small() -> (SegmentInfo, Vec<u8>, Range<usize>) {
    let bench = Bench::new();
    let reader = bench.write_cells(5, &[(0, 1, 1_024), (0, 2, 1_023), (0, 3, 1)]);
    let bytes = bench.disk.bytes(&reader.info().path());
    let section = reader.footer().unwrap().sections.iter().find(|s| s.tag == *b"SUMM").unwrap().extent;
    (reader.info().clone(), bytes, section.offset as usize..(section.offset + section.bytes) as usize)
}

#[test]
fn every_flipped_byte_of_the_summaries_is_noticed() {
    let (info, bytes, section) = small();
    let columns = schema().columns.clone();
    for at in section {
        for mask in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            let reader = reader(&MemoryDisk::with(&info.path(), damaged), info.clone());
            let read = columns.iter().try_for_each(|column| reader.summaries(column.id).map(drop));
            let named = matches!(&read, Err(StorageError::Corrupt { path, .. }) if *path == info.path());
            assert!(named, "byte {at} with {mask:02x}: {read:?}");
        }
    }
}

fn cells() -> impl Strategy<Value = Vec<(i64, u32, usize)>> {
    let rows = prop_oneof![4 => 1..40_usize, 2 => 500..1_100_usize, 1 => 1_024..20_000_usize];
    let cells = proptest::collection::btree_map((0..4_i64, 0..12_u32), rows, 1..24);
    cells.prop_map(|cells| cells.into_iter().map(|((minute, series), rows)| (minute, series, rows)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn summaries_equal_the_rows_of_any_cells(cells in cells(), at in 0..8_usize) {
        let mut bench = Bench::new();
        bench.level = 1;
        let from = bench.write_cells(1, &cells);
        assert_equal_rows(&from, &bench.schema);
        // Row groups taken over one by one, with rows behind them in their last interval.
        let groups = from.groups().unwrap();
        let at = at % groups.len();
        prop_assume!(groups[at].whole_cells);
        let after = groups[at].last_key.interval / Width::MIN.nanos();
        let copied = copy(&bench, 2, &from, at..at + 1, after);
        assert_equal_rows(&copied, &bench.schema);
    }
}
