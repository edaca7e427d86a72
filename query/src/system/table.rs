//! `system.tables` and `system.segments`.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use driftline_storage::{SegmentReader, TableSchema, TableSize};

use super::build::{count, double, optional_count, optional_text, rows, text, time};
use crate::catalog::CatalogView;
use crate::error::Result;

/// The columns of `system.tables`.
///
/// For a model, `rows` counts predictions, `labels` the labels that came beside them (a correction counts again), and
/// `unmatched_labels` those of them whose prediction had not come when they were last flushed; bytes and segments hold those
/// of its labels too. `raw_bytes` is what the rows in segments take as
/// plain Arrow arrays.
/// `memtable_bytes` waits for a flush, `uncompacted_segments` for a compaction; `ratio` is raw to stored bytes.
pub(super) const TABLES: [&str; 15] = [
    "name",
    "kind",
    "rows",
    "labels",
    "unmatched_labels",
    "segments",
    "memtable_rows",
    "segment_bytes",
    "raw_bytes",
    "ratio",
    "series",
    "memtable_bytes",
    "uncompacted_segments",
    "min_time",
    "max_time",
];

/// The columns of `system.segments`. `level` is 0 as flushed and 1 as compacted; `interval_seconds` the width of its
/// cells; `index_bytes` what all but rows and summaries takes (pages, cells, tags, blooms), `summary_bytes` what the
/// cell table and the summaries take.
pub(super) const SEGMENTS: [&str; 18] = [
    "table_name",
    "segment",
    "path",
    "level",
    "partition_start",
    "partition_seconds",
    "interval_seconds",
    "rows",
    "row_groups",
    "cells",
    "bytes",
    "raw_bytes",
    "ratio",
    "index_bytes",
    "summary_bytes",
    "min_time",
    "max_time",
    "error",
];

/// A table with its sizes, and those of its labels.
struct Row<'a> {
    table: &'a TableSchema,
    is_model: bool,
    own: TableSize,
    labels: TableSize,
}

impl Row<'_> {
    fn unmatched(&self) -> u64 {
        self.labels.rows.saturating_sub(self.labels.memtable_rows)
    }

    fn ratio(&self) -> f64 {
        let raw = self.own.raw_bytes + self.labels.raw_bytes;
        ratio(raw, self.own.segment_bytes + self.labels.segment_bytes)
    }
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
            optional_count(all.iter().map(|row| row.is_model.then_some(row.own.labels + row.labels.rows))),
            optional_count(all.iter().map(|row| row.is_model.then_some(row.unmatched()))),
            both(|size| size.segments),
            both(|size| size.memtable_rows),
            both(|size| size.segment_bytes),
            both(|size| size.raw_bytes),
            double(all.iter().map(Row::ratio)),
            count(all.iter().map(|row| row.own.series)),
            both(|size| size.memtable_bytes),
            both(|size| size.uncompacted_segments),
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

/// A segment of a table, and what its footer says; a damaged one still has its row, with the error.
struct SegmentRow {
    table: String,
    segment: Arc<SegmentReader>,
    shape: std::result::Result<Shape, String>,
}

/// What the footer of a segment says.
struct Shape {
    row_groups: u64,
    cells: u64,
    index_bytes: u64,
    summary_bytes: u64,
}

impl Shape {
    fn of(segment: &SegmentReader) -> Result<Self> {
        let sections = segment.section_sizes()?;
        let is_summary = |tag: &str| matches!(tag, "CELL" | "CSTA" | "SUMM");
        let sum = |summary: bool| {
            let chosen = sections.iter().filter(|(tag, _)| is_summary(tag) == summary);
            chosen.map(|(_, bytes)| bytes).sum()
        };
        Ok(Self {
            row_groups: segment.row_groups()? as u64,
            cells: segment.cells()?.len() as u64,
            index_bytes: sum(false),
            summary_bytes: sum(true),
        })
    }
}

/// One row a segment, those of labels too. Reads their footers.
pub(super) fn segments(view: &CatalogView) -> Result<RecordBatch> {
    let all: Vec<SegmentRow> = every_segment(view).collect();
    let infos = || all.iter().map(|row| row.segment.info());
    let shape = |of: fn(&Shape) -> u64| optional_count(all.iter().map(|row| row.shape.as_ref().ok().map(of)));
    let seconds = |nanos: i64| u64::try_from(nanos / 1_000_000_000).unwrap_or(0);
    rows(
        &SEGMENTS,
        vec![
            text(all.iter().map(|row| &row.table)),
            count(infos().map(|info| info.id)),
            text(infos().map(|info| info.path())),
            count(infos().map(|info| u64::from(info.level))),
            time(infos().map(|info| Some(info.partition.start))),
            count(infos().map(|info| seconds(info.partition.length))),
            count(infos().map(|info| seconds(info.width.nanos()))),
            count(infos().map(|info| info.rows)),
            shape(|shape| shape.row_groups),
            shape(|shape| shape.cells),
            count(infos().map(|info| info.bytes)),
            count(infos().map(|info| info.raw_bytes)),
            double(infos().map(|info| ratio(info.raw_bytes, info.bytes))),
            shape(|shape| shape.index_bytes),
            shape(|shape| shape.summary_bytes),
            time(infos().map(|info| Some(info.min_time))),
            time(infos().map(|info| Some(info.max_time))),
            optional_text(all.iter().map(|row| row.shape.as_ref().err())),
        ],
    )
}

fn every_segment(view: &CatalogView) -> impl Iterator<Item = SegmentRow> + '_ {
    let snapshot = view.snapshot();
    snapshot.tables().values().flat_map(move |table| {
        snapshot.segments(table.id).iter().map(move |segment| SegmentRow {
            table: table.name.clone(),
            segment: Arc::clone(segment),
            shape: Shape::of(segment).map_err(|error| error.to_string()),
        })
    })
}

/// How many times smaller the stored bytes are; 0 of none.
pub(super) fn ratio(raw: u64, stored: u64) -> f64 {
    if stored == 0 { 0.0 } else { raw as f64 / stored as f64 }
}
