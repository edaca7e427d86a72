//! Reads everything that a segment offers.

use arrow_array::{Array, RecordBatch};

use super::super::hash_text;
use super::super::reader::SegmentReader;
use super::super::{CellTable, TimeRange, Unit};
use crate::error::Result;
use crate::schema::{Column, ColumnType, Role, TableSchema};

/// A tag that no segment has.
const TAG: u32 = 1_000_000;

/// Each part by itself: damage to one does not keep the others from being read.
pub(super) fn all(segment: &SegmentReader) {
    let Ok(columns) = columns(segment) else {
        assert!(!segment.damage().is_empty(), "a segment that does not open and has no damage");
        return;
    };
    let groups = segment.row_groups().unwrap_or_default();
    let read: Vec<bool> = (0..groups).map(|group| read_group(segment, group, &columns)).collect();
    let cells = segment.cells().is_ok_and(|cells| walk(segment, cells));
    let verified = segment.verify().is_ok();
    assert_eq!(verified, segment.damage().is_empty());
    // Whatever a page or a section must be beyond its checksum, reading tells: but then all of it is reached by rows.
    assert!(!verified || cells, "cells that do not read in a segment without damage: {read:?}");
    let _ = columns.iter().try_for_each(|column| summarised(segment, column, groups));
    let _ = tags(segment);
    let _ = last(segment, &columns);
    let _ = (segment.column_sizes(), segment.section_sizes(), segment.memory_bytes());
}

/// All stored columns, and a tag.
fn columns(segment: &SegmentReader) -> Result<Vec<Column>> {
    let footer = segment.footer()?;
    let mut columns = vec![Column { id: TAG, ..Column::new("tag", ColumnType::Text, Role::Tag) }];
    for (at, stored) in footer.columns.list.iter().enumerate() {
        let role = if at == footer.columns.time { Role::Time } else { Role::Field };
        columns.push(Column { id: stored.id, ..Column::new(format!("c{at}"), stored.ty, role) });
    }
    Ok(columns)
}

fn read_group(segment: &SegmentReader, group: usize, columns: &[Column]) -> bool {
    let Ok(info) = segment.groups().map(|groups| groups[group]) else { return false };
    for column in columns {
        // Alone, so that damage to one is no damage to the next.
        let _ = segment.read(group, std::slice::from_ref(column), TimeRange::ALL);
    }
    let middle = info.time.min.midpoint(info.time.max);
    let _ = segment.read(group, columns, TimeRange { min: middle, max: info.time.max });
    let _ = segment.rows_at(group, columns, &[info.rows - 1]);
    let _ = segment.read_rows(group, &TableSchema::new("t", columns.to_vec()));
    let Ok(batches) = segment.read(group, columns, TimeRange::ALL) else { return false };
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, info.rows, "row group {group} has another number of rows than it says");
    true
}

/// Every way to ask for a cell says the same.
fn walk(segment: &SegmentReader, cells: &CellTable) -> bool {
    let mut next = 0;
    for cell in 0..cells.len() {
        let (rows, key) = (cells.rows(cell), cells.key(cell));
        assert_eq!(rows.start, next, "cell {cell} does not begin where the one before ends");
        assert_eq!(
            (cells.cell_of_row(rows.start), cells.cell_of_row(rows.end - 1)),
            (Some(cell), Some(cell))
        );
        assert_eq!(key.and_then(|key| cells.find(key)), Some(cell));
        next = rows.end;
    }
    assert_eq!(next, segment.info().rows);
    (0..segment.row_groups().unwrap_or_default()).all(|group| segment.series_of_group(group).is_ok())
}

/// Statistics, summaries and filters of a column.
fn summarised(segment: &SegmentReader, column: &Column, groups: usize) -> Result<()> {
    let cells = segment.cells()?;
    if let Ok(Some(statistics)) = segment.statistics(column.id) {
        assert_eq!(statistics.counts.len(), cells.len());
    }
    if let Ok(Some(summaries)) = segment.summaries(column.id) {
        for (unit, found) in &summaries.units {
            if let Unit::Cell(cell) = unit {
                assert!((*cell as usize) < cells.len());
            }
            assert!(!found.encode().is_empty());
        }
    }
    for group in 0..groups {
        let hashes = ["", "a", "driftline"].map(hash_text);
        let each = segment.may_contain_each(group, column.id, &hashes.map(Some));
        let one = hashes.map(|hash| segment.may_contain(group, column.id, hash));
        if let Ok(each) = each {
            assert!(each.iter().zip(one).all(|(each, one)| one.is_ok_and(|one| one == *each)));
        }
    }
    Ok(())
}

fn tags(segment: &SegmentReader) -> Result<()> {
    let Some(tags) = segment.tags()? else { return Ok(()) };
    for (ordinal, (series, values)) in tags.iter().enumerate() {
        assert_eq!(tags.ordinal(series), Some(ordinal));
        for (column, value) in values {
            assert_eq!(tags.value(ordinal, column), Some(value));
            if let Ok(Some(found)) = segment.series_with(column, value) {
                assert!(found.max().is_none_or(|last| (last as usize) < tags.series().len()));
            }
        }
    }
    Ok(())
}

fn last(segment: &SegmentReader, columns: &[Column]) -> Result<()> {
    for column in columns {
        if let Some(last) = segment.last_rows(std::slice::from_ref(column))? {
            assert_eq!(last.batch.num_rows(), last.series.len());
            assert!(last.series.is_sorted_by(|a, b| a < b));
            assert_eq!(last.batch.column(0).len(), last.series.len());
        }
    }
    Ok(())
}
