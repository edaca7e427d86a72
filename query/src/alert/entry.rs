//! Alerts, notifiers, silences, routes and inhibitions as entries of the catalog: a key, and JSON as value.

use std::collections::BTreeSet;

use driftline_storage::{CatalogChange, Snapshot, StorageError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::dispatch::{Inhibition, Route, Silence};
use super::{Notifier, Rule};
use crate::catalog::name;
use crate::error::{QueryError, Result};

/// What the keys of alerts begin with.
pub(crate) const ALERT_PREFIX: &str = "alert/";
/// What the keys of notifiers begin with.
pub(crate) const NOTIFIER_PREFIX: &str = "notifier/";
/// What the keys of silences begin with.
pub(crate) const SILENCE_PREFIX: &str = "silence/";
/// What the keys of routes begin with.
pub(crate) const ROUTE_PREFIX: &str = "route/";
/// What the keys of inhibitions begin with.
pub(crate) const INHIBITION_PREFIX: &str = "inhibition/";

/// Something that the catalog keeps under its name.
pub(crate) trait Entry: Serialize + DeserializeOwned {
    /// What its key begins with.
    const PREFIX: &'static str;
    /// What people call it.
    const WHAT: &'static str;

    /// Its name, unique among its kind without regard to case.
    fn name(&self) -> &str;
}

macro_rules! entry {
    ($ty:ty, $prefix:expr, $what:literal, $name:ident) => {
        impl Entry for $ty {
            const PREFIX: &'static str = $prefix;
            const WHAT: &'static str = $what;

            fn name(&self) -> &str {
                &self.$name
            }
        }
    };
}

entry!(Rule, ALERT_PREFIX, "alert", name);
entry!(Notifier, NOTIFIER_PREFIX, "notifier", name);
entry!(Silence, SILENCE_PREFIX, "silence", id);
entry!(Route, ROUTE_PREFIX, "route", name);
entry!(Inhibition, INHIBITION_PREFIX, "inhibition", name);

/// All of a kind, by name.
///
/// # Errors
/// An entry that cannot be read, by its key.
pub(crate) fn all<T: Entry>(snapshot: &Snapshot) -> Result<Vec<T>> {
    let entries = snapshot.entries().range(T::PREFIX.to_owned()..);
    let entries = entries.take_while(|(key, _)| key.starts_with(T::PREFIX));
    entries.map(|(key, bytes)| decode(key, bytes)).collect()
}

/// The one that a name as a person writes it means.
pub(crate) fn find<T: Entry>(snapshot: &Snapshot, wanted: &str) -> Result<Option<T>> {
    let Some(found) = name::find(T::WHAT, names::<T>(snapshot), wanted)? else { return Ok(None) };
    let key = format!("{}{found}", T::PREFIX);
    snapshot.entries().get(&key).map(|bytes| decode(&key, bytes)).transpose()
}

/// The same, where there has to be one unless `if_exists`.
pub(crate) fn find_or<T: Entry>(snapshot: &Snapshot, wanted: &str, if_exists: bool) -> Result<Option<T>> {
    match find(snapshot, wanted)? {
        None if !if_exists => Err(missing::<T>(snapshot, wanted)),
        found => Ok(found),
    }
}

/// How the name of one that has to be there, or is about to be made, is spelled.
pub(crate) fn spelled_or_coming<T: Entry>(
    snapshot: &Snapshot,
    wanted: &str,
    coming: &BTreeSet<String>,
) -> Result<String> {
    match (
        name::find(T::WHAT, names::<T>(snapshot), wanted)?,
        coming.iter().find(|name| name::same(name, wanted)),
    ) {
        (Some(found), _) => Ok(found.to_owned()),
        (None, Some(coming)) => Ok(coming.clone()),
        (None, None) => Err(missing::<T>(snapshot, wanted)),
    }
}

/// What to say of one that is not there.
pub(crate) fn missing<T: Entry>(snapshot: &Snapshot, wanted: &str) -> QueryError {
    let remedy = format!("Make it with CREATE {}", T::WHAT.to_uppercase());
    name::missing(T::WHAT, wanted, names::<T>(snapshot), &remedy)
}

/// Whether a new one of this name is to be made: not where there is one and that is well.
///
/// # Errors
/// There is one, and that is not well.
pub(crate) fn is_free<T: Entry>(snapshot: &Snapshot, wanted: &str, if_not_exists: bool) -> Result<bool> {
    match name::find(T::WHAT, names::<T>(snapshot), wanted)? {
        None => Ok(true),
        Some(_) if if_not_exists => Ok(false),
        Some(found) => {
            let what = T::WHAT;
            Err(QueryError::Exists(format!("{what} {found} exists already; choose another name or drop it")))
        }
    }
}

/// The first of `what-1`, `what-2` .. that is free, for one made without a name.
pub(crate) fn free_name<T: Entry>(snapshot: &Snapshot) -> String {
    let taken = |wanted: &String| names::<T>(snapshot).any(|known| name::same(known, wanted));
    // One more number than there are names: one of them is free.
    let mut numbers = (1..=names::<T>(snapshot).count() + 1).map(|n| format!("{}-{n}", T::WHAT));
    numbers.find(|wanted| !taken(wanted)).unwrap_or_default()
}

/// The name of the one that is there, else the name as written.
pub(crate) fn name_of<T: Entry>(snapshot: &Snapshot, wanted: &str) -> Result<String> {
    let found = name::find(T::WHAT, names::<T>(snapshot), wanted)?;
    Ok(found.unwrap_or(wanted).to_owned())
}

/// The change that keeps it.
pub(crate) fn put<T: Entry>(entry: &T) -> Result<CatalogChange> {
    let key = key(entry);
    let value = serde_json::to_vec(entry)
        .map_err(|error| QueryError::Invalid(format!("catalog entry {key} cannot be kept: {error}")))?;
    Ok(CatalogChange::PutEntry { key, value })
}

/// The change that takes it away.
pub(crate) fn remove<T: Entry>(entry: &T) -> CatalogChange {
    CatalogChange::RemoveEntry { key: key(entry) }
}

fn key<T: Entry>(entry: &T) -> String {
    format!("{}{}", T::PREFIX, entry.name())
}

fn names<T: Entry>(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    let entries = snapshot.entries().range(T::PREFIX.to_owned()..);
    entries.map_while(|(key, _)| key.strip_prefix(T::PREFIX))
}

fn decode<T: Entry>(key: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| StorageError::corrupt(format!("catalog entry {key}"), 0, error.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_in_an_entry_is_an_error_that_names_it() {
        let error = decode::<Rule>("alert/drift", b"{").unwrap_err();
        assert!(matches!(error, QueryError::Storage(StorageError::Corrupt { .. })), "{error:?}");
        assert!(error.to_string().contains("alert/drift"), "{error}");
    }
}
