//! `json -> step` and `json ->> step`, as Postgres has them: a step is the name of a member or the place of an
//! element. A text that begins with `$` is a path.

use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::{As, function};

/// Plans the two operators.
#[derive(Debug)]
pub(in crate::function) struct Arrows;

impl ExprPlanner for Arrows {
    fn plan_binary_op(&self, raw: RawBinaryExpr, _: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let wanted = match raw.op {
            BinaryOperator::Arrow => As::Json,
            BinaryOperator::LongArrow => As::Text,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let path = lit(path_of(&raw.right)?);
        Ok(PlannerResult::Planned(function(wanted).call(vec![raw.left, path])))
    }
}

fn path_of(step: &Expr) -> Result<String> {
    match step {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => {
            Ok(if text.starts_with('$') { text.clone() } else { format!("$.{}", quoted(text)) })
        }
        Expr::Literal(ScalarValue::Int64(Some(place)), _) => Ok(format!("$[{place}]")),
        Expr::Negative(inner) => match inner.as_ref() {
            Expr::Literal(ScalarValue::Int64(Some(place)), _) => Ok(format!("$[-{place}]")),
            other => refused(other),
        },
        other => refused(other),
    }
}

fn refused(step: &Expr) -> Result<String> {
    plan_err!(
        "{step} at the right of -> or ->> must be a name in single quotes or a whole number; \
         write json_get(json, path) where the path is no constant"
    )
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
