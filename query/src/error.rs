//! What can go wrong between a statement and its answer.

use datafusion::error::DataFusionError;
use driftline_storage::StorageError;

/// The result of every call of this crate.
pub type Result<T, E = QueryError> = std::result::Result<T, E>;

/// An error of the query layer. Its text names what, where and the remedy, and can be shown as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The statement or the rows are wrong; the same call will fail again.
    #[error("{0}")]
    Invalid(String),
    /// A table, model, baseline or column that is not there.
    #[error("{0}")]
    NotFound(String),
    /// Something of this name is there already.
    #[error("{0}")]
    Exists(String),
    /// The caller may not do this.
    #[error("{0}")]
    Denied(String),
    /// The storage engine failed or refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// DataFusion failed or refused.
    #[error("{}", .0.strip_backtrace())]
    DataFusion(#[from] DataFusionError),
}
