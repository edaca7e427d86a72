//! Routes.

use driftline_storage::Snapshot;

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
        Ok(vec![entry::put(&route(snapshot, create)?)?])
    })
    .await
}

fn route(snapshot: &Snapshot, create: CreateRoute) -> Result<Route> {
    let escalation = |it: &Escalation| {
        Ok(Escalation { after: it.after, notify: notifier::spelled(snapshot, &it.notify)? })
    };
    Ok(Route {
        name: create.name,
        conditions: matcher::conditions(&create.matchers)?,
        notify: notifier::spelled(snapshot, &create.notify)?,
        escalations: create.escalations.iter().map(escalation).collect::<Result<_>>()?,
    })
}
