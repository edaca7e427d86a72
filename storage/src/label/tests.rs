//! Times in ids, and which labels stand.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array};

use super::aim::{Aim, NEAR_NANOS};
use super::{Entries, Laid, embedded_time, is_far};

const MILLISECOND: i64 = 1_000_000;
/// The example of RFC 9562, A.6.
const UUID: &str = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F";
const UUID_TIME: i64 = 1_645_557_742_000 * MILLISECOND;
/// The example of the specification of ULIDs.
const ULID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const ULID_TIME: i64 = 1_469_922_850_259 * MILLISECOND;

#[test]
fn ids_that_embed_a_time_tell_it() {
    for id in [UUID.to_owned(), UUID.to_lowercase()] {
        assert_eq!(embedded_time(&id), Some(UUID_TIME), "{id}");
    }
    for id in [ULID.to_owned(), ULID.to_lowercase()] {
        assert_eq!(embedded_time(&id), Some(ULID_TIME), "{id}");
    }
    // Version 4, another variant, no hyphen, no digit, a letter that base 32 lacks, too large, too short.
    for id in [
        "017F22E2-79B0-4CC3-98C4-DC0C0C07398F",
        "017F22E2-79B0-7CC3-C8C4-DC0C0C07398F",
        "017F22E2x79B0-7CC3-98C4-DC0C0C07398F",
        "017F22E2-79BG-7CC3-98C4-DC0C0C07398F",
        "01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "",
        "p1",
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
    ] {
        assert_eq!(embedded_time(id), None, "{id}");
    }
    assert!(!is_far(UUID, UUID_TIME + NEAR_NANOS) && is_far(UUID, UUID_TIME - NEAR_NANOS - 1));
    assert!(!is_far("p1", 0));
}

#[test]
fn a_label_is_looked_for_at_its_time_near_that_of_its_id_or_anywhere() {
    let of = |time, arrival, key| Aim::of(time, arrival, Some(key), true);
    assert_eq!(of(5, 9, "p1"), Aim::At(5));
    assert_eq!(of(9, 9, "p1"), Aim::Anywhere);
    assert_eq!(of(5, 9, UUID), Aim::At(5), "given, and another than the id has");
    assert_eq!(of(UUID_TIME, 9, UUID), Aim::Near(UUID_TIME));
    assert_eq!(Aim::of(UUID_TIME, 9, Some(UUID), false), Aim::Anywhere);
    assert_eq!(Aim::of(9, 9, None, true), Aim::Anywhere);
}

fn entries(said: &[(u32, i64, Option<i64>)]) -> Entries {
    Entries {
        rows: said.iter().map(|said| said.0).collect(),
        arrivals: said.iter().map(|said| said.1).collect(),
        values: Arc::new(said.iter().map(|said| said.2).collect::<Int64Array>()),
    }
}

#[test]
fn the_label_written_last_stands_over_what_was_written_with_the_row() {
    let parts = [
        entries(&[(11, 1, Some(1)), (11, 2, Some(2)), (13, 3, Some(3))]),
        entries(&[(10, 9, Some(9)), (13, 5, None)]),
    ];
    let written: ArrayRef = Arc::new(Int64Array::from(vec![Some(100), Some(101), Some(102), Some(103)]));
    let shown = |as_of| {
        let laid = Laid::of(&parts, as_of).unwrap();
        let shown = laid.map_or(written.clone(), |laid| laid.over(&written, 10).unwrap());
        let shown = shown.as_primitive::<Int64Type>().clone();
        (0..4).map(|row| shown.is_valid(row).then(|| shown.value(row))).collect::<Vec<_>>()
    };
    assert_eq!(shown(None), [Some(9), Some(2), Some(102), None]);
    assert_eq!(shown(Some(8)), [Some(100), Some(2), Some(102), None]);
    assert_eq!(shown(Some(4)), [Some(100), Some(2), Some(102), Some(3)]);
    assert_eq!(shown(Some(1)), [Some(100), Some(1), Some(102), Some(103)]);
    assert_eq!(shown(Some(0)), [Some(100), Some(101), Some(102), Some(103)]);
}

#[test]
fn labels_of_a_bigint_column_that_became_double_are_doubles_too() {
    let parts = [entries(&[(1, 1, Some(7))])];
    let written: ArrayRef = Arc::new(arrow_array::Float64Array::from(vec![0.5, 1.5]));
    let laid = Laid::of(&parts, None).unwrap().unwrap().over(&written, 0).unwrap();
    assert_eq!(laid.as_primitive::<arrow_array::types::Float64Type>().values(), &[0.5, 7.0]);
}
