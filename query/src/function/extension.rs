//! DISTRIBUTION as an Arrow type: `Binary` that says in its field's metadata what its bytes are.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};
use datafusion::error::{DataFusionError, Result};
use driftline_storage::distribution::Distribution;

/// The metadata key under which Arrow keeps the name of an extension type.
const KEY: &str = "ARROW:extension:name";
/// The name of our extension type.
const NAME: &str = "driftline.distribution";

/// A nullable DISTRIBUTION column.
pub(crate) fn distribution_field(name: &str) -> Field {
    let metadata = HashMap::from([(KEY.to_string(), NAME.to_string())]);
    Field::new(name, DataType::Binary, true).with_metadata(metadata)
}

/// Whether a column is a DISTRIBUTION.
pub(crate) fn is_distribution(field: &Field) -> bool {
    field.data_type() == &DataType::Binary && field.metadata().get(KEY).is_some_and(|name| name == NAME)
}

/// Whether a field stands for a scalar sub-query in a physical plan: DataFusion runs those on their own and keeps
/// of the result's field its type only. The logical plan, checked before, had the metadata; a column of this name gets
/// past this check and is then judged by its bytes.
pub(crate) fn is_subquery(field: &Field) -> bool {
    field.name() == "scalar_subquery" && field.metadata().is_empty()
}

/// A DISTRIBUTION from its bytes. They may be anything: a cast makes a DISTRIBUTION of any bytes.
pub(crate) fn decode(function: &str, bytes: &[u8]) -> Result<Distribution> {
    Distribution::decode(bytes).map_err(|error| {
        DataFusionError::Execution(format!("{function}: these bytes are no DISTRIBUTION: {error}"))
    })
}
