use arrow::array::{Array, ArrayRef, RecordBatch, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::prelude::SessionContext;

use super::*;
use crate::continuous::bucket::Bucket;

const SECOND: i64 = 1_000_000_000;

fn zones() -> Vec<Option<String>> {
    // Half an hour of daylight saving; a day left out in 2011; clocks moved at midnight; years of 45 minutes; no change.
    let named = [
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/Sao_Paulo",
        "Asia/Kathmandu",
        "+05:30",
    ];
    named.map(|zone| Some(zone.to_owned())).into_iter().chain([None]).collect()
}

fn units() -> [(Unit, &'static str); 5] {
    let months = |count| Unit::Months { count, first: 0 };
    [
        (Unit::Day, "day"),
        (Unit::Week, "week"),
        (months(1), "month"),
        (months(3), "quarter"),
        (months(12), "year"),
    ]
}

/// Times of 1985 to 2035, of which some lie around midnights.
fn times() -> Vec<i64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(state >> 33).unwrap()
    };
    let first = 473_385_600;
    let any: Vec<i64> = (0..2_000).map(|_| first + next() % (50 * 365 * 86_400)).collect();
    let midnights = any.iter().map(|time| time - time.rem_euclid(900)).collect::<Vec<_>>();
    any.into_iter().chain(midnights).map(|seconds| seconds * SECOND).collect()
}

async fn borders(call: &str, times: &[i64]) -> Vec<i64> {
    let context = SessionContext::new();
    let column: ArrayRef =
        std::sync::Arc::new(TimestampNanosecondArray::from(times.to_vec()).with_timezone("UTC"));
    context.register_batch("t", RecordBatch::try_from_iter([("time", column)]).unwrap()).unwrap();
    let batches = context.sql(&format!("SELECT {call} FROM t")).await.unwrap().collect().await.unwrap();
    let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    batches
        .iter()
        .flat_map(|batch| {
            let column = cast(batch.column(0), &utc).unwrap();
            column.as_any().downcast_ref::<TimestampNanosecondArray>().unwrap().values().to_vec()
        })
        .collect()
}

#[tokio::test]
async fn borders_are_those_that_the_groups_of_a_query_have() {
    let times = times();
    for (unit, name) in units() {
        for zone in zones() {
            let moved = zone.as_deref().map_or("time".into(), |zone| format!("time AT TIME ZONE '{zone}'"));
            let expected = borders(&format!("date_trunc('{name}', {moved})"), &times).await;
            let calendar = Calendar { unit, zone };
            for (time, expected) in times.iter().zip(expected) {
                assert_eq!(calendar.floor(*time), expected, "{calendar:?} {time}");
            }
        }
    }
}

#[tokio::test]
async fn months_are_those_of_date_bin() {
    let times = times();
    for (months, origin) in [(1, "1970-01-01"), (2, "1970-01-01"), (5, "2020-03-01"), (18, "1999-12-01")] {
        let call = format!("date_bin(INTERVAL '{months} months', time, TIMESTAMP '{origin}T00:00:00Z')");
        let origin = DateTime::parse_from_rfc3339(&format!("{origin}T00:00:00Z")).unwrap();
        let calendar = Calendar::of_months(months, origin.timestamp_nanos_opt().unwrap()).unwrap();
        for (time, expected) in times.iter().zip(borders(&call, &times).await) {
            assert_eq!(calendar.floor(*time), expected, "{calendar:?} {time}");
        }
    }
    assert_eq!(Calendar::of_months(1, DAY), None);
}

#[test]
fn a_bucket_ends_where_the_next_begins() {
    for (unit, _) in units() {
        for zone in zones() {
            let calendar = Calendar { unit, zone };
            let bucket = Bucket::Calendar(calendar.clone());
            for time in times() {
                let (start, end) = (calendar.floor(time), calendar.end(calendar.floor(time)));
                assert!(start <= time && time < end, "{calendar:?} {time} {start} {end}");
                assert_eq!(calendar.floor(end), end, "{calendar:?} {time}");
                // The hour that midnight comes twice may be skipped, never more.
                assert!(calendar.floor(end - 1) - start <= HOUR, "{calendar:?} {time} {start} {end}");
                assert_eq!(bucket.ceil(start), start, "{calendar:?} {time}");
            }
        }
    }
}
