//! What statements do to continuous queries.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{Query, SetExpr, TableFactor};
use driftline_storage::{CatalogChange, RETENTION_OPTION, Snapshot, TableSchema, WriteBatch};

use super::check::{Checked, check};
use super::exposed::EXPOSE;
use super::{CONTINUOUS_PREFIX, Definition, KEPT_BY_OPTION, Span};
use crate::catalog::name;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::runner::store;
use crate::statement::query_of;
use crate::statement::watch::{AlterContinuous, Backfill, ContinuousOptions, CreateContinuous};
use crate::write::Ingest;

/// Up to which age late rows are folded in at once, where nothing is said: an hour.
const LATENESS: i64 = 3_600 * 1_000_000_000;

/// `CREATE CONTINUOUS QUERY`.
pub(crate) async fn create(database: &Database, create: &CreateContinuous, access: Access) -> Result<()> {
    let session = database.session(access, None);
    if find(session.view().snapshot(), &create.name)?.is_some() {
        return exists(create);
    }
    let query = query_of(&create.query)?;
    refuse_circle(session.view().snapshot(), create, &query)?;
    let checked = check(&session, &query, access).await?;
    let definition = define(create, &checked, session.view().now_nanos())?;
    let create = create.clone();
    database
        .blocking(move |ingest| {
            ingest.change(|snapshot| {
                if find(snapshot, &create.name)?.is_some() {
                    return exists(&create).map(|()| None);
                }
                let table = target(snapshot, ingest, &create, &checked)?;
                let mut catalog = store::create(snapshot, ingest.engine());
                catalog.push(CatalogChange::CreateTable(table));
                catalog.push(put(&definition)?);
                Ok(Some(WriteBatch { catalog, ..WriteBatch::default() }))
            })
        })
        .await?;
    database.start_runner()?;
    database.watched().wake();
    Ok(())
}

/// What an existing query of the name has and what the statement says, where that may be changed; None where there is none.
///
/// # Errors
/// It is another query, or fills another table.
pub(crate) fn changes(snapshot: &Snapshot, create: &CreateContinuous) -> Result<Option<(String, String)>> {
    let Some(known) = find(snapshot, &create.name)? else { return Ok(None) };
    if query_of(&known.query)? != query_of(&create.query)? || !name::same(&known.into, &create.into) {
        return Err(QueryError::Invalid(format!(
            "it is there with another query or another table, which cannot be changed; give this one another name, or DROP              CONTINUOUS QUERY {} and its table {} first",
            known.name, known.into
        )));
    }
    let kept = snapshot.table(&known.into).and_then(|table| table.options.get(RETENTION_OPTION).cloned());
    let ContinuousOptions { every, delay, lateness, retention, .. } = create.options;
    let exposed = create.options.expose_prometheus.unwrap_or(false);
    let retention = retention.map(seconds).or(kept.clone());
    let shown = |every: i64, delay: i64, lateness: i64, retention: Option<String>, exposed: bool| {
        let [every, delay, lateness] = [every, delay, lateness].map(|nanos| nanos as f64 / 1e9);
        let retention = retention.unwrap_or_else(|| "none".to_owned());
        format!(
            "every {every} s
delay {delay} s
lateness {lateness} s
retention {retention}
exposed {exposed}"
        )
    };
    let before = shown(known.every, known.delay, known.lateness, kept, known.options.contains_key(EXPOSE));
    let after =
        shown(every.unwrap_or(1), delay.unwrap_or(0), lateness.unwrap_or(LATENESS), retention, exposed);
    Ok(Some((before, after)))
}

/// The change of an existing query to what a statement says.
pub(crate) fn altered(create: &CreateContinuous) -> AlterContinuous {
    let ContinuousOptions { every, delay, lateness, retention, expose_prometheus } = create.options;
    let options = ContinuousOptions {
        every: Some(every.unwrap_or(1)),
        delay: Some(delay.unwrap_or(0)),
        lateness: Some(lateness.unwrap_or(LATENESS)),
        retention,
        expose_prometheus: Some(expose_prometheus.unwrap_or(false)),
    };
    AlterContinuous { name: create.name.clone(), if_exists: false, options }
}

/// Whether it reads a table.
pub(crate) fn reads(create: &CreateContinuous, table: &str) -> bool {
    let Ok(query) = query_of(&create.query) else { return false };
    let SetExpr::Select(select) = &*query.body else { return false };
    select.from.iter().filter_map(|from| table_of(&from.relation)).any(|read| name::same(&read, table))
}

/// Looks whether it could be made.
pub(crate) async fn look(database: &Database, create: &CreateContinuous, access: Access) -> Result<()> {
    let session = database.session(access, None);
    let query = query_of(&create.query)?;
    refuse_circle(session.view().snapshot(), create, &query)?;
    check(&session, &query, access).await.map(drop)
}

fn seconds(nanos: i64) -> String {
    format!("{} s", (nanos / 1_000_000_000).max(1))
}

fn exists(create: &CreateContinuous) -> Result<()> {
    match create.if_not_exists {
        true => Ok(()),
        false => Err(QueryError::Exists(format!("continuous query {} exists already", create.name))),
    }
}

fn define(create: &CreateContinuous, checked: &Checked, created_at: i64) -> Result<Definition> {
    let ContinuousOptions { every, delay, lateness, expose_prometheus, .. } = create.options;
    let exposed = expose_prometheus.unwrap_or(false).then(|| (EXPOSE.to_owned(), "prometheus".to_owned()));
    Ok(Definition {
        name: create.name.clone(),
        query: create.query.clone(),
        source: checked.source.name.clone(),
        into: create.into.clone(),
        bucket: checked.bucket.clone(),
        every: every.unwrap_or(1),
        delay: delay.unwrap_or(0),
        lateness: lateness.unwrap_or(LATENESS),
        uses_now: checked.uses_now,
        reads_labels: checked.reads_labels,
        paused: false,
        options: exposed.into_iter().collect(),
        created_at,
    })
}

/// The table that it fills.
fn target(
    snapshot: &Snapshot,
    ingest: &Ingest,
    create: &CreateContinuous,
    checked: &Checked,
) -> Result<TableSchema> {
    if let Some(taken) = snapshot.tables().keys().find(|known| name::same(known, &create.into)) {
        let by = snapshot.table(taken).and_then(|table| table.options.get(KEPT_BY_OPTION));
        let by = by.map_or(String::new(), |by| format!(", kept by continuous query {by}"));
        return Err(QueryError::Exists(format!(
            "table {taken} exists already{by}; a continuous query makes its table itself: name another, or drop this one"
        )));
    }
    let mut table = TableSchema::new(&create.into, checked.columns.clone());
    table.id = ingest.engine().allocate_table_id();
    table.options = BTreeMap::from([(KEPT_BY_OPTION.to_owned(), create.name.clone())]);
    if let Some(age) = create.options.retention {
        table.options.insert(RETENTION_OPTION.to_owned(), seconds(age));
    }
    Ok(table)
}

/// Refuses a query that would feed itself.
fn refuse_circle(snapshot: &Snapshot, create: &CreateContinuous, query: &Query) -> Result<()> {
    let mut path = vec![create.into.clone()];
    let definitions = definitions(snapshot)?;
    let SetExpr::Select(select) = &*query.body else { return Ok(()) };
    let read: Vec<String> = select.from.iter().filter_map(|from| table_of(&from.relation)).collect();
    let is_read = |table: &str| read.iter().any(|read| name::same(read, table));
    // Each query makes its table, so a circle can only close where one reads what already comes from the table it names.
    loop {
        let last = path[path.len() - 1].clone();
        if is_read(&last) {
            path.insert(0, last);
            return Err(QueryError::Invalid(format!(
                "continuous query {} would feed itself: {}; write its result to another table",
                create.name,
                path.join(" <- ")
            )));
        }
        let next = definitions.iter().find(|known| name::same(&known.source, &last));
        match next.filter(|_| path.len() <= definitions.len()) {
            Some(next) => path.push(next.into.clone()),
            None => return Ok(()),
        }
    }
}

/// The name of a table in FROM, without its schema.
fn table_of(relation: &TableFactor) -> Option<String> {
    let TableFactor::Table { name, .. } = relation else { return None };
    Some(name.0.last()?.as_ident()?.value.clone())
}

/// `ALTER CONTINUOUS QUERY .. SET (..)`.
pub(crate) async fn alter(database: &Database, alter: &AlterContinuous) -> Result<()> {
    let options = alter.options.clone();
    changed(database, &alter.name, alter.if_exists, move |snapshot, definition| {
        definition.every = options.every.unwrap_or(definition.every);
        definition.delay = options.delay.unwrap_or(definition.delay);
        definition.lateness = options.lateness.unwrap_or(definition.lateness);
        match options.expose_prometheus {
            Some(true) => drop(definition.options.insert(EXPOSE.to_owned(), "prometheus".to_owned())),
            Some(false) => drop(definition.options.remove(EXPOSE)),
            None => {}
        }
        let table = options.retention.and_then(|age| {
            let mut table = TableSchema::clone(snapshot.table(&definition.into)?);
            table.version += 1;
            table.options.insert(RETENTION_OPTION.to_owned(), seconds(age));
            Some(CatalogChange::AlterTable(table))
        });
        Ok(table)
    })
    .await
}

/// `PAUSE` and `RESUME CONTINUOUS QUERY`.
pub(crate) async fn pause(database: &Database, name: &str, pauses: bool) -> Result<()> {
    changed(database, name, false, move |_, definition| {
        definition.paused = pauses;
        Ok(None)
    })
    .await
}

async fn changed(
    database: &Database,
    name: &str,
    if_exists: bool,
    change: impl FnOnce(&Snapshot, &mut Definition) -> Result<Option<CatalogChange>> + Send + 'static,
) -> Result<()> {
    let name = name.to_owned();
    database
        .blocking(move |ingest| {
            ingest.change(|snapshot| {
                let Some(mut definition) = find_or(snapshot, &name, if_exists)? else { return Ok(None) };
                let table = change(snapshot, &mut definition)?;
                let catalog = table.into_iter().chain([put(&definition)?]).collect();
                Ok(Some(WriteBatch { catalog, ..WriteBatch::default() }))
            })
        })
        .await?;
    database.watched().wake();
    Ok(())
}

/// `BACKFILL CONTINUOUS QUERY`: computes windows again, whatever their age.
pub(crate) async fn backfill(database: &Database, backfill: &Backfill) -> Result<()> {
    let snapshot = database.engine().snapshot();
    let definition = find(&snapshot, &backfill.name)?.ok_or_else(|| missing(&snapshot, &backfill.name))?;
    let span = backfill.range.map_or(Span::ALL, |range| Span { start: range.from, end: range.to });
    let rows = snapshot.table(&definition.source).and_then(|table| snapshot.size(table.id).time);
    let kept = snapshot.table(&definition.into).and_then(|table| snapshot.size(table.id).time);
    let hull = rows.into_iter().chain(kept).reduce(driftline_storage::TimeRange::union);
    let Some(hull) = hull else { return Ok(()) };
    let span = span.cut(Span { start: hull.min, end: definition.bucket.end(hull.max) });
    database.runner().await.again(database, &definition.name, span).await?;
    database.watched().wake();
    Ok(())
}

/// `DROP CONTINUOUS QUERY`: its table stays, as one that anybody may write to.
pub(crate) async fn drop_query(database: &Database, name: &str, if_exists: bool) -> Result<()> {
    let name = name.to_owned();
    database
        .blocking(move |ingest| {
            ingest.change(|snapshot| {
                let Some(definition) = find_or(snapshot, &name, if_exists)? else { return Ok(None) };
                let mut catalog = vec![CatalogChange::RemoveEntry { key: Definition::key(&definition.name) }];
                if let Some(table) = snapshot.table(&definition.into) {
                    let mut table = TableSchema::clone(table);
                    table.version += 1;
                    table.options.remove(KEPT_BY_OPTION);
                    catalog.push(CatalogChange::AlterTable(table));
                }
                let forgotten = [(super::Progress::key(&definition.name), None)];
                let rows = snapshot
                    .table(store::STATE)
                    .map(|table| store::state_rows(table, &forgotten).map(|rows| (table.id, rows)));
                let rows = rows.transpose()?.into_iter().collect();
                Ok(Some(WriteBatch { catalog, rows, ..WriteBatch::default() }))
            })
        })
        .await?;
    database.watched().wake();
    Ok(())
}

/// All continuous queries.
pub(crate) fn definitions(snapshot: &Snapshot) -> Result<Vec<Definition>> {
    let entries = snapshot.entries().range(CONTINUOUS_PREFIX.to_owned()..);
    let entries = entries.take_while(|(key, _)| key.starts_with(CONTINUOUS_PREFIX));
    entries.map(|(key, bytes)| Definition::decode(key, bytes)).collect()
}

/// The continuous query that reads a table or keeps it, which therefore cannot go.
pub(crate) fn user_of(snapshot: &Snapshot, table: &str) -> Result<Option<Definition>> {
    Ok(definitions(snapshot)?.into_iter().find(|known| known.source == table || known.into == table))
}

fn find(snapshot: &Snapshot, wanted: &str) -> Result<Option<Definition>> {
    let definitions = definitions(snapshot)?;
    let names = definitions.iter().map(|known| known.name.as_str());
    let found = name::find("continuous query", names, wanted)?.map(str::to_owned);
    Ok(definitions.into_iter().find(|known| Some(&known.name) == found.as_ref()))
}

fn find_or(snapshot: &Snapshot, wanted: &str, if_exists: bool) -> Result<Option<Definition>> {
    match find(snapshot, wanted)? {
        None if !if_exists => Err(missing(snapshot, wanted)),
        found => Ok(found),
    }
}

fn missing(snapshot: &Snapshot, wanted: &str) -> QueryError {
    let known = definitions(snapshot).unwrap_or_default();
    name::missing("continuous query", wanted, known.iter().map(|known| known.name.as_str()), "")
}

fn put(definition: &Definition) -> Result<CatalogChange> {
    Ok(CatalogChange::PutEntry { key: Definition::key(&definition.name), value: definition.encode()? })
}
