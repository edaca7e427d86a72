//! `first(x ORDER BY time)` and `last(x ORDER BY time)`: other names of DataFusion's `first_value` and `last_value`.

use std::sync::Arc;

use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::functions_window::nth_value::{first_value_udwf, last_value_udwf};
use datafusion::logical_expr::{AggregateUDF, WindowUDF};

/// The two under all their names.
pub(super) fn functions() -> [Arc<AggregateUDF>; 2] {
    [(first_value_udaf(), "first"), (last_value_udaf(), "last")]
        .map(|(function, alias)| Arc::new(function.as_ref().clone().with_aliases([alias])))
}

/// The two as window functions, which DataFusion keeps apart.
pub(in crate::function) fn window_functions() -> [Arc<WindowUDF>; 2] {
    [(first_value_udwf(), "first"), (last_value_udwf(), "last")]
        .map(|(function, alias)| Arc::new(function.as_ref().clone().with_aliases([alias])))
}
