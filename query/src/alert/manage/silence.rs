//! Silences.

use driftline_storage::Snapshot;

use super::apply::Coming;
use super::{change, matcher};
use crate::alert::dispatch::Silence;
use crate::alert::{Rule, entry};
use crate::database::Database;
use crate::error::Result;
use crate::statement::watch::CreateSilence;

/// `CREATE SILENCE`. One without a name is `silence-1` or the next that is free.
pub(super) async fn create(database: &Database, create: &CreateSilence) -> Result<()> {
    let create = create.clone();
    change(database, move |snapshot| {
        let id = match &create.name {
            Some(name) => entry::is_free::<Silence>(snapshot, name, false).map(|_| name.clone())?,
            None => entry::free_name::<Silence>(snapshot),
        };
        Ok(vec![entry::put(&made(snapshot, &create, &id, &Coming::default())?)?])
    })
    .await
}

/// The silence that a statement makes, under a name.
pub(super) fn made(
    snapshot: &Snapshot,
    create: &CreateSilence,
    name: &str,
    coming: &Coming,
) -> Result<Silence> {
    let spelled = |alert: &String| entry::spelled_or_coming::<Rule>(snapshot, alert, &coming.alerts);
    Ok(Silence {
        id: entry::name_of::<Silence>(snapshot, name)?,
        alert: create.alert.as_ref().map(spelled).transpose()?,
        conditions: matcher::conditions(&create.matchers)?,
        from: create.range.from,
        to: create.range.to,
        weekly: create.every_week,
        comment: create.comment.clone(),
        by: None,
    })
}
