//! What `SET driftline.<name> = ..` sets.

use datafusion::common::config::ConfigExtension;
use datafusion::common::extensions_options;

/// The names there are.
pub(crate) const SETTINGS: [&str; 1] = ["summaries"];

extensions_options! {
    /// How queries are answered.
    pub(crate) struct Settings {
        /// Whether aggregates may be taken from what segments say of their cells, instead of from rows.
        pub(crate) summaries: bool, default = true
    }
}

impl ConfigExtension for Settings {
    const PREFIX: &'static str = "driftline";
}
