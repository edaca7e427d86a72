//! Whether all values of a BIGINT column can become DOUBLE.

use std::collections::HashSet;
use std::fmt;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use driftline_storage::{
    CellStatistics, CellValues, Column, ColumnId, ColumnType, Role, SegmentReader, Snapshot, TableId,
    TableSchema, TimeRange,
};

use super::coerce;
use crate::error::{QueryError, Result};

/// Up to here, and down to its negative, every whole number is a DOUBLE.
pub(super) const EXACT_MAX: i64 = 1 << 53;

/// A value that no DOUBLE is for certain, and where it is.
#[derive(Debug)]
pub(crate) struct Inexact {
    value: i64,
    place: String,
}

impl fmt::Display for Inexact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, place } = self;
        write!(f, "{place} holds {value}, and a DOUBLE holds whole numbers exactly only up to {EXACT_MAX}")
    }
}

/// Looks for such values, and remembers which segments have none: the look that has to keep writers waiting reads only
/// what came since the first.
#[derive(Debug, Default)]
pub(crate) struct Exactness {
    checked: HashSet<(TableId, ColumnId, u64)>,
    /// None: every look is taken. Some: none is for now, and whether one was wanted.
    put_off: Option<bool>,
}

impl Exactness {
    /// Takes every value as exact until [`Self::now`]: looking takes long, and must not hold up others.
    pub(super) fn put_off() -> Self {
        Self { put_off: Some(false), ..Self::default() }
    }

    /// Takes looks from now on; whether one was wanted before.
    pub(super) fn now(&mut self) -> bool {
        self.put_off.take().unwrap_or(false)
    }

    /// Refuses a new version of a table that would turn a BIGINT into a DOUBLE which it is not.
    pub(crate) fn check_widened(&mut self, snapshot: &Snapshot, after: &TableSchema) -> Result<()> {
        let before = snapshot.table(&after.name).filter(|before| before.id == after.id);
        let Some(before) = before else { return Ok(()) };
        let is_double = |id| after.column(id).is_some_and(|column| column.ty == ColumnType::Double);
        for column in before.columns.iter().filter(|c| c.ty == ColumnType::BigInt && is_double(c.id)) {
            if let Some(found) = self.first_inexact(snapshot, before, column)? {
                return Err(QueryError::Invalid(format!(
                    "column {} of table {} cannot become DOUBLE: {found}; ADD COLUMN with another name instead",
                    column.name, before.name
                )));
            }
        }
        Ok(())
    }

    /// The first such value of a BIGINT column of a table. Reads what has no statistics; blocks.
    pub(super) fn first_inexact(
        &mut self,
        snapshot: &Snapshot,
        table: &TableSchema,
        column: &Column,
    ) -> Result<Option<Inexact>> {
        if let Some(wanted) = &mut self.put_off {
            *wanted = true;
            return Ok(None);
        }
        let time = table.columns.iter().find(|column| column.role == Role::Time);
        let wanted: Vec<Column> = std::iter::once(column).chain(time).cloned().collect();
        let mut unclear = HashSet::new();
        for segment in snapshot.segments(table.id) {
            let id = segment.info().id;
            if !self.checked.contains(&(table.id, column.id, id)) && !is_exact_by_statistics(segment, column)?
            {
                unclear.insert(id);
            }
        }
        // Read as a query reads it: a value that was deleted or replaced is in nobody's way.
        for part in snapshot.scan(table.id, TimeRange::ALL)? {
            if part.segment().is_some_and(|segment| !unclear.contains(&segment.info().id)) {
                continue;
            }
            let store = part.segment().map_or_else(|| "memory".to_owned(), |segment| segment.info().path());
            if let Some(found) = in_batches(&part.read(&wanted, TimeRange::ALL)?, &store) {
                return Ok(Some(found));
            }
        }
        self.checked.extend(unclear.into_iter().map(|id| (table.id, column.id, id)));
        Ok(None)
    }
}

/// The first in rows that were not written yet.
pub(super) fn in_column(values: &dyn Array) -> Option<Inexact> {
    let (row, value) = first(values)?;
    Some(Inexact { value, place: format!("row {} of the same column in this write", row + 1) })
}

fn is_exact_by_statistics(segment: &SegmentReader, column: &Column) -> Result<bool> {
    Ok(segment.statistics(column.id)?.is_some_and(|statistics| are_exact(&statistics)))
}

/// Whether the ends of all cells are exact, and so all between them. In a cell without values the ends are 0.
fn are_exact(statistics: &CellStatistics) -> bool {
    match &statistics.values {
        CellValues::Integer { mins, maxs, .. } => mins.iter().chain(maxs).all(|value| is_exact(*value)),
        CellValues::Double { .. } => false,
    }
}

/// The first in batches of the column and the time.
fn in_batches(batches: &[RecordBatch], store: &str) -> Option<Inexact> {
    batches.iter().find_map(|batch| {
        let (row, value) = first(batch.columns().first()?)?;
        let time = batch.columns().get(1).map_or_else(String::new, |times| coerce::shown(times, row));
        Some(Inexact { value, place: format!("the row of {time} in {store}") })
    })
}

fn first(values: &dyn Array) -> Option<(usize, i64)> {
    let values = values.as_primitive_opt::<Int64Type>()?;
    let inexact = |value: Option<i64>| value.filter(|value| !is_exact(*value));
    values.iter().enumerate().find_map(|(row, value)| Some((row, inexact(value)?)))
}

fn is_exact(value: i64) -> bool {
    (-EXACT_MAX..=EXACT_MAX).contains(&value)
}
