//! Errors as gRPC clients see them: one mapping for both services.

use std::io;

use driftline_query::QueryError;
use driftline_query::datafusion::error::DataFusionError;
use driftline_query::storage::StorageError;
use tonic::{Code, Status};

use crate::limits::STATUS_BYTES_MAX;

/// A status with the error's own text.
///
/// - `InvalidArgument`, `NotFound`, `AlreadyExists`, `PermissionDenied`, `OutOfRange`: the same call fails again.
/// - `ResourceExhausted`: a limit; the text says which and what to do.
/// - `Cancelled`: somebody ended the query.
/// - `Aborted`: the outcome is unknown; the same batch may be sent again.
/// - `Unavailable`: not now. `DataLoss`: damage on disk. `Internal`: a bug or a failing system.
pub fn status(error: &QueryError) -> Status {
    with_message(code(error), &error.to_string())
}

/// A status whose message is cut to what headers carry.
pub fn with_message(code: Code, text: &str) -> Status {
    if text.len() <= STATUS_BYTES_MAX {
        return Status::new(code, text);
    }
    let mut end = STATUS_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Status::new(code, format!("{} ... (cut)", text.get(..end).unwrap_or_default()))
}

/// The same status, its message led by where it happened.
pub fn at(place: &str, status: &Status) -> Status {
    with_message(status.code(), &format!("{place}: {}", status.message()))
}

fn code(error: &QueryError) -> Code {
    match error {
        QueryError::Invalid(_) => Code::InvalidArgument,
        QueryError::NotFound(_) => Code::NotFound,
        QueryError::Exists(_) => Code::AlreadyExists,
        QueryError::Denied(_) => Code::PermissionDenied,
        QueryError::Limit(_) => Code::ResourceExhausted,
        QueryError::Killed(_) => Code::Cancelled,
        QueryError::Storage(error) => storage_code(error),
        QueryError::DataFusion(error) => datafusion_code(error),
        _ => Code::Internal,
    }
}

fn storage_code(error: &StorageError) -> Code {
    match error {
        StorageError::Io { source, .. } if is_full(source) => Code::ResourceExhausted,
        StorageError::Corrupt { .. } => Code::DataLoss,
        StorageError::NewerFormat { .. } | StorageError::InUse { .. } => Code::FailedPrecondition,
        StorageError::OutcomeUnknown { .. } => Code::Aborted,
        StorageError::Closed => Code::Unavailable,
        StorageError::TooLarge { .. }
        | StorageError::TooManySeries { .. }
        | StorageError::TooManyTagValues { .. } => Code::ResourceExhausted,
        StorageError::Invalid(_) => Code::InvalidArgument,
        StorageError::UnknownTable(_) => Code::NotFound,
        StorageError::TableExists(_) | StorageError::SequenceReused { .. } => Code::AlreadyExists,
        StorageError::SequenceTooOld { .. } => Code::OutOfRange,
        _ => Code::Internal,
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn datafusion_code(error: &DataFusionError) -> Code {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => datafusion_code(inner),
        DataFusionError::Shared(inner) => datafusion_code(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(Code::Internal, datafusion_code),
        DataFusionError::External(inner) => external_code(inner.as_ref()),
        // What a statement asks for, and what its values do: a cast that fails, a division by zero.
        DataFusionError::SQL(..)
        | DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::Execution(_)
        | DataFusionError::ArrowError(..) => Code::InvalidArgument,
        DataFusionError::NotImplemented(_) => Code::Unimplemented,
        DataFusionError::ResourcesExhausted(_) => Code::ResourceExhausted,
        _ => Code::Internal,
    }
}

/// Our own errors travel through DataFusion as external ones.
fn external_code(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Code {
    if let Some(error) = error.downcast_ref::<QueryError>() {
        code(error)
    } else if let Some(error) = error.downcast_ref::<StorageError>() {
        storage_code(error)
    } else {
        Code::Internal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_inside_datafusion_keep_their_code() {
        let damage = StorageError::corrupt("seg/1.seg", 7, "a checksum");
        let wrapped = DataFusionError::External(Box::new(QueryError::Storage(damage))).context("reading");
        let status = status(&QueryError::DataFusion(wrapped));
        assert_eq!(status.code(), Code::DataLoss);
        assert!(status.message().contains("seg/1.seg is damaged at offset 7"), "{}", status.message());
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let status = with_message(Code::Internal, &"ä".repeat(STATUS_BYTES_MAX));
        assert!(status.message().len() <= STATUS_BYTES_MAX + 10);
        assert!(status.message().ends_with("ä ... (cut)"));
    }

    #[test]
    fn a_full_disk_is_a_limit_and_a_failing_one_is_not() {
        let error = |kind| QueryError::Storage(StorageError::io("append to", "wal/1", io::Error::from(kind)));
        assert_eq!(status(&error(io::ErrorKind::StorageFull)).code(), Code::ResourceExhausted);
        assert_eq!(status(&error(io::ErrorKind::Other)).code(), Code::Internal);
    }

    #[test]
    fn too_many_series_or_values_of_a_tag_are_a_limit() {
        let table = || "t".to_owned();
        let series = StorageError::TooManySeries { table: table(), size: 2, limit: 1 };
        let values = StorageError::TooManyTagValues { table: table(), tag: "a".into(), size: 2, limit: 1 };
        for error in [series, values] {
            assert_eq!(status(&QueryError::Storage(error)).code(), Code::ResourceExhausted);
        }
    }
}
