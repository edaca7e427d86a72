//! Values of a cell, or of the part of it in one row group, counted and added.

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, PrimitiveArray};

use super::is_kept;
use crate::partition::CellKey;
use crate::schema::ColumnType;
use crate::segment::index::Columns;

/// Of integers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::segment) struct IntegerTally {
    pub(super) count: u64,
    pub(super) sum: i128,
    pub(super) min: i64,
    pub(super) max: i64,
}

/// Of doubles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::segment) struct DoubleTally {
    /// With NaNs and infinities.
    pub(super) count: u64,
    pub(super) nans: u64,
    pub(super) infinities: u64,
    sum: f64,
    /// What rounding took from the sum.
    lost: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

/// Of one column, one tally a cell.
#[derive(Clone, Debug)]
pub(in crate::segment) enum Tallies {
    Integer(Vec<IntegerTally>),
    Double(Vec<DoubleTally>),
}

/// The tallies of the numeric columns of a row group, in the order of the columns.
pub(in crate::segment) fn tally(
    columns: &Columns,
    arrays: &[ArrayRef],
    cells: &[(CellKey, usize)],
) -> Vec<Tallies> {
    columns
        .list
        .iter()
        .zip(arrays)
        .filter_map(|(column, array)| Tallies::of(column.ty, array, cells))
        .collect()
}

impl Tallies {
    /// None for a type that has no statistics.
    fn of(ty: ColumnType, array: &ArrayRef, cells: &[(CellKey, usize)]) -> Option<Self> {
        Some(match ty {
            ColumnType::BigInt => {
                Self::Integer(by_cell(array.as_primitive::<Int64Type>(), cells, IntegerTally::add))
            }
            ColumnType::Double => {
                Self::Double(by_cell(array.as_primitive::<Float64Type>(), cells, DoubleTally::add))
            }
            _ => return None,
        })
    }

    /// None of no cells yet.
    pub(super) fn empty(ty: ColumnType) -> Option<Self> {
        is_kept(ty).then(|| match ty {
            ColumnType::BigInt => Self::Integer(Vec::new()),
            _ => Self::Double(Vec::new()),
        })
    }

    /// Adds those of the row group that follows, whose first cell may be the last one here. Of the same type.
    pub(super) fn append(&mut self, more: Self, continues: bool) {
        match (self, more) {
            (Self::Integer(all), Self::Integer(more)) => append(all, more, continues, IntegerTally::merge),
            (Self::Double(all), Self::Double(more)) => append(all, more, continues, DoubleTally::merge),
            _ => {}
        }
    }

    /// The first `cells` of them, which are taken out.
    pub(super) fn take(&mut self, cells: usize) -> Self {
        match self {
            Self::Integer(all) => Self::Integer(all.drain(..cells.min(all.len())).collect()),
            Self::Double(all) => Self::Double(all.drain(..cells.min(all.len())).collect()),
        }
    }
}

fn append<T: Copy>(all: &mut Vec<T>, more: Vec<T>, continues: bool, merge: impl Fn(&mut T, T)) {
    let mut more = more.into_iter();
    if continues
        && let Some(last) = all.last_mut()
        && let Some(first) = more.next()
    {
        merge(last, first);
    }
    all.extend(more);
}

fn by_cell<T: ArrowPrimitiveType, R: Default>(
    array: &PrimitiveArray<T>,
    cells: &[(CellKey, usize)],
    add: impl Fn(&mut R, T::Native),
) -> Vec<R> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let mut start = 0;
    let of_cell = |(_, rows): &(CellKey, usize)| {
        let (first, mut tally) = (start, R::default());
        start += rows;
        match nulls {
            None => array.values()[first..start].iter().for_each(|value| add(&mut tally, *value)),
            Some(nulls) => (first..start)
                .filter(|row| nulls.is_valid(*row))
                .for_each(|row| add(&mut tally, array.value(row))),
        }
        tally
    };
    cells.iter().map(of_cell).collect()
}

impl IntegerTally {
    fn add(&mut self, value: i64) {
        self.merge(Self { count: 1, sum: value.into(), min: value, max: value });
    }

    fn merge(&mut self, other: Self) {
        if self.count == 0 || other.count == 0 {
            *self = if self.count == 0 { other } else { *self };
            return;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl DoubleTally {
    /// Its sum, rounded once.
    pub(super) fn sum(&self) -> f64 {
        // Past the greatest double what was lost is no number.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }

    fn finite(&self) -> u64 {
        self.count - self.nans - self.infinities
    }

    fn add(&mut self, value: f64) {
        if value.is_finite() {
            return self.merge(Self { count: 1, sum: value, min: value, max: value, ..Self::default() });
        }
        self.count += 1;
        self.nans += u64::from(value.is_nan());
        self.infinities += u64::from(value.is_infinite());
    }

    fn merge(&mut self, other: Self) {
        if other.finite() > 0 {
            let first = self.finite() == 0;
            self.min = if first || other.min.total_cmp(&self.min).is_lt() { other.min } else { self.min };
            self.max = if first || other.max.total_cmp(&self.max).is_gt() { other.max } else { self.max };
            self.add_to_sum(other);
        }
        self.count += other.count;
        self.nans += other.nans;
        self.infinities += other.infinities;
    }

    /// What rounding takes from the sum of two doubles is a double itself (Knuth's TwoSum).
    fn add_to_sum(&mut self, other: Self) {
        let sum = self.sum + other.sum;
        let taken = sum - self.sum;
        self.lost += (self.sum - (sum - taken)) + (other.sum - taken) + other.lost;
        self.sum = sum;
    }
}
