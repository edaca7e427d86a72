//! `first(x ORDER BY time)` and `last(x ORDER BY time)`: other names of DataFusion's `first_value` and `last_value`.

use std::sync::Arc;

use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::logical_expr::AggregateUDF;

/// The two under all their names.
pub(super) fn functions() -> [Arc<AggregateUDF>; 2] {
    [(first_value_udaf(), "first"), (last_value_udaf(), "last")]
        .map(|(function, alias)| Arc::new(function.as_ref().clone().with_aliases([alias])))
}
