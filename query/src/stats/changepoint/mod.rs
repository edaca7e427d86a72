//! Where a series changes: the best cut into segments, found exactly (PELT: Killick, Fearnhead and Eckley 2012).

mod cost;
mod partition;
#[cfg(test)]
mod tests;

pub use cost::ChangeCost;

use super::StatsError;
use cost::Costs;

/// Values at most: without any change the search takes time with their square.
pub const CHANGEPOINT_ROWS_MAX: usize = 20_000;

/// What can be set of [`changepoints`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ChangeParameters {
    /// What changes.
    pub cost: ChangeCost,
    /// Rows that a segment has at least.
    pub rows_min: usize,
    /// What a change costs, in units of twice the logarithm of the likelihood. None for `k ln n`, where `k` numbers come
    /// with a segment: its place and its mean (2), and its variance (3). That is Schwarz's criterion (BIC).
    pub penalty: Option<f64>,
}

impl Default for ChangeParameters {
    fn default() -> Self {
        Self { cost: ChangeCost::Mean, rows_min: 2, penalty: None }
    }
}

/// The first row of each segment but the first, ascending: the cut of the series into segments of `rows_min` rows or more
/// whose cost, with a penalty for each change, is least. No rows where the series is shorter than two segments or is
/// all one value.
///
/// Values are finite and in the order of time; NaN and nulls are the caller's to leave out.
///
/// # Errors
/// [`StatsError::Parameter`] of too many values, or parameters out of range.
pub fn changepoints(values: &[f64], parameters: &ChangeParameters) -> Result<Vec<usize>, StatsError> {
    let demand = |met, name, allowed| if met { Ok(()) } else { Err(StatsError::Parameter { name, allowed }) };
    demand(values.len() <= CHANGEPOINT_ROWS_MAX, "the number of values", "20000 or less")?;
    demand(parameters.rows_min >= parameters.cost.rows_min(), "rows_min", "1 or more, for a variance 2")?;
    demand(parameters.penalty.is_none_or(|penalty| penalty >= 0.0), "penalty", "0 or more")?;
    let usual = parameters.cost.numbers() * (values.len() as f64).ln();
    let penalty = parameters.penalty.unwrap_or(usual);
    let costs = Costs::of(values, parameters.cost);
    Ok(costs.map_or(Vec::new(), |costs| partition::best(&costs, values.len(), parameters.rows_min, penalty)))
}
