//! Names: which table, model or baseline a statement means, at one moment.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use driftline_storage::{Snapshot, TableSchema};

use crate::error::Result;
use crate::model::{Baseline, Model};

/// The catalog as one query sees it: one snapshot, names resolved without regard to case unless ambiguous.
/// Found by functions through `SessionConfig::get_extension::<CatalogView>()`.
#[derive(Debug)]
pub struct CatalogView {}

impl CatalogView {
    /// The moment it shows.
    pub fn snapshot(&self) -> &Snapshot {
        todo!()
    }

    /// When the query began: what `now()` is, in nanoseconds since 1970.
    pub fn now_nanos(&self) -> i64 {
        todo!()
    }

    /// The schema of a table of schema `public`.
    pub fn table(&self, _name: &str) -> Result<Arc<TableSchema>> {
        todo!()
    }

    /// A model.
    pub fn model(&self, _name: &str) -> Result<Arc<Model>> {
        todo!()
    }

    /// A baseline of a model: the one named, or the model's only or newest one.
    pub fn baseline(&self, _model: &str, _name: Option<&str>) -> Result<Arc<Baseline>> {
        todo!()
    }

    /// What scans a table (for a model, with its labels joined).
    pub fn provider(&self, _name: &str) -> Result<Arc<dyn TableProvider>> {
        todo!()
    }
}
