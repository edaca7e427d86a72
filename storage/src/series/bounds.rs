//! How many series and values of tags a table may have.

use crate::error::{Result, StorageError};
use crate::limits::{TABLE_SERIES_MAX, TAG_VALUES_MAX};
use crate::schema::{Role, SERIES_MAX_OPTION, TAG_VALUES_MAX_OPTION, TableSchema};

/// The limits of a table, as it sets them or as they are by default.
pub(super) struct Bounds {
    table: String,
    /// By column id, ascending.
    tags: Vec<String>,
    series: usize,
    values: usize,
}

impl Bounds {
    /// Those of a table.
    pub(super) fn of(schema: &TableSchema) -> Self {
        let option = |name: &str, default: usize| {
            schema.options.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
        };
        let mut tags: Vec<_> = schema.columns.iter().filter(|column| column.role == Role::Tag).collect();
        tags.sort_by_key(|column| column.id);
        Self {
            table: schema.name.clone(),
            tags: tags.into_iter().map(|column| column.name.clone()).collect(),
            series: option(SERIES_MAX_OPTION, TABLE_SERIES_MAX),
            values: option(TAG_VALUES_MAX_OPTION, TAG_VALUES_MAX),
        }
    }

    /// Whether the table may have so many series.
    pub(super) fn allow_series(&self, series: usize) -> bool {
        series <= self.series
    }

    /// Whether each of its tags may have so many values.
    pub(super) fn allow_values(&self, values: usize) -> bool {
        values <= self.values
    }

    /// Refuses more series than the table may have. One that has too many already, since its limit was lowered, goes on
    /// with those.
    pub(super) fn check_series(&self, known: usize, fresh: usize) -> Result<()> {
        if fresh == 0 || self.allow_series(known + fresh) {
            return Ok(());
        }
        Err(StorageError::TooManySeries {
            table: self.table.clone(),
            size: known + fresh,
            limit: self.series,
        })
    }

    /// The same for the values of a tag, by its place among the tags.
    pub(super) fn check_values(&self, tag: usize, known: usize, fresh: usize) -> Result<()> {
        if fresh == 0 || self.allow_values(known + fresh) {
            return Ok(());
        }
        Err(StorageError::TooManyTagValues {
            table: self.table.clone(),
            tag: self.tags.get(tag).cloned().unwrap_or_default(),
            size: known + fresh,
            limit: self.values,
        })
    }
}
