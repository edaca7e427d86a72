//! Silences.

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
        let id = match create.name {
            Some(name) => entry::is_free::<Silence>(snapshot, &name, false).map(|_| name)?,
            None => entry::free_name::<Silence>(snapshot),
        };
        let alert = create.alert.map(|alert| entry::spelled::<Rule>(snapshot, &alert)).transpose()?;
        let silence = Silence {
            id,
            alert,
            conditions: matcher::conditions(&create.matchers)?,
            from: create.range.from,
            to: create.range.to,
            weekly: create.every_week,
            comment: create.comment,
            by: None,
        };
        Ok(vec![entry::put(&silence)?])
    })
    .await
}
