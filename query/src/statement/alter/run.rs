//! What ALTER writes: one batch, in which a model's labels, entry and baselines follow its table.

use std::sync::Arc;

use driftline_storage::{
    COLUMN_RETENTION_PREFIX, CatalogChange, ID_TIME_OPTION, Snapshot, TableSchema, WriteBatch,
};

use super::schema::Target;
use super::{Alter, Change};
use crate::catalog::name;
use crate::error::{QueryError, Result};
use crate::model::{
    BASELINE_PREFIX, Model, RECEIVED_AT, baseline_key, decode_baseline, decode_model, encode_baseline,
    encode_model, is_reserved, labels_table, model_key,
};
use crate::statement::{Kind, column, create, option};
use crate::write::{Exactness, Ingest};

/// Changes a table or model.
pub(in crate::statement) fn run(ingest: &Ingest, alter: &Alter) -> Result<()> {
    let mut exactness = Exactness::default();
    if matches!(alter.change, Change::Retype { .. }) {
        // Once while others write on: under the lock only what came since is left to read.
        changes(ingest, &ingest.engine().snapshot(), alter, &mut exactness)?;
    }
    ingest.change(|snapshot| {
        let catalog = changes(ingest, snapshot, alter, &mut exactness)?;
        Ok((!catalog.is_empty()).then(|| WriteBatch { catalog, ..WriteBatch::default() }))
    })
}

/// Everything that changes; nothing where all is as wanted.
fn changes(
    ingest: &Ingest,
    snapshot: &Snapshot,
    alter: &Alter,
    exactness: &mut Exactness,
) -> Result<Vec<CatalogChange>> {
    let is_model = alter.kind == Kind::Model;
    let Some(found) = create::find(snapshot, "ALTER", alter.kind, &alter.name, alter.if_exists)? else {
        return Ok(Vec::new());
    };
    let Some(table) = snapshot.table(found) else { return Ok(Vec::new()) };
    let target = Target { table, is_model };
    let Some(mut after) = target.changed(&alter.change)? else { return Ok(Vec::new()) };
    if let Change::Rename(to) = &alter.change {
        refuse_taken(snapshot, found, to)?;
    }
    let mut catalog = Vec::new();
    if is_model {
        catalog.extend(entries(snapshot, &target, &alter.change, &mut after)?);
    }
    if after != **table {
        after.version += 1;
        if is_model {
            catalog.extend(labels(ingest, snapshot, table, &after)?);
        }
        catalog.push(CatalogChange::AlterTable(after));
    }
    for change in &catalog {
        if let CatalogChange::AlterTable(after) = change {
            exactness.check_widened(snapshot, after)?;
        }
    }
    Ok(catalog)
}

/// A name that nothing else has, by which alone statements could tell the two.
fn refuse_taken(snapshot: &Snapshot, from: &str, to: &str) -> Result<()> {
    let mut others = snapshot.tables().keys().filter(|name| *name != from && !is_reserved(name));
    match others.find(|other| name::same(other, to)) {
        Some(other) => {
            let is_model = snapshot.entries().contains_key(&model_key(other));
            let what = if is_model { "model" } else { "table" };
            Err(QueryError::Exists(format!("{what} {other} exists already")))
        }
        None => Ok(()),
    }
}

/// What becomes of the table that keeps a model's labels: it has the model's KEY and LABEL columns under the names and
/// types that these have, and is kept as long.
fn labels(
    ingest: &Ingest,
    snapshot: &Snapshot,
    before: &TableSchema,
    after: &TableSchema,
) -> Result<Option<CatalogChange>> {
    let known = snapshot.table(&labels_table(&before.name));
    let (known, mut wanted) = match (known, create::labels(after)?) {
        (None, None) => return Ok(None),
        (Some(known), None) => return Ok(Some(CatalogChange::DropTable(known.id))),
        (None, Some(mut wanted)) => {
            wanted.columns.iter_mut().for_each(|column| column.id = 0);
            wanted.id = ingest.engine().allocate_table_id();
            return Ok(Some(CatalogChange::CreateTable(create::keep_for(wanted, after))));
        }
        (Some(known), Some(wanted)) => (known, create::keep_for(wanted, after)),
    };
    for column in &mut wanted.columns {
        // When a label came is no column of the model, which may have another of that name.
        let of_model = after.column_named(&column.name).filter(|_| column.name != RECEIVED_AT);
        let was = of_model.and_then(|c| before.column(c.id)).map_or(column.name.as_str(), |c| &c.name);
        column.id = known.column_named(was).map_or(0, |column| column.id);
    }
    let wanted =
        TableSchema { id: known.id, version: known.version, next_column_id: known.next_column_id, ..wanted };
    let follows = TableSchema { version: known.version + 1, ..wanted.clone() };
    Ok((wanted != **known).then_some(CatalogChange::AlterTable(follows)))
}

/// What becomes of a model's entry and of its baselines.
fn entries(
    snapshot: &Snapshot,
    target: &Target<'_>,
    change: &Change,
    after: &mut TableSchema,
) -> Result<Vec<CatalogChange>> {
    let key = model_key(&target.table.name);
    let Some(bytes) = snapshot.entries().get(&key) else { return Ok(Vec::new()) };
    let mut model = decode_model(&key, bytes)?;
    match change {
        Change::Set(settings) => model.options.extend(option::of_model(settings)?),
        Change::Reset(names) => {
            names.iter().try_for_each(|name| option::check_name(true, name))?;
            model.options.retain(|name, _| !names.contains(name));
        }
        Change::Rename(to) => return renamed(snapshot, model, to),
        Change::RenameColumn { from, to } => {
            return column_renamed(snapshot, &model.name, &target.column(from)?.name, to);
        }
        Change::Add { .. } | Change::Drop { .. } | Change::Retype { .. } | Change::Retain { .. } => {
            return Ok(Vec::new());
        }
    }
    let model = Model::new(&model.name, model.options, model.created_at);
    // Those of columns, and what its rows are like, stand beside these, and are no options of the model.
    let is_beside = |name: &str| name.starts_with(COLUMN_RETENTION_PREFIX) || name == ID_TIME_OPTION;
    after.options.retain(|name, _| is_beside(name));
    after.options.extend(option::of_predictions(&model.options));
    column::check_retention(&target.shown(), &after.options)?;
    Ok(vec![CatalogChange::PutEntry { key, value: encode_model(&model)? }])
}

/// A model's entry and baselines under its new name.
fn renamed(snapshot: &Snapshot, mut model: Model, to: &str) -> Result<Vec<CatalogChange>> {
    let mut changes = Vec::new();
    for (key, bytes) in baselines(snapshot, &model.name) {
        let mut baseline = decode_baseline(key, bytes)?;
        to.clone_into(&mut baseline.model);
        changes.push(CatalogChange::RemoveEntry { key: key.clone() });
        let key = baseline_key(to, &baseline.name);
        changes.push(CatalogChange::PutEntry { key, value: encode_baseline(&baseline)? });
    }
    changes.push(CatalogChange::RemoveEntry { key: model_key(&model.name) });
    to.clone_into(&mut model.name);
    changes.push(CatalogChange::PutEntry { key: model_key(to), value: encode_model(&model)? });
    Ok(changes)
}

/// Baselines know columns by name: what is renamed keeps its reference. What they hold of a column that was dropped
/// stays, until another takes its name.
fn column_renamed(snapshot: &Snapshot, model: &str, from: &str, to: &str) -> Result<Vec<CatalogChange>> {
    let mut changes = Vec::new();
    for (key, bytes) in baselines(snapshot, model) {
        let mut baseline = decode_baseline(key, bytes)?;
        if let Some(distribution) = baseline.columns.remove(from) {
            baseline.columns.insert(to.to_owned(), distribution);
            if let Some(dependence) = &mut baseline.dependence
                && let Some(inflation) = dependence.remove(from)
            {
                dependence.insert(to.to_owned(), inflation);
            }
            changes.push(CatalogChange::PutEntry { key: key.clone(), value: encode_baseline(&baseline)? });
        }
    }
    Ok(changes)
}

/// The entries of a model's baselines.
fn baselines<'a>(
    snapshot: &'a Snapshot,
    model: &str,
) -> impl Iterator<Item = (&'a String, &'a Arc<[u8]>)> + use<'a> {
    let prefix = format!("{BASELINE_PREFIX}{model}/");
    snapshot.entries().iter().filter(move |(key, _)| key.starts_with(&prefix))
}
