//! Routes.

use driftline_storage::Snapshot;

use super::apply::Coming;
use super::{change, matcher, notifier};
use crate::alert::dispatch::{Escalation, Route};
use crate::alert::entry;
use crate::database::Database;
use crate::error::Result;
use crate::statement::watch::CreateRoute;

/// `CREATE ROUTE`.
pub(super) async fn create(database: &Database, create: &CreateRoute) -> Result<()> {
    let create = create.clone();
    change(database, move |snapshot| {
        entry::is_free::<Route>(snapshot, &create.name, false)?;
        Ok(vec![entry::put(&made(snapshot, &create, &Coming::default())?)?])
    })
    .await
}

/// The route that a statement makes.
pub(super) fn made(snapshot: &Snapshot, create: &CreateRoute, coming: &Coming) -> Result<Route> {
    let spelled = |names: &[String]| notifier::spelled_or_coming(snapshot, names, &coming.notifiers);
    let escalation = |it: &Escalation| Ok(Escalation { after: it.after, notify: spelled(&it.notify)? });
    Ok(Route {
        name: entry::name_of::<Route>(snapshot, &create.name)?,
        conditions: matcher::conditions(&create.matchers)?,
        notify: spelled(&create.notify)?,
        escalations: create.escalations.iter().map(escalation).collect::<Result<_>>()?,
    })
}
