//! The plan node over an aggregation that adds the buckets without rows.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef, Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore, cast};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::PhysicalPlanner;

use super::Filled;
use super::bounds::{Bound, Bounds};
use super::exec::{GapfillExec, Shape};
use crate::function::time::Buckets;

/// What is said about the buckets: constants, though they may be parameters or `now()` until the plan is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Hash)]
pub(super) struct Spec {
    pub(super) stride: Expr,
    pub(super) zone: Option<Expr>,
    pub(super) bounds: Bounds,
}

/// Adds buckets to its input, an aggregation. Its columns are those of the input; all that are neither the time nor
/// one of the series are NULL in an added bucket, or filled in.
#[derive(Clone, Debug)]
pub(super) struct Gapfill {
    input: LogicalPlan,
    schema: DFSchemaRef,
    time: usize,
    series: Vec<usize>,
    filled: Vec<Filled>,
    spec: Spec,
}

impl Gapfill {
    pub(super) fn new(
        input: LogicalPlan,
        time: usize,
        series: Vec<usize>,
        filled: Vec<Filled>,
        spec: Spec,
    ) -> Result<Self> {
        let stays = |at: usize| at == time || series.contains(&at);
        let fields = input.schema().iter().enumerate().map(|(at, (qualifier, field))| {
            let field = if stays(at) { Arc::clone(field) } else { nullable(field) };
            (qualifier.cloned(), field)
        });
        let schema = DFSchema::new_with_metadata(fields.collect(), input.schema().metadata().clone())?;
        Ok(Self { input, schema: Arc::new(schema), time, series, filled, spec })
    }

    fn key(&self) -> (&LogicalPlan, usize, &[usize], &[Filled], &Spec) {
        (&self.input, self.time, &self.series, &self.filled, &self.spec)
    }
}

fn nullable(field: &Arc<Field>) -> Arc<Field> {
    Arc::new(field.as_ref().clone().with_nullable(true))
}

impl PartialEq for Gapfill {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Gapfill {}

impl PartialOrd for Gapfill {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.key().partial_cmp(&other.key())
    }
}

impl Hash for Gapfill {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl UserDefinedLogicalNodeCore for Gapfill {
    fn name(&self) -> &str {
        "Gapfill"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let Bounds { lower, upper } = &self.spec.bounds;
        let bounds = lower.iter().chain(upper).map(|bound| bound.at.clone());
        std::iter::once(self.spec.stride.clone()).chain(self.spec.zone.clone()).chain(bounds).collect()
    }

    /// A condition on the series alone leaves whole series out; all others change what stands in the buckets.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let fields = self.schema.fields().iter().enumerate();
        fields.filter(|(at, _)| !self.series.contains(at)).map(|(_, field)| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gapfill: stride={}", self.spec.stride)?;
        if let Some(zone) = &self.spec.zone {
            write!(f, ", zone={zone}")?;
        }
        let Bounds { lower, upper } = &self.spec.bounds;
        let (lower, upper) = (lower.iter().map(|b| &b.at), upper.iter().map(|b| &b.at));
        lower.into_iter().try_for_each(|at| write!(f, ", from={at}"))?;
        upper.into_iter().try_for_each(|at| write!(f, ", to={at}"))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let (Some(input), true) = (inputs.pop(), inputs.is_empty()) else {
            return internal_err!("Gapfill has one input");
        };
        let mut exprs = exprs.into_iter();
        let mut spec = self.spec.clone();
        let Bounds { lower, upper } = &mut spec.bounds;
        let bounds = lower.iter_mut().chain(upper).map(|bound| &mut bound.at);
        let places = std::iter::once(&mut spec.stride).chain(spec.zone.as_mut()).chain(bounds);
        for place in places {
            let Some(expr) = exprs.next() else { return internal_err!("Gapfill lost an expression") };
            *place = expr;
        }
        Self::new(input, self.time, self.series.clone(), self.filled.clone(), spec)
    }

    /// Columns are known by their places: all stay.
    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.schema.fields().len()).collect()])
    }
}

/// Makes the node run, if it is one of these.
pub(in crate::function) fn plan(
    planner: &dyn PhysicalPlanner,
    node: &dyn UserDefinedLogicalNode,
    inputs: &[Arc<dyn ExecutionPlan>],
    session: &dyn Session,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(node) = node.as_any().downcast_ref::<Gapfill>() else { return Ok(None) };
    let [input] = inputs else { return internal_err!("Gapfill has one input") };
    let constants = Constants { planner, session };
    let buckets = constants.buckets(&node.spec)?;
    let (from, to) = constants.range(&node.spec.bounds)?;
    let from = from.map(|from| buckets.start(from)).transpose()?;
    let shape = Shape {
        time: node.time,
        series: node.series.clone(),
        filled: node.filled.clone(),
        buckets,
        from,
        to,
    };
    let schema = Arc::clone(node.schema.inner());
    Ok(Some(Arc::new(GapfillExec::try_new(Arc::clone(input), schema, shape)?)))
}

/// Computes what does not depend on rows.
struct Constants<'a> {
    planner: &'a dyn PhysicalPlanner,
    session: &'a dyn Session,
}

impl Constants<'_> {
    fn value(&self, expr: &Expr) -> Result<ScalarValue> {
        let schema = DFSchema::empty();
        let expr = self.planner.create_physical_expr(expr, &schema, self.session, &Default::default())?;
        let one_row = RecordBatchOptions::new().with_row_count(Some(1));
        let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one_row)?;
        ScalarValue::try_from_array(&expr.evaluate(&row)?.into_array(1)?, 0)
    }

    fn buckets(&self, spec: &Spec) -> Result<Buckets> {
        if !spec.stride.column_refs().is_empty() {
            return plan_err!("gapfill: `stride` must be a constant, not {}", spec.stride);
        }
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        let ScalarValue::IntervalMonthDayNano(Some(stride)) =
            self.value(&cast(spec.stride.clone(), interval))?
        else {
            return plan_err!("gapfill: `stride` must not be NULL");
        };
        let Some(zone) = &spec.zone else { return Buckets::new("gapfill", stride, None) };
        if !zone.column_refs().is_empty() {
            return plan_err!("gapfill: `zone` must be a constant, not {zone}");
        }
        match self.value(&cast(zone.clone(), DataType::Utf8))? {
            ScalarValue::Utf8(Some(zone)) => Buckets::new("gapfill", stride, Some(&zone)),
            _ => plan_err!("gapfill: `zone` must not be NULL"),
        }
    }

    /// The first and the last nanosecond that all bounds let through.
    fn range(&self, bounds: &Bounds) -> Result<(Option<i64>, Option<i64>)> {
        let (mut from, mut to) = (None, None);
        for Bound { at, included } in &bounds.lower {
            let first = self.moment(at)?.map(|at| if *included { at } else { at.saturating_add(1) });
            from = from.max(first);
        }
        for Bound { at, included } in &bounds.upper {
            let last = self.moment(at)?.map(|at| if *included { at } else { at.saturating_sub(1) });
            to = match (to, last) {
                (Some(to), Some(last)) => Some(std::cmp::min::<i64>(to, last)),
                (to, last) => to.or(last),
            };
        }
        Ok((from, to))
    }

    /// A bound; None where it is NULL, and then no row is let through.
    fn moment(&self, at: &Expr) -> Result<Option<i64>> {
        match self.value(at)? {
            ScalarValue::TimestampNanosecond(at, _) => Ok(at),
            other => internal_err!("a bound of time is {other:?}"),
        }
    }
}
