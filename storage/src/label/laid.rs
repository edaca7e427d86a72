//! Labels of one column for rows of one source, and the ones that stand.

use std::ops::Range;

use arrow_array::{Array, ArrayRef, new_empty_array};
use arrow_select::interleave::interleave;
use arrow_select::take::take;

use crate::error::{Result, StorageError};
use crate::memtable::widen;
use crate::schema::ColumnType;

/// Labels of one column, in order of rows; those of one row in the order in which they were written. A null takes back
/// what was said before.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    /// Places in the source.
    pub(crate) rows: Vec<u32>,
    /// When each arrived; empty where that was not asked for.
    pub(crate) arrivals: Vec<i64>,
    pub(crate) values: ArrayRef,
}

/// Of each row the label that stands.
#[derive(Clone, Debug)]
pub(crate) struct Laid {
    /// Places in the source, each once, rising.
    rows: Vec<u32>,
    values: ArrayRef,
}

impl Entries {
    /// No labels.
    pub(crate) fn none(ty: ColumnType) -> Self {
        Self { rows: Vec::new(), arrivals: Vec::new(), values: new_empty_array(&ty.arrow()) }
    }

    /// Joins what was written in this order.
    pub(crate) fn join(parts: &[Self]) -> Result<Option<Self>> {
        if let [one] = parts {
            return Ok((!one.rows.is_empty()).then(|| one.clone()));
        }
        let mut picks = picks(parts, |_, _| true);
        picks.sort_by_key(|pick| pick.0);
        Self::pick(parts, &picks)
    }

    /// Some of `parts`: for each the row that it is for now, the part and the place in it, in order of rows.
    pub(crate) fn pick(parts: &[Self], picks: &[(u32, usize, usize)]) -> Result<Option<Self>> {
        if picks.is_empty() {
            return Ok(None);
        }
        let arrival = |pick: &(u32, usize, usize)| parts.get(pick.1)?.arrivals.get(pick.2).copied();
        Ok(Some(Self {
            rows: picks.iter().map(|pick| pick.0).collect(),
            arrivals: picks.iter().filter_map(arrival).collect(),
            values: pick_values(parts, picks)?,
        }))
    }

    /// The same, those of one row in the order in which they arrived.
    pub(crate) fn by_arrival(&self) -> Result<Self> {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        let arrived = |at: &u32| (self.rows.get(*at as usize), self.arrivals.get(*at as usize));
        order.sort_by(|a, b| arrived(a).cmp(&arrived(b)));
        let pick = |at: &u32| self.arrivals.get(*at as usize).copied();
        Ok(Self {
            rows: order.iter().filter_map(|at| self.rows.get(*at as usize).copied()).collect(),
            arrivals: order.iter().filter_map(pick).collect(),
            values: take(&self.values, &arrow_array::UInt32Array::from(order), None).map_err(invalid)?,
        })
    }

    /// Those of these rows.
    pub(crate) fn within(&self, rows: &Range<u32>) -> Self {
        let start = self.rows.partition_point(|row| *row < rows.start);
        let end = self.rows.partition_point(|row| *row < rows.end).max(start);
        Self {
            rows: self.rows.get(start..end).unwrap_or_default().to_vec(),
            arrivals: self.arrivals.get(start..end).unwrap_or_default().to_vec(),
            values: self.values.slice(start, end - start),
        }
    }

    /// BIGINT as DOUBLE, where the column was widened since.
    pub(crate) fn widened(self, ty: ColumnType) -> Self {
        let values = like(&self.values, &new_empty_array(&ty.arrow()));
        Self { values, ..self }
    }

    /// Those of other rows: `place` gives each of its rows the one it has become, if any, and need not keep their order.
    pub(crate) fn moved(&self, place: impl Fn(u32) -> Option<u32>) -> Result<Self> {
        let mut kept: Vec<(u32, u32)> =
            self.rows.iter().zip(0..).filter_map(|(row, at)| Some((place(*row)?, at))).collect();
        kept.sort_by_key(|(row, _)| *row);
        let places = arrow_array::UInt32Array::from_iter_values(kept.iter().map(|(_, at)| *at));
        Ok(Self {
            rows: kept.iter().map(|(row, _)| *row).collect(),
            arrivals: kept.iter().filter_map(|(_, at)| self.arrivals.get(*at as usize).copied()).collect(),
            values: take(&self.values, &places, None).map_err(invalid)?,
        })
    }
}

impl Laid {
    /// What stands of labels that were written in this order, of those that had arrived by `as_of` if that is given.
    pub(crate) fn of(parts: &[Entries], as_of: Option<i64>) -> Result<Option<Self>> {
        let had_arrived = |part: usize, at: usize| {
            let arrival = parts.get(part).and_then(|part| part.arrivals.get(at));
            as_of.is_none_or(|as_of| arrival.is_none_or(|arrival| *arrival <= as_of))
        };
        let mut picks = picks(parts, had_arrived);
        picks.sort_by_key(|pick| pick.0);
        let mut newest: Vec<(u32, usize, usize)> = Vec::with_capacity(picks.len());
        for pick in picks {
            match newest.last_mut() {
                Some(last) if last.0 == pick.0 => *last = pick,
                _ => newest.push(pick),
            }
        }
        if newest.is_empty() {
            return Ok(None);
        }
        let values = pick_values(parts, &newest)?;
        Ok(Some(Self { rows: newest.iter().map(|pick| pick.0).collect(), values }))
    }

    /// `written`, which begins with row `first`, with the labels of its rows in the place of what it has.
    pub(crate) fn over(&self, written: &ArrayRef, first: u32) -> Result<ArrayRef> {
        let end = first.saturating_add(written.len() as u32);
        let from = self.rows.partition_point(|row| *row < first);
        let to = self.rows.partition_point(|row| *row < end);
        if from == to {
            return Ok(written.clone());
        }
        let mut picks: Vec<(usize, usize)> = (0..written.len()).map(|row| (0, row)).collect();
        for (row, at) in self.rows[from..to].iter().zip(from..) {
            picks[(row - first) as usize] = (1, at);
        }
        interleave(&[written.as_ref(), like(&self.values, written).as_ref()], &picks).map_err(invalid)
    }
}

/// Row, part and place of each label that is kept.
fn picks(parts: &[Entries], is_kept: impl Fn(usize, usize) -> bool) -> Vec<(u32, usize, usize)> {
    let of_part = |(part, entries): (usize, &Entries)| {
        let rows = entries.rows.iter().enumerate();
        rows.filter(|(at, _)| is_kept(part, *at)).map(|(at, row)| (*row, part, at)).collect::<Vec<_>>()
    };
    parts.iter().enumerate().flat_map(of_part).collect()
}

fn pick_values(parts: &[Entries], picks: &[(u32, usize, usize)]) -> Result<ArrayRef> {
    let is_wide = |part: &&Entries| part.values.data_type() == &ColumnType::Double.arrow();
    let wide = parts.iter().find(is_wide).map(|part| part.values.clone());
    let values =
        parts.iter().map(|part| wide.as_ref().map_or(part.values.clone(), |w| like(&part.values, w)));
    let values: Vec<ArrayRef> = values.collect();
    let values: Vec<&dyn Array> = values.iter().map(|values| values.as_ref()).collect();
    let places: Vec<(usize, usize)> = picks.iter().map(|pick| (pick.1, pick.2)).collect();
    interleave(&values, &places).map_err(invalid)
}

/// Values of a column that was widened since, as those of `other` are.
fn like(values: &ArrayRef, other: &ArrayRef) -> ArrayRef {
    let (bigint, double) = (ColumnType::BigInt, ColumnType::Double);
    let is_widened = values.data_type() == &bigint.arrow() && other.data_type() == &double.arrow();
    if is_widened { widen(values, bigint, double) } else { values.clone() }
}

pub(super) fn invalid(error: arrow_schema::ArrowError) -> StorageError {
    StorageError::Invalid(format!("labels: {error}"))
}
