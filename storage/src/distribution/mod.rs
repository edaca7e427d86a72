//! Mergeable summaries of a column's values.
//!
//! A [`Distribution`] says what values a column had and how often, in a few kilobytes. Distributions of two hours add
//! up to the distribution of both, exactly and in any order, so that a drift figure over ninety days is a sum of
//! counts that were made once.

mod binned;
mod bulk;
mod categorical;
mod choose;
mod codec;
mod counts;
mod dense;
pub(crate) mod fuzzing;
mod lattice;
mod merge;
mod numeric;
mod sum;
#[cfg(test)]
mod tests;

pub use categorical::Categorical;
pub use lattice::Lattice;
pub use numeric::Numeric;

use crate::error::{Result, StorageError};

/// What values a column had, and how often: counts that add up, whatever order they are merged in.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Of numbers.
    Numeric(Numeric),
    /// Of categories.
    Categorical(Categorical),
}

impl Distribution {
    /// Adds the counts of another; the kinds must agree.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] when one is numeric and the other categorical; `self` is then unchanged.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        match (self, other) {
            (Self::Numeric(mine), Self::Numeric(theirs)) => mine.merge(theirs)?,
            (Self::Categorical(mine), Self::Categorical(theirs)) => mine.merge(theirs),
            (mine, theirs) => return Err(kinds_differ(mine.kind_name(), theirs.kind_name())),
        }
        Ok(())
    }

    /// Takes away the counts of a part that was merged before; the kinds must agree.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] when the kinds differ, a count would go below zero or categories were given up;
    /// `self` is then unchanged.
    pub fn subtract(&mut self, other: &Self) -> Result<()> {
        match (self, other) {
            (Self::Numeric(mine), Self::Numeric(theirs)) => mine.subtract(theirs),
            (Self::Categorical(mine), Self::Categorical(theirs)) => mine.subtract(theirs),
            (mine, theirs) => Err(kinds_differ(mine.kind_name(), theirs.kind_name())),
        }
    }

    /// As bytes, the same for equal distributions.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// From bytes; damage is an error, never a panic. What is accepted encodes to the same bytes again.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] with the offset in `bytes`, [`StorageError::NewerFormat`] for a version not yet known.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        codec::decode(bytes)
    }

    /// Adds the counts of some that are encoded: what [`decode`](Self::decode) and [`merge`](Self::merge) of each do,
    /// without making them where they are on the same lattice.
    ///
    /// # Errors
    /// Those of the two. Part of the counts may then have been added: `self` is of no further use.
    pub fn merge_encoded<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
        codec::merge(self, parts)
    }

    /// Values counted: finite numbers, or texts. Nulls, NaN and infinities are not among them.
    pub fn count(&self) -> u64 {
        match self {
            Self::Numeric(numeric) => numeric.count(),
            Self::Categorical(categorical) => categorical.count(),
        }
    }

    /// Nulls counted.
    pub fn null_count(&self) -> u64 {
        match self {
            Self::Numeric(numeric) => numeric.null_count(),
            Self::Categorical(categorical) => categorical.null_count(),
        }
    }

    /// `numeric` or `categorical`, for messages and for SQL.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Numeric(_) => "numeric",
            Self::Categorical(_) => "categorical",
        }
    }
}

fn kinds_differ(mine: &str, theirs: &str) -> StorageError {
    StorageError::Invalid(format!(
        "cannot merge a {theirs} distribution into a {mine} one; declare the column's meaning the same on both sides"
    ))
}

fn not_a_part() -> StorageError {
    StorageError::Invalid(
        "cannot subtract a distribution that is no part of this one; count again from the rows".into(),
    )
}
