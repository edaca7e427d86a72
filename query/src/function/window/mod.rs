//! Window functions: of each row by the rows before it.

mod anomaly_score;

use std::sync::Arc;

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawWindowExpr};
use datafusion::logical_expr::{WindowFunctionDefinition, WindowUDF};

/// The functions.
pub(super) fn functions() -> [Arc<WindowUDF>; 1] {
    [anomaly_score::function()]
}

/// Refuses a call without an order: without one there is no row before another.
#[derive(Debug)]
pub(super) struct NeedOrder;

impl ExprPlanner for NeedOrder {
    fn plan_window(&self, expr: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        if let WindowFunctionDefinition::WindowUDF(function) = &expr.func_def
            && anomaly_score::is_it(function)
            && expr.order_by.is_empty()
        {
            let name = function.name();
            return plan_err!("{name} looks at the rows before: write {name}(x) OVER (ORDER BY time)");
        }
        Ok(PlannerResult::Original(expr))
    }
}
