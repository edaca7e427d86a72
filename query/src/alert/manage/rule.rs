//! Alerts: made, changed, dropped, and installed as they come with the database.

use driftline_storage::{Snapshot, WriteBatch};

use super::apply::Coming;
use super::check::{awaits, check};
use super::{change, notifier};
use crate::alert::shipped::{MODEL_ALERTS, SYSTEM_ALERTS};
use crate::alert::{Rule, entry};
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::runner::store;
use crate::statement::watch::{AlterAlert, CreateAlert, DropWatch, Watch};
use crate::statement::{Statement, parse_one};

/// `CREATE ALERT`. Its query runs once, for the last window that is closed.
pub(super) async fn create(database: &Database, create: &CreateAlert, access: Access) -> Result<()> {
    let (snapshot, if_not_exists) = (database.engine().snapshot(), create.if_not_exists);
    if !entry::is_free::<Rule>(&snapshot, &create.rule.name, if_not_exists)? {
        return Ok(());
    }
    let mut rule = made(database, create, &Coming::default(), access).await?;
    keep(database, move |snapshot| {
        if !entry::is_free::<Rule>(snapshot, &rule.name, if_not_exists)? {
            return Ok(Vec::new());
        }
        // One may have been dropped while the query ran.
        rule.notify = notifier::spelled(snapshot, &rule.notify)?;
        Ok(vec![rule])
    })
    .await
}

/// The alert that a statement makes, in the place of one of its name.
pub(super) async fn made(
    database: &Database,
    create: &CreateAlert,
    coming: &Coming,
    access: Access,
) -> Result<Rule> {
    let snapshot = database.engine().snapshot();
    let before = entry::find::<Rule>(&snapshot, &create.rule.name)?;
    let created_at = before.as_ref().map_or_else(|| database.now_nanos(), |before| before.created_at);
    let mut rule = Rule { created_at, ..create.rule.clone() };
    rule.altered_at = before.as_ref().and_then(|before| before.altered_at);
    if before.as_ref().is_some_and(|before| before.query != rule.query || asks_otherwise(before, &rule)) {
        rule.altered_at = Some(database.now_nanos());
    }
    rule.name = before.map_or(rule.name, |before| before.name);
    rule.notify = notifier::spelled_or_coming(&snapshot, &rule.notify, &coming.notifiers)?;
    rule.unchecked = awaits(database, &rule, coming, access)?;
    if !rule.unchecked {
        check(database, &mut rule, access).await?;
    }
    Ok(rule)
}

/// Keeps an alert, in the place of one of its name.
pub(super) async fn put(database: &Database, rule: Rule) -> Result<()> {
    keep(database, move |_| Ok(vec![rule])).await
}

/// Makes alerts that are not there yet, without looking at what they ask for: they lie dormant until their tables and
/// models are there. `statements` are CREATE ALERT with BY where the query groups.
///
/// # Errors
/// A statement that is another one, or cannot be read.
pub(super) async fn install(database: &Database, statements: &[&str], notify: &[String]) -> Result<()> {
    let rules: Result<Vec<Rule>> = statements.iter().map(|sql| rule_of(sql)).collect();
    let (rules, created_at, notify) = (rules?, database.now_nanos(), notify.to_vec());
    keep(database, move |snapshot| {
        let (notify, mut new) = (notifier::spelled(snapshot, &notify)?, Vec::new());
        for rule in rules {
            if entry::is_free::<Rule>(snapshot, &rule.name, true)? {
                new.push(Rule { created_at, notify: notify.clone(), unchecked: true, ..rule });
            }
        }
        Ok(new)
    })
    .await
}

/// `CREATE DEFAULT ALERTS`: those that come with the database and are not there yet.
pub(super) async fn create_defaults(database: &Database, notify: &[String]) -> Result<()> {
    let all: Vec<&str> = SYSTEM_ALERTS.into_iter().chain(MODEL_ALERTS).collect();
    install(database, &all, notify).await
}

/// Takes up alerts whose tables have come, each as it was read and as it is from here on: as if it had been made now.
pub(crate) async fn take_up(database: &Database, rules: Vec<(Rule, Rule)>) -> Result<()> {
    change(database, move |snapshot| {
        let mut changes = Vec::new();
        for (as_read, rule) in rules {
            // Unless somebody has changed it meanwhile: then it is looked at again.
            if entry::find::<Rule>(snapshot, &as_read.name)?.as_ref() == Some(&as_read) {
                changes.push(entry::put(&rule)?);
            }
        }
        Ok(changes)
    })
    .await
}

fn rule_of(sql: &str) -> Result<Rule> {
    if let Statement::Watch(watch) = parse_one(sql)?
        && let Watch::CreateAlert(create) = *watch
    {
        return Ok(create.rule);
    }
    Err(QueryError::Invalid(format!("{sql:?} is not CREATE ALERT")))
}

/// Writes new alerts, with the tables that their states are kept in, and has them judged.
async fn keep(
    database: &Database,
    new: impl FnOnce(&Snapshot) -> Result<Vec<Rule>> + Send + 'static,
) -> Result<()> {
    database
        .blocking(move |ingest| {
            ingest.change(|snapshot| {
                let rules = new(snapshot)?;
                if rules.is_empty() {
                    return Ok(None);
                }
                let mut catalog = store::create(snapshot, ingest.engine());
                for rule in &rules {
                    catalog.push(entry::put(rule)?);
                }
                Ok(Some(WriteBatch { catalog, ..WriteBatch::default() }))
            })
        })
        .await?;
    database.start_runner()?;
    database.watched().wake();
    Ok(())
}

/// `ALTER ALERT`. What it asks is looked at again only where that changed, so that one whose table is gone can still be
/// switched off.
pub(super) async fn alter(database: &Database, alter: &AlterAlert, access: Access) -> Result<()> {
    let snapshot = database.engine().snapshot();
    let Some(before) = entry::find_or::<Rule>(&snapshot, &alter.name, alter.if_exists)? else {
        return Ok(());
    };
    let mut after = before.clone();
    alter.changes.clone().apply(&mut after).map_err(QueryError::Invalid)?;
    if before.notify != after.notify {
        after.notify = notifier::spelled(&snapshot, &after.notify)?;
    }
    if asks_otherwise(&before, &after) {
        after.altered_at = Some(database.now_nanos());
    }
    if !after.unchecked && asks_otherwise(&before, &after) {
        check(database, &mut after, access).await?;
    }
    change(database, move |snapshot| {
        if entry::find::<Rule>(snapshot, &before.name)?.as_ref() != Some(&before) {
            return Err(QueryError::Invalid(format!(
                "alert {} was changed by somebody else at the same time; look at it and say it again",
                before.name
            )));
        }
        if before.notify != after.notify {
            notifier::spelled(snapshot, &after.notify)?;
        }
        Ok(vec![entry::put(&after)?])
    })
    .await
}

/// Whether something changed that is held against the columns of the answer.
fn asks_otherwise(before: &Rule, after: &Rule) -> bool {
    before.metric != after.metric
        || before.when != after.when
        || before.resolve_when != after.resolve_when
        || before.by != after.by
        || before.labels != after.labels
        || before.annotations != after.annotations
}

/// `DROP ALERT`. Silences and inhibitions that name it stay, and are about nothing until there is one of its name.
pub(super) async fn drop(database: &Database, drop: &DropWatch) -> Result<()> {
    super::drop_one::<Rule>(database, drop).await
}
