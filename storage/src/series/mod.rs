//! Series: which table and tag values an id stands for.
//!
//! Writers turn the tags of a batch into ids before it goes to the log; from there on rows carry the id only. A
//! definition is durable in a frame of the log at the latest with the first row that needs it, and in a series file
//! before the log is dropped. Byte map: `docs/format/series.md`.

mod bounds;
mod codes;
mod definitions;
mod files;
mod marks;
mod resolve;
mod sets;
mod symbols;

use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use parking_lot::RwLock;

use self::bounds::Bounds;
pub(crate) use self::files::{SeriesFiles, SeriesPlaces, check, path_of, remove_unnamed, survey};
use self::marks::Marks;
use self::resolve::Request;
use self::sets::Sets;
use crate::bytes::Malformed;
use crate::error::Result;
use crate::rows::Rows;
use crate::schema::{ColumnId, NO_TAGS, SeriesId, TableId, TableSchema};

/// Where the series files lie.
pub(crate) const SERIES_DIR: &str = "series";

/// Every series known: which table and tag values an id stands for. Shared by writers and readers; ids are dense
/// from 1 and never used for another series.
///
/// An id given stays given, also where its batch is refused afterwards. After a crash ids whose definition was not
/// durable are holes: nothing that is left names them, and new series go on above the greatest one defined.
#[derive(Debug, Default)]
pub(crate) struct SeriesRegistry {
    sets: RwLock<Sets>,
    marks: RwLock<Marks>,
}

impl SeriesRegistry {
    /// A registry of nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// For tests that number series themselves: each from 1 to `last` is one of table 1, with a tag of its own.
    #[cfg(test)]
    pub(crate) fn of_numbers(last: SeriesId) -> Self {
        let registry = Self::new();
        {
            let mut sets = registry.sets.write();
            let shape = sets.intern_shape(&sets::Shape { table: 1, columns: vec![1_000] });
            for series in 1..=last {
                let tag = sets.symbols.intern(&series.to_string()).unwrap();
                sets.insert(series, shape, &[tag]).unwrap();
            }
        }
        registry
    }

    /// Tags become series: `batch` has the table's columns in order (`TableSchema::arrow`), tag columns as Utf8 or
    /// Dictionary(Int32, Utf8). Gives ids to tag sets not seen, as far as the limits of the table allow it.
    pub(crate) fn resolve(&self, schema: &TableSchema, batch: &RecordBatch) -> Result<Rows> {
        let request = Request::new(schema, batch)?;
        let (found, all) = request.find(&self.sets.read());
        // Another writer may have defined some in between: under the write lock they are looked up again.
        let found = match all {
            true => found,
            false => {
                let bounds = Bounds::of(schema);
                request.define(&mut self.sets.write(), &bounds)?
            }
        };
        Ok(request.rows(&found))
    }

    /// The tag `column` of each of `series` as Utf8, null where absent. At most `ROW_GROUP_ROWS_MAX` at a time: so many
    /// tags of the greatest length still fit one array.
    pub(crate) fn tag_column(&self, column: ColumnId, series: &[SeriesId]) -> StringArray {
        let sets = self.sets.read();
        let mut last: Option<(SeriesId, Option<&str>)> = None;
        let values = series.iter().map(|id| match last {
            Some((before, value)) if before == *id => value,
            _ => {
                let value = tag(&sets, column, *id);
                last = Some((*id, value));
                value
            }
        });
        values.collect()
    }

    /// The tags of a series by column id, ascending; none for `NO_TAGS` or an id not known.
    pub(crate) fn tags(&self, series: SeriesId) -> Vec<(ColumnId, Arc<str>)> {
        let sets = self.sets.read();
        let Some((shape, tags)) = sets.get(series) else { return Vec::new() };
        let columns = sets.shape(shape).map(|s| s.columns.as_slice()).unwrap_or_default();
        columns.iter().zip(tags).map(|(column, tag)| (*column, sets.symbols.text(*tag).into())).collect()
    }

    /// The table of a series; none for `NO_TAGS` or an id not known.
    pub(crate) fn table(&self, series: SeriesId) -> Option<TableId> {
        let sets = self.sets.read();
        let (shape, _) = sets.get(series)?;
        sets.shape(shape).map(|s| s.table)
    }

    /// Defined series.
    pub(crate) fn len(&self) -> usize {
        self.sets.read().len()
    }

    /// Series defined for a table.
    pub(crate) fn count(&self, table: TableId) -> usize {
        self.sets.read().count(table)
    }

    /// The series defined for a table, rising. Looks through all of them.
    pub(crate) fn of_table(&self, table: TableId) -> Vec<SeriesId> {
        self.sets.read().of_table(table)
    }

    /// Bytes it holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.sets.read().memory_bytes() + self.marks.read().memory_bytes()
    }

    /// Those that are neither in a series file that a manifest names nor in a frame of the log: each once, ascending.
    pub(crate) fn unlogged(&self, series: &[SeriesId]) -> Vec<SeriesId> {
        self.marks.read().missing(series)
    }

    /// Notes that a frame of the log defines them.
    pub(crate) fn mark_logged(&self, series: &[SeriesId]) {
        if !series.is_empty() {
            self.marks.write().log(series);
        }
    }

    /// After a failed sync the log is read anew: only what a series file holds and what replay defines again counts.
    pub(crate) fn forget_logged(&self) {
        self.marks.write().forget_logged();
    }

    /// Appends the definitions of `series`, ascending.
    pub(crate) fn encode(&self, series: &[SeriesId], out: &mut Vec<u8>) {
        definitions::encode(&self.sets.read(), series, out);
    }

    /// Defines one series by its tags, ascending by column; well where it is defined so already. For series that are
    /// taken from elsewhere than their files.
    pub(crate) fn define_one(
        &self,
        series: SeriesId,
        table: TableId,
        tags: &[(ColumnId, &str)],
    ) -> Result<(), String> {
        definitions::define_tags(&mut self.sets.write(), series, table, tags)
    }

    /// Whether an id stands for tags, or for none at all.
    pub(crate) fn is_known(&self, series: SeriesId) -> bool {
        series == NO_TAGS || self.sets.read().get(series).is_some()
    }

    /// Takes over definitions; one that is known and equal is well, another is damage. Gives the ids defined, which do
    /// not count as logged before [`Self::mark_logged`]: recovery ends with a log that no longer holds them.
    pub(crate) fn define(&self, bytes: &[u8]) -> Result<Vec<SeriesId>, Malformed> {
        definitions::define(&mut self.sets.write(), bytes)
    }

    /// Notes that series files named by a durable manifest hold every series up to `last`.
    fn mark_stored(&self, last: SeriesId) {
        self.marks.write().store(last);
    }

    /// The greatest id given.
    fn last(&self) -> SeriesId {
        self.sets.read().last()
    }

    /// Definitions of the `count` ids after `after`, none above `last`; and the last id they reach.
    fn encode_after(&self, after: SeriesId, last: SeriesId, count: u32) -> (SeriesId, Vec<u8>) {
        let upto = last.min(after.saturating_add(count));
        let series: Vec<SeriesId> = (after + 1..=upto).collect();
        let mut out = Vec::new();
        self.encode(&series, &mut out);
        (upto, out)
    }
}

fn tag(sets: &Sets, column: ColumnId, series: SeriesId) -> Option<&str> {
    let (shape, tags) = sets.get(series)?;
    let place = sets.shape(shape)?.columns.binary_search(&column).ok()?;
    tags.get(place).map(|tag| sets.symbols.text(*tag))
}

#[cfg(test)]
mod tests;
