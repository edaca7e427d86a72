//! `system.columns`.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use driftline_storage::{COLUMN_RETENTION_PREFIX, Column, TableSchema};

use super::build::{count, double, optional_text, rows, text};
use super::table::ratio;
use crate::catalog::CatalogView;
use crate::error::Result;
use crate::statement::role_name;

/// The columns of `system.columns`: every column of every table, those of late labels too; `role` as CREATE takes it,
/// `retention` where its values go before their rows. Of a column that lies in segments a row for each encoding, with what it
/// takes there; the encoding of others is NULL. Tags take no bytes of their own: a row's series is where it stands.
pub(super) const COLUMNS: [&str; 10] = [
    "table_name",
    "column_name",
    "type",
    "role",
    "retention",
    "encoding",
    "chunks",
    "bytes",
    "raw_bytes",
    "ratio",
];

/// What a column takes in one encoding.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    chunks: u64,
    bytes: u64,
    raw_bytes: u64,
}

/// A row of the table.
struct Row<'a> {
    table: &'a TableSchema,
    column: &'a Column,
    encoding: Option<&'static str>,
    taken: Taken,
}

impl Row<'_> {
    fn retention(&self) -> Option<&String> {
        self.table.options.get(&format!("{COLUMN_RETENTION_PREFIX}{}", self.column.name))
    }
}

/// One row a column and encoding, over all segments of a table. Reads their footers; a damaged segment is an error
/// that names it.
pub(super) fn columns(view: &CatalogView) -> Result<RecordBatch> {
    let mut all = Vec::new();
    for table in view.snapshot().tables().values() {
        rows_of(view, table, &mut all)?;
    }
    rows(
        &COLUMNS,
        vec![
            text(all.iter().map(|row| row.table.name.as_str())),
            text(all.iter().map(|row| row.column.name.as_str())),
            text(all.iter().map(|row| row.column.ty.sql())),
            text(all.iter().map(|row| role_name(row.column))),
            optional_text(all.iter().map(Row::retention)),
            optional_text(all.iter().map(|row| row.encoding)),
            count(all.iter().map(|row| row.taken.chunks)),
            count(all.iter().map(|row| row.taken.bytes)),
            count(all.iter().map(|row| row.taken.raw_bytes)),
            double(all.iter().map(|row| ratio(row.taken.raw_bytes, row.taken.bytes))),
        ],
    )
}

fn rows_of<'a>(view: &CatalogView, table: &'a TableSchema, all: &mut Vec<Row<'a>>) -> Result<()> {
    let mut sums: BTreeMap<(u32, &'static str), Taken> = BTreeMap::new();
    for segment in view.snapshot().segments(table.id) {
        for size in segment.column_sizes()? {
            for encoding in &size.encodings {
                let sum = sums.entry((size.column, encoding.encoding)).or_default();
                sum.chunks += encoding.chunks;
                sum.bytes += encoding.bytes;
                sum.raw_bytes += encoding.raw_bytes;
            }
        }
    }
    for column in &table.columns {
        let of_column = || sums.range((column.id, "")..).take_while(|((id, _), _)| *id == column.id);
        let row = |encoding, taken| Row { table, column, encoding, taken };
        all.extend(of_column().map(|((_, encoding), taken)| row(Some(*encoding), *taken)));
        if of_column().next().is_none() {
            all.push(row(None, Taken::default()));
        }
    }
    Ok(())
}
