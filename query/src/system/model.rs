//! `system.models` and `system.baselines`.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use super::build::{count, double, optional_text, rows, text, time};
use crate::catalog::CatalogView;
use crate::error::Result;
use crate::model::Model;

/// The columns of `system.models`.
pub(super) const MODELS: [&str; 10] = [
    "name",
    "type",
    "positive",
    "threshold",
    "label_delay",
    "primary_metric",
    "retention",
    "owner",
    "description",
    "created_at",
];

/// The columns of `system.baselines`; `columns` counts those with a distribution.
pub(super) const BASELINES: [&str; 6] = ["model", "name", "rows", "columns", "query", "created_at"];

/// One row a model.
pub(super) fn models(view: &CatalogView) -> Result<RecordBatch> {
    let mut all: Vec<Arc<Model>> = Vec::new();
    for name in view.model_names() {
        all.extend(view.find_model(name)?);
    }
    let option = |name: &str| optional_text(all.iter().map(|model| model.options.get(name)));
    rows(
        &MODELS,
        vec![
            text(all.iter().map(|model| &model.name)),
            text(all.iter().map(|model| &model.kind)),
            text(all.iter().map(|model| &model.positive)),
            double(all.iter().map(|model| model.threshold)),
            option("label_delay"),
            option("primary_metric"),
            option("retention"),
            option("owner"),
            option("description"),
            time(all.iter().map(|model| Some(model.created_at))),
        ],
    )
}

/// One row a baseline.
pub(super) fn baselines(view: &CatalogView) -> Result<RecordBatch> {
    let all = view.baselines()?;
    rows(
        &BASELINES,
        vec![
            text(all.iter().map(|baseline| &baseline.model)),
            text(all.iter().map(|baseline| &baseline.name)),
            count(all.iter().map(|baseline| baseline.rows)),
            count(all.iter().map(|baseline| baseline.columns.len() as u64)),
            text(all.iter().map(|baseline| &baseline.query)),
            time(all.iter().map(|baseline| Some(baseline.created_at))),
        ],
    )
}
