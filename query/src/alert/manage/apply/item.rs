//! The statements that can be applied: which they are, in which order they are run, and what each comes to.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::difference::difference;
use super::{CHANGE, CREATE, Coming, Planned, UNCHANGED};
use crate::alert::dispatch::{Inhibition, Route, Silence};
use crate::alert::entry::{self, Entry};
use crate::alert::manage::{change, inhibition, notifier, route, rule, silence};
use crate::alert::{Notifier, Rule};
use crate::catalog::name;
use crate::continuous::manage as continuous;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::statement::watch::{
    CreateAlert, CreateContinuous, CreateInhibition, CreateNotifier, CreateRoute, CreateSilence, Watch, print,
};
use crate::statement::{self, Statement};

/// A statement that can be applied.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// `CREATE TABLE` or `CREATE MODEL`.
    Table(Box<Statement>, String),
    Notifier(CreateNotifier),
    Continuous(CreateContinuous),
    Alert(Box<CreateAlert>),
    Route(CreateRoute),
    Silence(CreateSilence, String),
    Inhibition(CreateInhibition, String),
}

/// The statements of a text, those first that others may name.
pub(super) fn read(text: &str) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for (sql, statement) in statement::parse(text)? {
        items.push(of(sql, statement)?);
    }
    items.sort_by_key(Item::rank);
    let mut names: Vec<(&str, String)> =
        items.iter().map(|item| (item.kind(), item.name().to_lowercase())).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(QueryError::Invalid(format!("{} {} is there twice", pair[0].0, pair[0].1))),
        None => Ok(items),
    }
}

fn of(sql: &str, statement: Statement) -> Result<Item> {
    let nameless = |what: &str| {
        QueryError::Invalid(format!(
            "a {what} that is applied needs a name, so that it is the same the next time"
        ))
    };
    let watch = match statement {
        Statement::CreateTable(ref create) | Statement::CreateModel(ref create) => {
            let name = create.name.clone();
            return Ok(Item::Table(Box::new(statement), name));
        }
        Statement::Watch(watch) => *watch,
        _ => return Err(other(sql)),
    };
    Ok(match watch {
        Watch::CreateNotifier(create) => Item::Notifier(create),
        Watch::CreateContinuous(create) => Item::Continuous(create),
        Watch::CreateAlert(create) => Item::Alert(create),
        Watch::CreateRoute(create) => Item::Route(create),
        Watch::CreateSilence(create) => {
            let name = create.name.clone().ok_or_else(|| nameless("silence"))?;
            Item::Silence(create, name)
        }
        Watch::CreateInhibition(create) => {
            let name = create.name.clone().ok_or_else(|| nameless("inhibition"))?;
            Item::Inhibition(create, name)
        }
        _ => return Err(other(sql)),
    })
}

fn other(sql: &str) -> QueryError {
    let begin: Vec<&str> = sql.split_whitespace().take(3).collect();
    QueryError::Invalid(format!(
        "{:?} cannot be applied: CREATE TABLE, MODEL, NOTIFIER, CONTINUOUS QUERY, ALERT, ROUTE, SILENCE and INHIBITION can",
        begin.join(" ")
    ))
}

impl Item {
    fn rank(&self) -> u8 {
        match self {
            Self::Table(..) => 0,
            Self::Notifier(_) => 1,
            Self::Continuous(_) => 2,
            Self::Alert(_) => 3,
            Self::Route(_) => 4,
            Self::Silence(..) => 5,
            Self::Inhibition(..) => 6,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Table(statement, _) if matches!(**statement, Statement::CreateModel(_)) => "model",
            Self::Table(..) => "table",
            Self::Notifier(_) => "notifier",
            Self::Continuous(_) => "continuous query",
            Self::Alert(_) => "alert",
            Self::Route(_) => "route",
            Self::Silence(..) => "silence",
            Self::Inhibition(..) => "inhibition",
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Table(_, name) | Self::Silence(_, name) | Self::Inhibition(_, name) => name,
            Self::Notifier(create) => &create.name,
            Self::Continuous(create) => &create.name,
            Self::Alert(create) => &create.rule.name,
            Self::Route(create) => &create.name,
        }
    }

    /// Notes what it makes.
    pub(super) fn announce(&self, coming: &mut Coming) {
        let name = self.name().to_owned();
        match self {
            Self::Table(statement, _) => {
                if matches!(**statement, Statement::CreateModel(_)) {
                    coming.models.insert(name.clone());
                }
                coming.tables.insert(name);
            }
            Self::Continuous(create) => drop(coming.tables.insert(create.into.clone())),
            Self::Notifier(_) => drop(coming.notifiers.insert(name)),
            Self::Alert(_) => drop(coming.alerts.insert(name)),
            _ => {}
        }
    }

    /// An error with the statement that it is of.
    pub(super) fn named(&self, error: QueryError) -> QueryError {
        let told = |text: String| format!("{} {}: {text}", self.kind(), self.name());
        match error {
            QueryError::Invalid(text) => QueryError::Invalid(told(text)),
            QueryError::NotFound(text) => QueryError::NotFound(told(text)),
            other => other,
        }
    }

    /// What there is to do.
    pub(super) async fn plan(&self, db: &Database, coming: &Coming, access: Access) -> Result<Planned> {
        let snapshot = db.engine().snapshot();
        match self {
            Self::Table(_, name) => {
                let is_there = snapshot.tables().keys().any(|known| name::same(known, name));
                Ok(Planned::of(is_there.then_some(""), ""))
            }
            Self::Continuous(create) => match continuous::changes(&snapshot, create)? {
                None => {
                    let is_coming = coming.tables.iter().any(|table| continuous::reads(create, table));
                    if !is_coming {
                        continuous::look(db, create, access).await?;
                    }
                    Ok(Planned::of(None, &create.query))
                }
                Some((before, after)) => Ok(Planned::of(Some(&before), &after)),
            },
            Self::Notifier(create) => {
                let after = notifier::made(db, create)?;
                let before = entry::find::<Notifier>(&snapshot, &create.name)?;
                Ok(compare(before, after, print::notifier))
            }
            Self::Alert(create) => {
                let after = rule::made(db, create, coming, access).await?;
                let before = entry::find::<Rule>(&snapshot, &create.rule.name)?;
                Ok(compare(before.map(checked), checked(after), print::rule))
            }
            Self::Route(create) => plan_of::<Route>(db, self.name(), route::made(&snapshot, create, coming)?),
            Self::Silence(create, name) => {
                plan_of::<Silence>(db, name, silence::made(&snapshot, create, name, coming)?)
            }
            Self::Inhibition(create, name) => {
                plan_of::<Inhibition>(db, name, inhibition::made(&snapshot, create, name, coming)?)
            }
        }
    }

    /// Does it.
    pub(super) async fn run(&self, db: &Database, action: &str, access: Access) -> Result<()> {
        if action == UNCHANGED {
            return Ok(());
        }
        let (none, snapshot) = (Coming::default(), db.engine().snapshot());
        match self {
            Self::Table(create, _) => statement::make(db, (**create).clone()).await,
            Self::Continuous(create) if action == CREATE => continuous::create(db, create, access).await,
            Self::Continuous(create) => continuous::alter(db, &continuous::altered(create)).await,
            Self::Notifier(create) => put(db, notifier::made(db, create)?).await,
            Self::Alert(create) => rule::put(db, rule::made(db, create, &none, access).await?).await,
            Self::Route(create) => put(db, route::made(&snapshot, create, &none)?).await,
            Self::Silence(create, name) => put(db, silence::made(&snapshot, create, name, &none)?).await,
            Self::Inhibition(create, name) => {
                put(db, inhibition::made(&snapshot, create, name, &none)?).await
            }
        }
    }
}

/// Whether what an alert names was there when it was made is no difference.
fn checked(rule: Rule) -> Rule {
    Rule { unchecked: false, ..rule }
}

impl Planned {
    fn of(before: Option<&str>, after: &str) -> Self {
        let difference = difference(before.unwrap_or_default(), after);
        let action = match before {
            None => CREATE,
            Some(_) if difference.is_empty() => UNCHANGED,
            Some(_) => CHANGE,
        };
        Self { action, difference }
    }
}

/// Compares by all that is kept, shows what may be shown.
fn compare<T: Entry + Serialize>(before: Option<T>, after: T, shown: fn(&T) -> String) -> Planned {
    let Some(before) = before else { return Planned::of(None, &shown(&after)) };
    let planned = Planned::of(Some(&shown(&before)), &shown(&after));
    match (planned.action, json(&before) == json(&after)) {
        // A secret, or what the statement does not say.
        (UNCHANGED, false) => Planned { action: CHANGE, difference: "a value that is not shown".to_owned() },
        _ => planned,
    }
}

fn plan_of<T: Entry + Serialize + DeserializeOwned>(db: &Database, name: &str, after: T) -> Result<Planned> {
    let before = entry::find::<T>(&db.engine().snapshot(), name)?;
    let shown = |entry: &T| serde_json::to_string_pretty(entry).unwrap_or_default();
    Ok(Planned::of(before.as_ref().map(shown).as_deref(), &shown(&after)))
}

/// All but the times it was made and altered at.
fn json<T: Serialize>(entry: &T) -> Option<serde_json::Value> {
    let mut value = serde_json::to_value(entry).ok()?;
    let object = value.as_object_mut()?;
    object.remove("created_at");
    object.remove("altered_at");
    Some(value)
}

async fn put<T: Entry + Send + 'static>(db: &Database, entry: T) -> Result<()> {
    change(db, move |_| Ok(vec![entry::put(&entry)?])).await
}
