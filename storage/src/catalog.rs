//! The tables and entries in force, and how a change alters them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::CatalogChange;
use crate::error::{Result, StorageError};
use crate::limits;
use crate::manifest::Manifest;
use crate::schema::{Column, ColumnType, Role, TIME_COLUMN, TableId, TableSchema};

/// All tables and entries. A clone is cheap and stays as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) tables: Arc<BTreeMap<String, Arc<TableSchema>>>,
    pub(crate) by_id: Arc<BTreeMap<TableId, Arc<TableSchema>>>,
    pub(crate) entries: Arc<BTreeMap<String, Arc<[u8]>>>,
    /// By table of rows the one that keeps labels for them.
    labels: Arc<BTreeMap<TableId, TableId>>,
}

impl Catalog {
    /// What a manifest says.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let mut catalog = Self { entries: Arc::new(manifest.entries.clone()), ..Self::default() };
        manifest.tables.iter().for_each(|schema| catalog.put(schema.clone()));
        catalog
    }

    /// The table of this id.
    pub(crate) fn table(&self, id: TableId) -> Result<&Arc<TableSchema>> {
        self.by_id.get(&id).ok_or_else(|| StorageError::UnknownTable(format!("with id {id}")))
    }

    /// The table that keeps labels for the rows of one.
    pub(crate) fn labels_of(&self, rows: TableId) -> Option<&Arc<TableSchema>> {
        self.by_id.get(self.labels.get(&rows)?)
    }

    /// Applies a change, or refuses it and stays as it was.
    pub(crate) fn apply(&mut self, change: &CatalogChange) -> Result<()> {
        match change {
            CatalogChange::CreateTable(schema) => self.create(schema),
            CatalogChange::AlterTable(schema) => self.alter(schema),
            CatalogChange::DropTable(id) => self.drop_table(*id),
            CatalogChange::PutEntry { key, value } => {
                check_name("the key of a catalog entry", key)?;
                Arc::make_mut(&mut self.entries).insert(key.clone(), value.as_slice().into());
                Ok(())
            }
            CatalogChange::RemoveEntry { key } => {
                Arc::make_mut(&mut self.entries).remove(key);
                Ok(())
            }
        }
    }

    fn create(&mut self, schema: &TableSchema) -> Result<()> {
        if self.tables.contains_key(&schema.name) || self.by_id.contains_key(&schema.id) {
            return Err(StorageError::TableExists(schema.name.clone()));
        }
        if self.tables.len() >= limits::TABLES_MAX {
            return Err(StorageError::TooLarge {
                what: "the number of tables",
                size: self.tables.len() as u64 + 1,
                limit: limits::TABLES_MAX as u64,
                remedy: "drop tables that are no longer used",
            });
        }
        check_schema(schema)?;
        self.put(Arc::new(schema.clone()));
        Ok(())
    }

    /// The new version must follow the one in force: two callers that both started from the same version would
    /// otherwise give one column id to two columns.
    fn alter(&mut self, schema: &TableSchema) -> Result<()> {
        let before = self.table(schema.id)?.clone();
        if schema.version != before.version + 1 {
            return Err(StorageError::SchemaChanged(before.name.clone()));
        }
        check_schema(schema)?;
        check_change(&before, schema)?;
        if schema.name != before.name && self.tables.contains_key(&schema.name) {
            return Err(StorageError::TableExists(schema.name.clone()));
        }
        Arc::make_mut(&mut self.tables).remove(&before.name);
        self.put(Arc::new(schema.clone()));
        Ok(())
    }

    fn drop_table(&mut self, id: TableId) -> Result<()> {
        let name = self.table(id)?.name.clone();
        Arc::make_mut(&mut self.tables).remove(&name);
        Arc::make_mut(&mut self.by_id).remove(&id);
        if self.labels.iter().any(|(rows, labels)| *rows == id || *labels == id) {
            Arc::make_mut(&mut self.labels).retain(|rows, labels| *rows != id && *labels != id);
        }
        Ok(())
    }

    pub(crate) fn put(&mut self, schema: Arc<TableSchema>) {
        Arc::make_mut(&mut self.tables).insert(schema.name.clone(), schema.clone());
        if let Some(rows) = schema.labels_of() {
            Arc::make_mut(&mut self.labels).insert(rows, schema.id);
        }
        Arc::make_mut(&mut self.by_id).insert(schema.id, schema);
    }
}

/// Gives ids to the columns of a new table or a new version that have none.
pub(crate) fn assign_column_ids(schema: &mut TableSchema) {
    let mut next = schema.next_column_id.max(1);
    for column in &mut schema.columns {
        if column.id == 0 {
            column.id = next;
        }
        next = next.max(column.id + 1);
    }
    schema.next_column_id = next;
}

/// Refuses empty names, names past the limit and names with control characters.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<()> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(StorageError::Invalid(format!(
            "{what} must not be empty or hold control characters: {name:?}"
        )));
    }
    if name.len() > limits::NAME_BYTES_MAX {
        return Err(StorageError::TooLarge {
            what,
            size: name.len() as u64,
            limit: limits::NAME_BYTES_MAX as u64,
            remedy: "choose a shorter name",
        });
    }
    Ok(())
}

fn check_schema(schema: &TableSchema) -> Result<()> {
    check_name("the name of a table", &schema.name)?;
    let wrong = |text: String| Err(StorageError::Invalid(format!("table {}: {text}", schema.name)));
    if schema.columns.len() > limits::COLUMNS_MAX {
        return wrong(format!("{} columns, the limit is {}", schema.columns.len(), limits::COLUMNS_MAX));
    }
    if !matches!(schema.columns.iter().filter(|c| c.role == Role::Time).count(), 1)
        || schema.column_named(TIME_COLUMN).is_none_or(|c| c.role != Role::Time)
    {
        return wrong(format!("needs exactly one TIME column, named `{TIME_COLUMN}`"));
    }
    for (index, column) in schema.columns.iter().enumerate() {
        check_name("the name of a column", &column.name)?;
        if schema.columns[..index].iter().any(|other| other.name == column.name || other.id == column.id) {
            return wrong(format!("column {} appears twice", column.name));
        }
    }
    Ok(())
}

/// What is stored goes by the id of its column: that is given once, and keeps its role and type.
fn check_change(before: &TableSchema, after: &TableSchema) -> Result<()> {
    let wrong = |text: String| Err(StorageError::Invalid(format!("table {}: {text}", before.name)));
    if after.next_column_id < before.next_column_id {
        return wrong("ids of columns that were dropped must not be given again".into());
    }
    for column in &after.columns {
        let Some(known) = before.column(column.id) else {
            if column.id < before.next_column_id {
                return wrong(format!("column {} has the id of one that was dropped", column.name));
            }
            continue;
        };
        if known.role != column.role {
            return wrong(format!("the role of column {} cannot change", column.name));
        }
        if !keeps_values(known, column) {
            let (from, to) = (known.ty.sql(), column.ty.sql());
            return wrong(format!("column {} is {from} and cannot become {to}", column.name));
        }
    }
    Ok(())
}

/// Whoever makes a BIGINT a DOUBLE has seen to it that all values are exact.
fn keeps_values(before: &Column, after: &Column) -> bool {
    before.ty == after.ty || (before.ty, after.ty) == (ColumnType::BigInt, ColumnType::Double)
}

#[cfg(test)]
mod tests;
