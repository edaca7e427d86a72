//! Times as they are written: for machines by RFC 3339, for people in UTC and no longer than needed.

use chrono::{DateTime, SecondsFormat, Utc};

const SECOND_NS: i64 = 1_000_000_000;

/// `2026-01-02T03:04:05.678Z`.
pub(super) fn rfc3339(time: i64) -> String {
    at(time).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// `2026-01-02 03:04 UTC`; seconds only where there are some.
pub(super) fn utc(time: i64) -> String {
    format!("{} {} UTC", day(time), clock(time))
}

/// `2026-01-02 03:00 to 04:00 UTC`; the day of the end only where it is another.
pub(super) fn window(start: i64, end: i64) -> String {
    if day(start) == day(end) {
        return format!("{} {} to {} UTC", day(start), clock(start), clock(end));
    }
    format!("{} {} to {} {} UTC", day(start), clock(start), day(end), clock(end))
}

/// How long something took, in its two largest units: `2 h 5 min`.
pub(super) fn span(ns: i64) -> String {
    let s = ns.max(0) / SECOND_NS;
    let units = [(s / 86_400, "d"), (s / 3600 % 24, "h"), (s / 60 % 60, "min"), (s % 60, "s")];
    let first = units.iter().position(|(n, _)| *n > 0).unwrap_or(units.len() - 1);
    let parts = units.iter().skip(first).take(2).enumerate().filter(|(i, (n, _))| *i == 0 || *n > 0);
    parts.map(|(_, (n, unit))| format!("{n} {unit}")).collect::<Vec<_>>().join(" ")
}

/// Whole seconds since 1970.
pub(super) fn seconds(time: i64) -> i64 {
    time.div_euclid(SECOND_NS)
}

/// The date of an HTTP header such as Retry-After, as seconds since 1970.
pub(super) fn http_date(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc2822(text).ok().map(|time| time.timestamp())
}

fn at(time: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(time)
}

fn day(time: i64) -> String {
    at(time).format("%Y-%m-%d").to_string()
}

fn clock(time: i64) -> String {
    let minute = time.rem_euclid(60 * SECOND_NS) < SECOND_NS;
    at(time).format(if minute { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

#[cfg(test)]
mod tests;
