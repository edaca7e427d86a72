//! A continuous query as it is kept.

use driftline_storage::StorageError;

use super::bucket::Bucket;
use crate::error::{QueryError, Result};

/// What the keys of continuous queries begin with.
pub(crate) const CONTINUOUS_PREFIX: &str = "continuous/";
/// The option of a table that names the continuous query which keeps it: nobody else writes there.
pub(crate) const KEPT_BY_OPTION: &str = "continuous_query";

/// A continuous query. Durations are nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Definition {
    /// Its name.
    pub(crate) name: String,
    /// Its query as written.
    pub(crate) query: String,
    /// The table it reads.
    pub(crate) source: String,
    /// The table it keeps.
    pub(crate) into: String,
    /// Its windows.
    pub(crate) bucket: Bucket,
    /// Windows are computed when a time that is a multiple of this is reached.
    pub(crate) every: i64,
    /// How long after its end a window is closed.
    pub(crate) delay: i64,
    /// Up to which age windows are computed anew at once; older ones when nothing else is to do.
    pub(crate) lateness: i64,
    /// Whether it asks for the moment, so that each window needs a query of its own.
    pub(crate) uses_now: bool,
    /// Whether it looks at labels, so that those which come late change its windows.
    #[serde(default = "yes")]
    pub(crate) reads_labels: bool,
    /// Whether it rests.
    pub(crate) paused: bool,
    /// Options beside these, such as `expose`.
    pub(crate) options: std::collections::BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub(crate) created_at: i64,
}

/// Of what was written down before it was told.
fn yes() -> bool {
    true
}

impl Definition {
    /// Its key among the entries of the catalog.
    pub(crate) fn key(name: &str) -> String {
        format!("{CONTINUOUS_PREFIX}{name}")
    }

    /// As bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| {
            QueryError::Invalid(format!("continuous query {} cannot be kept: {error}", self.name))
        })
    }

    /// From bytes.
    pub(crate) fn decode(key: &str, bytes: &[u8]) -> Result<Self> {
        let damaged = |e: serde_json::Error| {
            StorageError::corrupt(format!("catalog entry {key}"), 0, e.to_string()).into()
        };
        serde_json::from_slice(bytes).map_err(damaged)
    }
}
