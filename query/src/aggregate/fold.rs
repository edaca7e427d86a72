//! One aggregate over all groups of a partition.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array};
use arrow::compute::filter;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::scalar::ScalarValue;
use driftline_storage::distribution::Lattice;

use super::exec::Aggregate;
use crate::function::aggregate::{Numbers, approximate_quantile_of, quantile_of};
use crate::function::counting::{Counter, Counts};
use crate::stats::percentile::percentile;

/// Rows that lie side by side and are of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) group: usize,
    pub(super) rows: Range<usize>,
}

/// The state of an aggregate, group by group.
pub(super) enum Fold {
    /// All groups in one.
    Together(Box<dyn GroupsAccumulator>),
    /// One for each group, of an aggregate that knows no better.
    Apart(Arc<AggregateFunctionExpr>, Vec<Box<dyn Accumulator>>),
    /// Of `distribution` and quantiles of it, on the lattice of what segments have summed up: then rows and summaries are
    /// counted alike.
    Counted(Lattice, Vec<Counts>),
    /// Of percentiles of a partition that has all rows of its groups: the numbers of each, never moved.
    Numbers(Vec<Numbers>),
}

impl Fold {
    /// Of one group only, `is_one`, it is as DataFusion does that: NaNs are compared otherwise where there are many.
    pub(super) fn new(aggregate: &Aggregate, is_one: bool, is_whole: bool) -> Result<Self> {
        let function = &aggregate.function;
        if let Some(lattice) = aggregate.lattice {
            return Ok(Self::Counted(lattice, Vec::new()));
        }
        if is_whole && quantile_of(function)?.is_some() {
            return Ok(Self::Numbers(Vec::new()));
        }
        Ok(match function.groups_accumulator_supported() && !is_one {
            true => Self::Together(function.create_groups_accumulator()?),
            false => Self::Apart(Arc::clone(function), Vec::new()),
        })
    }

    /// Adds rows: `groups` has the group of each, `spans` the same side by side; `kept` is where a FILTER is true.
    pub(super) fn update(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        spans: &[Span],
        kept: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total)?;
        match self {
            Self::Together(all) => all.update_batch(values, groups, kept, total),
            Self::Apart(_, apart) => {
                for span in spans {
                    let Some(one) = apart.get_mut(span.group) else { continue };
                    let of_span = values.iter().map(|values| cut(values, &span.rows, kept));
                    one.update_batch(&of_span.collect::<Result<Vec<_>>>()?)?;
                }
                Ok(())
            }
            Self::Counted(_, apart) => {
                let Some(values) = values.first() else { return internal_err!("a distribution of nothing") };
                for span in spans {
                    let Some(one) = apart.get_mut(span.group) else { continue };
                    one.add(cut(values, &span.rows, kept)?.as_ref())?;
                }
                Ok(())
            }
            Self::Numbers(apart) => {
                let Some(values) = values.first() else { return internal_err!("a percentile of nothing") };
                for span in spans {
                    let Some(one) = apart.get_mut(span.group) else { continue };
                    one.extend(cut(values, &span.rows, kept)?.as_primitive());
                }
                Ok(())
            }
        }
    }

    /// Adds states: a row each, of the group at the same place in `groups`.
    pub(super) fn merge(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total)?;
        match self {
            Self::Together(all) => all.merge_batch(states, groups, total),
            Self::Apart(_, apart) => {
                for (at, group) in groups.iter().enumerate() {
                    let Some(one) = apart.get_mut(*group) else { continue };
                    let row: Vec<ArrayRef> = states.iter().map(|states| states.slice(at, 1)).collect();
                    one.merge_batch(&row)?;
                }
                Ok(())
            }
            Self::Counted(_, apart) => {
                let Some(states) = states.first() else { return internal_err!("a distribution of nothing") };
                counted(apart, groups.iter().copied().zip(states.as_binary::<i32>()))
            }
            Self::Numbers(_) => internal_err!("a percentile of states in a partition that has the rows"),
        }
    }

    /// Adds the summaries of cells; false where states are to be made of them.
    pub(super) fn merge_summaries<'a>(
        &mut self,
        summaries: impl Iterator<Item = Option<&'a [u8]>>,
        groups: &[usize],
        total: usize,
    ) -> Result<bool> {
        self.grow(total)?;
        let Self::Counted(_, apart) = self else { return Ok(false) };
        counted(apart, groups.iter().copied().zip(summaries)).map(|()| true)
    }

    /// The states of all `total` groups, which leaves none. Rows have come to each, or it is the only one.
    pub(super) fn states(&mut self, total: usize) -> Result<Vec<ArrayRef>> {
        self.grow(total)?;
        match self {
            Self::Together(all) => all.state(EmitTo::All),
            Self::Apart(_, apart) => {
                let rows = std::mem::take(apart);
                let rows = rows.into_iter().map(|mut one| one.state()).collect::<Result<Vec<_>>>()?;
                let columns = rows.first().map_or(0, Vec::len);
                let column = |at: usize| {
                    let values: Vec<ScalarValue> =
                        rows.iter().filter_map(|row| row.get(at).cloned()).collect();
                    ScalarValue::iter_to_array(values)
                };
                (0..columns).map(column).collect()
            }
            Self::Counted(_, apart) => Ok(vec![encoded(&mut std::mem::take(apart))?]),
            Self::Numbers(_) => internal_err!("states of a percentile in a partition that has the rows"),
        }
    }

    /// The values of all `total` groups, at least one; of `shared_by` where that is given, which has the same state.
    pub(super) fn values(
        &mut self,
        total: usize,
        own: &AggregateFunctionExpr,
        shared_by: Option<&AggregateFunctionExpr>,
    ) -> Result<ArrayRef> {
        self.grow(total)?;
        match self {
            Self::Together(all) => all.evaluate(EmitTo::All),
            Self::Apart(_, apart) => {
                let values = apart.iter_mut().map(|one| match shared_by {
                    Some(other) => evaluated(other, one.as_mut()),
                    None => one.evaluate(),
                });
                ScalarValue::iter_to_array(values.collect::<Result<Vec<_>>>()?)
            }
            Self::Counted(_, apart) => match approximate_quantile_of(shared_by.unwrap_or(own))? {
                Some(q) => {
                    let values =
                        apart.iter_mut().map(|one| one.quantile(q)).collect::<Result<Float64Array>>()?;
                    Ok(Arc::new(values))
                }
                None => encoded(apart),
            },
            Self::Numbers(apart) => {
                let Some(q) = quantile_of(shared_by.unwrap_or(own))? else {
                    return internal_err!("a percentile without its share");
                };
                let value = |one: &mut Numbers| percentile(one.unsorted(), q);
                Ok(Arc::new(apart.iter_mut().map(value).collect::<Float64Array>()))
            }
        }
    }

    /// Leaves no group, after their values were taken.
    pub(super) fn clear(&mut self) {
        match self {
            // Taking the values has done that.
            Self::Together(_) => {}
            Self::Apart(_, apart) => apart.clear(),
            Self::Counted(_, apart) => apart.clear(),
            Self::Numbers(apart) => apart.clear(),
        }
    }

    /// Bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Together(all) => all.size(),
            Self::Apart(_, apart) => apart.iter().map(|one| one.size()).sum(),
            Self::Counted(_, apart) => apart.iter().map(|one| size_of::<Counts>() + one.size()).sum(),
            Self::Numbers(apart) => apart.iter().map(|one| size_of::<Numbers>() + one.size()).sum(),
        }
    }

    fn grow(&mut self, total: usize) -> Result<()> {
        match self {
            Self::Together(_) => {}
            Self::Apart(function, apart) => {
                while apart.len() < total {
                    apart.push(function.create_accumulator()?);
                }
            }
            Self::Counted(lattice, apart) => {
                apart.resize_with(total.max(apart.len()), || Counts::new(Counter::on(*lattice)));
            }
            Self::Numbers(apart) => apart.resize_with(total.max(apart.len()), Numbers::default),
        }
        Ok(())
    }
}

/// Adds DISTRIBUTIONs, each to its group.
fn counted<'a>(apart: &mut [Counts], states: impl Iterator<Item = (usize, Option<&'a [u8]>)>) -> Result<()> {
    for (group, state) in states {
        if let (Some(one), Some(state)) = (apart.get_mut(group), state) {
            one.merge(state)?;
        }
    }
    Ok(())
}

fn encoded(counts: &mut [Counts]) -> Result<ArrayRef> {
    let encoded = counts.iter_mut().map(Counts::encoded).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(BinaryArray::from_iter_values(encoded)))
}

/// What another aggregate makes of the same state.
fn evaluated(other: &AggregateFunctionExpr, one: &mut dyn Accumulator) -> Result<ScalarValue> {
    let state = one.state()?.iter().map(|part| part.to_array()).collect::<Result<Vec<_>>>()?;
    let mut other = other.create_accumulator()?;
    other.merge_batch(&state)?;
    other.evaluate()
}

fn cut(values: &ArrayRef, rows: &Range<usize>, kept: Option<&BooleanArray>) -> Result<ArrayRef> {
    let values = values.slice(rows.start, rows.len());
    match kept {
        Some(kept) => Ok(filter(&values, &kept.slice(rows.start, rows.len()))?),
        None => Ok(values),
    }
}
