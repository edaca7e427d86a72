use super::*;
use crate::notify::sample::{DAY, HOUR};

const MINUTE: i64 = HOUR / 60;

#[test]
fn times_are_written_for_machines() {
    assert_eq!(rfc3339(DAY), "2026-01-01T00:00:00Z");
    assert_eq!(rfc3339(DAY + 5_678_000_000), "2026-01-01T00:00:05.678Z");
    assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
}

#[test]
fn times_are_written_for_people() {
    assert_eq!(utc(DAY + 90 * MINUTE), "2026-01-01 01:30 UTC");
    assert_eq!(utc(DAY + 1_000_000_000), "2026-01-01 00:00:01 UTC");
    assert_eq!(window(DAY, DAY + HOUR), "2026-01-01 00:00 to 01:00 UTC");
    assert_eq!(window(DAY, DAY + 24 * HOUR), "2026-01-01 00:00 to 2026-01-02 00:00 UTC");
}

#[test]
fn spans_have_two_units() {
    let cases = [
        (0, "0 s"),
        (-5, "0 s"),
        (999_999_999, "0 s"),
        (59_000_000_000, "59 s"),
        (MINUTE, "1 min"),
        (MINUTE + 2_000_000_000, "1 min 2 s"),
        (HOUR + 2_000_000_000, "1 h"),
        (2 * HOUR + 5 * MINUTE + 9_000_000_000, "2 h 5 min"),
        (75 * HOUR, "3 d 3 h"),
    ];
    for (ns, text) in cases {
        assert_eq!(span(ns), text, "{ns}");
    }
}

#[test]
fn dates_of_headers_are_read() {
    assert_eq!(http_date("Thu, 01 Jan 2026 00:00:30 GMT"), Some(seconds(DAY) + 30));
    assert_eq!(http_date("soon"), None);
}
