use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int64Array, NullArray, RecordBatchOptions, StringArray, StringViewArray,
};
use arrow::datatypes::{Field, Int32Type};
use arrow_ipc::writer::StreamWriter;
use driftline_client::wire;
use tonic::Code;

use super::*;

fn ipc(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn part(bytes: Vec<u8>) -> wire::Part {
    wire::Part { target: "t".into(), kind: Kind::Rows.into(), arrow_ipc: bytes.into() }
}

fn decode(bytes: Vec<u8>) -> Result<Write, Status> {
    write("w", Batch { sequence: 1, parts: vec![part(bytes)] })
}

fn one(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", column, true)]).unwrap()
}

fn numbers() -> RecordBatch {
    one(Arc::new(Int64Array::from_iter_values(0..100)))
}

#[test]
fn several_batches_of_one_part_come_back_as_written() {
    let write = decode(ipc(&[numbers(), numbers().slice(3, 4)])).unwrap();
    let rows: Vec<_> = write.parts.into_iter().map(|part| part.rows).collect();
    assert_eq!(rows, [numbers(), numbers().slice(3, 4)]);
}

#[test]
fn every_cut_and_every_flipped_byte_gives_rows_or_an_error() {
    let bytes = ipc(&[numbers(), one(Arc::new(Int64Array::from(vec![None, Some(1)])))]);
    std::panic::set_hook(Box::new(|_| {}));
    for end in 0..bytes.len() {
        let cut = bytes[..end].to_vec();
        // A cut after a whole message is a shorter stream; anywhere else it must be noticed.
        let _ = std::panic::catch_unwind(|| decode(cut));
    }
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << bit;
            let _ = std::panic::catch_unwind(|| decode(damaged));
        }
    }
    let _ = std::panic::take_hook();
}

#[test]
fn a_stream_that_promises_a_terabyte_is_refused_not_allocated() {
    let mut bytes = ipc(&[numbers()]);
    bytes.truncate(8);
    bytes[4..8].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    assert_eq!(decode(bytes).unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn rows_that_take_no_bytes_are_counted_before_they_are_believed() {
    let rows = usize::try_from(BATCH_ROWS_MAX).unwrap() + 1;
    let batch = one(Arc::new(NullArray::new(rows)));
    assert_eq!(decode(ipc(&[batch])).unwrap_err().code(), Code::ResourceExhausted);
    let options = RecordBatchOptions::new().with_row_count(Some(1 << 40));
    let none = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    assert_eq!(decode(ipc(&[none])).unwrap_err().code(), Code::ResourceExhausted);
}

#[test]
fn one_long_string_in_many_rows_is_counted_as_often_as_it_stands() {
    let long = "x".repeat(1 << 20);
    let keys = arrow::array::Int32Array::from(vec![0; 1_000]);
    let values = Arc::new(StringArray::from(vec![long.as_str()]));
    let dictionary = DictionaryArray::<Int32Type>::try_new(keys, values).unwrap();
    assert_eq!(decode(ipc(&[one(Arc::new(dictionary))])).unwrap_err().code(), Code::ResourceExhausted);

    let mut builder = arrow::array::StringViewBuilder::new();
    let block = builder.append_block(long.clone().into_bytes().into());
    for _ in 0..1_000 {
        builder.try_append_view(block, 0, u32::try_from(long.len()).unwrap()).unwrap();
    }
    let views: StringViewArray = builder.finish();
    assert_eq!(expanded_bytes(&one(Arc::new(views))).unwrap(), 1_000 << 20);
}

#[test]
fn the_same_column_twice_is_refused_by_name() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("x", DataType::Int64, true),
        Field::new("x", DataType::Int64, true),
    ]));
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_new(schema, vec![column.clone(), column]).unwrap();
    let error = decode(ipc(&[batch])).unwrap_err();
    assert_eq!(error.message(), "column x is there twice");
}

#[test]
fn parts_name_their_place_and_kind() {
    let bytes = ipc(&[numbers()]);
    let mut nameless = part(bytes.clone());
    nameless.target.clear();
    let mut kindless = part(bytes.clone());
    kindless.kind = 0;
    for bad in [nameless, kindless] {
        let error = write("", Batch { sequence: 0, parts: vec![bad] }).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
    assert!(write("w", Batch { sequence: 0, parts: vec![] }).is_err(), "a named writer counts from 1");
    let many = vec![part(bytes); PARTS_MAX + 1];
    assert_eq!(write("", Batch { sequence: 0, parts: many }).unwrap_err().code(), Code::ResourceExhausted);
}

#[test]
fn batches_over_the_limit_are_refused() {
    let big = vec![0_u8; BATCH_BYTES_MAX / 2 + 1];
    let parts = vec![part(big.clone()), part(big)];
    assert_eq!(write("", Batch { sequence: 0, parts }).unwrap_err().code(), Code::ResourceExhausted);
}
