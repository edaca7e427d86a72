//! The plan node of the join.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err, plan_err};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::PhysicalPlanner;

use super::Nearest;
use super::exec::AsofJoinExec;

/// Two expressions that are compared, one of each side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Hash)]
pub(super) struct Pair {
    pub(super) left: Expr,
    pub(super) right: Expr,
}

impl Pair {
    /// Both in the type in which they are compared.
    fn coerced(self, left: &DFSchema, right: &DFSchema) -> Result<Self> {
        let (a, b) = (self.left.get_type(left)?, self.right.get_type(right)?);
        if a == b {
            return Ok(self);
        }
        let Some(ty) = comparison_coercion(&a, &b) else {
            return plan_err!(
                "ASOF JOIN: {} is {a} and {} is {b}, which do not compare",
                self.left,
                self.right
            );
        };
        Ok(Self { left: self.left.cast_to(&ty, left)?, right: self.right.cast_to(&ty, right)? })
    }
}

/// To each row of the left side the nearest of the right, or NULLs. Columns are those of the left, then of the right.
#[derive(Clone, Debug)]
pub(super) struct AsofJoin {
    pub(super) left: LogicalPlan,
    pub(super) right: LogicalPlan,
    pub(super) keys: Vec<Pair>,
    pub(super) times: Pair,
    pub(super) nearest: Nearest,
    schema: DFSchemaRef,
}

impl AsofJoin {
    pub(super) fn try_new(
        left: LogicalPlan,
        right: LogicalPlan,
        keys: Vec<Pair>,
        times: Pair,
        nearest: Nearest,
    ) -> Result<Self> {
        let coerced = |pair: Pair| pair.coerced(left.schema(), right.schema());
        let keys = keys.into_iter().map(coerced).collect::<Result<_>>()?;
        let times = coerced(times)?;
        Self::over(left, right, keys, times, nearest)
    }

    fn over(
        left: LogicalPlan,
        right: LogicalPlan,
        keys: Vec<Pair>,
        times: Pair,
        nearest: Nearest,
    ) -> Result<Self> {
        let of_left = left.schema().iter().map(|(table, field)| (table.cloned(), Arc::clone(field)));
        let of_right = right
            .schema()
            .iter()
            .map(|(table, field)| (table.cloned(), Arc::new(field.as_ref().clone().with_nullable(true))));
        let schema =
            DFSchema::new_with_metadata(of_left.chain(of_right).collect(), left.schema().metadata().clone())?;
        Ok(Self { left, right, keys, times, nearest, schema: Arc::new(schema) })
    }

    /// The same join of other rows.
    pub(super) fn over_inputs(&self, left: LogicalPlan, right: LogicalPlan) -> Result<Self> {
        Self::over(left, right, self.keys.clone(), self.times.clone(), self.nearest)
    }

    fn key(&self) -> (&LogicalPlan, &LogicalPlan, &[Pair], &Pair, Nearest) {
        (&self.left, &self.right, &self.keys, &self.times, self.nearest)
    }

    fn comparison(&self) -> &'static str {
        match (self.nearest.before, self.nearest.same_time) {
            (true, true) => ">=",
            (true, false) => ">",
            (false, true) => "<=",
            (false, false) => "<",
        }
    }
}

impl PartialEq for AsofJoin {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for AsofJoin {}

impl PartialOrd for AsofJoin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.key().partial_cmp(&other.key())
    }
}

impl Hash for AsofJoin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl UserDefinedLogicalNodeCore for AsofJoin {
    fn name(&self) -> &str {
        "AsofJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left, &self.right]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let pairs = self.keys.iter().chain([&self.times]);
        pairs.flat_map(|pair| [pair.left.clone(), pair.right.clone()]).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsofJoin: {} {} {}", self.times.left, self.comparison(), self.times.right)?;
        self.keys.iter().try_for_each(|key| write!(f, ", {} = {}", key.left, key.right))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([left, right]) = <[LogicalPlan; 2]>::try_from(inputs) else {
            return internal_err!("AsofJoin has two inputs");
        };
        let mut exprs = exprs.into_iter();
        let mut pairs = Vec::with_capacity(self.keys.len() + 1);
        while let (Some(left), Some(right)) = (exprs.next(), exprs.next()) {
            pairs.push(Pair { left, right });
        }
        let Some(times) = pairs.pop().filter(|_| pairs.len() == self.keys.len()) else {
            return internal_err!("AsofJoin lost an expression");
        };
        Self::over(left, right, pairs, times, self.nearest)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.left.schema().fields().len();
        let (left, right): (Vec<usize>, Vec<usize>) = output_columns.iter().partition(|at| **at < width);
        Some(vec![left, right.into_iter().map(|at| at - width).collect()])
    }
}

/// Makes the node run, if it is one of these.
pub(in crate::function) fn plan(
    planner: &dyn PhysicalPlanner,
    node: &dyn UserDefinedLogicalNode,
    inputs: &[Arc<dyn ExecutionPlan>],
    session: &dyn Session,
    context: &PhysicalPlanningContext,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(node) = node.as_any().downcast_ref::<AsofJoin>() else { return Ok(None) };
    let [left, right] = inputs else { return internal_err!("AsofJoin has two inputs") };
    let compared = |side: fn(&Pair) -> &Expr, plan: &LogicalPlan| -> Result<Compared> {
        let physical =
            |pair: &Pair| planner.create_physical_expr(side(pair), plan.schema(), session, context);
        Ok(Compared {
            keys: node.keys.iter().map(physical).collect::<Result<_>>()?,
            time: physical(&node.times)?,
        })
    };
    let of_left = compared(|pair| &pair.left, &node.left)?;
    let of_right = compared(|pair| &pair.right, &node.right)?;
    let schema = Arc::clone(node.schema.inner());
    let sides = [(Arc::clone(left), of_left), (Arc::clone(right), of_right)];
    Ok(Some(Arc::new(AsofJoinExec::try_new(sides, schema, node.nearest)?)))
}

/// What is compared of a side.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    pub(super) keys: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) time: Arc<dyn PhysicalExpr>,
}
