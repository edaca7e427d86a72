use arrow::array::{
    AsArray, BinaryViewArray, DictionaryArray, Int32Array, Int64Array, LargeStringArray, ListArray,
    StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Int32Type, TimestampNanosecondType};

use super::*;

fn sample() -> RecordBatch {
    let views = StringViewArray::from(vec!["a", "b"]);
    let list = ListArray::new(
        Arc::new(Field::new("item", DataType::Utf8View, true)),
        OffsetBuffer::from_lengths([1, 1]),
        Arc::new(views.clone()),
        None,
    );
    let tags: DictionaryArray<Int32Type> =
        DictionaryArray::new(Int32Array::from(vec![1, 0]), Arc::new(StringArray::from(vec!["x", "y"])));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("view", Arc::new(views)),
        ("large", Arc::new(LargeStringArray::from(vec![Some("a"), None]))),
        ("tag", Arc::new(tags)),
        ("bytes", Arc::new(BinaryViewArray::from(vec![&b"a"[..], b"b"]))),
        ("time", Arc::new(TimestampMicrosecondArray::from(vec![1_000_000, 0]))),
        ("zoned", Arc::new(TimestampMicrosecondArray::from(vec![1, 2]).with_timezone("+02:00"))),
        ("list", Arc::new(list)),
        ("n", Arc::new(Int64Array::from(vec![1, 2]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn schema_and_data_leave_in_the_same_types() {
    let out = batch(&sample()).unwrap();
    assert_eq!(out.schema(), schema(&sample().schema()));
    let types: Vec<String> = out.columns().iter().map(|c| c.data_type().to_string()).collect();
    let time = "Timestamp(ns, \"UTC\")";
    assert_eq!(types, ["Utf8", "Utf8", "Utf8", "Binary", time, time, "List(Utf8)", "Int64"]);
}

#[test]
fn values_are_the_same_after_the_change_of_type() {
    let out = batch(&sample()).unwrap();
    assert_eq!(out.column(2).as_string::<i32>().value(0), "y");
    assert!(out.column(1).is_null(1));
    assert_eq!(out.column(4).as_primitive::<TimestampNanosecondType>().value(0), 1_000_000_000);
    assert_eq!(out.column(5).as_primitive::<TimestampNanosecondType>().value(1), 2_000);
}

#[test]
fn a_time_that_does_not_fit_nanoseconds_is_an_error() {
    let far: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX]));
    batch(&RecordBatch::try_from_iter([("t", far)]).unwrap()).unwrap_err();
}

#[test]
fn a_batch_without_columns_keeps_its_number_of_rows() {
    let options = RecordBatchOptions::new().with_row_count(Some(7));
    let empty = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    assert_eq!(batch(&empty).unwrap().num_rows(), 7);
}
