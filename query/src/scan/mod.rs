//! Reading tables: which rows a query needs ([`time_filter`]), and the plan node that reads them ([`exec`]).

mod arriving;
mod condition;
mod ends;
mod exec;
mod held;
mod outlet;
mod reader;
mod sink;
mod statistics;
mod table;
mod tags;
mod time_filter;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
pub(crate) use condition::unqualified;
use driftline_storage::{Column, ColumnType};
pub(crate) use ends::EndsFirst;
pub(crate) use exec::{ScanExec, ScanMetrics};
pub(crate) use held::{Held, Learned};
pub(crate) use outlet::Outlet;
pub(crate) use reader::Reader;
pub(crate) use statistics::StatisticsCache;
pub(crate) use table::{Table, pushdown};
pub(crate) use tags::{TagCache, Tags};

/// The key under which Arrow notes the name of an extension type in the metadata of a field.
const EXTENSION_NAME: &str = "ARROW:extension:name";
/// The extension type of a DISTRIBUTION.
pub(crate) const DISTRIBUTION: &str = "driftline.distribution";

/// The Arrow schema in which columns are seen by SQL: as the engine gives them, a DISTRIBUTION marked as one.
pub(crate) fn schema_of(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(field_of).collect::<Vec<_>>()))
}

/// Whether a field is marked as a DISTRIBUTION.
pub(crate) fn is_distribution(field: &Field) -> bool {
    field.metadata().get(EXTENSION_NAME).is_some_and(|name| name == DISTRIBUTION)
}

fn field_of(column: &Column) -> Field {
    let field = column.arrow();
    match column.ty {
        ColumnType::Distribution => {
            field.with_metadata(HashMap::from([(EXTENSION_NAME.into(), DISTRIBUTION.into())]))
        }
        _ => field,
    }
}
