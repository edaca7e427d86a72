//! Lengths of time as text: the same that statements and intervals read.

/// A minute in nanoseconds.
pub const MINUTE: i64 = 60_000_000_000;
/// An hour in nanoseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// A day in nanoseconds.
pub(super) const DAY: i64 = 24 * HOUR;

/// No weeks: what was written as 7 days reads better as that.
const UNITS: [(&str, i64); 7] = [
    ("day", DAY),
    ("hour", HOUR),
    ("minute", MINUTE),
    ("second", 1_000_000_000),
    ("millisecond", 1_000_000),
    ("microsecond", 1_000),
    ("nanosecond", 1),
];

/// Nanoseconds as a whole number and the largest unit that holds them, such as `90 seconds`. Every duration of a
/// statement is read back as itself.
pub fn span_text(nanos: i64) -> String {
    let whole = |unit: &&(&str, i64)| nanos % unit.1 == 0;
    let (name, scale) = match nanos {
        0 => ("second", 1),
        _ => UNITS.iter().find(whole).copied().unwrap_or(("nanosecond", 1)),
    };
    let plural = if nanos / scale == 1 { "" } else { "s" };
    format!("{} {name}{plural}", nanos / scale)
}

/// The same as SQL.
pub(super) fn interval(nanos: i64) -> String {
    format!("INTERVAL '{}'", span_text(nanos))
}
