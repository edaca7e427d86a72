//! Inhibitions.

use driftline_storage::Snapshot;

use super::apply::Coming;
use super::change;
use crate::alert::dispatch::{Inhibition, circle};
use crate::alert::{Rule, entry};
use crate::database::Database;
use crate::error::{QueryError, Result};
use crate::statement::watch::CreateInhibition;

/// `CREATE INHIBITION`. One without a name is `inhibition-1` or the next that is free.
pub(super) async fn create(database: &Database, create: &CreateInhibition) -> Result<()> {
    let create = create.clone();
    change(database, move |snapshot| {
        let name = match &create.name {
            Some(name) => entry::is_free::<Inhibition>(snapshot, name, false).map(|_| name.clone())?,
            None => entry::free_name::<Inhibition>(snapshot),
        };
        Ok(vec![entry::put(&made(snapshot, &create, &name, &Coming::default())?)?])
    })
    .await
}

/// The inhibition that a statement makes, under a name.
pub(super) fn made(
    snapshot: &Snapshot,
    create: &CreateInhibition,
    name: &str,
    coming: &Coming,
) -> Result<Inhibition> {
    let spelled = |alert: &str| entry::spelled_or_coming::<Rule>(snapshot, alert, &coming.alerts);
    let inhibition = Inhibition {
        name: entry::name_of::<Inhibition>(snapshot, name)?,
        source: spelled(&create.source)?,
        target: spelled(&create.target)?,
        equal: create.equal.clone(),
    };
    let mut all = entry::all::<Inhibition>(snapshot)?;
    all.retain(|known| known.name != inhibition.name);
    all.push(inhibition.clone());
    refuse_circle(&all, &inhibition)?;
    Ok(inhibition)
}

fn refuse_circle(all: &[Inhibition], new: &Inhibition) -> Result<()> {
    if new.source == new.target {
        return Err(QueryError::Invalid(format!(
            "alert {} cannot explain itself: SOURCE and TARGET are two alerts",
            new.source
        )));
    }
    let Some(circle) = circle(all) else { return Ok(()) };
    Err(QueryError::Invalid(format!(
        "inhibition {} would close a circle: {}; while all of them fire nobody would be told of any. Drop one of the \
         others, or turn this one around",
        new.name,
        circle.join(" -> ")
    )))
}
