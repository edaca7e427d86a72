//! What the catalog says of alerts, read at one moment.

use driftline_storage::Snapshot;

use super::dispatch::{Inhibition, Route, Silence};
use super::entry::{ALERT_PREFIX, INHIBITION_PREFIX, NOTIFIER_PREFIX, ROUTE_PREFIX, SILENCE_PREFIX, all};
use super::{Notifier, Rule};
use crate::error::Result;

/// Everything that statements have made, each kind by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Registry {
    /// Alerts, also those that are off.
    pub(crate) rules: Vec<Rule>,
    /// Ways out.
    pub(crate) notifiers: Vec<Notifier>,
    /// Silences, also those that are over.
    pub(crate) silences: Vec<Silence>,
    /// Who is told beside those that alerts name.
    pub(crate) routes: Vec<Route>,
    /// What is not told while something else is.
    pub(crate) inhibitions: Vec<Inhibition>,
}

impl Registry {
    /// What a snapshot holds.
    ///
    /// # Errors
    /// An entry that cannot be read, by its key.
    pub(crate) fn of(snapshot: &Snapshot) -> Result<Self> {
        Ok(Self {
            rules: all(snapshot)?,
            notifiers: all(snapshot)?,
            silences: all(snapshot)?,
            routes: all(snapshot)?,
            inhibitions: all(snapshot)?,
        })
    }

    /// Whether a snapshot holds none of it. Looks at keys only, so damage is found by [`Registry::of`].
    pub(crate) fn is_empty_in(snapshot: &Snapshot) -> bool {
        let prefixes = [ALERT_PREFIX, NOTIFIER_PREFIX, SILENCE_PREFIX, ROUTE_PREFIX, INHIBITION_PREFIX];
        let has = |prefix: &str| {
            let first = snapshot.entries().range(prefix.to_owned()..).next();
            first.is_some_and(|(key, _)| key.starts_with(prefix))
        };
        !prefixes.into_iter().any(has)
    }
}
