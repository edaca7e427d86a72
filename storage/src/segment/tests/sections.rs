//! What segments say beyond their rows: bloom filters, tags, postings, last rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_select::take::take_record_batch;

use super::memory_disk::MemoryDisk;
use super::sample::{mix, spec};
use crate::error::StorageError;
use crate::partition::Width;
use crate::rows::Rows;
use crate::schema::{Column, ColumnType, Role, SeriesId, TableSchema};
use crate::segment::{
    SegmentFile, SegmentFileWriter, SegmentInfo, SegmentReader, SegmentSpec, hash_integer, hash_text,
};
use crate::series::SeriesRegistry;

/// Two tags, a time, a key, a field that is indexed and one that is not.
fn schema() -> Arc<TableSchema> {
    let column = |name: &str, ty, role| Column::new(name, ty, role);
    let mut schema = TableSchema::new(
        "sections",
        vec![
            column("host", ColumnType::Text, Role::Tag),
            column("region", ColumnType::Text, Role::Tag),
            column("time", ColumnType::Timestamp, Role::Time),
            column("id", ColumnType::Text, Role::Key),
            Column { index: true, ..column("user", ColumnType::BigInt, Role::Field) },
            column("n", ColumnType::BigInt, Role::Field),
        ],
    );
    schema.id = 3;
    schema.columns.iter_mut().zip(1..).for_each(|(column, id)| column.id = id);
    Arc::new(schema)
}

/// `count` rows of so many hosts, a second apart, in the order of a segment. Row i is of host i mod hosts.
fn rows(
    registry: &SeriesRegistry,
    schema: &TableSchema,
    range: std::ops::Range<usize>,
    hosts: usize,
) -> Rows {
    let some = |i: usize, n: u64| (!mix(i + 5).is_multiple_of(n)).then_some(i);
    let host = |i: usize| i % hosts;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(
            range
                .clone()
                .map(|i| (host(i) % 7 > 0).then(|| format!("h{}", host(i))))
                .collect::<StringArray>(),
        ),
        Arc::new(range.clone().map(|i| Some(format!("r{}", host(i) % 5))).collect::<StringArray>()),
        Arc::new(
            TimestampNanosecondArray::from_iter_values(range.clone().map(|i| i as i64 / 3 * 1_000_000_000))
                .with_timezone("UTC"),
        ),
        Arc::new(range.clone().map(|i| Some(format!("id-{i}"))).collect::<StringArray>()),
        Arc::new(range.clone().map(|i| some(i, 4).map(|i| mix(i) as i64 % 5_000)).collect::<Int64Array>()),
        Arc::new(range.map(|i| some(i + 1, 6).map(|i| i as i64)).collect::<Int64Array>()),
    ];
    let resolved = registry.resolve(schema, &RecordBatch::try_new(schema.arrow(), columns).unwrap()).unwrap();
    let times = resolved.batch.column(0).as_primitive::<TimestampNanosecondType>().values().clone();
    let mut order: Vec<u32> = (0..resolved.len() as u32).collect();
    order.sort_by_key(|i| {
        let (time, series) = (times[*i as usize], resolved.series[*i as usize]);
        (Width::MIN.interval(time), series, time)
    });
    let series = order.iter().map(|i| resolved.series[*i as usize]).collect::<Vec<_>>().into();
    let order = arrow_array::UInt32Array::from(order);
    Rows { series, batch: take_record_batch(&resolved.batch, &order).unwrap() }
}

struct Bench {
    disk: MemoryDisk,
    registry: Arc<SeriesRegistry>,
    schema: Arc<TableSchema>,
}

impl Bench {
    fn new() -> Self {
        Self { disk: MemoryDisk::default(), registry: Arc::new(SeriesRegistry::new()), schema: schema() }
    }

    fn rows(&self, range: std::ops::Range<usize>, hosts: usize) -> Rows {
        rows(&self.registry, &self.schema, range, hosts)
    }

    fn reader(&self, info: &SegmentInfo) -> Arc<SegmentReader> {
        let file = SegmentFile::new(Arc::new(self.disk.clone()), info.file);
        SegmentReader::new(file, info.clone(), self.registry.clone())
    }

    fn write(
        &self,
        id: u64,
        level: u8,
        fill: impl FnOnce(&mut crate::segment::SegmentWriter<'_>),
    ) -> SegmentInfo {
        let lattices = BTreeMap::new();
        let mut file = SegmentFileWriter::create(&self.disk, id).unwrap();
        let spec = spec(id, &self.schema, &self.registry, &lattices);
        let mut writer = file.begin(SegmentSpec { width: Width::MIN, level, ..spec }).unwrap();
        fill(&mut writer);
        let info = writer.finish().unwrap().info;
        file.finish().unwrap();
        info
    }

    fn segment(&self, id: u64, level: u8, rows: &Rows) -> Arc<SegmentReader> {
        self.reader(&self.write(id, level, |writer| writer.push(rows.clone()).unwrap()))
    }

    /// The row groups of `first` taken over undecoded, then `rest` pushed behind them.
    fn copied(&self, id: u64, first: &Arc<SegmentReader>, rest: &Rows) -> Arc<SegmentReader> {
        let groups = first.groups().unwrap().len();
        self.reader(&self.write(id, 1, |writer| {
            writer.copy(first, 0..groups).unwrap();
            if rest.len() > 0 {
                writer.push(rest.clone()).unwrap();
            }
        }))
    }
}

fn assert_filters(reader: &SegmentReader, schema: &TableSchema) {
    let (mut asked, mut passed) = (0, 0);
    for (at, group) in reader.groups().unwrap().iter().enumerate() {
        let rows = reader.read_rows(at, schema).unwrap();
        let (ids, users) = (rows.batch.column(1).as_string::<i32>(), rows.batch.column(2));
        assert!(ids.iter().flatten().all(|id| reader.may_contain(at, 4, hash_text(id)).unwrap()));
        let users = users.as_primitive::<Int64Type>();
        assert!(users.iter().flatten().all(|user| reader.may_contain(at, 5, hash_integer(user)).unwrap()));
        assert!(reader.may_contain(at, 6, 1).unwrap(), "no filter of a plain field");
        asked += 1_000;
        passed += (0..1_000)
            .filter(|i| reader.may_contain(at, 4, hash_text(&format!("no {i} of {}", group.rows))).unwrap())
            .count();
    }
    assert!(passed * 20 < asked, "{passed} of {asked} absent keys pass");
}

#[test]
fn filters_find_every_value_before_and_after_being_taken_over() {
    let bench = Bench::new();
    let first = bench.segment(1, 1, &bench.rows(0..70_200, 30));
    assert_filters(&first, &bench.schema);
    assert!(first.groups().unwrap().len() > 1);
    let second = bench.copied(2, &first, &bench.rows(70_200..71_000, 30));
    assert_filters(&second, &bench.schema);
    second.verify().unwrap();
}

#[test]
fn tags_and_postings_tell_what_the_registry_tells() {
    let bench = Bench::new();
    let rows = bench.rows(0..9_000, 60);
    assert!(bench.segment(1, 0, &rows).tags().unwrap().is_none());
    assert!(bench.segment(2, 0, &rows).series_with(1, "h1").unwrap().is_none());
    let reader = bench.segment(3, 1, &rows);
    let tags = reader.tags().unwrap().unwrap();
    let mut series: Vec<SeriesId> = rows.series.to_vec();
    series.sort_unstable();
    series.dedup();
    assert_eq!(tags.series(), series);
    for (id, found) in tags.iter() {
        let found: Vec<_> = found.map(|(column, value)| (column, Arc::from(value))).collect();
        assert_eq!(found, bench.registry.tags(id));
    }
    for region in ["r0", "r4"] {
        let has = |ordinal: &u32| tags.value(*ordinal as usize, 2) == Some(region);
        let expected: Vec<u32> = (0..series.len() as u32).filter(has).collect();
        let found = reader.series_with(2, region).unwrap().unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }
    assert!(reader.series_with(1, "h1").unwrap().is_none(), "one series only");
    assert!(reader.series_with(2, "r9").unwrap().is_none());
    reader.verify().unwrap();
}

#[test]
fn a_series_without_a_definition_is_not_written_to_level_1() {
    let bench = Bench::new();
    let rows = bench.rows(0..100, 5);
    let stranger = Bench { registry: Arc::new(SeriesRegistry::new()), ..Bench::new() };
    let lattices = BTreeMap::new();
    let mut file = SegmentFileWriter::create(&stranger.disk, 1).unwrap();
    let spec = spec(1, &stranger.schema, &stranger.registry, &lattices);
    let mut writer = file.begin(SegmentSpec { width: Width::MIN, level: 1, ..spec }).unwrap();
    writer.push(rows).unwrap();
    assert!(writer.finish().is_err());
}

/// The last of each series among rows in the order of a segment: the greatest time, of equal times the later row.
fn last_of(pieces: &[&Rows]) -> (Vec<SeriesId>, RecordBatch) {
    let mut last: BTreeMap<SeriesId, (i64, RecordBatch)> = BTreeMap::new();
    for rows in pieces {
        let times = rows.batch.column(0).as_primitive::<TimestampNanosecondType>().values().clone();
        for (at, (series, time)) in rows.series.iter().zip(&times[..]).enumerate() {
            if last.get(series).is_none_or(|(before, _)| before <= time) {
                last.insert(*series, (*time, rows.batch.slice(at, 1)));
            }
        }
    }
    let batches: Vec<&RecordBatch> = last.values().map(|(_, row)| row).collect();
    let schema = batches[0].schema();
    (last.keys().copied().collect(), arrow_select::concat::concat_batches(&schema, batches).unwrap())
}

fn assert_last(reader: &SegmentReader, schema: &TableSchema, pieces: &[&Rows]) {
    let columns: Vec<Column> = schema.stored_columns().cloned().collect();
    let found = reader.last_rows(&columns).unwrap().expect("last rows");
    assert_eq!((found.series, found.batch), last_of(pieces));
    reader.verify().unwrap();
}

#[test]
fn last_rows_are_those_a_scan_finds() {
    let bench = Bench::new();
    // Later rows leave some of the hosts out, so that last rows lie in row groups of both kinds.
    let (first, rest) = (bench.rows(0..139_860, 30), bench.rows(139_860..141_000, 11));
    let flushed = bench.segment(1, 0, &first);
    assert_last(&flushed, &bench.schema, &[&first]);
    let run = bench.segment(2, 1, &first);
    assert_last(&bench.copied(3, &run, &rest), &bench.schema, &[&first, &rest]);
    assert_last(&bench.copied(4, &run, &rest.slice(0, 0)), &bench.schema, &[&first]);
}

#[test]
fn last_rows_come_with_tags_wider_types_and_columns_that_are_younger() {
    let bench = Bench::new();
    let rows = bench.rows(0..6_000, 30);
    let reader = bench.segment(1, 1, &rows);
    let wider = Column { ty: ColumnType::Double, ..bench.schema.columns[5].clone() };
    let younger = Column { id: 99, ..Column::new("new", ColumnType::Text, Role::Field) };
    let columns = [bench.schema.columns[0].clone(), wider, younger];
    let found = reader.last_rows(&columns).unwrap().unwrap();
    let (series, expected) = last_of(&[&rows]);
    assert_eq!(found.series, series);
    assert_eq!(found.batch.column(0).as_string::<i32>(), &bench.registry.tag_column(1, &series));
    let wide = found.batch.column(1).as_primitive::<arrow_array::types::Float64Type>();
    let narrow = expected.column(3).as_primitive::<Int64Type>();
    assert!(wide.iter().zip(narrow).all(|(a, b)| a == b.map(|b| b as f64)));
    assert_eq!(found.batch.column(2).null_count(), series.len());
}

#[test]
fn few_rows_a_series_and_long_texts_have_no_last_rows() {
    let bench = Bench::new();
    let few = bench.rows(0..1_500, 30);
    let columns: Vec<Column> = bench.schema.stored_columns().cloned().collect();
    assert!(bench.segment(1, 1, &few).last_rows(&columns).unwrap().is_none());
    let many = bench.rows(0..6_000, 30);
    let mut arrays = many.batch.columns().to_vec();
    arrays[1] = Arc::new((0..many.len()).map(|_| Some("x".repeat(257))).collect::<StringArray>());
    let batch = RecordBatch::try_new(many.batch.schema(), arrays).unwrap();
    let reader = bench.segment(2, 1, &Rows { series: many.series, batch });
    assert!(reader.last_rows(&columns).unwrap().is_none());
    assert!(reader.last_rows(&columns[2..]).unwrap().is_some());
    reader.verify().unwrap();
}

#[test]
fn every_flipped_byte_of_a_level_1_segment_is_noticed() {
    let bench = Bench::new();
    let reader = bench.segment(1, 1, &bench.rows(0..2_000, 25));
    let info = reader.info().clone();
    let tags: Vec<String> = reader.section_sizes().unwrap().into_iter().map(|(tag, _)| tag).collect();
    assert!(["BLOM", "TAGS", "POST", "LAST"].iter().all(|tag| tags.iter().any(|t| t == tag)), "{tags:?}");
    let bytes = bench.disk.bytes(&info.path());
    for at in (0..bytes.len()).rev() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let file = SegmentFile::new(Arc::new(MemoryDisk::with(&info.path(), damaged)), info.file);
        let found = SegmentReader::new(file, info.clone(), bench.registry.clone()).verify();
        assert!(matches!(found, Err(StorageError::Corrupt { .. })), "byte {at}: {found:?}");
    }
}
