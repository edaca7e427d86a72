//! Does what these statements say.

use super::{DropWatch, Response, Watch, WatchKind};
use crate::alert::state::Mark;
use crate::continuous::manage;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};

/// Who says something where nobody was named.
const ANONYMOUS: &str = "anonymous";

/// What somebody says of an episode.
async fn respond(database: &Database, response: &Response) -> Result<()> {
    let who = response.by.clone().unwrap_or_else(|| ANONYMOUS.to_owned());
    let mark = Mark { who, comment: response.comment.clone(), at: database.now_nanos() };
    let mut runner = database.runner().await;
    runner.reload(database).await?;
    runner.alerts.respond(database, &response.id, response.kind, mark).await?;
    database.watched().wake();
    Ok(())
}

/// Runs one of these statements.
pub(crate) async fn run(database: &Database, watch: &Watch, access: Access) -> Result<()> {
    if crate::alert::manage::run(database, watch, access).await? {
        // Windows are judged from this moment on, whenever the first step is made.
        database.runner().await.reload(database).await?;
        return database.start_runner();
    }
    match watch {
        Watch::CreateContinuous(create) => manage::create(database, create, access).await,
        Watch::AlterContinuous(alter) => manage::alter(database, alter).await,
        Watch::Pause(name) => manage::pause(database, name, true).await,
        Watch::Resume(name) => manage::pause(database, name, false).await,
        Watch::Backfill(backfill) => manage::backfill(database, backfill).await,
        Watch::Drop(DropWatch { kind: WatchKind::ContinuousQuery, name, if_exists }) => {
            manage::drop_query(database, name, *if_exists).await
        }
        Watch::TestNotifier(name) => database.test_notifier(name).await,
        Watch::Respond(response) => respond(database, response).await,
        _ => Err(QueryError::Invalid("not there yet".to_owned())),
    }
}
