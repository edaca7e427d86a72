//! Which keys the rows of a chunk may have: a look-up by key asks every chunk, and all but one have no more to say.

use std::sync::OnceLock;

use crate::read::Bound;
use crate::rows::Rows;
use crate::schema::{ColumnId, TableSchema};
use crate::segment::bloom::{Bloom, hash_array, is_kept};

/// Rows from which on a chunk has filters: fewer are looked through as fast.
const ROWS_MIN: usize = 128;

/// Filters of the columns that segments keep filters of; made when a query first asks, a byte a row and column.
#[derive(Debug, Default)]
pub(super) struct KeyFilters(OnceLock<Vec<(ColumnId, Bloom)>>);

impl KeyFilters {
    /// Whether rows may meet a bound; false is certain.
    pub(super) fn may_meet(&self, schema: &TableSchema, rows: &Rows, bound: &Bound) -> bool {
        let Some(hashes) = bound.hashes().filter(|_| rows.len() >= ROWS_MIN) else { return true };
        let filters = self.0.get_or_init(|| filters(schema, rows));
        let Some((_, filter)) = filters.iter().find(|(column, _)| *column == bound.column()) else {
            return true;
        };
        hashes.iter().any(|hash| hash.is_none_or(|hash| filter.may_contain(hash)))
    }
}

fn filters(schema: &TableSchema, rows: &Rows) -> Vec<(ColumnId, Bloom)> {
    let columns = schema.stored_columns().zip(rows.batch.columns());
    let kept = columns.filter(|(column, _)| is_kept(column));
    kept.map(|(column, array)| (column.id, Bloom::of(hash_array(column.ty, array)))).collect()
}
