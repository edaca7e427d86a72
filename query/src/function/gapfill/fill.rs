//! One series with all its buckets: which rows stand in them, and what is filled in. Pure of plans and streams.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, UInt32Array};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, exec_err};

use crate::error::QueryError;
use crate::function::time::Buckets;
use crate::limits::GAPFILL_BUCKETS_MAX;

/// A bucket: when it begins, None for the one of rows without a time, and the row that is in it.
pub(super) type Slot = (Option<i64>, Option<u32>);

/// The buckets of a series from `from` to the one that `to` is in, and those of its rows, which come in order. That
/// of rows without a time is the last.
pub(super) fn slots(
    buckets: &Buckets,
    from: Option<i64>,
    to: Option<i64>,
    rows: impl IntoIterator<Item = Option<i64>>,
) -> Result<Vec<Slot>> {
    let (mut slots, mut timeless) = (Vec::new(), Vec::new());
    let mut next = from;
    for (row, time) in (0_u32..).zip(rows) {
        let Some(time) = time else {
            timeless.push((None, Some(row)));
            continue;
        };
        while let Some(empty) = next.filter(|next| *next < time) {
            push(&mut slots, (Some(empty), None))?;
            next = Some(buckets.next(empty)?);
        }
        push(&mut slots, (Some(time), Some(row)))?;
        next = Some(buckets.next(time)?);
    }
    while let (Some(empty), Some(to)) = (next, to) {
        if empty > to {
            break;
        }
        push(&mut slots, (Some(empty), None))?;
        next = Some(buckets.next(empty)?);
    }
    slots.extend(timeless);
    Ok(slots)
}

fn push(slots: &mut Vec<Slot>, slot: Slot) -> Result<()> {
    if slots.len() >= GAPFILL_BUCKETS_MAX {
        let message = format!(
            "gapfill: a series has more than {GAPFILL_BUCKETS_MAX} buckets; \
             take a longer stride, or a shorter range of time in WHERE"
        );
        return Err(QueryError::Invalid(message).into());
    }
    slots.push(slot);
    Ok(())
}

/// The last row before each bucket, itself included, that has a value.
pub(super) fn last_values(slots: &[Slot], values: &ArrayRef) -> UInt32Array {
    let mut last = None;
    let with_value = |row: u32| values.is_valid(row as usize);
    slots
        .iter()
        .map(|(_, row)| {
            last = row.filter(|row| with_value(*row)).or(last);
            last
        })
        .collect()
}

/// The values of a series with those between two of them on the straight line in time. NaN counts as no value.
pub(super) fn interpolated(slots: &[Slot], values: &ArrayRef) -> Result<Float64Array> {
    let Some(values) = values.as_primitive_opt::<Float64Type>() else {
        return exec_err!("interpolate: `x` must be DOUBLE, not {}", values.data_type());
    };
    let value = |row: u32| values.is_valid(row as usize).then(|| values.value(row as usize));
    let mut filled: Vec<Option<f64>> =
        slots.iter().map(|(_, row)| row.and_then(value).filter(|x| !x.is_nan())).collect();
    let known: Vec<(usize, i64, f64)> = (slots.iter().zip(&filled).enumerate())
        .filter_map(|(at, ((time, _), value))| Some((at, (*time)?, (*value)?)))
        .collect();
    for pair in known.windows(2) {
        let [(left, from, low), (right, to, high)] = pair else { continue };
        let between = slots.iter().zip(&mut filled).take(*right).skip(left + 1);
        between.for_each(|((time, _), empty)| {
            *empty = time.map(|time| on_line((*from, *low), (*to, *high), time));
        });
    }
    Ok(filled.into_iter().collect())
}

/// The value at a time between two others.
fn on_line((from, low): (i64, f64), (to, high): (i64, f64), time: i64) -> f64 {
    let share = (time - from) as f64 / (to - from) as f64;
    let rise = high - low;
    if rise.is_finite() { low + rise * share } else { low * (1.0 - share) + high * share }
}
