//! Schema `system`: what the database knows about itself, as of the query's snapshot.

mod activity;
mod alert;
mod build;
mod column;
mod continuous;
mod inhibition;
mod limit;
mod model;
mod notifier;
mod query;
mod rejected;
mod route;
mod rule;
mod silence;
mod storage;
mod table;

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;

use crate::alert::entry;
use crate::catalog::CatalogView;
use crate::error::Result;
use crate::runner::alerts::tables::{HISTORY, OUTBOX};

/// Its tables.
pub(crate) const NAMES: [&str; 19] = [
    "tables",
    "segments",
    "columns",
    "models",
    "baselines",
    "storage",
    "limits",
    "rejected",
    "queries",
    "continuous_queries",
    "alerts",
    "alert_history",
    "outbox",
    "rules",
    "notifiers",
    "silences",
    "routes",
    "inhibitions",
    "activity",
];

/// One of its tables, filled.
pub(crate) async fn table(view: &Arc<CatalogView>, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let rows: RecordBatch = match name {
        "tables" => table::tables(view)?,
        "segments" => blocking(view, table::segments).await?,
        "columns" => blocking(view, column::columns).await?,
        "models" => model::models(view)?,
        "baselines" => model::baselines(view)?,
        "limits" => limit::limits(view.governor().limits())?,
        "queries" => query::queries(&view.governor().records())?,
        "rejected" => return rejected::rejected(view).map(Some),
        "alerts" => alert::alerts(&view.ingest().watched().board().episodes())?,
        "alert_history" => return alert::kept(view, HISTORY).map(Some),
        "outbox" => return alert::kept(view, OUTBOX).map(Some),
        "continuous_queries" => continuous::continuous(view, view.ingest().watched().board())?,
        "activity" => activity::activity(view)?,
        "rules" => rule::rules(&entry::all(view.snapshot())?, view.ingest().watched().board())?,
        "notifiers" => notifier::notifiers(&entry::all(view.snapshot())?)?,
        "silences" => silence::silences(&entry::all(view.snapshot())?, view.now_nanos())?,
        "routes" => route::routes(&entry::all(view.snapshot())?)?,
        "inhibitions" => inhibition::inhibitions(&entry::all(view.snapshot())?)?,
        "storage" => {
            let ingest = Arc::clone(view.ingest());
            let status = tokio::task::spawn_blocking(move || ingest.engine().status()).await??;
            storage::storage(&status)?
        }
        _ => return Ok(None),
    };
    Ok(Some(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?)))
}

/// Rows whose making reads files.
async fn blocking(
    view: &Arc<CatalogView>,
    make: fn(&CatalogView) -> Result<RecordBatch>,
) -> Result<RecordBatch> {
    let view = Arc::clone(view);
    tokio::task::spawn_blocking(move || make(&view)).await?
}

/// The columns of one of its tables.
pub(crate) fn columns(name: &str) -> Option<Vec<String>> {
    let columns: &[&str] = match name {
        "limits" => &limit::LIMITS,
        "queries" => &query::QUERIES,
        "rejected" => return Some(rejected::columns()),
        "alerts" => &alert::ALERTS,
        "alert_history" => return Some(alert::columns(HISTORY)),
        "outbox" => return Some(alert::columns(OUTBOX)),
        "continuous_queries" => &continuous::CONTINUOUS,
        "activity" => &activity::ACTIVITY,
        "rules" => &rule::RULES,
        "notifiers" => &notifier::NOTIFIERS,
        "silences" => &silence::SILENCES,
        "routes" => &route::ROUTES,
        "inhibitions" => &inhibition::INHIBITIONS,
        "tables" => &table::TABLES,
        "segments" => &table::SEGMENTS,
        "columns" => &column::COLUMNS,
        "models" => &model::MODELS,
        "baselines" => &model::BASELINES,
        "storage" => &storage::STORAGE,
        _ => return None,
    };
    Some(columns.iter().map(|name| (*name).to_owned()).collect())
}
