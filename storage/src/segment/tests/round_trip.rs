//! What was written is read, whatever the batches and whatever the schema has become.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray};

use super::memory_disk::MemoryDisk;
use super::sample::{read_all, reader, rows, schema, write_segment};
use crate::error::StorageError;
use crate::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX, VALUE_BYTES_MAX, WRITE_PIECE_BYTES};
use crate::schema::{Column, ColumnType, Role, TableSchema};
use crate::segment::{SegmentReader, TimeRange};

/// Equal bit for bit: NaN payloads and the sign of zero included.
fn assert_same(found: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(found.num_rows(), expected.num_rows());
    for (column, (found, expected)) in
        found.schema().fields().iter().zip(found.columns().iter().zip(expected.columns()))
    {
        let bits = |a: &ArrayRef| {
            a.as_primitive_opt::<Float64Type>()
                .map(|a| a.iter().map(|v| v.map(f64::to_bits)).collect::<Vec<_>>())
        };
        match bits(found) {
            Some(found) => assert_eq!(found, bits(expected).unwrap(), "{}", column.name()),
            None if column.name() == "embedding" => assert_eq!(format!("{found:?}"), format!("{expected:?}")),
            None => assert_eq!(found, expected, "{}", column.name()),
        }
    }
}

fn write(disk: &MemoryDisk, schema: &TableSchema, batches: &[RecordBatch]) -> Arc<SegmentReader> {
    reader(disk, write_segment(disk, 3, schema, batches).unwrap())
}

#[test]
fn every_type_comes_back_from_many_row_groups_and_uneven_batches() {
    let schema = schema();
    let all = rows(&schema, 0..150_000);
    let cuts = [0, 1, 2, 2, 8_191, 8_193, 70_000, 149_999, 150_000];
    let batches: Vec<_> = cuts.windows(2).map(|w| all.slice(w[0], w[1] - w[0])).collect();
    let disk = MemoryDisk::default();
    let reader = write(&disk, &schema, &batches);
    assert_eq!(reader.groups().unwrap().len(), 3);
    assert_same(&read_all(&reader, &schema.columns, TimeRange::ALL), &all);
    reader.verify().unwrap();

    let info = reader.info();
    assert_eq!((info.rows, info.min_time, info.max_time), (150_000, 0, 149_999_000));
    assert_eq!((info.first_seq, info.last_seq, info.table, info.schema_version), (11, 12, 7, 1));
    assert_eq!(info.bytes, disk.bytes(&info.path()).len() as u64);
    assert_eq!(reader.groups().unwrap().iter().map(|g| g.rows).collect::<Vec<_>>(), [65_536, 65_536, 18_928]);
    assert_eq!(reader.groups().unwrap()[1].time, TimeRange { min: 65_536_000, max: 131_071_000 });
    assert_eq!(disk.synced_dirs(), ["seg"]);
    assert!(disk.largest_append(&info.path()) <= WRITE_PIECE_BYTES as u64);
}

#[test]
fn batches_have_a_page_at_most_and_each_shape_its_encoding() {
    let schema = schema();
    let disk = MemoryDisk::default();
    let reader = write(&disk, &schema, &[rows(&schema, 0..20_000)]);
    let batches = reader.read(0, &schema.columns, TimeRange::ALL).unwrap();
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(),
        [PAGE_ROWS_MAX, PAGE_ROWS_MAX, 3_616]
    );
    let sizes = reader.column_sizes().unwrap();
    let encodings: Vec<_> = sizes.iter().map(|s| s.encoding).collect();
    #[rustfmt::skip]
    assert_eq!(encodings, [
        "delta", "bitmap", "delta", "pco", "dictionary", "zstd", "prefixed_integer", "uuid", "delta", "zstd", "raw", "zstd",
        "all_null", "constant",
    ]);
    assert_eq!(sizes.iter().map(|s| s.raw_bytes).sum::<u64>(), reader.info().raw_bytes);
    assert_eq!(sizes[12].bytes, 0);
    assert_eq!(sizes[13].bytes, 4);
}

#[test]
fn a_single_row_comes_back() {
    let schema = schema();
    for row in 0..40 {
        let one = rows(&schema, row..row + 1);
        let disk = MemoryDisk::default();
        assert_same(
            &read_all(&write(&disk, &schema, std::slice::from_ref(&one)), &schema.columns, TimeRange::ALL),
            &one,
        );
    }
}

#[test]
fn columns_are_found_by_id_and_absent_ones_are_null() {
    let old = schema();
    let all = rows(&old, 0..10_000);
    let disk = MemoryDisk::default();
    let reader = write(&disk, &old, std::slice::from_ref(&all));
    let mut renamed = old.columns[4].clone();
    renamed.name = "colour".into();
    let mut added = Column::new("category", ColumnType::Vector(2), Role::Field);
    added.id = 99;
    let found = read_all(&reader, &[added, renamed], TimeRange { min: 5_000_000, max: 5_999_000 });
    assert_eq!(found.column(0).null_count(), 1_000);
    assert_eq!(found.column(1), &all.column(4).slice(5_000, 1_000));
    assert_eq!(found.schema().field(1).name(), "colour");
}

#[test]
fn integers_widen_to_doubles_and_nothing_else_changes_type() {
    let schema = schema();
    let all = rows(&schema, 0..9_000);
    let disk = MemoryDisk::default();
    let reader = write(&disk, &schema, std::slice::from_ref(&all));
    let mut column = schema.columns[2].clone();
    column.ty = ColumnType::Double;
    let found = read_all(&reader, std::slice::from_ref(&column), TimeRange::ALL);
    let widened = all.column(2).as_primitive::<Int64Type>().iter().map(|v| v.map(|v| v as f64));
    assert!(widened.eq(found.column(0).as_primitive::<Float64Type>().iter()));
    column.ty = ColumnType::Text;
    let refused = reader.read(0, &[column], TimeRange::ALL).unwrap_err();
    assert!(matches!(refused, StorageError::Invalid(m) if m.contains("count") && m.contains("BIGINT")));
}

#[test]
fn no_columns_still_count_rows() {
    let schema = schema();
    let disk = MemoryDisk::default();
    let reader = write(&disk, &schema, &[rows(&schema, 0..10_000)]);
    reader.read(0, &[], TimeRange::ALL).unwrap();
    disk.take_read_bytes();
    let count = |time| reader.read(0, &[], time).unwrap().iter().map(RecordBatch::num_rows).sum::<usize>();
    assert_eq!(count(TimeRange::ALL), 10_000);
    assert_eq!(disk.take_read_bytes(), 0);
    assert_eq!(count(TimeRange { min: 1, max: 9_000_000 }), 9_000);
}

/// A table of time and text, and `texts` at one time each.
fn texts(texts: &[String]) -> (TableSchema, RecordBatch) {
    let mut schema = schema();
    schema.columns = vec![schema.columns[0].clone(), schema.columns[5].clone()];
    let times: Vec<i64> = (0..texts.len() as i64).collect();
    let times = TimestampNanosecondArray::from(times).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![Arc::new(times), Arc::new(StringArray::from_iter_values(texts))];
    let batch = RecordBatch::try_new(schema.arrow(), columns).unwrap();
    (schema, batch)
}

#[test]
fn long_texts_make_shorter_pages_and_row_groups() {
    let long: Vec<String> = (0..90).map(|i| format!("{i}").repeat(500_000)).collect();
    let (schema, batch) = texts(&long);
    let disk = MemoryDisk::default();
    let reader = write(&disk, &schema, std::slice::from_ref(&batch));
    assert!(reader.groups().unwrap().len() > 1);
    for group in 0..reader.groups().unwrap().len() {
        for page in reader.read(group, &schema.columns, TimeRange::ALL).unwrap() {
            let bytes: usize = page.column(1).as_string::<i32>().iter().flatten().map(str::len).sum();
            assert!(bytes <= PAGE_BYTES_MAX, "{bytes}");
        }
    }
    assert_same(&read_all(&reader, &schema.columns, TimeRange::ALL), &batch);
}

#[test]
fn what_cannot_be_read_again_is_not_written() {
    let all_types = schema();
    let refuse = |schema: &TableSchema, batch: RecordBatch| {
        write_segment(&MemoryDisk::default(), 3, schema, &[batch]).unwrap_err()
    };
    assert!(matches!(refuse(&all_types, rows(&all_types, 0..0)), StorageError::Invalid(_)));
    let (texts, batch) = texts(&["x".repeat(VALUE_BYTES_MAX + 1)]);
    assert!(matches!(refuse(&all_types, batch.clone()), StorageError::Invalid(_)));
    assert!(matches!(refuse(&texts, batch), StorageError::TooLarge { .. }));
}

#[test]
fn rows_out_of_order_are_refused() {
    let schema = schema();
    let (late, early) = (rows(&schema, 10..20), rows(&schema, 5..6));
    let refused = write_segment(&MemoryDisk::default(), 3, &schema, &[late, early]).unwrap_err();
    assert!(matches!(refused, StorageError::Invalid(m) if m.contains("by interval, series and time")));
}
