//! `system.activity`.

use arrow::record_batch::RecordBatch;

use super::build::{optional_double, rows, text, time};
use crate::catalog::CatalogView;
use crate::error::Result;
use crate::runner::Activity;

/// The columns of `system.activity`, a row a model: since when it is watched (while there are alerts), when predictions came
/// last by the clock of the database, for how long none has come and how long that may be: three times the longest silence
/// of the last 14 days, at least 10 minutes; a day where a model is not watched for a day yet or never sent any. Times when
/// the database was down do not count. Minutes; NULL where the model is not watched.
pub(super) const ACTIVITY: [&str; 6] =
    ["model", "since", "last_arrival", "silent_minutes", "longest_silence_minutes", "allowed_minutes"];

const MINUTE: f64 = 60e9;

/// One row a model.
pub(super) fn activity(view: &CatalogView) -> Result<RecordBatch> {
    let watched = view.ingest().watched();
    let models: Vec<(String, Option<Activity>)> = crate::model::all(view.snapshot())?
        .into_iter()
        .map(|(model, table)| {
            let source = watched.source(table.id);
            (model.name.clone(), source.and_then(|source| source.activity()))
        })
        .collect();
    let now = view.now_nanos();
    let minutes = |of: &dyn Fn(&Activity) -> Option<i64>| {
        let one = |activity: &Option<Activity>| Some(of(activity.as_ref()?)? as f64 / MINUTE);
        optional_double(models.iter().map(|(_, activity)| one(activity)))
    };
    let moment = |of: &dyn Fn(&Activity) -> Option<i64>| {
        time(models.iter().map(|(_, activity)| activity.as_ref().and_then(of)))
    };
    rows(
        &ACTIVITY,
        vec![
            text(models.iter().map(|(model, _)| model)),
            moment(&|it| Some(it.since())),
            moment(&Activity::last),
            minutes(&|it| Some(it.silent(now))),
            minutes(&|it| it.longest(now)),
            minutes(&|it| Some(it.allowed(now))),
        ],
    )
}
