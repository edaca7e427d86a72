//! Durations as people write them: `1 hour`, `30 days`, `90s`.

use crate::error::{QueryError, Result};

const UNITS: [(&[&str], i64); 8] = [
    (&["ns", "nanosecond", "nanoseconds"], 1),
    (&["us", "microsecond", "microseconds"], 1_000),
    (&["ms", "millisecond", "milliseconds"], 1_000_000),
    (&["s", "sec", "second", "seconds"], 1_000_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000_000),
    (&["h", "hour", "hours"], 3_600_000_000_000),
    (&["d", "day", "days"], 86_400_000_000_000),
    (&["w", "week", "weeks"], 604_800_000_000_000),
];

/// Nanoseconds of a positive duration: a whole number and a unit, with or without a space between.
pub(crate) fn nanos(text: &str) -> Result<i64> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim().to_lowercase();
    let scale = UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())).map(|(_, nanos)| *nanos);
    let nanos = number.parse::<i64>().ok().zip(scale).and_then(|(number, scale)| number.checked_mul(scale));
    nanos.filter(|nanos| *nanos > 0).ok_or_else(|| {
        QueryError::Invalid(format!(
            "{text:?} is no duration; write a whole number and a unit, such as '90 seconds', '1 hour' or '30d'"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_make_a_duration() {
        assert_eq!(nanos("1 hour").unwrap(), 3_600_000_000_000);
        assert_eq!(nanos(" 90s ").unwrap(), 90_000_000_000);
        assert_eq!(nanos("30 DAYS").unwrap(), 30 * 86_400_000_000_000);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "1", "hour", "-1 hour", "0 s", "1.5 h", "1 fortnight", "9999999999 weeks"] {
            assert!(nanos(text).is_err(), "{text}");
        }
    }
}
