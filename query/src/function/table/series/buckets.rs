//! Buckets without values, filled in.

use datafusion::common::{Result, exec_err};

use super::collected::Series;
use crate::limits::{SERIES_BUCKETS_MAX, SERIES_EMPTY_SHARE_MAX};

/// A value for each bucket from the first to the last that has one; where a bucket has none, the one on the straight line
/// between its neighbours. `every` is their width.
pub(super) fn filled(function: &str, series: &Series, every: i64) -> Result<Vec<f64>> {
    let (Some(first), Some(last)) = (series.times.first(), series.times.last()) else {
        return Ok(Vec::new());
    };
    let buckets = (last.abs_diff(*first) / every.unsigned_abs()).saturating_add(1);
    if buckets > SERIES_BUCKETS_MAX as u64 {
        return exec_err!(
            "{function}: a series has more than {SERIES_BUCKETS_MAX} buckets; make `every` longer, or `from` and `to` closer"
        );
    }
    let empty = 1.0 - series.values.len() as f64 / buckets as f64;
    if empty > SERIES_EMPTY_SHARE_MAX {
        let segment = series.segment.as_ref().map(|name| format!(" of segment '{name}'")).unwrap_or_default();
        return exec_err!(
            "{function}: {:.0} % of the buckets{segment} have no values, more than {:.0} %; make `every` longer",
            empty * 100.0,
            SERIES_EMPTY_SHARE_MAX * 100.0
        );
    }
    let mut values: Vec<f64> = Vec::with_capacity(buckets as usize);
    let mut before = None;
    for (time, value) in series.times.iter().zip(&series.values) {
        if let Some((earlier, from)) = before {
            let steps = time.abs_diff(earlier) / every.unsigned_abs();
            values.extend((1..steps).map(|step| from + (value - from) * (step as f64 / steps as f64)));
        }
        values.push(*value);
        before = Some((*time, *value));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(pairs: &[(i64, f64)]) -> Series {
        let (times, values) = pairs.iter().copied().unzip();
        Series { segment: None, times, values }
    }

    #[test]
    fn buckets_between_are_on_a_line() {
        let found = filled("period", &series(&[(-20, 1.0), (10, 4.0), (20, -4.0), (40, 0.0)]), 10).unwrap();
        assert_eq!(found, [1.0, 2.0, 3.0, 4.0, -4.0, -2.0, 0.0]);
        assert_eq!(filled("period", &series(&[]), 10).unwrap(), [0.0; 0]);
        assert_eq!(filled("period", &series(&[(7, 3.0)]), 10).unwrap(), [3.0]);
    }

    #[test]
    fn too_many_empty_buckets_are_refused() {
        assert_eq!(filled("period", &series(&[(0, 0.0), (30, 3.0)]), 10).unwrap().len(), 4);
        let error = filled("period", &series(&[(0, 0.0), (40, 3.0)]), 10).unwrap_err().to_string();
        assert!(error.contains("period: 60 % of the buckets have no values"), "{error}");
        let far = series(&[(i64::MIN, 0.0), (i64::MAX, 3.0)]);
        assert!(filled("period", &far, 1).unwrap_err().to_string().contains("1000000 buckets"));
    }
}
