//! Columns of several chunks come back, nulls and all.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray};

use super::*;

#[test]
fn columns_of_any_length_come_back() {
    for rows in [0, 1, PAGE_ROWS_MAX, PAGE_ROWS_MAX + 1, ROW_GROUP_ROWS_MAX + 5] {
        let some = |i: usize| (!i.is_multiple_of(7)).then_some(i);
        let arrays: [(ColumnType, ArrayRef); 3] = [
            (
                ColumnType::BigInt,
                Arc::new((0..rows).map(|i| some(i).map(|i| i as i64)).collect::<Int64Array>()),
            ),
            (
                ColumnType::Text,
                Arc::new((0..rows).map(|i| some(i).map(|i| "x".repeat(i % 200))).collect::<StringArray>()),
            ),
            (ColumnType::Double, new_null(rows)),
        ];
        for (ty, array) in arrays {
            let mut bytes = Vec::new();
            put_column(&mut bytes, ty, &array);
            let mut cursor = Cursor::new(&bytes);
            let found = read_column(&mut cursor, ty, rows).unwrap();
            cursor.finish().unwrap();
            assert_eq!(&found, &array);
            assert!(rows == 0 || read_column(&mut Cursor::new(&bytes[..bytes.len() - 1]), ty, rows).is_err());
        }
    }
}

fn new_null(rows: usize) -> ArrayRef {
    arrow_array::new_null_array(&ColumnType::Double.arrow(), rows)
}

#[test]
fn more_bytes_than_the_limit_are_refused() {
    let text = "y".repeat(1_000);
    let array: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); 3_000]));
    let mut bytes = Vec::new();
    put_column(&mut bytes, ColumnType::Text, &array);
    assert!(bytes.len() < 2_000);
    let read = |max| read_within(&mut Cursor::new(&bytes), ColumnType::Text, 3_000, max);
    assert!(read(3_100_000).is_ok());
    assert!(read(2_900_000).is_err());
}
