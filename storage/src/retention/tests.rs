use super::*;
use crate::partition::{CellKey, Partition, Width};

const DAY: i64 = 86_400_000_000_000;

/// A segment of a day, by its number, with so many bytes.
fn segment(day: i64, bytes: u64) -> SegmentInfo {
    let key = CellKey { interval: day * DAY, series: 0 };
    SegmentInfo {
        id: day as u64,
        file: 1,
        offset: 0,
        level: 1,
        partition: Partition { start: day * DAY, length: DAY },
        width: Width::MIN,
        first_key: key,
        last_key: key,
        table: 1,
        schema_version: 1,
        rows: 1,
        bytes,
        raw_bytes: bytes,
        min_time: day * DAY,
        max_time: day * DAY + DAY / 2,
        first_seq: 1,
        last_seq: 1,
        footer_crc: 0,
    }
}

fn expired(options: &[(&str, &str)], segments: &[SegmentInfo], now: i64) -> Vec<u64> {
    let mut schema = TableSchema::new("t", Vec::new());
    schema.options = options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let Some(retention) = Retention::of(&schema) else { return Vec::new() };
    let segments: Vec<&SegmentInfo> = segments.iter().collect();
    retention.expired(&segments, now).iter().map(|s| s.id).collect()
}

#[test]
fn a_segment_goes_once_its_last_row_is_too_old() {
    let days: Vec<SegmentInfo> = (0..5).map(|day| segment(day, 10)).collect();
    let age = |now| expired(&[("retention", "2 days")], &days, now);
    assert_eq!(age(2 * DAY + DAY / 2), Vec::<u64>::new(), "exactly as old as allowed");
    assert_eq!(age(2 * DAY + DAY / 2 + 1), [0]);
    assert_eq!(age(4 * DAY + DAY), [0, 1, 2]);
    assert_eq!(expired(&[], &days, i64::MAX), Vec::<u64>::new());
    assert_eq!(
        expired(&[("retention", "soon")], &days, i64::MAX),
        Vec::<u64>::new(),
        "what cannot be read keeps all"
    );
}

#[test]
fn the_oldest_partitions_go_until_the_rest_fits_and_the_newest_stays() {
    let days: Vec<SegmentInfo> =
        [(0, 10), (1, 10), (1, 5), (2, 10), (3, 10)].map(|(d, b)| segment(d, b)).to_vec();
    let bytes = |bytes| expired(&[("retention_bytes", bytes)], &days, 0);
    assert_eq!(bytes("45"), Vec::<u64>::new());
    assert_eq!(bytes("44"), [0]);
    assert_eq!(bytes("35 bytes"), [0]);
    assert_eq!(bytes("34B"), [0, 1, 1]);
    assert_eq!(bytes("10"), [0, 1, 1, 2]);
    assert_eq!(bytes("1"), [0, 1, 1, 2], "the newest partition stays");
    assert_eq!(expired(&[("retention_bytes", "1")], &[], 0), Vec::<u64>::new());
}

#[test]
fn durations_and_sizes_are_a_number_and_a_unit() {
    assert_eq!(duration_nanos(" 90s "), Some(90_000_000_000));
    assert_eq!(duration_nanos("2 WEEKS"), Some(14 * DAY));
    for wrong in ["", "1", "hour", "-1 s", "0 days", "1.5 h", "1 fortnight", "9999999999 weeks"] {
        assert_eq!(duration_nanos(wrong), None, "{wrong:?}");
    }
    assert_eq!(size_bytes("10 GB"), Some(10_000_000_000));
    assert_eq!(size_bytes("2GiB"), Some(2 << 30));
    assert_eq!(size_bytes("512"), Some(512));
    for wrong in ["", "GB", "0", "-1 B", "1.5 GB", "99999999 TB", "1 XB"] {
        assert_eq!(size_bytes(wrong), None, "{wrong:?}");
    }
}
