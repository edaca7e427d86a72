//! What a call asks for, and the one plan that reads it.

use std::sync::Arc;

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::catalog::Session;
use datafusion::common::{Column, Result, TableReference, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::functions::expr_fn::date_bin;
use datafusion::functions_aggregate::expr_fn::avg;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::scalar::ScalarValue;
use driftline_storage::TIME_COLUMN;

use super::expression::Expressions;
use crate::function::table::arguments::Arguments;
use crate::function::table::provider::{catalog, external};

/// The columns that the plan gives: segment, where one is asked for, then time and value.
const SEGMENT: &str = "segment";
const VALUE: &str = "value";

/// What a call asks for.
#[derive(Clone, Debug)]
pub(in crate::function::table) struct Request {
    /// The function called.
    pub function: &'static str,
    /// The table or model, as written.
    pub source: String,
    /// The column, as written.
    column: String,
    from: Option<i64>,
    to: Option<i64>,
    segment: Option<String>,
    /// The width of buckets that values are averaged in, in nanoseconds.
    every: Option<i64>,
}

impl Request {
    /// Reads `source`, `column`, `from`, `to` and `segment`.
    pub(in crate::function::table) fn new(
        function: &'static str,
        arguments: &Arguments<'_>,
        every: Option<i64>,
    ) -> Result<Self> {
        let (from, to) = (arguments.moment("from")?, arguments.moment("to")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return plan_err!("{function}: the range is empty: `from` must be earlier than `to`");
        }
        Ok(Self {
            function,
            source: arguments.required_text("source")?,
            column: arguments.required_text("column")?,
            from,
            to,
            segment: arguments.text("segment")?,
            every,
        })
    }

    /// Whether the first column is the segment.
    pub(super) fn has_segment(&self) -> bool {
        self.segment.is_some()
    }

    /// The columns by which rows are in order: those of one time by their value, so that neither arrival nor where
    /// rows lie matters.
    pub(super) fn order(&self) -> impl Iterator<Item = &'static str> {
        self.has_segment().then_some(SEGMENT).into_iter().chain([TIME_COLUMN, VALUE])
    }

    /// The values there are, with their times, in order.
    pub(super) fn plan(&self, session: &dyn Session) -> Result<LogicalPlan> {
        let view = catalog(self.function, session)?;
        let table = view.table(&self.source).map_err(external)?;
        let source = provider_as_source(view.provider(&table.name).map_err(external)?);
        let rows = LogicalPlanBuilder::scan(TableReference::bare(table.name.as_str()), source, None)?;
        let schema = Arc::clone(rows.schema());
        let expressions =
            Expressions { function: self.function, view: &view, session, table: &table, schema: &schema };
        let segment = self.segment.as_ref().map(|text| expressions.segment("segment", text)).transpose()?;
        let value = expressions.value("column", &self.column)?.alias(VALUE);
        let columns = segment.map(|segment| segment.alias(SEGMENT)).into_iter();
        let columns = columns.chain([column(TIME_COLUMN).alias(TIME_COLUMN), value]);
        let rows = self.in_range(rows)?.project(columns.collect::<Vec<Expr>>())?.filter(is_finite())?;
        let rows = match self.every {
            Some(every) => self.averaged(rows, every)?,
            None => rows,
        };
        rows.sort(self.order().map(|name| column(name).sort(true, false)).collect::<Vec<_>>())?.build()
    }

    fn in_range(&self, mut rows: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
        if let Some(from) = self.from {
            rows = rows.filter(column(TIME_COLUMN).gt_eq(moment(from)))?;
        }
        if let Some(to) = self.to {
            rows = rows.filter(column(TIME_COLUMN).lt(moment(to)))?;
        }
        Ok(rows)
    }

    fn averaged(&self, rows: LogicalPlanBuilder, every: i64) -> Result<LogicalPlanBuilder> {
        let bucket = date_bin(interval(every), column(TIME_COLUMN), moment(0)).alias(TIME_COLUMN);
        let segment = self.has_segment().then(|| column(SEGMENT));
        rows.aggregate(segment.into_iter().chain([bucket]), [avg(column(VALUE)).alias(VALUE)])
    }
}

/// By the order of doubles in which NaN is above infinity.
fn is_finite() -> Expr {
    column(VALUE).gt(lit(f64::NEG_INFINITY)).and(column(VALUE).lt(lit(f64::INFINITY)))
}

fn interval(nanos: i64) -> Expr {
    lit(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 0, nanos))))
}

fn moment(nanos: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())))
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}
