//! Where rows stand in the order of a job.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;

use crate::error::{Result, StorageError};
use crate::partition::{CellKey, Width};
use crate::rows::Rows;
use crate::schema::{Role, TableSchema};

/// The place of a row: its cell, then its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    pub(super) cell: CellKey,
    pub(super) time: i64,
}

/// Reads the places of rows with the stored columns of one schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    column: usize,
    width: Width,
}

impl Keys {
    pub(super) fn of(schema: &TableSchema, width: Width) -> Result<Self> {
        let column = schema.stored_columns().position(|c| c.role == Role::Time);
        let missing = || StorageError::Invalid(format!("table {} has no TIME column", schema.name));
        Ok(Self { column: column.ok_or_else(missing)?, width })
    }

    pub(super) fn width(self) -> Width {
        self.width
    }

    pub(super) fn times(self, rows: &Rows) -> &[i64] {
        rows.batch.column(self.column).as_primitive::<TimestampNanosecondType>().values()
    }

    /// The place of a row that is there; the last place of all for one that is not.
    pub(super) fn head(self, rows: &Rows, row: usize) -> Head {
        match (self.times(rows).get(row), rows.series.get(row)) {
            (Some(time), Some(series)) => {
                Head { cell: CellKey { interval: self.width.interval(*time), series: *series }, time: *time }
            }
            _ => Head { cell: CellKey { interval: i64::MAX, series: u32::MAX }, time: i64::MAX },
        }
    }

    /// The first row from `start` on for which `before` no longer holds; it must hold for a prefix. Looks near first:
    /// where inputs interleave the answer is a few rows away.
    pub(super) fn partition_point(self, rows: &Rows, start: usize, before: impl Fn(Head) -> bool) -> usize {
        let (mut low, mut step) = (start, 1);
        while low + step < rows.len() && before(self.head(rows, low + step)) {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(rows.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match before(self.head(rows, middle)) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}
