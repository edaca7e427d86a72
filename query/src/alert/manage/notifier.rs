//! Notifiers: made, changed and dropped.

use std::collections::BTreeSet;

use driftline_storage::Snapshot;

use super::change;
use crate::alert::registry::Registry;
use crate::alert::{Notifier, Rule, entry, options};
use crate::catalog::name;
use crate::database::Database;
use crate::error::{QueryError, Result};
use crate::statement::watch::{AlterNotifier, CreateNotifier, DropWatch, NotifierChange};

/// `CREATE NOTIFIER`.
pub(super) async fn create(database: &Database, create: &CreateNotifier) -> Result<()> {
    let CreateNotifier { name, if_not_exists, kind, options, enabled } = create.clone();
    let notifier = Notifier { name, kind, options, enabled, created_at: database.now_nanos() };
    change(database, move |snapshot| {
        if !entry::is_free::<Notifier>(snapshot, &notifier.name, if_not_exists)? {
            return Ok(Vec::new());
        }
        options::check(notifier.kind, &notifier.options).map_err(QueryError::Invalid)?;
        Ok(vec![entry::put(&notifier)?])
    })
    .await
}

/// The notifier that a statement makes, in the place of one of its name.
pub(super) fn made(database: &Database, create: &CreateNotifier) -> Result<Notifier> {
    let before = entry::find::<Notifier>(&database.engine().snapshot(), &create.name)?;
    let CreateNotifier { name, kind, options, enabled, .. } = create.clone();
    options::check(kind, &options).map_err(QueryError::Invalid)?;
    let created_at = before.as_ref().map_or_else(|| database.now_nanos(), |before| before.created_at);
    let name = before.map_or(name, |before| before.name);
    Ok(Notifier { name, kind, options, enabled, created_at })
}

/// `ALTER NOTIFIER`.
pub(super) async fn alter(database: &Database, alter: &AlterNotifier) -> Result<()> {
    let alter = alter.clone();
    change(database, move |snapshot| {
        let found = entry::find_or::<Notifier>(snapshot, &alter.name, alter.if_exists)?;
        let Some(mut notifier) = found else { return Ok(Vec::new()) };
        apply(alter.change, &mut notifier)?;
        Ok(vec![entry::put(&notifier)?])
    })
    .await
}

fn apply(change: NotifierChange, notifier: &mut Notifier) -> Result<()> {
    match change {
        NotifierChange::Enable => notifier.enabled = true,
        NotifierChange::Disable => notifier.enabled = false,
        NotifierChange::Set(options) => notifier.options.extend(options),
        NotifierChange::Reset(names) => {
            for name in names {
                if notifier.options.remove(&name).is_none() {
                    return Err(unset(notifier, &name));
                }
            }
        }
    }
    // One that is switched off may be of an older version with other options: off it must go all the same.
    match notifier.enabled {
        true => options::check(notifier.kind, &notifier.options).map_err(QueryError::Invalid),
        false => Ok(()),
    }
}

fn unset(notifier: &Notifier, wanted: &str) -> QueryError {
    let what = format!("option of notifier {}", notifier.name);
    name::missing(&what, wanted, notifier.options.keys().map(String::as_str), "")
}

/// `DROP NOTIFIER`: not while somebody names it, or that one would tell nobody without a word.
pub(super) async fn drop(database: &Database, drop: &DropWatch) -> Result<()> {
    let (name, if_exists) = (drop.name.clone(), drop.if_exists);
    change(database, move |snapshot| {
        let found = entry::find_or::<Notifier>(snapshot, &name, if_exists)?;
        let Some(notifier) = found else { return Ok(Vec::new()) };
        match users(&Registry::of(snapshot)?, &notifier.name).as_slice() {
            [] => Ok(vec![entry::remove(&notifier)]),
            users => Err(QueryError::Invalid(format!(
                "notifier {} is told by {}; give those another one or drop them first, or ALTER NOTIFIER {} DISABLE",
                notifier.name,
                users.join(", "),
                notifier.name
            ))),
        }
    })
    .await
}

/// Who names it.
fn users(registry: &Registry, notifier: &str) -> Vec<String> {
    let names = |list: &[String]| list.iter().any(|known| name::same(known, notifier));
    let rules = registry.rules.iter().filter(|rule| names(&rule.notify));
    let routes = registry.routes.iter().filter(|route| {
        names(&route.notify) || route.escalations.iter().any(|escalation| names(&escalation.notify))
    });
    let rules = rules.map(|rule: &Rule| format!("alert {}", rule.name));
    rules.chain(routes.map(|route| format!("route {}", route.name))).collect()
}

/// Notifiers that something names, spelled as they were made, each once.
///
/// # Errors
/// One that is not there.
pub(super) fn spelled(snapshot: &Snapshot, names: &[String]) -> Result<Vec<String>> {
    spelled_or_coming(snapshot, names, &BTreeSet::new())
}

/// The same where others are about to be made.
pub(super) fn spelled_or_coming(
    snapshot: &Snapshot,
    names: &[String],
    coming: &BTreeSet<String>,
) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for name in names {
        let name = entry::spelled_or_coming::<Notifier>(snapshot, name, coming)?;
        if !all.contains(&name) {
            all.push(name);
        }
    }
    Ok(all)
}
