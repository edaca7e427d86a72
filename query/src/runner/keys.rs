//! The times of rows with some keys.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;
use datafusion::prelude::{col, lit};
use driftline_storage::{Role, TIME_COLUMN, TableSchema};
use futures::TryStreamExt;

use crate::continuous::Span;
use crate::error::Result;
use crate::session::Session;

/// Times that hold all rows of a table with one of these keys.
pub(crate) async fn times(session: &Session, table: &Arc<TableSchema>, keys: &[String]) -> Result<Vec<Span>> {
    let Some(key) = table.columns.iter().find(|column| column.role == Role::Key) else {
        return Ok(vec![Span::ALL]);
    };
    let wanted = keys.iter().map(|key| lit(key.as_str())).collect();
    let condition = datafusion::common::Column::from_name(&key.name);
    let condition = datafusion::logical_expr::Expr::Column(condition).in_list(wanted, false);
    let rows: Vec<_> = session.select(table, condition, col(TIME_COLUMN)).await?.try_collect().await?;
    let mut spans = Vec::new();
    for rows in rows {
        let Some(times) = rows.columns().first() else { continue };
        let times = times.as_primitive::<TimestampNanosecondType>().values();
        spans.extend(times.iter().map(|time| Span { start: *time, end: time.saturating_add(1) }));
    }
    Ok(spans)
}
