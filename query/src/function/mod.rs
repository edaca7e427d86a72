//! The SQL face of the statistics.

use datafusion::execution::session_state::SessionStateBuilder;

/// Adds our functions, table functions and the planner of their named arguments to a session.
pub fn register(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
}
