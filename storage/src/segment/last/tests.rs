//! Sections come back, and damage is no panic.

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray};

use super::*;
use crate::partition::CellKey;
use crate::schema::{Column, Role, TableSchema};
use crate::segment::cut::GroupRows;

fn sample(count: usize) -> (Vec<SeriesId>, Vec<(ColumnId, ColumnType, ArrayRef)>) {
    let some = |i: usize| (!i.is_multiple_of(4)).then_some(i);
    let columns: Vec<(ColumnId, ColumnType, ArrayRef)> = vec![
        (
            1,
            ColumnType::BigInt,
            Arc::new((0..count).map(|i| some(i).map(|i| i as i64 * 77)).collect::<Int64Array>()),
        ),
        (
            2,
            ColumnType::Double,
            Arc::new((0..count).map(|i| some(i).map(|i| i as f64 / 7.0)).collect::<Float64Array>()),
        ),
        (
            5,
            ColumnType::Text,
            Arc::new((0..count).map(|i| some(i).map(|i| format!("t{}", i % 3))).collect::<StringArray>()),
        ),
        (
            6,
            ColumnType::Boolean,
            Arc::new((0..count).map(|i| some(i).map(|i| i % 3 > 0)).collect::<BooleanArray>()),
        ),
        (9, ColumnType::Double, Arc::new((0..count).map(|_| None).collect::<Float64Array>())),
    ];
    ((0..count as u32).map(|i| i * 5 + 1).collect(), columns)
}

#[test]
fn rows_come_back() {
    for count in [0, 1, 3, 1_000, 70_000] {
        let (series, columns) = sample(count);
        let last = EncodedLast::decode(encode(&series, &columns)).unwrap();
        assert_eq!(last.series, series);
        for (id, ty, array) in columns {
            assert_eq!(last.column(id, ty).unwrap().as_ref(), Some(&array));
        }
        assert!(last.column(3, ColumnType::Text).unwrap().is_none());
    }
}

#[test]
fn damage_is_no_panic() {
    let (series, columns) = sample(30);
    let bytes = encode(&series, &columns);
    for at in 0..bytes.len() {
        assert!(EncodedLast::decode(bytes[..at].to_vec()).is_err());
        for byte in 0..=255 {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            if let Ok(last) = EncodedLast::decode(damaged) {
                columns.iter().for_each(|(id, ty, _)| drop(last.column(*id, *ty)));
            }
        }
    }
}

/// 40 row groups, each an interval of 50 series with two rows each.
fn collect(bytes_max: usize) -> Option<EncodedLast> {
    let mut schema = TableSchema::new("t", vec![Column::new("n", ColumnType::BigInt, Role::Field)]);
    schema.columns[0].id = 1;
    let mut collector = Collector::within(&schema, bytes_max);
    for group in 0..40 {
        let values: Int64Array = (0..100).map(|row| group * 100 + row).collect();
        let cell = |series| (CellKey { interval: group, series }, 2);
        // The last series is missing from the later half.
        let cells: Vec<_> = (0..if group < 20 { 50 } else { 49 }).map(cell).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(values.slice(0, cells.len() * 2))];
        let page_rows = vec![cells.len() * 2];
        collector.push(&GroupRows { columns, page_rows, cells, starts_cell: true }).unwrap();
    }
    collector.finish().unwrap().map(|bytes| EncodedLast::decode(bytes).unwrap())
}

#[test]
fn outdated_rows_are_dropped_and_too_many_are_given_up() {
    // 50 rows of 8 bytes are live at any time.
    for bytes_max in [900, 2_000, 5_000, 1 << 20] {
        let last = collect(bytes_max).unwrap();
        let expected: Int64Array = (0..49).map(|i| 3_901 + i * 2).chain([1_999]).collect();
        let found = last.column(1, ColumnType::BigInt).unwrap().unwrap();
        assert_eq!(found.as_primitive::<arrow_array::types::Int64Type>(), &expected, "{bytes_max}");
    }
    assert!(collect(700).is_none());
}
