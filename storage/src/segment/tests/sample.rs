//! Tables and rows for the tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::types::Float32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampNanosecondArray,
};
use arrow_select::concat::concat_batches;

use super::memory_disk::MemoryDisk;
use crate::disk::Disk;
use crate::distribution::Lattice;
use crate::error::Result;
use crate::partition::{Partition, Width};
use crate::rows::Rows;
use crate::schema::{Column, ColumnId, ColumnType, Role, TableSchema};
use crate::segment::cut::no_tags;
use crate::segment::{SegmentFile, SegmentFileWriter, SegmentInfo, SegmentReader, SegmentSpec, TimeRange};
use crate::series::SeriesRegistry;

/// One column of each type, and texts of several shapes.
pub(super) fn schema() -> TableSchema {
    let field = |name: &str, ty| Column::new(name, ty, Role::Field);
    let mut schema = TableSchema::new(
        "all_types",
        vec![
            Column::new("time", ColumnType::Timestamp, Role::Time),
            field("flag", ColumnType::Boolean),
            field("count", ColumnType::BigInt),
            field("score", ColumnType::Double),
            field("category", ColumnType::Text),
            field("note", ColumnType::Text),
            field("request", ColumnType::Text),
            field("trace", ColumnType::Text),
            field("at", ColumnType::Timestamp),
            field("payload", ColumnType::Json),
            field("embedding", ColumnType::Vector(3)),
            field("histogram", ColumnType::Distribution),
            field("nothing", ColumnType::Double),
            field("always", ColumnType::Text),
        ],
    );
    schema.id = 7;
    for (at, column) in schema.columns.iter_mut().enumerate() {
        column.id = at as u32 + 1;
    }
    schema
}

/// A number that looks random and depends on `i` alone.
pub(super) fn mix(i: usize) -> u64 {
    let mut z = (i as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn some<T>(i: usize, value: T) -> Option<T> {
    (!mix(i + 17).is_multiple_of(5)).then_some(value)
}

fn double(i: usize) -> f64 {
    match i % 50 {
        0 => f64::from_bits(0x7ff8_0000_0000_0001 + i as u64),
        1 => -0.0,
        2 => f64::NEG_INFINITY,
        _ => (mix(i) % 100_000) as f64 / 100.0,
    }
}

fn uuid(i: usize) -> String {
    let (high, low) = (mix(i), mix(i + 1_000_000));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low << 16 >> 16
    )
}

fn column(ty: &Column, rows: std::ops::Range<usize>) -> ArrayRef {
    match ty.name.as_str() {
        "time" => {
            let times = rows.map(|i| i as i64 * 1_000).collect::<Vec<_>>();
            Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))
        }
        "flag" => Arc::new(rows.map(|i| some(i, mix(i).is_multiple_of(3))).collect::<BooleanArray>()),
        "count" => Arc::new(rows.map(|i| some(i, (mix(i) % 1_000) as i64 - 500)).collect::<Int64Array>()),
        "score" => Arc::new(rows.map(|i| some(i, double(i))).collect::<Float64Array>()),
        "category" => {
            let text = |i| some(i, ["", "red", "green", "blue"][(mix(i) % 4) as usize]);
            Arc::new(rows.map(text).collect::<StringArray>())
        }
        "note" => Arc::new(
            rows.map(|i| some(i, "é".repeat((mix(i) % 40) as usize) + &i.to_string()))
                .collect::<StringArray>(),
        ),
        "request" => {
            Arc::new(rows.map(|i| some(i, format!("p{}", mix(i) % 1_000_000))).collect::<StringArray>())
        }
        "trace" => Arc::new(rows.map(|i| some(i, uuid(i))).collect::<StringArray>()),
        "at" => {
            let times = rows.map(|i| some(i, mix(i) as i64)).collect::<TimestampNanosecondArray>();
            Arc::new(times.with_timezone("UTC"))
        }
        "payload" => Arc::new(rows.map(|i| some(i, format!("{{\"n\": {i}}}"))).collect::<StringArray>()),
        "embedding" => {
            let vector = |i| some(i, [Some(i as f32), some(i + 3, -0.0), Some(f32::NAN)]);
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows.map(vector), 3))
        }
        "histogram" => {
            Arc::new(rows.map(|i| some(i, mix(i).to_le_bytes().to_vec())).collect::<BinaryArray>())
        }
        "nothing" => Arc::new(rows.map(|_| None).collect::<Float64Array>()),
        _ => Arc::new(rows.map(|_| Some("same")).collect::<StringArray>()),
    }
}

/// Rows `rows` of an endless table, a microsecond apart.
pub(super) fn rows(schema: &TableSchema, rows: std::ops::Range<usize>) -> RecordBatch {
    let arrays = schema.columns.iter().map(|c| column(c, rows.clone())).collect();
    RecordBatch::try_new(schema.arrow(), arrays).unwrap()
}

/// What a segment of `schema` is, unless a test says otherwise.
pub(super) fn spec<'a>(
    id: u64,
    schema: &'a Arc<TableSchema>,
    series: &'a SeriesRegistry,
    lattices: &'a BTreeMap<ColumnId, Lattice>,
) -> SegmentSpec<'a> {
    SegmentSpec {
        id,
        schema,
        partition: Partition::of(0, Partition::LONG),
        width: Width::MAX,
        level: 0,
        first_seq: 11,
        last_seq: 12,
        series,
        lattices,
        threads: 2,
    }
}

/// Rows without tags as one segment of a file of its own.
pub(super) fn write_segment(
    disk: &dyn Disk,
    id: u64,
    schema: &TableSchema,
    batches: &[RecordBatch],
) -> Result<SegmentInfo> {
    let (schema, series, lattices) = (Arc::new(schema.clone()), SeriesRegistry::new(), BTreeMap::new());
    let mut file = SegmentFileWriter::create(disk, id)?;
    let mut writer = file.begin(spec(id, &schema, &series, &lattices))?;
    for batch in batches {
        writer.push(Rows { series: no_tags(batch.num_rows()), batch: batch.clone() })?;
    }
    let info = writer.finish()?.info;
    file.finish()?;
    Ok(info)
}

/// A reader of a segment on a disk.
pub(super) fn reader(disk: &MemoryDisk, info: SegmentInfo) -> Arc<SegmentReader> {
    let file = SegmentFile::new(Arc::new(disk.clone()), info.file);
    SegmentReader::new(file, info, Arc::new(SeriesRegistry::new()))
}

/// All rows in a range of time.
pub(super) fn read_all(reader: &SegmentReader, columns: &[Column], time: TimeRange) -> RecordBatch {
    let schema = Arc::new(arrow_schema::Schema::new(columns.iter().map(Column::arrow).collect::<Vec<_>>()));
    let batches: Vec<RecordBatch> =
        (0..reader.groups().unwrap().len()).flat_map(|g| reader.read(g, columns, time).unwrap()).collect();
    concat_batches(&schema, &batches).unwrap()
}
