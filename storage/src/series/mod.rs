//! Series: which table and tag values an id stands for.
//!
//! Byte map: `docs/format/series.md`.

mod files;

use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};

pub(crate) use self::files::{SeriesFiles, SeriesPlaces, remove_unnamed};
use crate::bytes::Malformed;
use crate::error::Result;
use crate::rows::Rows;
use crate::schema::{ColumnId, SeriesId, TableId, TableSchema};

/// Where the series files lie.
pub(crate) const SERIES_DIR: &str = "series";

/// Every series known: which table and tag values an id stands for. Shared by writers and readers; ids are dense
/// from 1 and never used for another series.
#[derive(Debug)]
pub(crate) struct SeriesRegistry {}

impl SeriesRegistry {
    /// A registry of nothing.
    pub(crate) fn new() -> Self {
        todo!()
    }

    /// Tags become series: `batch` has the table's columns in order (`TableSchema::arrow`), tag columns as Utf8 or
    /// Dictionary(Int32, Utf8). Gives ids to tag sets not seen.
    pub(crate) fn resolve(&self, schema: &TableSchema, batch: &RecordBatch) -> Result<Rows> {
        todo!()
    }

    /// The tag `column` of each of `series` as Utf8, null where absent. At most `ROW_GROUP_ROWS_MAX` at a time: so many
    /// tags of the greatest length still fit one array.
    pub(crate) fn tag_column(&self, column: ColumnId, series: &[SeriesId]) -> StringArray {
        todo!()
    }

    /// The tags of a series by column id, ascending; none for `NO_TAGS` or an id not known.
    pub(crate) fn tags(&self, series: SeriesId) -> Vec<(ColumnId, Arc<str>)> {
        todo!()
    }

    /// The table of a series; none for `NO_TAGS` or an id not known.
    pub(crate) fn table(&self, series: SeriesId) -> Option<TableId> {
        todo!()
    }

    /// Defined series.
    pub(crate) fn len(&self) -> usize {
        todo!()
    }

    /// Bytes it holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        todo!()
    }

    /// Those that are neither in a series file that a manifest names nor in a frame of the log: each once, ascending.
    pub(crate) fn unlogged(&self, series: &[SeriesId]) -> Vec<SeriesId> {
        todo!()
    }

    /// Notes that a frame of the log defines them.
    pub(crate) fn mark_logged(&self, series: &[SeriesId]) {
        todo!()
    }

    /// After a failed sync the log is read anew: only what a series file holds and what replay defines again counts.
    pub(crate) fn forget_logged(&self) {
        todo!()
    }

    /// Appends the definitions of `series`, ascending.
    pub(crate) fn encode(&self, series: &[SeriesId], out: &mut Vec<u8>) {
        todo!()
    }

    /// Takes over definitions; one that is known and equal is well, another is damage. Gives the ids defined.
    pub(crate) fn define(&self, bytes: &[u8]) -> Result<Vec<SeriesId>, Malformed> {
        todo!()
    }
}
