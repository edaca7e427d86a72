//! Durations as people write them: `1 hour`, `30 days`, `90s`.

use crate::error::{QueryError, Result};

/// Nanoseconds of a positive duration: a whole number and a unit, with or without a space between.
pub(crate) fn nanos(text: &str) -> Result<i64> {
    driftline_storage::duration_nanos(text).ok_or_else(|| {
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
