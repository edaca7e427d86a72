//! Whose labels a table keeps, and which columns are which.

use std::sync::Arc;

use crate::schema::{Column, ColumnId, Meaning, Role, TIME_COLUMN, TableId, TableSchema};

/// The option of a table that keeps labels: the id of the table whose rows they are for. Its first KEY is that of the
/// rows, its columns with the meaning LABEL have the names of theirs; `time` is the row's, the one that its key embeds,
/// or else the same as [`ARRIVAL_COLUMN`]. Its rows must not replace each other (`dedup = 'none'`).
pub const LABELS_OF_OPTION: &str = "labels_of";
/// When a label arrived: a TIMESTAMP of each row, of which no two are the same, so that of two labels of one row it is
/// plain which came last.
pub const ARRIVAL_COLUMN: &str = "received_at";
/// The option of a table with labels that says whether rows lie near the times that their keys embed.
pub const ID_TIME_OPTION: &str = "id_time";
/// They need not. Whoever writes a row that does not sets this with it.
pub const ID_TIME_ANY: &str = "any";

/// A table of rows and the one that keeps labels for them.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    /// The schema of the labels.
    pub(crate) labels: Arc<TableSchema>,
    /// Key and time of the rows.
    pub(crate) row_key: Column,
    pub(crate) row_time: Column,
    /// Key, time and arrival of the labels.
    pub(crate) key: Column,
    pub(crate) time: Column,
    pub(crate) arrival: Column,
    /// The label columns: of the rows, and the same of the labels.
    pub(crate) columns: Vec<(Column, Column)>,
    /// Whether rows lie near the times that their keys embed.
    pub(crate) ids_are_near: bool,
}

impl TableSchema {
    /// The table whose labels this one keeps.
    pub(crate) fn labels_of(&self) -> Option<TableId> {
        self.options.get(LABELS_OF_OPTION)?.parse().ok()
    }

    fn first(&self, role: Role) -> Option<Column> {
        self.columns.iter().find(|column| column.role == role).cloned()
    }
}

impl Relation {
    /// None where the labels lack what they need to find rows by.
    pub(crate) fn of(rows: &TableSchema, labels: &Arc<TableSchema>) -> Option<Self> {
        let is_label = |column: &&Column| column.meaning == Some(Meaning::Label);
        let pair = |column: &Column| Some((column.clone(), labels.column_named(&column.name)?.clone()));
        Some(Self {
            row_key: rows.first(Role::Key)?,
            row_time: rows.column_named(TIME_COLUMN)?.clone(),
            key: labels.first(Role::Key)?,
            time: labels.column_named(TIME_COLUMN)?.clone(),
            arrival: labels.column_named(ARRIVAL_COLUMN)?.clone(),
            columns: rows.columns.iter().filter(is_label).filter_map(pair).collect(),
            ids_are_near: rows.options.get(ID_TIME_OPTION).is_none_or(|value| value != ID_TIME_ANY),
            labels: labels.clone(),
        })
    }

    /// Key and time of the rows.
    pub(crate) fn row_columns(&self) -> [Column; 2] {
        [self.row_key.clone(), self.row_time.clone()]
    }

    /// Key, time and arrival of the labels, and then their label columns.
    pub(crate) fn label_columns(&self) -> Vec<Column> {
        let found_by = [&self.key, &self.time, &self.arrival];
        found_by.into_iter().chain(self.columns.iter().map(|(_, label)| label)).cloned().collect()
    }

    /// Which of the label columns this column of the rows is.
    pub(crate) fn position(&self, column: ColumnId) -> Option<usize> {
        self.columns.iter().position(|(row, _)| row.id == column)
    }
}
