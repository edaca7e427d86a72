//! What CREATE and DROP of models and tables write. Each is one batch: all of it happens or nothing.

use driftline_storage::{
    CatalogChange, Change, Column, ColumnType, Comparison, LABELS_OF_OPTION, Predicate, RETENTION_OPTION,
    Role, Snapshot, TIME_COLUMN, TableId, TableSchema, Value, WriteBatch,
};

use super::option::{DEDUP, DEDUP_NONE};
use super::{Create, Drop, Kind, column, option};
use crate::catalog::{label_columns, name};
use crate::continuous::manage;
use crate::error::{QueryError, Result};
use crate::model::{
    BASELINE_PREFIX, MODEL_PREFIX, Model, RECEIVED_AT, REJECTED, encode_model, is_reserved, labels_table,
    model_key,
};
use crate::write::{Ingest, REJECTED_OF};

/// Creates a table.
pub(super) fn table(ingest: &Ingest, create: &Create) -> Result<()> {
    let mut options = option::of_table(&create.options)?;
    options.extend(create.column_options.clone());
    column::check_retention(&format!("table {}", create.name), &options)?;
    let mut schema = TableSchema::new(&create.name, columns("table", create)?);
    schema.options = options;
    ingest.change(|snapshot| {
        if is_there(snapshot, create, Kind::Table)? {
            return Ok(None);
        }
        schema.id = ingest.engine().allocate_table_id();
        Ok(Some(batch(vec![CatalogChange::CreateTable(schema)])))
    })
}

/// Creates a model: its table, its entry, and the table that keeps its labels.
pub(super) fn model(ingest: &Ingest, create: &Create) -> Result<()> {
    let options = option::of_model(&create.options)?;
    let mut predictions = TableSchema::new(&create.name, columns("model", create)?);
    predictions.options = option::of_predictions(&options);
    predictions.options.extend(create.column_options.clone());
    column::check_retention(&format!("model {}", create.name), &predictions.options)?;
    let labels = labels(&predictions)?;
    let entry = Model::new(&create.name, options, ingest.now_nanos());
    ingest.change(|snapshot| {
        if is_there(snapshot, create, Kind::Model)? {
            return Ok(None);
        }
        let allocate = || ingest.engine().allocate_table_id();
        predictions.id = allocate();
        let labels = labels.map(|labels| keep_for(TableSchema { id: allocate(), ..labels }, &predictions));
        let tables = std::iter::once(predictions).chain(labels);
        let mut changes: Vec<_> = tables.map(CatalogChange::CreateTable).collect();
        changes.push(CatalogChange::PutEntry { key: model_key(&entry.name), value: encode_model(&entry)? });
        Ok(Some(batch(changes)))
    })
}

/// Drops a model with all that belongs to it, or a table.
pub(super) fn drop(ingest: &Ingest, drop: &Drop) -> Result<()> {
    ingest.change(|snapshot| {
        let found = find(snapshot, "DROP", drop.kind, &drop.name, drop.if_exists)?;
        if let Some(found) = found {
            refuse_used(snapshot, found)?;
        }
        Ok(found.map(|found| {
            let catalog = match drop.kind {
                Kind::Model => drop_model(snapshot, found),
                _ => drop_tables(snapshot, &[found.to_owned()]),
            };
            WriteBatch { changes: drop_rejected(snapshot, found).into_iter().collect(), ..batch(catalog) }
        }))
    })
}

/// Refuses a table that a continuous query reads or keeps.
fn refuse_used(snapshot: &Snapshot, table: &str) -> Result<()> {
    match manage::user_of(snapshot, table)? {
        None => Ok(()),
        Some(query) => Err(QueryError::Invalid(format!(
            "continuous query {} {} {table}; DROP CONTINUOUS QUERY {} first",
            query.name,
            if query.into == table { "keeps" } else { "reads" },
            query.name
        ))),
    }
}

/// The table or model that a statement beginning with `verb` names; None where there is none and that is well.
pub(super) fn find<'a>(
    snapshot: &'a Snapshot,
    verb: &str,
    kind: Kind,
    wanted: &str,
    if_exists: bool,
) -> Result<Option<&'a str>> {
    let tables = || snapshot.tables().keys().map(String::as_str).filter(|name| !is_reserved(name));
    let is_model = |name: &str| snapshot.entries().contains_key(&model_key(name));
    let (what, model_wanted) = if kind == Kind::Model { ("model", true) } else { ("table", false) };
    let Some(found) = name::find(what, tables(), wanted)? else {
        let known = tables().filter(|name| is_model(name) == model_wanted);
        return if if_exists { Ok(None) } else { Err(name::missing(what, wanted, known, "")) };
    };
    match (is_model(found), model_wanted) {
        (true, false) => Err(QueryError::Invalid(format!("{found} is a model; use {verb} MODEL {found}"))),
        (false, true) => Err(QueryError::Invalid(format!("{found} is a table; use {verb} TABLE {found}"))),
        _ => Ok(Some(found)),
    }
}

fn batch(catalog: Vec<CatalogChange>) -> WriteBatch {
    WriteBatch { catalog, ..WriteBatch::default() }
}

fn drop_tables(snapshot: &Snapshot, names: &[String]) -> Vec<CatalogChange> {
    let ids = names.iter().filter_map(|name| snapshot.table(name)).map(|table| -> TableId { table.id });
    ids.map(CatalogChange::DropTable).collect()
}

fn drop_model(snapshot: &Snapshot, model: &str) -> Vec<CatalogChange> {
    let mut changes = drop_tables(snapshot, &[model.to_owned(), labels_table(model)]);
    let baselines = format!("{BASELINE_PREFIX}{model}/");
    let of_model = |key: &&String| **key == model_key(model) || key.starts_with(&baselines);
    let keys = snapshot.entries().keys().filter(of_model).cloned();
    changes.extend(keys.map(|key| CatalogChange::RemoveEntry { key }));
    changes
}

/// The rows that did not fit a table, or the labels that did not fit a model, go with it.
fn drop_rejected(snapshot: &Snapshot, table: &str) -> Option<Change> {
    let rejected = snapshot.table(REJECTED)?;
    let column = rejected.column_named(REJECTED_OF)?.id;
    let of = |name: String| Predicate::Compare { column, by: Comparison::Equal, value: Value::Text(name) };
    let predicate = Predicate::Or(vec![of(table.to_owned()), of(labels_table(table))]);
    Some(Change::Delete { table: rejected.id, predicate })
}

/// Whether the name is taken by something of this kind and that is well. Names that differ only in case are the
/// same name: otherwise no statement could name either without quotes.
fn is_there(snapshot: &Snapshot, create: &Create, kind: Kind) -> Result<bool> {
    let taken = snapshot.tables().keys().find(|name| name::same(name, &create.name));
    let Some(taken) = taken else { return Ok(false) };
    let is_model = snapshot.entries().contains_key(&format!("{MODEL_PREFIX}{taken}"));
    if create.if_not_exists && is_model == (kind == Kind::Model) {
        return Ok(true);
    }
    let what = if is_model { "model" } else { "table" };
    Err(QueryError::Exists(format!("{what} {taken} exists already")))
}

/// The columns as written, with `time` first where it was not written.
fn columns(what: &str, create: &Create) -> Result<Vec<Column>> {
    let mut columns = create.columns.clone();
    column::check_together(&format!("{what} {}", create.name), &columns)?;
    if !columns.iter().any(|column| column.role == Role::Time) {
        columns.insert(0, Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time));
    }
    Ok(columns)
}

/// The table of labels, said to be of these predictions.
pub(super) fn keep_for(mut labels: TableSchema, predictions: &TableSchema) -> TableSchema {
    labels.options.insert(LABELS_OF_OPTION.to_owned(), predictions.id.to_string());
    labels
}

/// The table that keeps the labels of a model, where it has a KEY to find predictions by and a LABEL.
pub(super) fn labels(predictions: &TableSchema) -> Result<Option<TableSchema>> {
    let Some(key) = predictions.columns.iter().find(|column| column.role == Role::Key) else {
        return Ok(None);
    };
    let mut columns = vec![Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time), key.clone()];
    columns.extend(label_columns(predictions).cloned());
    if columns.len() == 2 {
        return Ok(None);
    }
    if columns.iter().any(|column| name::same(&column.name, RECEIVED_AT)) {
        return Err(QueryError::Invalid(format!(
            "a KEY or LABEL cannot be named {RECEIVED_AT}: that is when a label came"
        )));
    }
    columns.push(Column::new(RECEIVED_AT, ColumnType::Timestamp, Role::Field));
    let mut labels = TableSchema::new(labels_table(&predictions.name), columns);
    // Each label stays, also where it has the time and key of one before it: a null leaves that one standing.
    labels.options.insert(DEDUP.to_owned(), DEDUP_NONE.to_owned());
    // A label is no older than its prediction, so it goes no earlier.
    let retention = predictions.options.get(RETENTION_OPTION);
    labels.options.extend(retention.map(|retention| (RETENTION_OPTION.to_owned(), retention.clone())));
    let kept = labels.columns.iter().map(|column| column::retention_option(&column.name));
    let kept: Vec<_> = kept.filter_map(|name| predictions.options.get_key_value(&name)).collect();
    labels.options.extend(kept.into_iter().map(|(name, age)| (name.clone(), age.clone())));
    Ok(Some(labels))
}
