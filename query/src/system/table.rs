//! `system.tables` and `system.segments`.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use driftline_storage::{SegmentReader, TableSchema, TableSize};

use super::build::{count, optional_count, rows, text, time};
use crate::catalog::CatalogView;
use crate::error::Result;

/// The columns of `system.tables`.
///
/// For a model, `rows` counts predictions, `labels` the labels that came after their prediction (a correction counts
/// again), and bytes and segments hold those of its labels too. `raw_bytes` is what the rows in segments take as
/// plain Arrow arrays.
pub(super) const TABLES: [&str; 10] = [
    "name",
    "kind",
    "rows",
    "labels",
    "segments",
    "memtable_rows",
    "segment_bytes",
    "raw_bytes",
    "min_time",
    "max_time",
];

/// The columns of `system.segments`.
pub(super) const SEGMENTS: [&str; 9] =
    ["table_name", "segment", "path", "rows", "row_groups", "bytes", "raw_bytes", "min_time", "max_time"];

/// A table with its sizes, and those of its labels.
struct Row<'a> {
    table: &'a TableSchema,
    is_model: bool,
    own: TableSize,
    labels: TableSize,
}

/// One row a table or model.
pub(super) fn tables(view: &CatalogView) -> Result<RecordBatch> {
    let all: Vec<Row<'_>> = view.table_names().filter_map(|name| row(view, name)).collect();
    let both = |of: fn(&TableSize) -> u64| count(all.iter().map(move |r| of(&r.own) + of(&r.labels)));
    rows(
        &TABLES,
        vec![
            text(all.iter().map(|row| &row.table.name)),
            text(all.iter().map(|row| if row.is_model { "model" } else { "table" })),
            count(all.iter().map(|row| row.own.rows)),
            optional_count(all.iter().map(|row| row.is_model.then_some(row.labels.rows))),
            both(|size| size.segments),
            both(|size| size.memtable_rows),
            both(|size| size.segment_bytes),
            both(|size| size.raw_bytes),
            time(all.iter().map(|row| row.own.time.map(|time| time.min))),
            time(all.iter().map(|row| row.own.time.map(|time| time.max))),
        ],
    )
}

fn row<'a>(view: &'a CatalogView, name: &str) -> Option<Row<'a>> {
    let snapshot = view.snapshot();
    let table = snapshot.table(name)?;
    let labels = view.labels_of(name).map(|labels| snapshot.size(labels.id)).unwrap_or_default();
    Some(Row { table, is_model: view.is_model(name), own: snapshot.size(table.id), labels })
}

/// One row a segment, those of labels too.
pub(super) fn segments(view: &CatalogView) -> Result<RecordBatch> {
    let snapshot = view.snapshot();
    let of_table = |table: &'_ Arc<TableSchema>| -> Vec<(String, Arc<SegmentReader>)> {
        snapshot.segments(table.id).iter().map(|segment| (table.name.clone(), Arc::clone(segment))).collect()
    };
    let all: Vec<_> = snapshot.tables().values().flat_map(of_table).collect();
    let infos = || all.iter().map(|(_, segment)| segment.info());
    rows(
        &SEGMENTS,
        vec![
            text(all.iter().map(|(table, _)| table)),
            count(infos().map(|info| info.id)),
            text(infos().map(|info| info.path())),
            count(infos().map(|info| info.rows)),
            count(all.iter().map(|(_, segment)| segment.row_groups() as u64)),
            count(infos().map(|info| info.bytes)),
            count(infos().map(|info| info.raw_bytes)),
            time(infos().map(|info| Some(info.min_time))),
            time(infos().map(|info| Some(info.max_time))),
        ],
    )
}
