//! Summaries counted anew against the sum of those merged: what went wrong in one of the two shows here.

use std::sync::Arc;

use super::{Control, Merged};
use crate::distribution::Distribution;
use crate::error::{Result, StorageError};
use crate::limits::SUMMARY_ROWS_MIN;
use crate::schema::{Column, TableSchema};
use crate::segment::{EncodedSummaries, SegmentReader, Unit};

/// Compares the summaries of what was written, read back, with those of `inputs`.
///
/// Compared is where all rows of a cell (or of an interval's small cells) have summaries on the same lattice in the
/// inputs. Elsewhere, as where cells have become wider or large enough, nothing is known to compare with.
///
/// # Errors
/// [`StorageError::SummaryDiffers`] with the first that is not the sum of its parts.
pub(super) fn check_all(
    written: &[Merged],
    inputs: &[Arc<SegmentReader>],
    schema: &TableSchema,
    control: &Control<'_>,
) -> Result<()> {
    let Some(first) = inputs.first() else { return Ok(()) };
    for merged in written {
        let output = first.beside(merged.written.info.clone());
        for column in schema.stored_columns() {
            check(&output, inputs, schema, column)?;
            control.breathe()?;
        }
    }
    Ok(())
}

/// One column of a segment against those it was merged from.
pub(super) fn check(
    output: &SegmentReader,
    inputs: &[Arc<SegmentReader>],
    schema: &TableSchema,
    column: &Column,
) -> Result<()> {
    let Some(found) = output.encoded_summaries(column.id)? else { return Ok(()) };
    let mut parts = Vec::with_capacity(inputs.len());
    for input in inputs.iter().filter(|input| input.info().width == output.info().width) {
        let summaries = input.encoded_summaries(column.id)?;
        let comparable = summaries.filter(|summaries| summaries.lattice() == found.lattice());
        parts.push((input.as_ref(), comparable));
    }
    for unit in found.units() {
        let Some(expected) = sum(output, unit, &parts)? else { continue };
        let is_as_expected = |found| is_rebinned(&expected) || is_rebinned(&found) || found == expected;
        if !found.get(unit)?.is_some_and(is_as_expected) {
            return differs(output, schema, column, unit);
        }
    }
    Ok(())
}

/// What the inputs have of a unit; none unless that is all its rows.
fn sum(
    output: &SegmentReader,
    unit: Unit,
    parts: &[(&SegmentReader, Option<EncodedSummaries<'_>>)],
) -> Result<Option<Distribution>> {
    let (mut sum, mut rows) = (None::<Distribution>, 0);
    for (input, summaries) in parts {
        let Some((part, part_rows)) = part_of(output, unit, input)? else { continue };
        let part = summaries.as_ref().map(|summaries| summaries.get(part)).transpose()?.flatten();
        let Some(part) = part else { return Ok(None) };
        match &mut sum {
            Some(sum) => sum.merge(&part)?,
            none => *none = Some(part),
        }
        rows += part_rows;
    }
    let all = rows_of(output, unit)?;
    Ok(sum.filter(|_| rows == all))
}

/// The unit of an input whose rows may be among those of `unit`, and how many they are; none where it has no such rows.
fn part_of(output: &SegmentReader, unit: Unit, input: &SegmentReader) -> Result<Option<(Unit, u64)>> {
    let part = match unit {
        Unit::Cell(cell) => {
            let (key, cells) = (output.cells()?.key(cell as usize), input.cells()?);
            let cell = key.and_then(|key| cells.find(key));
            cell.and_then(|cell| u32::try_from(cell).ok()).map(Unit::Cell)
        }
        interval => Some(interval),
    };
    let Some(part) = part else { return Ok(None) };
    Ok(Some((part, rows_of(input, part)?)).filter(|(_, rows)| *rows > 0))
}

/// Rows of a cell; of an interval those of its small cells. A cell that is small in the output was small in each input:
/// where an interval has as many such rows as the inputs together, they are the same.
fn rows_of(segment: &SegmentReader, unit: Unit) -> Result<u64> {
    let cells = segment.cells()?;
    let rows = |cell: usize| {
        let rows = cells.rows(cell);
        rows.end - rows.start
    };
    Ok(match unit {
        Unit::Cell(cell) => rows(cell as usize),
        Unit::Interval(interval) => {
            let all = cells.interval_cells(interval).map(rows);
            all.filter(|rows| *rows < SUMMARY_ROWS_MIN as u64).sum()
        }
    })
}

/// Counts that were taken to another lattice depend on the order of merging.
fn is_rebinned(distribution: &Distribution) -> bool {
    matches!(distribution, Distribution::Numeric(numeric) if numeric.is_rebinned())
}

fn differs(output: &SegmentReader, schema: &TableSchema, column: &Column, unit: Unit) -> Result<()> {
    let (interval, series) = match unit {
        Unit::Interval(interval) => (interval, None),
        Unit::Cell(cell) => {
            let key = output.cells()?.key(cell as usize).unwrap_or_default();
            (key.interval, Some(key.series))
        }
    };
    let (table, column) = (schema.name.clone(), column.name.clone());
    Err(StorageError::SummaryDiffers { table, column, interval, series })
}
