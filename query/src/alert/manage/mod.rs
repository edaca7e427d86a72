//! What statements do to alerts and to who is told of them.

mod annotation;
pub(crate) mod apply;
mod by;
pub(crate) mod check;
mod inhibition;
mod matcher;
mod notifier;
mod route;
pub(crate) mod rule;
mod silence;

use driftline_storage::{CatalogChange, Snapshot, WriteBatch};

use super::dispatch::{Inhibition, Route, Silence};
use super::entry::{self, Entry};
use crate::database::{Access, Database};
use crate::error::Result;
use crate::statement::watch::{DropWatch, Watch, WatchKind};

/// Runs one of these statements; false where it is another one.
pub(crate) async fn run(database: &Database, watch: &Watch, access: Access) -> Result<bool> {
    match watch {
        Watch::CreateNotifier(create) => notifier::create(database, create).await?,
        Watch::AlterNotifier(alter) => notifier::alter(database, alter).await?,
        Watch::CreateAlert(create) => rule::create(database, create, access).await?,
        Watch::CreateDefaults(notify) => rule::create_defaults(database, notify).await?,
        Watch::AlterAlert(alter) => rule::alter(database, alter, access).await?,
        Watch::CreateSilence(create) => silence::create(database, create).await?,
        Watch::CreateRoute(create) => route::create(database, create).await?,
        Watch::CreateInhibition(create) => inhibition::create(database, create).await?,
        Watch::Drop(drop) => return drop_any(database, drop).await,
        _ => return Ok(false),
    }
    Ok(true)
}

async fn drop_any(database: &Database, drop: &DropWatch) -> Result<bool> {
    match drop.kind {
        WatchKind::ContinuousQuery => return Ok(false),
        WatchKind::Notifier => notifier::drop(database, drop).await?,
        WatchKind::Alert => rule::drop(database, drop).await?,
        WatchKind::Silence => drop_one::<Silence>(database, drop).await?,
        WatchKind::Route => drop_one::<Route>(database, drop).await?,
        WatchKind::Inhibition => drop_one::<Inhibition>(database, drop).await?,
    }
    Ok(true)
}

/// Drops what nothing else names.
async fn drop_one<T: Entry>(database: &Database, drop: &DropWatch) -> Result<()> {
    let (name, if_exists) = (drop.name.clone(), drop.if_exists);
    change(database, move |snapshot| {
        let found = entry::find_or::<T>(snapshot, &name, if_exists)?;
        Ok(found.iter().map(entry::remove).collect())
    })
    .await
}

/// Changes entries of the catalog: `change` sees a snapshot that nobody else changes meanwhile. Whoever judges and
/// tells looks again at once.
async fn change(
    database: &Database,
    change: impl FnOnce(&Snapshot) -> Result<Vec<CatalogChange>> + Send + 'static,
) -> Result<()> {
    let batch =
        |catalog: Vec<_>| (!catalog.is_empty()).then(|| WriteBatch { catalog, ..WriteBatch::default() });
    database.blocking(move |ingest| ingest.change(|snapshot| change(snapshot).map(batch))).await?;
    database.watched().wake();
    Ok(())
}

#[cfg(test)]
mod tests;
