//! What can go wrong between a statement and its answer.

use std::sync::Arc;

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
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
    /// A limit of queries was reached: the text says which, its value, and how to change it.
    #[error("{0}")]
    Limit(String),
    /// Somebody ended the query; the text says who.
    #[error("{0}")]
    Killed(String),
    /// The storage engine failed or refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// DataFusion failed or refused.
    #[error("{}", .0.strip_backtrace())]
    DataFusion(#[source] DataFusionError),
}

/// Takes the wrapping off: an error of ours that travelled through DataFusion comes out as what it was, and a
/// statement that cannot be planned is the caller's mistake, told with its place.
impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        let place = place(&error);
        match error {
            DataFusionError::External(source) => own(source),
            DataFusionError::ArrowError(source, message) => arrow(*source, message),
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                with_place(Self::from(*inner), place)
            }
            DataFusionError::Shared(inner) => shared(inner),
            DataFusionError::SQL(source, _) => Self::Invalid(source.to_string()),
            DataFusionError::SchemaError(source, backtrace) => schema(*source, backtrace),
            DataFusionError::Plan(message) | DataFusionError::NotImplemented(message) => {
                Self::Invalid(first_part(message))
            }
            other => Self::DataFusion(other),
        }
    }
}

/// The way back, for code that runs inside DataFusion.
impl From<QueryError> for DataFusionError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::DataFusion(inner) => inner,
            other => Self::External(Box::new(other)),
        }
    }
}

impl From<ArrowError> for QueryError {
    fn from(error: ArrowError) -> Self {
        arrow(error, None)
    }
}

/// A task that died: its panic, as an error.
impl From<tokio::task::JoinError> for QueryError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::DataFusion(DataFusionError::ExecutionJoin(Box::new(error)))
    }
}

fn own(source: Box<dyn std::error::Error + Send + Sync>) -> QueryError {
    let source = match source.downcast::<QueryError>() {
        Ok(own) => return *own,
        Err(other) => other,
    };
    match source.downcast::<StorageError>() {
        Ok(storage) => QueryError::Storage(*storage),
        Err(other) => QueryError::DataFusion(DataFusionError::External(other)),
    }
}

fn arrow(source: ArrowError, message: Option<String>) -> QueryError {
    let ArrowError::ExternalError(inner) = source else {
        return QueryError::DataFusion(DataFusionError::ArrowError(Box::new(source), message));
    };
    match inner.downcast::<DataFusionError>() {
        Ok(error) => QueryError::from(*error),
        Err(other) => own(other),
    }
}

/// Several partitions hold the same error: the text is copied where it cannot be taken.
fn shared(inner: Arc<DataFusionError>) -> QueryError {
    let inner = match Arc::try_unwrap(inner) {
        Ok(alone) => return QueryError::from(alone),
        Err(held) => held,
    };
    match inner.find_root() {
        DataFusionError::External(source) => match source.downcast_ref::<QueryError>() {
            Some(own) => same_kind(own),
            None => QueryError::DataFusion(DataFusionError::Shared(inner)),
        },
        _ => QueryError::DataFusion(DataFusionError::Shared(inner)),
    }
}

fn same_kind(error: &QueryError) -> QueryError {
    let text = error.to_string();
    match error {
        QueryError::NotFound(_) => QueryError::NotFound(text),
        QueryError::Exists(_) => QueryError::Exists(text),
        QueryError::Denied(_) => QueryError::Denied(text),
        QueryError::Invalid(_) => QueryError::Invalid(text),
        QueryError::Limit(_) => QueryError::Limit(text),
        QueryError::Killed(_) => QueryError::Killed(text),
        QueryError::Storage(_) | QueryError::DataFusion(_) => {
            QueryError::DataFusion(DataFusionError::Execution(text))
        }
    }
}

fn schema(source: SchemaError, backtrace: Box<Option<String>>) -> QueryError {
    match source {
        SchemaError::FieldNotFound { .. } => QueryError::NotFound(source.to_string()),
        other => {
            QueryError::Invalid(DataFusionError::SchemaError(Box::new(other), backtrace).strip_backtrace())
        }
    }
}

/// Where in the statement it went wrong, when the planner knows.
fn place(error: &DataFusionError) -> Option<String> {
    let start = error.diagnostic()?.span?.start;
    (start.line > 0).then(|| format!(" (line {}, column {})", start.line, start.column))
}

fn with_place(error: QueryError, place: Option<String>) -> QueryError {
    let Some(place) = place else { return error };
    let add = |text: String| if text.ends_with(&place) { text } else { text + &place };
    match error {
        QueryError::Invalid(text) => QueryError::Invalid(add(text)),
        QueryError::NotFound(text) => QueryError::NotFound(add(text)),
        other => other,
    }
}

/// DataFusion appends a backtrace to the text of planning errors; people get the sentence before it.
fn first_part(message: String) -> String {
    match message.split_once(DataFusionError::BACK_TRACE_SEP) {
        Some((sentence, _)) => sentence.to_owned(),
        None => message,
    }
}
