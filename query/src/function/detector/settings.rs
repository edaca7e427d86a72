//! What a call says of a detector, wherever it says it.

use datafusion::common::{Result, plan_datafusion_err};
use datafusion::error::DataFusionError;

use crate::stats::StatsError;

/// Rows that can be asked for where a detector names no bound of its own: more than any stream has.
const ROWS_MAX: usize = 1_000_000_000_000;

/// The constant arguments of a call by name; None where one was left out.
pub(in crate::function) trait Settings {
    /// The function called.
    fn function(&self) -> &str;

    /// A number.
    fn number(&self, name: &str) -> Result<Option<f64>>;

    /// A whole number within bounds.
    fn count(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>>;

    /// True or false.
    fn flag(&self, name: &str) -> Result<Option<bool>>;

    /// A text.
    fn text(&self, name: &str) -> Result<Option<String>>;
}

/// Takes over a number where one is given.
pub(super) fn number(settings: &dyn Settings, name: &str, into: &mut f64) -> Result<()> {
    *into = settings.number(name)?.unwrap_or(*into);
    Ok(())
}

/// Takes over a number of rows where one is given.
pub(super) fn rows(settings: &dyn Settings, name: &str, into: &mut u64) -> Result<()> {
    *into = settings.count(name, 0, ROWS_MAX)?.map_or(*into, |rows| rows as u64);
    Ok(())
}

/// Takes over the size of something held in memory where one is given.
pub(super) fn size(settings: &dyn Settings, name: &str, into: &mut usize) -> Result<()> {
    *into = settings.count(name, 0, ROWS_MAX)?.unwrap_or(*into);
    Ok(())
}

/// Takes over a flag where one is given.
pub(super) fn flag(settings: &dyn Settings, name: &str, into: &mut bool) -> Result<()> {
    *into = settings.flag(name)?.unwrap_or(*into);
    Ok(())
}

/// What to say of a setting that the numerics refuse.
pub(in crate::function) fn refused(function: &str, error: &StatsError) -> DataFusionError {
    match error {
        StatsError::Parameter { name, allowed } => {
            plan_datafusion_err!("{function}: argument `{name}` must be {allowed}")
        }
        other => plan_datafusion_err!("{function}: {other}"),
    }
}
