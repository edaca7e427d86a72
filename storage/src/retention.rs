//! How long a table keeps its rows: by age, by bytes.

use crate::schema::{Column, ColumnId, Role, TableSchema};
use crate::segment::SegmentInfo;

/// The option that limits age, such as `30 days`.
pub const RETENTION_OPTION: &str = "retention";
/// The option that limits bytes, such as `10 GB`.
pub const RETENTION_BYTES_OPTION: &str = "retention_bytes";

/// The option that limits how long the values of one column are kept begins with this, and ends with its name.
pub const COLUMN_RETENTION_PREFIX: &str = "retention.";

const DURATIONS: [(&[&str], i64); 8] = [
    (&["ns", "nanosecond", "nanoseconds"], 1),
    (&["us", "microsecond", "microseconds"], 1_000),
    (&["ms", "millisecond", "milliseconds"], 1_000_000),
    (&["s", "sec", "second", "seconds"], 1_000_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000_000),
    (&["h", "hour", "hours"], 3_600_000_000_000),
    (&["d", "day", "days"], 86_400_000_000_000),
    (&["w", "week", "weeks"], 604_800_000_000_000),
];

const SIZES: [(&[&str], u64); 9] = [
    (&["", "b", "byte", "bytes"], 1),
    (&["kb"], 1_000),
    (&["mb"], 1_000_000),
    (&["gb"], 1_000_000_000),
    (&["tb"], 1_000_000_000_000),
    (&["kib"], 1 << 10),
    (&["mib"], 1 << 20),
    (&["gib"], 1 << 30),
    (&["tib"], 1 << 40),
];

/// A positive duration in nanoseconds: a whole number and a unit, with or without a space between; none for other text.
pub fn duration_nanos(text: &str) -> Option<i64> {
    let (number, unit) = number_and_unit(text);
    let (_, scale) = DURATIONS.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
    number.parse::<i64>().ok()?.checked_mul(*scale).filter(|nanos| *nanos > 0)
}

/// A positive number of bytes, such as `500 MB` (a million each) or `2GiB` (2^30 each); none for other text.
pub fn size_bytes(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text);
    let (_, scale) = SIZES.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
    number.parse::<u64>().ok()?.checked_mul(*scale).filter(|bytes| *bytes > 0)
}

fn number_and_unit(text: &str) -> (&str, String) {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    (number, unit.trim().to_lowercase())
}

/// The columns of a table whose values go before its rows, each with how old they may be, in nanoseconds. What names no
/// field or cannot be read keeps all.
pub(crate) fn column_ages(schema: &TableSchema) -> Vec<(ColumnId, i64)> {
    let age = |column: &Column| {
        let option = schema.options.get(&format!("{COLUMN_RETENTION_PREFIX}{}", column.name))?;
        Some((column.id, duration_nanos(option)?))
    };
    let goes = |column: &&Column| matches!(column.role, Role::Field | Role::Subject);
    schema.columns.iter().filter(goes).filter_map(age).collect()
}

/// What a table's options say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    age: Option<i64>,
    bytes: Option<u64>,
}

impl Retention {
    /// None where rows are kept for ever. Options that cannot be read keep all.
    pub(crate) fn of(schema: &TableSchema) -> Option<Self> {
        let option = |name| schema.options.get(name).map(String::as_str);
        let age = option(RETENTION_OPTION).and_then(duration_nanos);
        let bytes = option(RETENTION_BYTES_OPTION).and_then(size_bytes);
        (age.is_some() || bytes.is_some()).then_some(Self { age, bytes })
    }

    /// Of the segments of a table those that go: whole segments of which the last row is too old, and the oldest
    /// partitions where all are too large together. The newest partition always stays.
    pub(crate) fn expired<'a>(&self, segments: &[&'a SegmentInfo], now: i64) -> Vec<&'a SegmentInfo> {
        let least = self.age.map_or(i64::MIN, |age| now.saturating_sub(age));
        let start = self.bytes.map_or(i64::MIN, |bytes| first_kept(segments, bytes));
        segments.iter().copied().filter(|s| s.max_time < least || s.partition.start < start).collect()
    }
}

/// Where the oldest partition begins that still fits, counted from the newest.
fn first_kept(segments: &[&SegmentInfo], bytes_max: u64) -> i64 {
    let mut newest_first: Vec<&SegmentInfo> = segments.to_vec();
    newest_first.sort_by_key(|segment| std::cmp::Reverse(segment.partition.start));
    let (mut bytes, mut start) = (0_u64, i64::MAX);
    for partition in newest_first.chunk_by(|a, b| a.partition.start == b.partition.start) {
        bytes = bytes.saturating_add(partition.iter().map(|segment| segment.bytes).sum());
        if bytes > bytes_max && start < i64::MAX {
            break;
        }
        start = partition.first().map_or(start, |segment| segment.partition.start);
    }
    if start == i64::MAX { i64::MIN } else { start }
}

#[cfg(test)]
mod tests;
