//! Does what these statements say.

use super::{DropWatch, Watch, WatchKind};
use crate::continuous::manage;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};

/// Runs one of these statements.
pub(crate) async fn run(database: &Database, watch: &Watch, access: Access) -> Result<()> {
    match watch {
        Watch::CreateContinuous(create) => manage::create(database, create, access).await,
        Watch::AlterContinuous(alter) => manage::alter(database, alter).await,
        Watch::Pause(name) => manage::pause(database, name, true).await,
        Watch::Resume(name) => manage::pause(database, name, false).await,
        Watch::Backfill(backfill) => manage::backfill(database, backfill).await,
        Watch::Drop(DropWatch { kind: WatchKind::ContinuousQuery, name, if_exists }) => {
            manage::drop_query(database, name, *if_exists).await
        }
        _ => Err(QueryError::Invalid("not there yet".to_owned())),
    }
}
