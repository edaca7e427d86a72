//! Does what these statements say.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::{DropWatch, Response, Watch, WatchKind, print};
use crate::alert::Rule;
use crate::alert::entry::find_or;
use crate::alert::manage::apply;
use crate::alert::state::Mark;
use crate::continuous::manage;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::runner::alerts::replay;
use crate::statement::explain_drift;

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

/// The columns of the answer of one of these statements; None where it only changes something.
pub(crate) fn schema(watch: &Watch) -> Option<SchemaRef> {
    match watch {
        Watch::ExplainDrift(_) => Some(explain_drift::schema()),
        Watch::Backtest(_) => Some(replay::backtest_schema()),
        Watch::Calibrate(_) => Some(replay::calibrate_schema()),
        Watch::Apply { .. } => Some(apply::schema()),
        Watch::ShowCreateAlert(_) => {
            Some(Arc::new(Schema::new(vec![Field::new("statement", DataType::Utf8, true)])))
        }
        _ => None,
    }
}

/// The answer of a statement that has one.
pub(crate) async fn answer(database: &Database, watch: &Watch, access: Access) -> Result<RecordBatch> {
    match watch {
        Watch::ExplainDrift(asked) => explain_drift::explain(database, asked, access).await,
        Watch::Backtest(asked) => replay::backtest(database, asked).await,
        Watch::Calibrate(asked) => replay::run_calibrate(database, asked).await,
        Watch::Apply { statements, dry_run } => apply::apply(database, statements, *dry_run, access).await,
        Watch::ShowCreateAlert(name) => {
            let found = find_or::<Rule>(&database.engine().snapshot(), name, false)?;
            let texts: StringArray = found.iter().map(|rule| Some(print::rule(rule))).collect();
            Ok(RecordBatch::try_from_iter_with_nullable([("statement", Arc::new(texts) as ArrayRef, true)])?)
        }
        _ => Err(QueryError::Invalid("the statement answers nothing".to_owned())),
    }
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
        _ => Ok(()),
    }
}
