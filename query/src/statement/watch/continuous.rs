//! `CREATE CONTINUOUS QUERY` and what is said of one later.

use super::clause::{self, Clauses, Pair, Range};
use super::query::query;
use crate::error::Result;
use crate::statement::parser::{Parser, wrong_at};

/// How a target is shown outside.
const PROMETHEUS: &str = "prometheus";
const OPTIONS: &str = "every, delay, lateness, retention, expose";

/// A continuous query to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateContinuous {
    /// Its name as written.
    pub(crate) name: String,
    /// Whether it is well if there is one already.
    pub(crate) if_not_exists: bool,
    /// The table that keeps its results, as written.
    pub(crate) into: String,
    /// What was said beside its query.
    pub(crate) options: ContinuousOptions,
    /// Its query as written.
    pub(crate) query: String,
}

/// What can be said of a continuous query; None where it was not. Durations are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContinuousOptions {
    /// The length of its windows.
    pub(crate) every: Option<i64>,
    /// How long after its end a window is closed; 0 is at once.
    pub(crate) delay: Option<i64>,
    /// How long rows that come late are folded in promptly; 0 is not at all.
    pub(crate) lateness: Option<i64>,
    /// How long its results are kept.
    pub(crate) retention: Option<i64>,
    /// Whether its newest results stand among our metrics for Prometheus.
    pub(crate) expose_prometheus: Option<bool>,
}

/// A continuous query to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AlterContinuous {
    /// Its name as written.
    pub(crate) name: String,
    /// Whether it is well if there is none.
    pub(crate) if_exists: bool,
    /// What changes.
    pub(crate) options: ContinuousOptions,
}

/// Windows of the past to compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backfill {
    /// The query's name as written.
    pub(crate) name: String,
    /// Which windows; None for all of which there are rows.
    pub(crate) range: Option<Range>,
}

/// What follows `CREATE CONTINUOUS QUERY`.
pub(super) fn create(parser: &mut Parser<'_>) -> Result<CreateContinuous> {
    let if_not_exists = parser.eat(&["IF", "NOT", "EXISTS"]);
    let name = parser.name()?;
    let (mut clauses, mut options, mut into) = (Clauses::default(), ContinuousOptions::default(), None);
    while !parser.eat(&["AS"]) {
        if clauses.begin(parser, &["INTO"])? {
            into = Some(parser.name()?);
        } else if clauses.begin(parser, &["EVERY"])? {
            options.every = Some(clause::every(parser)?);
        } else if clauses.begin(parser, &["DELAY"])? {
            options.delay = Some(clause::duration_or_none(parser)?);
        } else if clauses.begin(parser, &["LATENESS"])? {
            options.lateness = Some(clause::duration_or_none(parser)?);
        } else if clauses.begin(parser, &["RETENTION"])? {
            options.retention = Some(clause::duration(parser)?);
        } else if clauses.begin(parser, &["WITH"])? {
            for pair in clause::pairs(parser)? {
                options.set(&pair)?;
            }
        } else {
            return Err(parser.expected(
                "INTO table, EVERY '1 minute', DELAY '10 seconds', LATENESS '1 hour', RETENTION '90 days', \
                 WITH (expose = 'prometheus') or AS SELECT ..",
            ));
        }
    }
    let into = into.ok_or_else(|| parser.expected("INTO and the table for the results before AS"))?;
    Ok(CreateContinuous { name, if_not_exists, into, options, query: query(parser)? })
}

/// What follows `ALTER CONTINUOUS QUERY`.
pub(super) fn alter(parser: &mut Parser<'_>) -> Result<AlterContinuous> {
    let if_exists = parser.eat(&["IF", "EXISTS"]);
    let name = parser.name()?;
    parser.expect(&["SET"])?;
    let mut options = ContinuousOptions::default();
    for pair in clause::pairs(parser)? {
        options.set(&pair)?;
    }
    Ok(AlterContinuous { name, if_exists, options })
}

/// What follows `BACKFILL CONTINUOUS QUERY`.
pub(super) fn backfill(parser: &mut Parser<'_>) -> Result<Backfill> {
    Ok(Backfill { name: parser.name()?, range: clause::range(parser)? })
}

impl ContinuousOptions {
    fn set(&mut self, pair: &Pair) -> Result<()> {
        let is_new = match pair.name.to_lowercase().as_str() {
            "every" => self.every.replace(pair.read(clause::nanos_of_windows)?).is_none(),
            "delay" => self.delay.replace(pair.read(clause::nanos_or_none)?).is_none(),
            "lateness" => self.lateness.replace(pair.read(clause::nanos_or_none)?).is_none(),
            "retention" => self.retention.replace(pair.read(clause::nanos)?).is_none(),
            "expose" => self.expose_prometheus.replace(pair.read(exposed)?).is_none(),
            name => {
                let what = format!("unknown option {name} of a continuous query; it has {OPTIONS}");
                return Err(wrong_at(&what, pair.at));
            }
        };
        if is_new { Ok(()) } else { Err(wrong_at(&format!("{} is there twice", pair.name), pair.at)) }
    }
}

fn exposed(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        PROMETHEUS => Ok(true),
        "none" => Ok(false),
        _ => Err(format!("{text:?} is unknown; it is '{PROMETHEUS}' or 'none'")),
    }
}
