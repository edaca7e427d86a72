//! `system.alerts`, `system.alert_history` and `system.outbox`.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;

use super::build::{optional_double, optional_text, rows, text, time};
use crate::catalog::CatalogView;
use crate::error::Result;
use crate::runner::Episode;
use crate::runner::alerts::tables;
use crate::scan::schema_of;

/// The columns of `system.alerts`: what goes on, an episode a row. `state` is pending, firing, no_data or error; `status` is
/// open or acknowledged of what fires, pending of what does not yet. `value` is that of the last window with data; times of
/// windows are those of that window. `id` is what `ACKNOWLEDGE ALERT` takes.
pub(super) const ALERTS: [&str; 18] = [
    "id",
    "alert",
    "model",
    "severity",
    "state",
    "status",
    "labels",
    "statistic",
    "value",
    "threshold",
    "began_at",
    "created_at",
    "window_start",
    "window_end",
    "acknowledged_by",
    "acknowledged_at",
    "reason",
    "evidence",
];

/// One row an episode.
pub(super) fn alerts(all: &[Episode]) -> Result<RecordBatch> {
    let labels = |it: &Episode| {
        let own = it.rule.labels.iter().chain(&it.now.identity);
        serde_json::to_string(&own.collect::<std::collections::BTreeMap<_, _>>()).ok()
    };
    let evidence = |it: &Episode| serde_json::to_string(&it.now.columns).ok();
    let columns = vec![
        text(all.iter().map(|it| &it.now.episode)),
        text(all.iter().map(|it| &it.rule.name)),
        optional_text(all.iter().map(|it| it.rule.model.as_ref())),
        text(all.iter().map(|it| it.rule.severity.name())),
        text(all.iter().map(|it| it.now.to.name())),
        text(all.iter().map(status)),
        optional_text(all.iter().map(labels)),
        optional_text(all.iter().map(|it| it.statistic.as_ref())),
        optional_double(all.iter().map(|it| it.now.value)),
        optional_double(all.iter().map(|it| it.threshold)),
        time(all.iter().map(|it| Some(it.now.began_at))),
        time(all.iter().map(|it| it.now.fired_at)),
        time(all.iter().map(|it| Some(it.now.window.start))),
        time(all.iter().map(|it| Some(it.now.window.end))),
        optional_text(all.iter().map(|it| it.acknowledged.as_ref().map(|mark| &mark.who))),
        time(all.iter().map(|it| it.acknowledged.as_ref().map(|mark| mark.at))),
        optional_text(all.iter().map(|it| it.now.reason.as_ref())),
        optional_text(all.iter().map(evidence)),
    ];
    rows(&ALERTS, columns)
}

fn status(episode: &Episode) -> &'static str {
    match (&episode.acknowledged, episode.now.fired_at) {
        (Some(_), _) => "acknowledged",
        (None, Some(_)) => "open",
        (None, None) => "pending",
    }
}

/// The columns of a table that is kept.
pub(super) fn columns(table: &str) -> Vec<String> {
    tables::schema(table).columns.into_iter().map(|column| column.name).collect()
}

/// The history of alerts, or the outbox; nothing where nothing was ever written there.
pub(super) fn kept(view: &Arc<CatalogView>, table: &str) -> Result<Arc<dyn TableProvider>> {
    if let Some(table) = view.snapshot().table(table) {
        return Ok(view.scan_of(table));
    }
    let empty = RecordBatch::new_empty(schema_of(&tables::schema(table).columns));
    Ok(Arc::new(MemTable::try_new(empty.schema(), vec![vec![empty]])?))
}
