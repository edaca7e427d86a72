//! Statistics of cells against a model that adds row by row.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, TimestampNanosecondArray};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner};

use super::memory_disk::MemoryDisk;
use super::sample::{mix, reader, spec};
use crate::error::StorageError;
use crate::limits::{CELL_BLOCK_MAX, STATISTICS_CELL_ROWS_MIN};
use crate::partition::Width;
use crate::rows::Rows;
use crate::schema::{Column, ColumnType, Role, TableSchema};
use crate::segment::{
    CellStatistics, CellValues, SegmentFileWriter, SegmentInfo, SegmentReader, SegmentSpec, TimeRange,
};
use crate::series::SeriesRegistry;

const TIME: u32 = 1;
const NUMBER: u32 = 2;
const DOUBLE: u32 = 3;
const LATE: u32 = 4;

fn schema(late: bool) -> Arc<TableSchema> {
    let mut columns = vec![
        Column { id: TIME, ..Column::new("time", ColumnType::Timestamp, Role::Time) },
        Column { id: NUMBER, ..Column::new("n", ColumnType::BigInt, Role::Field) },
        Column { id: DOUBLE, ..Column::new("x", ColumnType::Double, Role::Field) },
    ];
    if late {
        columns.push(Column { id: LATE, ..Column::new("late", ColumnType::Double, Role::Field) });
    }
    Arc::new(TableSchema::new("numbers", columns))
}

/// How the numbers of a segment are drawn.
#[derive(Clone, Copy, Debug)]
struct Shape {
    seed: u64,
    /// One row in so many is null; 0: none.
    nulls: u64,
    /// One double in so many is NaN or infinite; 0: none.
    special: u64,
    extremes: bool,
}

impl Shape {
    fn one_in(self, row: u64, salt: u64, of: u64) -> bool {
        of > 0 && mix((row ^ self.seed.rotate_left(17) ^ salt << 50) as usize).is_multiple_of(of)
    }

    fn draw(self, row: u64) -> u64 {
        mix((row.wrapping_mul(31) ^ self.seed) as usize)
    }

    fn number(self, row: u64) -> Option<i64> {
        let drawn = self.draw(row) as i64;
        let value = match drawn.rem_euclid(50) {
            0 if self.extremes => i64::MAX,
            1 if self.extremes => i64::MIN,
            _ => drawn % 1_000,
        };
        (!self.one_in(row, 1, self.nulls)).then_some(value)
    }

    /// Multiples of 1/1024 below 2^90, so that the model can add them as integers.
    fn double(self, row: u64) -> Option<f64> {
        let drawn = self.draw(row) as i64;
        let value = match drawn.rem_euclid(60) {
            0 if self.special > 0 && self.one_in(row, 2, 2) => f64::NAN,
            1 if self.special > 0 && self.one_in(row, 3, 2) => f64::INFINITY,
            2 if self.special > 0 && self.one_in(row, 4, 2) => f64::NEG_INFINITY,
            3 if self.extremes => 2_f64.powi(80),
            4 if self.extremes => -2_f64.powi(80),
            5 => -0.0,
            _ => (drawn % 1_000_000) as f64 / 1024.0,
        };
        (!self.one_in(row, 5, self.nulls)).then_some(value)
    }
}

/// Cells of these many rows, one series in each of the minutes from `first` on.
fn rows(cells: &[usize], first: i64, shape: Shape) -> Rows {
    let minute = Width::MIN.nanos();
    let mut times = Vec::new();
    for (cell, rows) in (first..).zip(cells) {
        times.extend((0..*rows as i64).map(|row| cell * minute + row));
    }
    let ids = || (0..times.len() as u64).map(|row| row + ((first as u64) << 20));
    let numbers: Int64Array = ids().map(|row| shape.number(row)).collect();
    let doubles: Float64Array = ids().map(|row| shape.double(row)).collect();
    let series = vec![7; times.len()].into();
    let times = TimestampNanosecondArray::from(times).with_timezone("UTC");
    let batch = RecordBatch::try_new(
        schema(false).arrow(),
        vec![Arc::new(times), Arc::new(numbers), Arc::new(doubles)],
    );
    Rows { series, batch: batch.unwrap() }
}

fn write(
    disk: &MemoryDisk,
    id: u64,
    schema: &Arc<TableSchema>,
    level: u8,
    fill: impl FnOnce(&mut crate::segment::SegmentWriter<'_>),
) -> SegmentInfo {
    let (series, lattices) = (SeriesRegistry::of_numbers(5_000), BTreeMap::new());
    let mut file = SegmentFileWriter::create(disk, id).unwrap();
    let spec = SegmentSpec { width: Width::MIN, level, ..spec(id, schema, &series, &lattices) };
    let mut writer = file.begin(spec).unwrap();
    fill(&mut writer);
    let info = writer.finish().unwrap().info;
    file.finish().unwrap();
    info
}

/// The statistics that the rows of a segment, read one by one, give.
fn check(reader: &SegmentReader, schema: &TableSchema) {
    let columns: Vec<Column> = schema.stored_columns().cloned().collect();
    let groups = 0..reader.groups().unwrap().len();
    let batches: Vec<_> = groups.flat_map(|g| reader.read(g, &columns, TimeRange::ALL).unwrap()).collect();
    let all = arrow_select::concat::concat_batches(&schema.stored_arrow(), &batches).unwrap();
    let cells = reader.cells().unwrap();
    for (column, array) in columns.iter().zip(all.columns()) {
        let found = reader.statistics(column.id).unwrap();
        if column.ty == ColumnType::Timestamp {
            assert_eq!(array.as_primitive::<TimestampNanosecondType>().len() as u64, reader.info().rows);
            assert_eq!(found, None);
            continue;
        }
        let found = found.unwrap();
        assert_eq!(found.counts.len(), cells.len());
        for cell in 0..cells.len() {
            let rows = cells.rows(cell);
            let rows = rows.start as usize..rows.end as usize;
            match column.ty {
                ColumnType::BigInt => check_integers(&found, cell, array.as_primitive::<Int64Type>(), rows),
                _ => check_doubles(&found, cell, array.as_primitive::<Float64Type>(), rows),
            }
        }
    }
}

fn check_integers(found: &CellStatistics, cell: usize, array: &Int64Array, rows: Range<usize>) {
    let values: Vec<i64> = rows.filter(|row| array.is_valid(*row)).map(|row| array.value(row)).collect();
    let CellValues::Integer { sums, mins, maxs } = &found.values else { panic!("{found:?}") };
    assert_eq!(found.counts[cell], values.len() as u64);
    assert_eq!(sums[cell], values.iter().map(|v| i128::from(*v)).sum::<i128>());
    assert_eq!(mins[cell], values.iter().min().copied().unwrap_or(0));
    assert_eq!(maxs[cell], values.iter().max().copied().unwrap_or(0));
}

fn check_doubles(found: &CellStatistics, cell: usize, array: &Float64Array, rows: Range<usize>) {
    let values: Vec<f64> = rows.filter(|row| array.is_valid(*row)).map(|row| array.value(row)).collect();
    let CellValues::Double { sums, mins, maxs, nans, infinities } = &found.values else {
        panic!("{found:?}")
    };
    let finite: Vec<f64> = values.iter().filter(|v| v.is_finite()).copied().collect();
    assert_eq!(found.counts[cell], values.len() as u64);
    assert_eq!(nans[cell], values.iter().filter(|v| v.is_nan()).count() as u64);
    assert_eq!(infinities[cell], values.iter().filter(|v| v.is_infinite()).count() as u64);
    let least = finite.iter().copied().min_by(f64::total_cmp).unwrap_or(0.0);
    let greatest = finite.iter().copied().max_by(f64::total_cmp).unwrap_or(0.0);
    assert_eq!((mins[cell].to_bits(), maxs[cell].to_bits()), (least.to_bits(), greatest.to_bits()));
    let exact: i128 = finite.iter().map(|v| (*v * 1024.0) as i128).sum();
    assert_eq!(sums[cell], exact as f64 / 1024.0);
}

fn holds(cells: Vec<usize>, slice: usize, shape: Shape) -> TestCaseResult {
    let (disk, schema) = (MemoryDisk::default(), schema(false));
    let rows = rows(&cells, 3, shape);
    let info = write(&disk, 1, &schema, 0, |writer| {
        for start in (0..rows.len()).step_by(slice) {
            writer.push(rows.slice(start, slice.min(rows.len() - start))).unwrap();
        }
    });
    let flushed = reader(&disk, info);
    check(&flushed, &schema);
    flushed.verify().unwrap();

    // What lies between the first and the last row group is taken over, with a column that came later.
    let younger = self::schema(true);
    let groups = flushed.groups().unwrap();
    let whole: Vec<bool> = groups.iter().map(|g| g.whole_cells).collect();
    let info = write(&disk, 2, &younger, 1, |writer| {
        for (group, whole) in whole.iter().enumerate() {
            if *whole && group != 1 {
                writer.copy(&flushed, group..group + 1).unwrap();
            } else {
                writer.push(flushed.read_rows(group, &younger).unwrap()).unwrap();
            }
        }
    });
    let copied = reader(&disk, info);
    check(&copied, &younger);
    for column in [NUMBER, DOUBLE] {
        prop_assert_eq!(copied.statistics(column).unwrap(), flushed.statistics(column).unwrap());
    }
    Ok(())
}

#[test]
fn statistics_are_what_the_rows_add_up_to() {
    let cell =
        prop_oneof![4 => 64_usize..200, 1 => 1_usize..64, 1 => 20_000_usize..50_000, 1 => Just(70_000)];
    let cells = prop::collection::vec(cell, 1..7).prop_filter("small cells", |cells| {
        let mut sorted = cells.clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2] as u64 >= STATISTICS_CELL_ROWS_MIN
    });
    let few = || prop_oneof![Just(0_u64), Just(1), Just(3), Just(1_000)];
    let shape = (any::<u64>(), few(), few(), any::<bool>())
        .prop_map(|(seed, nulls, special, extremes)| Shape { seed, nulls, special, extremes });
    let seed = std::env::var("DRIFTLINE_SEED").ok().and_then(|s| s.parse::<u64>().ok());
    let seed = seed.unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0));
    println!("DRIFTLINE_SEED={seed}");
    let bytes: Vec<u8> = (0..4_u64).flat_map(|i| seed.wrapping_mul(i * 2 + 1).to_le_bytes()).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases: 24, max_shrink_iters: 64, failure_persistence: None, ..Config::default() };
    let all = (cells, 1_000_usize..100_000, shape);
    let run =
        TestRunner::new_with_rng(config, rng).run(&all, |(cells, slice, shape)| holds(cells, slice, shape));
    run.unwrap_or_else(|error| panic!("DRIFTLINE_SEED={seed}: {error}"));
}

#[test]
fn many_cells_lie_in_several_blocks() {
    let shape = Shape { seed: 5, nulls: 100, special: 0, extremes: false };
    let cells = vec![STATISTICS_CELL_ROWS_MIN as usize; CELL_BLOCK_MAX + 3];
    let (disk, schema) = (MemoryDisk::default(), schema(false));
    let rows = rows(&cells, 0, shape);
    let info = write(&disk, 1, &schema, 0, |writer| writer.push(rows).unwrap());
    check(&reader(&disk, info), &schema);
}

#[test]
fn small_cells_have_none() {
    let shape = Shape { seed: 1, nulls: 0, special: 0, extremes: false };
    let (disk, schema) = (MemoryDisk::default(), schema(false));
    for (id, rows_of_cell, kept) in [(1, 64, true), (2, 63, false)] {
        let info =
            write(&disk, id, &schema, 0, |writer| writer.push(rows(&[rows_of_cell; 9], 0, shape)).unwrap());
        let reader = reader(&disk, info);
        assert_eq!(reader.statistics(NUMBER).unwrap().is_some(), kept);
        assert_eq!(reader.statistics(99).unwrap(), None);
        reader.verify().unwrap();
    }
}

#[test]
fn a_flipped_byte_of_one_column_is_noticed_by_it_and_leaves_the_others() {
    let shape = Shape { seed: 2, nulls: 9, special: 40, extremes: true };
    let (disk, schema) = (MemoryDisk::default(), schema(false));
    let info = write(&disk, 1, &schema, 0, |writer| writer.push(rows(&[64; 3], 0, shape)).unwrap());
    let bytes = disk.bytes(&info.path());
    let expected = [NUMBER, DOUBLE].map(|c| reader(&disk, info.clone()).statistics(c).unwrap().unwrap());
    let mut noticed = [0, 0];
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let disk = MemoryDisk::with(&info.path(), damaged);
        let damaged = reader(&disk, info.clone());
        for ((column, expected), noticed) in [NUMBER, DOUBLE].iter().zip(&expected).zip(&mut noticed) {
            match damaged.statistics(*column) {
                Ok(found) => assert_eq!(found.as_ref(), Some(expected), "byte {at}"),
                Err(StorageError::Corrupt { .. } | StorageError::NewerFormat { .. }) => *noticed += 1,
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
        assert!(damaged.verify().is_err(), "byte {at}");
    }
    assert!(noticed.iter().all(|n| *n < bytes.len() / 2), "{noticed:?}");
}

#[test]
fn gauges_of_a_monitored_host_take_few_bytes() {
    let (cells, per_cell) = (2_000, 360);
    let mut level = 50.0_f64;
    let noise =
        |i: usize| (0..12).map(|k| (mix(i * 12 + k) >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0;
    let numbers: Int64Array = (0..cells * per_cell)
        .map(|i| {
            level = if i % per_cell == 0 {
                (mix(i + 9) % 101) as f64
            } else {
                (level + noise(i)).clamp(0.0, 100.0)
            };
            Some(level as i64)
        })
        .collect();
    let all = rows(&vec![per_cell; cells], 0, Shape { seed: 0, nulls: 0, special: 0, extremes: false });
    let doubles: Float64Array =
        all.batch.column(2).as_primitive::<Float64Type>().iter().map(|_| Some(1.0)).collect();
    let batch = RecordBatch::try_new(
        all.batch.schema(),
        vec![all.batch.column(0).clone(), Arc::new(numbers), Arc::new(doubles)],
    );
    let all = Rows { series: all.series, batch: batch.unwrap() };
    let (disk, schema) = (MemoryDisk::default(), schema(false));
    for level in [0, 1] {
        let info = write(&disk, level.into(), &schema, level, |writer| writer.push(all.clone()).unwrap());
        let sizes = reader(&disk, info).section_sizes().unwrap();
        let bytes = sizes.iter().find(|(tag, _)| tag == "CSTA").unwrap().1;
        println!("{} bytes a cell", bytes as f64 / cells as f64);
        assert!(bytes as f64 <= 3.5 * cells as f64, "{bytes} bytes");
    }
}
