//! DISTRIBUTION as an Arrow type: `Binary` that says in its field's metadata what its bytes are.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast;
use driftline_storage::StorageError;
use driftline_storage::distribution::Distribution;

use crate::scan;

/// The metadata key under which Arrow keeps the name of an extension type.
const KEY: &str = "ARROW:extension:name";

/// A nullable DISTRIBUTION column.
pub(crate) fn distribution_field(name: &str) -> Field {
    let metadata = HashMap::from([(KEY.to_string(), scan::DISTRIBUTION.to_string())]);
    Field::new(name, DataType::Binary, true).with_metadata(metadata)
}

/// Whether a column is a DISTRIBUTION.
pub(crate) fn is_distribution(field: &Field) -> bool {
    field.data_type() == &DataType::Binary && scan::is_distribution(field)
}

/// Whether a field stands for a scalar sub-query in a physical plan: DataFusion runs those on their own and keeps
/// of the result's field its type only. The logical plan, checked before, had the metadata; a column of this name gets
/// past this check and is then judged by its bytes.
pub(crate) fn is_subquery(field: &Field) -> bool {
    field.name() == "scalar_subquery" && field.metadata().is_empty()
}

/// A DISTRIBUTION from its bytes. They may be anything: a cast makes a DISTRIBUTION of any bytes.
pub(crate) fn decode(function: &str, bytes: &[u8]) -> Result<Distribution> {
    Distribution::decode(bytes).map_err(|error| no_distribution(function, &error))
}

/// Why bytes are no DISTRIBUTION.
pub(super) fn no_distribution(function: &str, error: &StorageError) -> DataFusionError {
    DataFusionError::Execution(format!("{function}: these bytes are no DISTRIBUTION: {error}"))
}

/// Lets SQL name the type, as in `CAST(x AS DISTRIBUTION)`.
#[derive(Debug)]
pub(super) struct TypeName;

impl TypePlanner for TypeName {
    fn plan_type_field(&self, ty: &ast::DataType) -> Result<Option<FieldRef>> {
        let ast::DataType::Custom(name, arguments) = ty else { return Ok(None) };
        let ours = arguments.is_empty() && name.to_string().eq_ignore_ascii_case("distribution");
        Ok(ours.then(|| Arc::new(distribution_field("")) as FieldRef))
    }
}
