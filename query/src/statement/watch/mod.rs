//! Statements that watch: of continuous queries, alerts, what people say of those, and who is told. Here is how they
//! are read. Names are as written, durations and times in nanoseconds, queries and conditions as text.

mod alert;
mod change;
mod clause;
mod continuous;
mod explain;
mod inhibition;
mod matcher;
mod notifier;
pub(crate) mod print;
mod query;
mod replay;
mod response;
mod route;
mod run;
mod show;
mod silence;

pub(crate) use alert::CreateAlert;
pub(crate) use change::AlterAlert;
pub(crate) use clause::Range;
pub(crate) use continuous::{AlterContinuous, Backfill, ContinuousOptions, CreateContinuous};
pub(crate) use explain::ExplainDrift;
pub(crate) use inhibition::CreateInhibition;
pub(crate) use matcher::{Compare, Matcher};
pub(crate) use notifier::{AlterNotifier, CreateNotifier, NotifierChange};
pub(crate) use replay::{Backtest, Calibrate};
pub(crate) use response::{Response, ResponseKind};
pub(crate) use route::CreateRoute;
pub(crate) use run::{answer, run, schema};
pub(crate) use silence::CreateSilence;

use super::Statement;
use super::parser::Parser;
use crate::error::Result;

/// A statement that watches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Watch {
    /// `CREATE CONTINUOUS QUERY`.
    CreateContinuous(CreateContinuous),
    /// `ALTER CONTINUOUS QUERY`.
    AlterContinuous(AlterContinuous),
    /// `PAUSE CONTINUOUS QUERY name`.
    Pause(String),
    /// `RESUME CONTINUOUS QUERY name`.
    Resume(String),
    /// `BACKFILL CONTINUOUS QUERY`.
    Backfill(Backfill),
    /// `CREATE NOTIFIER`.
    CreateNotifier(CreateNotifier),
    /// `ALTER NOTIFIER`.
    AlterNotifier(AlterNotifier),
    /// `TEST NOTIFIER name`.
    TestNotifier(String),
    /// `CREATE ALERT`.
    CreateAlert(Box<CreateAlert>),
    /// `CREATE DEFAULT ALERTS [NOTIFY name, ..]`: the notifiers as written.
    CreateDefaults(Vec<String>),
    /// `APPLY [DRY RUN] 'statements'`.
    Apply {
        /// What is to be there.
        statements: String,
        /// Only says what would be done.
        dry_run: bool,
    },
    /// `ALTER ALERT`.
    AlterAlert(Box<AlterAlert>),
    /// `SHOW CREATE ALERT name`.
    ShowCreateAlert(String),
    /// `ACKNOWLEDGE ALERT`, `RESOLVE ALERT`, `COMMENT ON ALERT`.
    Respond(Response),
    /// `CREATE SILENCE`.
    CreateSilence(CreateSilence),
    /// `CREATE ROUTE`.
    CreateRoute(CreateRoute),
    /// `CREATE INHIBITION`.
    CreateInhibition(CreateInhibition),
    /// `EXPLAIN DRIFT`.
    ExplainDrift(ExplainDrift),
    /// `BACKTEST ALERT`.
    Backtest(Backtest),
    /// `CALIBRATE ALERT`.
    Calibrate(Calibrate),
    /// `DROP CONTINUOUS QUERY | NOTIFIER | ALERT | SILENCE | ROUTE | INHIBITION`.
    Drop(DropWatch),
}

/// Something to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DropWatch {
    /// What it is.
    pub(crate) kind: WatchKind,
    /// Its name as written.
    pub(crate) name: String,
    /// Whether it is well if there is none.
    pub(crate) if_exists: bool,
}

/// What these statements make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchKind {
    /// A query whose result is kept up to date.
    ContinuousQuery,
    /// A way out of the database.
    Notifier,
    /// A rule.
    Alert,
    /// A time in which nobody is told.
    Silence,
    /// Who is told of what.
    Route,
    /// What nobody needs to be told while something else is wrong.
    Inhibition,
}

impl WatchKind {
    const ALL: [Self; 6] =
        [Self::ContinuousQuery, Self::Notifier, Self::Alert, Self::Silence, Self::Route, Self::Inhibition];

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::ContinuousQuery => &["CONTINUOUS", "QUERY"],
            Self::Notifier => &["NOTIFIER"],
            Self::Alert => &["ALERT"],
            Self::Silence => &["SILENCE"],
            Self::Route => &["ROUTE"],
            Self::Inhibition => &["INHIBITION"],
        }
    }
}

/// One of these statements, or what it is short for; None where it is another one.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<Statement>> {
    if parser.eat(&["SHOW", "CREATE", "ALERT"]) {
        return of(Watch::ShowCreateAlert(parser.name()?));
    }
    if let Some(query) = show::parse(parser)? {
        return Ok(Some(query));
    }
    if parser.eat(&["APPLY"]) {
        let dry_run = parser.eat(&["DRY", "RUN"]);
        let statements = clause::text(parser, "the statements, in single quotes")?;
        return of(Watch::Apply { statements, dry_run });
    }
    if parser.eat(&["CREATE", "DEFAULT", "ALERTS"]) {
        let notify = if parser.eat(&["NOTIFY"]) { clause::names(parser)? } else { Vec::new() };
        return of(Watch::CreateDefaults(notify));
    }
    for kind in WatchKind::ALL {
        if after(parser, "CREATE", kind) {
            return create(parser, kind).and_then(of);
        }
        if after(parser, "DROP", kind) {
            let if_exists = parser.eat(&["IF", "EXISTS"]);
            return of(Watch::Drop(DropWatch { kind, name: parser.name()?, if_exists }));
        }
    }
    match rest(parser)? {
        Some(watch) => of(watch),
        None => Ok(None),
    }
}

fn of(watch: Watch) -> Result<Option<Statement>> {
    Ok(Some(Statement::Watch(Box::new(watch))))
}

/// Takes the verb and what it is about, if they come next.
fn after(parser: &mut Parser<'_>, verb: &'static str, kind: WatchKind) -> bool {
    let words: Vec<&str> = std::iter::once(verb).chain(kind.words().iter().copied()).collect();
    parser.eat(&words)
}

fn create(parser: &mut Parser<'_>, kind: WatchKind) -> Result<Watch> {
    match kind {
        WatchKind::ContinuousQuery => continuous::create(parser).map(Watch::CreateContinuous),
        WatchKind::Notifier => notifier::create(parser).map(Watch::CreateNotifier),
        WatchKind::Alert => alert::create(parser).map(Box::new).map(Watch::CreateAlert),
        WatchKind::Silence => silence::create(parser).map(Watch::CreateSilence),
        WatchKind::Route => route::create(parser).map(Watch::CreateRoute),
        WatchKind::Inhibition => inhibition::create(parser).map(Watch::CreateInhibition),
    }
}

fn rest(parser: &mut Parser<'_>) -> Result<Option<Watch>> {
    let watch = if after(parser, "ALTER", WatchKind::ContinuousQuery) {
        Watch::AlterContinuous(continuous::alter(parser)?)
    } else if after(parser, "PAUSE", WatchKind::ContinuousQuery) {
        Watch::Pause(parser.name()?)
    } else if after(parser, "RESUME", WatchKind::ContinuousQuery) {
        Watch::Resume(parser.name()?)
    } else if after(parser, "BACKFILL", WatchKind::ContinuousQuery) {
        Watch::Backfill(continuous::backfill(parser)?)
    } else if after(parser, "ALTER", WatchKind::Notifier) {
        Watch::AlterNotifier(notifier::alter(parser)?)
    } else if after(parser, "TEST", WatchKind::Notifier) {
        Watch::TestNotifier(parser.name()?)
    } else if after(parser, "ALTER", WatchKind::Alert) {
        Watch::AlterAlert(Box::new(change::alter(parser)?))
    } else if parser.eat(&["EXPLAIN", "DRIFT"]) {
        Watch::ExplainDrift(explain::explain(parser)?)
    } else if after(parser, "BACKTEST", WatchKind::Alert) {
        Watch::Backtest(replay::backtest(parser)?)
    } else if after(parser, "CALIBRATE", WatchKind::Alert) {
        Watch::Calibrate(replay::calibrate(parser)?)
    } else {
        return Ok(response::parse(parser)?.map(Watch::Respond));
    };
    Ok(Some(watch))
}

#[cfg(test)]
mod tests;
