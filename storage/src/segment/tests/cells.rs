//! Cells, tags, several segments in a file, and row groups taken over.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType};
use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};

use super::memory_disk::MemoryDisk;
use super::sample::{mix, read_all, spec};
use crate::disk::Disk;
use crate::error::StorageError;
use crate::partition::{CellKey, Width};
use crate::rows::Rows;
use crate::schema::{Column, ColumnType, Role, TableSchema};
use crate::segment::{SegmentFile, SegmentFileWriter, SegmentInfo, SegmentReader, TimeRange};
use crate::series::SeriesRegistry;

const MINUTE: i64 = 60_000_000_000;

fn schema(id: u32) -> Arc<TableSchema> {
    let mut schema = TableSchema::new(
        format!("t{id}"),
        vec![
            Column::new("host", ColumnType::Text, Role::Tag),
            Column::new("time", ColumnType::Timestamp, Role::Time),
            Column::new("n", ColumnType::BigInt, Role::Field),
        ],
    );
    schema.id = id;
    schema.columns.iter_mut().zip(1..).for_each(|(column, id)| column.id = id);
    Arc::new(schema)
}

/// Rows of so many hosts and minutes in the order of a segment: `rows` a cell; every third host has no name.
fn rows(registry: &SeriesRegistry, schema: &TableSchema, hosts: usize, minutes: i64, rows: i64) -> Rows {
    let (mut keys, mut n) = (Vec::new(), 0);
    for minute in 0..minutes {
        for host in 0..hosts {
            keys.extend((0..rows).map(|i| (minute * MINUTE + i * (MINUTE / rows), host)));
        }
    }
    let count = keys.len();
    let hosts = keys.iter().map(|(_, host)| (host % 3 > 0).then(|| format!("h{host:04}")));
    let numbers = keys.iter().map(|_| {
        n += 1;
        Some((mix(n) % 100) as i64)
    });
    let batch = RecordBatch::try_new(
        schema.arrow(),
        vec![
            Arc::new(hosts.collect::<StringArray>()),
            Arc::new(
                TimestampNanosecondArray::from_iter_values(keys.iter().map(|k| k.0)).with_timezone("UTC"),
            ),
            Arc::new(numbers.collect::<Int64Array>()),
        ],
    )
    .unwrap();
    let resolved = registry.resolve(schema, &batch).unwrap();
    // Nameless hosts share a series, so the rows are brought into the segment's order once more.
    let times = resolved.batch.column(0).as_primitive::<TimestampNanosecondType>().values().clone();
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_by_key(|i| {
        let (time, series) = (times[*i as usize], resolved.series[*i as usize]);
        (Width::MIN.interval(time), series, time)
    });
    let series = order.iter().map(|i| resolved.series[*i as usize]).collect::<Vec<_>>().into();
    let batch =
        arrow_select::take::take_record_batch(&resolved.batch, &arrow_array::UInt32Array::from(order))
            .unwrap();
    Rows { series, batch }
}

struct Bench {
    disk: MemoryDisk,
    registry: Arc<SeriesRegistry>,
}

impl Bench {
    fn new() -> Self {
        Self { disk: MemoryDisk::default(), registry: Arc::new(SeriesRegistry::new()) }
    }

    fn reader(&self, info: &SegmentInfo) -> Arc<SegmentReader> {
        let file = SegmentFile::new(Arc::new(self.disk.clone()), info.file);
        SegmentReader::new(file, info.clone(), self.registry.clone())
    }

    fn write(
        &self,
        id: u64,
        schema: &Arc<TableSchema>,
        rows: &Rows,
        slice: usize,
        threads: usize,
    ) -> SegmentInfo {
        let mut file = SegmentFileWriter::create(&self.disk, id).unwrap();
        let info = self.add(&mut file, id, schema, rows, slice, threads);
        file.finish().unwrap();
        info
    }

    fn add(
        &self,
        file: &mut SegmentFileWriter,
        id: u64,
        schema: &Arc<TableSchema>,
        rows: &Rows,
        slice: usize,
        threads: usize,
    ) -> SegmentInfo {
        let lattices = BTreeMap::new();
        let spec = spec(id, schema, &self.registry, &lattices);
        let mut writer =
            file.begin(super::super::SegmentSpec { width: Width::MIN, threads, ..spec }).unwrap();
        for start in (0..rows.len()).step_by(slice) {
            writer.push(rows.slice(start, slice.min(rows.len() - start))).unwrap();
        }
        writer.finish().unwrap().info
    }

    /// The rows with their tags, as a query would see them, against those written.
    fn assert_holds(&self, reader: &SegmentReader, schema: &TableSchema, rows: &Rows) {
        let found = read_all(reader, &schema.columns, TimeRange::ALL);
        assert_eq!(found.column(0).as_string::<i32>(), &self.registry.tag_column(1, &rows.series));
        assert_eq!(found.column(1), rows.batch.column(0));
        assert_eq!(found.column(2), rows.batch.column(1));
        reader.verify().unwrap();
    }
}

#[test]
fn rows_come_back_with_their_tags_whatever_the_slices_and_threads() {
    let (bench, schema) = (Bench::new(), schema(1));
    let all = rows(&bench.registry, &schema, 40, 60, 7);
    let mut files = Vec::new();
    for (id, slice, threads) in [(1, usize::MAX, 1), (2, 777, 1), (3, 10_000, 4)] {
        let info = bench.write(id, &schema, &all, slice.min(all.len()), threads);
        let reader = bench.reader(&info);
        bench.assert_holds(&reader, &schema, &all);
        let cells = reader.cells().unwrap();
        assert_eq!(cells.len(), 60 * 27);
        for row in [0, 1, 6, 7, 100, all.len() - 1] {
            let cell = cells.cell_of_row(row as u64).unwrap();
            assert_eq!(cells.series[cell], all.series[row]);
            assert!(cells.rows(cell).contains(&(row as u64)));
            assert_eq!(cells.find(cells.key(cell).unwrap()), Some(cell));
        }
        assert_eq!(cells.cell_of_row(all.len() as u64), None);
        assert_eq!(cells.find(CellKey { interval: 1, series: 1 }), None);
        files.push(bench.disk.bytes(&info.path()).len());
    }
    assert_eq!(files[0], files[1]);
    assert_eq!(files[0], files[2]);
}

#[test]
fn a_range_of_time_keeps_tags_beside_their_rows() {
    let (bench, schema) = (Bench::new(), schema(1));
    let all = rows(&bench.registry, &schema, 20, 30, 50);
    let reader = bench.reader(&bench.write(1, &schema, &all, 5_000, 2));
    let time = TimeRange { min: 3 * MINUTE + 17, max: 9 * MINUTE };
    let found = read_all(&reader, &schema.columns, time);
    let times = all.batch.column(0).as_primitive::<TimestampNanosecondType>().values();
    let kept: Vec<usize> =
        (0..all.len()).filter(|i| time.min <= times[*i] && times[*i] <= time.max).collect();
    let series: Vec<u32> = kept.iter().map(|i| all.series[*i]).collect();
    assert_eq!(found.column(0).as_string::<i32>(), &bench.registry.tag_column(1, &series));
    let numbers = all.batch.column(1).as_primitive::<Int64Type>();
    let numbers: Vec<i64> = kept.iter().map(|i| numbers.value(*i)).collect();
    assert_eq!(found.column(2).as_primitive::<Int64Type>().values().to_vec(), numbers);
}

#[test]
fn row_groups_end_with_cells_and_intervals_and_a_great_cell_straddles_them() {
    let (bench, schema) = (Bench::new(), schema(1));
    let groups = |id, hosts, minutes, per_cell, slice| {
        let all = rows(&bench.registry, &schema, hosts, minutes, per_cell);
        let reader = bench.reader(&bench.write(id, &schema, &all, slice, 1));
        let groups = reader.groups().unwrap().to_vec();
        groups.iter().map(|g| (g.rows, g.whole_cells)).collect::<Vec<_>>()
    };
    // A minute is 40,000 rows: the interval changes beyond 32,768.
    assert_eq!(groups(1, 2, 3, 20_000, 7_000), [(40_000, true); 3]);
    // Cells of 10,000 rows: the sixth would pass the limit.
    assert_eq!(groups(2, 2, 4, 10_000, 30_000), [(40_000, true); 2]);
    // One cell of 150,000 rows.
    assert_eq!(groups(3, 1, 1, 150_000, 65_536), [(65_536, false), (65_536, false), (18_928, false)]);
}

#[test]
fn three_tables_share_a_file_which_goes_with_its_last_reader() {
    let bench = Bench::new();
    let schemas = [schema(1), schema(2), schema(3)];
    let mut file = SegmentFileWriter::create(&bench.disk, 9).unwrap();
    let written: Vec<_> = schemas
        .iter()
        .zip(1..)
        .map(|(schema, hosts)| {
            let all = rows(&bench.registry, schema, hosts, 4, 5);
            (bench.add(&mut file, hosts as u64, schema, &all, 3, 1), all)
        })
        .collect();
    file.finish().unwrap();
    let bytes = Disk::open(&bench.disk, &SegmentFile::path_of(9)).unwrap().len().unwrap();
    assert_eq!(written.iter().map(|(info, _)| info.bytes).sum::<u64>(), bytes);
    let shared = SegmentFile::new(Arc::new(bench.disk.clone()), 9);
    let readers: Vec<_> = written
        .iter()
        .map(|(info, _)| SegmentReader::new(shared.clone(), info.clone(), bench.registry.clone()))
        .collect();
    shared.obsolete();
    drop(shared);
    for ((reader, (_, all)), schema) in readers.iter().zip(&written).zip(&schemas) {
        bench.assert_holds(reader, schema, all);
    }
    assert!(bench.disk.has(&SegmentFile::path_of(9)));
    drop(readers);
    assert!(!bench.disk.has(&SegmentFile::path_of(9)));
}

#[test]
fn row_groups_taken_over_hold_what_decoding_them_gives() {
    let (bench, schema) = (Bench::new(), schema(1));
    let all = rows(&bench.registry, &schema, 2, 5, 20_000);
    let first = bench.reader(&bench.write(1, &schema, &all, 9_000, 2));
    let mut younger = (*schema).clone();
    younger.columns.push(Column { id: 9, ..Column::new("late", ColumnType::Text, Role::Field) });
    let younger = Arc::new(younger);
    let lattices = BTreeMap::new();
    let mut file = SegmentFileWriter::create(&bench.disk, 2).unwrap();
    let spec = spec(2, &younger, &bench.registry, &lattices);
    let mut writer = file.begin(super::super::SegmentSpec { width: Width::MIN, level: 1, ..spec }).unwrap();
    writer.push(first.read_rows(0, &younger).unwrap()).unwrap();
    writer.copy(&first, 1..4).unwrap();
    writer.push(first.read_rows(4, &younger).unwrap()).unwrap();
    let refused = writer.copy(&first, 2..3).unwrap_err();
    assert!(matches!(refused, StorageError::Invalid(_)));
    let info = writer.finish().unwrap().info;
    file.finish().unwrap();
    let second = bench.reader(&info);
    bench.assert_holds(&second, &schema, &all);
    assert_eq!(second.cells().unwrap(), first.cells().unwrap());
    let groups = second.groups().unwrap();
    assert_eq!(groups.iter().map(|g| g.compacted).collect::<Vec<_>>(), [true, false, false, false, true]);
    assert!(groups.iter().all(|g| g.whole_cells));
    let late = read_all(&second, &younger.columns[3..], TimeRange::ALL);
    assert_eq!(late.column(0).null_count(), all.len());
}

#[test]
fn each_byte_of_a_shared_file_matters_to_one_of_its_segments() {
    let bench = Bench::new();
    let schemas = [schema(1), schema(2)];
    let mut file = SegmentFileWriter::create(&bench.disk, 9).unwrap();
    let write = |(schema, id): (&Arc<TableSchema>, u64)| {
        let all = rows(&bench.registry, schema, 3, 2, 2);
        (bench.add(&mut file, id, schema, &all, 100, 1), all)
    };
    let written: Vec<_> = schemas.iter().zip(1..).map(write).collect();
    file.finish().unwrap();
    let path = SegmentFile::path_of(9);
    let bytes = bench.disk.bytes(&path);
    let damaged = |bytes: Vec<u8>, what: &str| {
        let bench = Bench { disk: MemoryDisk::with(&path, bytes), registry: bench.registry.clone() };
        let mut errors = 0;
        for ((info, _), schema) in written.iter().zip(&schemas) {
            let reader = bench.reader(info);
            let read = reader.cells().and_then(|_| reader.read(0, &schema.columns, TimeRange::ALL));
            match read {
                Ok(found) => assert_eq!(found[0].num_rows() as u64, info.rows, "{what}"),
                Err(StorageError::Corrupt { path: named, .. }) => {
                    assert_eq!(named, path, "{what}");
                    errors += 1;
                }
                Err(other) => panic!("{what}: {other}"),
            }
        }
        errors
    };
    assert_eq!(damaged(bytes.clone(), "whole"), 0);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x41;
        assert_eq!(damaged(flipped, &format!("byte {at}")), 1, "byte {at}");
        assert!(damaged(bytes[..at].to_vec(), &format!("cut to {at}")) >= 1, "cut to {at}");
    }
}
