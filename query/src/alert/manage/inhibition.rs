//! Inhibitions.

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
        let name = match create.name {
            Some(name) => entry::is_free::<Inhibition>(snapshot, &name, false).map(|_| name)?,
            None => entry::free_name::<Inhibition>(snapshot),
        };
        let source = entry::spelled::<Rule>(snapshot, &create.source)?;
        let target = entry::spelled::<Rule>(snapshot, &create.target)?;
        let inhibition = Inhibition { name, source, target, equal: create.equal };
        let mut all = entry::all::<Inhibition>(snapshot)?;
        all.push(inhibition.clone());
        refuse_circle(&all, &inhibition)?;
        Ok(vec![entry::put(&inhibition)?])
    })
    .await
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
