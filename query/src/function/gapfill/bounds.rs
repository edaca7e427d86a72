//! From when to when a plan's rows are, as far as its conditions on the time say so.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, LogicalPlan, Operator, cast};

/// A condition on the time: a value the same for all rows, and whether it is itself among the times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Hash)]
pub(super) struct Bound {
    pub(super) at: Expr,
    pub(super) included: bool,
}

/// Conditions on the time. All of them hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Hash)]
pub(super) struct Bounds {
    pub(super) lower: Vec<Bound>,
    pub(super) upper: Vec<Bound>,
}

impl Bounds {
    /// Of the rows of a plan in which `time` is the time. Looks through what only filters, names and picks columns.
    pub(super) fn of(plan: &LogicalPlan, time: &Expr) -> Self {
        let mut found = Self::default();
        let (mut plan, mut time) = (plan, without_casts(time).clone());
        while let Expr::Column(column) = &time {
            match plan {
                LogicalPlan::Filter(filter) => {
                    split_conjunction(&filter.predicate).into_iter().for_each(|part| found.add(part, &time));
                    plan = &filter.input;
                }
                LogicalPlan::SubqueryAlias(alias) => {
                    let Ok(place) = alias.schema.index_of_column(column) else { break };
                    let inner = alias.input.schema().qualified_field(place);
                    time = Expr::from(inner);
                    plan = &alias.input;
                }
                LogicalPlan::Projection(projection) => {
                    let Ok(place) = projection.schema.index_of_column(column) else { break };
                    let Some(inner) = projection.expr.get(place) else { break };
                    time = without_casts(inner).clone();
                    plan = &projection.input;
                }
                LogicalPlan::Sort(sort) => plan = &sort.input,
                _ => break,
            }
        }
        found
    }

    fn add(&mut self, condition: &Expr, time: &Expr) {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_time(left, time) => {
                self.compare(*op, right);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_time(right, time) => {
                if let Some(op) = op.swap() {
                    self.compare(op, left);
                }
            }
            Expr::Between(Between { expr, negated: false, low, high }) if is_time(expr, time) => {
                self.compare(Operator::GtEq, low);
                self.compare(Operator::LtEq, high);
            }
            _ => {}
        }
    }

    /// `time op at`.
    fn compare(&mut self, op: Operator, at: &Expr) {
        if !same_for_all_rows(at) {
            return;
        }
        // As the comparison itself takes it: a text or a date is a time in UTC.
        let at = cast(at.clone(), DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())));
        let bound = |included| Bound { at: at.clone(), included };
        match op {
            Operator::GtEq => self.lower.push(bound(true)),
            Operator::Gt => self.lower.push(bound(false)),
            Operator::LtEq => self.upper.push(bound(true)),
            Operator::Lt => self.upper.push(bound(false)),
            Operator::Eq => {
                self.lower.push(bound(true));
                self.upper.push(bound(true));
            }
            _ => {}
        }
    }
}

fn is_time(expr: &Expr, time: &Expr) -> bool {
    without_casts(expr) == time
}

/// A time cast to a time of another unit or zone is the same moment, or one that rounds to it.
fn without_casts(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => without_casts(&alias.expr),
        Expr::Cast(cast)
            if matches!(cast.field.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, _)) =>
        {
            without_casts(&cast.expr)
        }
        other => other,
    }
}

fn same_for_all_rows(expr: &Expr) -> bool {
    let depends = expr.exists(|inner| {
        Ok(matches!(
            inner,
            Expr::Column(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::ScalarSubquery(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
        ))
    });
    !depends.unwrap_or(true) && !expr.is_volatile()
}
