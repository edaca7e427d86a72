//! `system.rejected`: rows that did not fit their table, where it diverts them.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;

use crate::catalog::CatalogView;
use crate::error::Result;
use crate::model::REJECTED;
use crate::scan::schema_of;
use crate::write::rejected_schema;

/// Its columns.
pub(super) fn columns() -> Vec<String> {
    rejected_schema().columns.into_iter().map(|column| column.name).collect()
}

/// The table that keeps them; nothing where no row was ever diverted.
pub(super) fn rejected(view: &Arc<CatalogView>) -> Result<Arc<dyn TableProvider>> {
    if let Some(table) = view.snapshot().table(REJECTED) {
        return Ok(view.scan_of(table));
    }
    let empty = RecordBatch::new_empty(schema_of(&rejected_schema().columns));
    Ok(Arc::new(MemTable::try_new(empty.schema(), vec![vec![empty]])?))
}
