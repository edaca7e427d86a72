//! What a column of text holds, judged by all of it, and how its values are read. The same functions judge and read,
//! so a value that was judged a number is read as one.

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use driftline_query::storage::ColumnType;

/// Above this not every whole number is a double.
const EXACT_MAX: i64 = 1 << 53;

/// What all values of a column so far can be read as.
#[derive(Clone, Debug)]
pub struct Guess {
    seen: bool,
    boolean: bool,
    bigint: bool,
    double: bool,
    timestamp: bool,
    /// A whole number that a double cannot hold: among fractions it would be changed.
    wide: bool,
    /// The greatest magnitude of its numbers.
    pub greatest: f64,
}

impl Default for Guess {
    fn default() -> Self {
        let yes = true;
        Self {
            seen: false,
            boolean: yes,
            bigint: yes,
            double: yes,
            timestamp: yes,
            wide: false,
            greatest: 0.0,
        }
    }
}

impl Guess {
    /// Looks at one value that is not empty.
    pub fn see(&mut self, text: &str) {
        self.seen = true;
        self.boolean = self.boolean && boolean(text).is_some();
        self.timestamp = self.timestamp && timestamp(text).is_some();
        if !self.double {
            return;
        }
        let integer = bigint(text);
        let number = double(text);
        self.bigint = self.bigint && integer.is_some();
        self.double = number.is_some();
        self.wide = self.wide || is_wide(text, integer);
        self.greatest =
            number.filter(|n| n.is_finite()).map_or(self.greatest, |n| self.greatest.max(n.abs()));
    }

    /// The narrowest type that holds every value unchanged. A column without values is TEXT.
    pub fn column_type(&self) -> ColumnType {
        match self {
            Self { seen: false, .. } => ColumnType::Text,
            Self { boolean: true, .. } => ColumnType::Boolean,
            Self { double: true, bigint: true, .. } => ColumnType::BigInt,
            Self { double: true, wide: false, .. } => ColumnType::Double,
            Self { timestamp: true, .. } => ColumnType::Timestamp,
            _ => ColumnType::Text,
        }
    }
}

/// `true` or `false` in any case.
pub fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A whole number of 64 bits. One that begins with a zero or a plus is an identifier (a post code, a telephone).
pub fn bigint(text: &str) -> Option<i64> {
    if is_code(text) { None } else { text.parse().ok() }
}

/// A number, NaN or an infinity.
pub fn double(text: &str) -> Option<f64> {
    if is_code(text) { None } else { text.parse().ok() }
}

/// Nanoseconds since 1970 of an ISO 8601 date or time; UTC where it names no zone.
pub fn timestamp(text: &str) -> Option<i64> {
    let is_dated = text.as_bytes().get(4) == Some(&b'-');
    if is_dated { string_to_timestamp_nanos(text).ok() } else { None }
}

fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let padded = digits.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    padded || text.starts_with('+')
}

fn is_wide(text: &str, integer: Option<i64>) -> bool {
    match integer {
        Some(integer) => !(-EXACT_MAX..=EXACT_MAX).contains(&integer),
        None => text.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(values: &[&str]) -> ColumnType {
        let mut guess = Guess::default();
        values.iter().for_each(|value| guess.see(value));
        guess.column_type()
    }

    #[test]
    fn the_narrowest_type_that_changes_nothing() {
        let cases: [(&[&str], ColumnType); 14] = [
            (&[], ColumnType::Text),
            (&["true", "FALSE"], ColumnType::Boolean),
            (&["true", "1"], ColumnType::Text),
            (&["0", "1", "-7"], ColumnType::BigInt),
            (&["9223372036854775807"], ColumnType::BigInt),
            (&["9223372036854775808"], ColumnType::Text),
            (&["9007199254740993", "0.5"], ColumnType::Text),
            (&["1", "2.5", "1e-3", "nan"], ColumnType::Double),
            (&["007"], ColumnType::Text),
            (&["0.7", "-0.5", "0"], ColumnType::Double),
            (&["+49"], ColumnType::Text),
            (&["2026-01-01", "2026-01-01T12:00:00.5+02:00", "2026-01-01 12:00:00Z"], ColumnType::Timestamp),
            (&["2026-01-01", "5"], ColumnType::Text),
            (&["2026-13-01"], ColumnType::Text),
        ];
        for (values, expected) in cases {
            assert_eq!(judged(values), expected, "{values:?}");
        }
    }

    #[test]
    fn the_order_of_values_does_not_matter() {
        let values = ["1", "2.5", "9007199254740993", "x", "2026-01-01", "true"];
        for first in values {
            for second in values {
                assert_eq!(judged(&[first, second]), judged(&[second, first]), "{first} {second}");
            }
        }
    }

    #[test]
    fn zones_are_taken_into_account() {
        assert_eq!(timestamp("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(timestamp("1970-01-01"), Some(0));
    }
}
