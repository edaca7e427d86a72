//! Two DISTRIBUTIONs that a function compares, and what it may ask of them.

use std::borrow::Cow;

use datafusion::common::{Result, exec_err};
use datafusion::error::DataFusionError;
use driftline_storage::distribution::{Distribution, Numeric};

use super::row::Rows;
use crate::function::parameter::{Kind, Parameter, required};
use crate::limits::COMPAT_ROWS_MAX;
use crate::stats::StatsError;
use crate::stats::binning::{Bins, shared_bins};

/// The first argument of all that compare.
pub(super) const REFERENCE: Parameter = required("reference", Kind::Distribution);
/// The second.
pub(super) const CURRENT: Parameter = required("current", Kind::Distribution);

/// A reference and a current DISTRIBUTION that both have counts.
pub(super) struct Pair<'a> {
    function: &'a str,
    reference: Cow<'a, Distribution>,
    current: Cow<'a, Distribution>,
}

impl<'a> Pair<'a> {
    /// Those of a row; None where one is NULL or has no counts.
    pub(super) fn of(rows: &'a Rows<'_>, row: usize) -> Result<Option<Self>> {
        let (reference, current) = (rows.distribution(0, row)?, rows.distribution(1, row)?);
        let (Some(reference), Some(current)) = (reference, current) else { return Ok(None) };
        let both = reference.count() > 0 && current.count() > 0;
        Ok(both.then_some(Self { function: rows.function, reference, current }))
    }

    /// Their counts on the bins they share.
    pub(super) fn bins(&self, bins: usize) -> Result<Bins> {
        shared_bins(&self.reference, &self.current, bins).map_err(|error| self.refused(&error))
    }

    /// Both as numbers; None where both are categories.
    pub(super) fn numbers(&self) -> Result<Option<(&Numeric, &Numeric)>> {
        match (self.reference.as_ref(), self.current.as_ref()) {
            (Distribution::Numeric(reference), Distribution::Numeric(current)) => {
                Ok(Some((reference, current)))
            }
            (Distribution::Categorical(_), Distribution::Categorical(_)) => Ok(None),
            (reference, current) => {
                let (reference, current) = (reference.kind_name(), current.kind_name());
                Err(self.refused(&StatsError::KindsDiffer { reference, current }))
            }
        }
    }

    /// Refuses a side of which some values have no count of their own; `argument` is what needs them to.
    pub(super) fn refuse_buckets(&self, argument: &str) -> Result<()> {
        for (side, distribution) in [("reference", &self.reference), ("current", &self.current)] {
            if !is_exact(distribution) {
                return exec_err!(
                    "{}: {argument} needs a count of each value, and `{side}` is counted by buckets, its values being too many; leave it out, or make both DISTRIBUTIONs of fewer values, as of round(x, 2)",
                    self.function
                );
            }
        }
        Ok(())
    }

    /// The rows behind counts that are exact, ascending.
    pub(super) fn rows(&self, side: &str, numeric: &Numeric) -> Result<Vec<f64>> {
        if numeric.count() > COMPAT_ROWS_MAX {
            return exec_err!(
                "{}: `compat` goes through the rows, of which `{side}` has {}, more than {COMPAT_ROWS_MAX}; leave it out",
                self.function,
                numeric.count()
            );
        }
        let points = numeric.points();
        Ok(points.into_iter().flat_map(|(value, count)| std::iter::repeat_n(value, count as usize)).collect())
    }

    fn refused(&self, error: &StatsError) -> DataFusionError {
        DataFusionError::Execution(format!("{}: {error}", self.function))
    }
}

/// Whether each value has a count of its own.
fn is_exact(distribution: &Distribution) -> bool {
    match distribution {
        Distribution::Numeric(numeric) => numeric.is_exact(),
        Distribution::Categorical(categorical) => categorical.other_count() == 0,
    }
}
