//! Sections come back, and damage is no panic.

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray};

use super::*;

fn sample(count: usize) -> (Vec<SeriesId>, Vec<(ColumnId, ColumnType, ArrayRef)>) {
    let some = |i: usize| (i % 4 > 0).then_some(i);
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
