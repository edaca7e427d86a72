//! Alerts held against the past: `BACKTEST ALERT` and `CALIBRATE ALERT`.
//!
//! A window of the past is asked as it would have been asked then: `now()` is its end, rows of that time and later are not
//! there, and neither are labels that came after it would have been judged.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

use super::ask::{Judged, ask};
use super::tables::what;
use super::wanted;
use crate::alert::Rule;
use crate::alert::calibrate::{Calibration, Comparison, Past, Wish, calibrate, firings};
use crate::alert::entry;
use crate::alert::period;
use crate::alert::registry::Registry;
use crate::alert::state::{AlertState, Kind, Seen, Transition, Window};
use crate::continuous::Bucket;
use crate::database::Database;
use crate::error::{QueryError, Result};
use crate::limits::REPLAY_WINDOWS_MAX;
use crate::statement::watch::{Backtest, Calibrate, Range};

/// The columns of BACKTEST: a row a transition, then one for each rule that sums it up, whose `what` is total, `value` how
/// often it fired and `duration_ms` for how long. A row that ends has how long it had fired.
pub(crate) fn backtest_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let time =
        |name: &str| Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), true);
    let number = |name: &str| Field::new(name, DataType::Float64, true);
    Arc::new(Schema::new(vec![
        time("time"),
        text("alert"),
        text("model"),
        text("what"),
        text("from_state"),
        text("to_state"),
        text("labels"),
        number("value"),
        time("window_start"),
        time("window_end"),
        number("duration_ms"),
        text("reason"),
        text("episode"),
    ]))
}

/// The columns of CALIBRATE: a row a candidate, least sensitive first; `proposed` is the most sensitive that meets the
/// wish. Rates are for one period, with their 95 % interval; `note` says where the history is too short to tell.
pub(crate) fn calibrate_schema() -> SchemaRef {
    let number = |name: &str| Field::new(name, DataType::Float64, true);
    Arc::new(Schema::new(vec![
        Field::new("alert", DataType::Utf8, true),
        Field::new("model", DataType::Utf8, true),
        number("threshold"),
        Field::new("firings", DataType::Int64, true),
        number("rate"),
        number("rate_low"),
        number("rate_high"),
        number("firing_share"),
        Field::new("proposed", DataType::Boolean, true),
        Field::new("note", DataType::Utf8, true),
    ]))
}

/// What happened, of one rule.
struct Line {
    rule: Rule,
    /// None of the row that sums up.
    transition: Option<Transition>,
    fired: f64,
    duration_ms: Option<f64>,
}

/// `BACKTEST ALERT`.
pub(crate) async fn backtest(db: &Database, asked: &Backtest) -> Result<RecordBatch> {
    let mut lines = Vec::new();
    for rule in rules(db, &asked.name).await? {
        let (mut state, mut fired, mut total) = (AlertState::default(), 0.0, 0.0);
        let judged = Judged::of(&rule.when);
        for window in windows(&rule, asked.range)? {
            let seen = seen(db, &rule, &judged, window).await;
            for transition in state.judge(&rule, window, seen) {
                let lasted = transition.fired_at.filter(|_| matches!(transition.kind, Kind::Ended(_)));
                let duration_ms = lasted.map(|from| transition.at.saturating_sub(from) as f64 / 1e6);
                fired += f64::from(u8::from(transition.kind == Kind::Fired));
                total += duration_ms.unwrap_or(0.0);
                lines.push(Line {
                    rule: rule.clone(),
                    transition: Some(transition),
                    fired: 0.0,
                    duration_ms,
                });
            }
        }
        lines.push(Line { rule, transition: None, fired, duration_ms: Some(total) });
    }
    told(&lines)
}

/// The rules of a name: one of all models is one for each.
async fn rules(db: &Database, name: &str) -> Result<Vec<Rule>> {
    let snapshot = db.engine().snapshot();
    let named = entry::find_or::<Rule>(&snapshot, name, false)?;
    let registry = Registry { rules: named.into_iter().collect(), ..Registry::default() };
    let rules: Vec<Rule> = wanted(&registry, &snapshot)?.into_iter().map(|(_, rule)| rule).collect();
    if rules.is_empty() {
        return Err(QueryError::Invalid(format!("no model has what alert {name} needs")));
    }
    for rule in &rules {
        if super::sources(db, rule).await?.0.is_empty() {
            return Err(QueryError::Invalid(format!(
                "alert {name} asks the database about itself, which has no past to be held against"
            )));
        }
    }
    Ok(rules)
}

/// The windows of a rule that end within a range.
fn windows(rule: &Rule, range: Range) -> Result<impl Iterator<Item = Window>> {
    let first = Bucket::even(rule.every).ceil(range.from);
    let count = (range.to.saturating_sub(first) / rule.every).max(0);
    if count > REPLAY_WINDOWS_MAX {
        return Err(QueryError::Limit(format!(
            "the range has {count} windows of alert {}, at most {REPLAY_WINDOWS_MAX} are judged at once; take a shorter one",
            rule.name
        )));
    }
    let every = rule.every;
    Ok((0..count).map(move |n| {
        let start = first + n * every;
        Window { start, end: start + every }
    }))
}

async fn seen(db: &Database, rule: &Rule, judged: &Judged, window: Window) -> Seen {
    let known_at = window.end.saturating_add(rule.delay);
    let session = db.session_at(window.end, Some(known_at));
    ask(&session, rule, judged).await.unwrap_or_else(|error| Seen::Failed(error.to_string()))
}

fn told(lines: &[Line]) -> Result<RecordBatch> {
    let of = |get: &dyn Fn(&Transition) -> Option<i64>| -> ArrayRef {
        let times = lines.iter().map(|line| line.transition.as_ref().and_then(get));
        Arc::new(times.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
    };
    let text = |get: &dyn Fn(&Transition) -> Option<String>| -> ArrayRef {
        let texts = lines.iter().map(|line| line.transition.as_ref().and_then(get));
        Arc::new(texts.collect::<StringArray>())
    };
    let kind = |line: &Line| line.transition.as_ref().map_or("total", |it| what(it.kind));
    let value = |line: &Line| line.transition.as_ref().map_or(Some(line.fired), |it| it.value);
    let columns: Vec<ArrayRef> = vec![
        of(&|it| Some(it.at)),
        Arc::new(lines.iter().map(|line| Some(line.rule.name.as_str())).collect::<StringArray>()),
        Arc::new(lines.iter().map(|line| line.rule.model.as_deref()).collect::<StringArray>()),
        Arc::new(lines.iter().map(|line| Some(kind(line))).collect::<StringArray>()),
        text(&|it| Some(it.from.name().to_owned())),
        text(&|it| Some(it.to.name().to_owned())),
        text(&|it| serde_json::to_string(&it.identity).ok()),
        Arc::new(lines.iter().map(value).collect::<Float64Array>()),
        of(&|it| Some(it.window.start)),
        of(&|it| Some(it.window.end)),
        Arc::new(lines.iter().map(|line| line.duration_ms).collect::<Float64Array>()),
        text(&|it| it.reason.clone()),
        text(&|it| Some(it.episode.clone())),
    ];
    Ok(RecordBatch::try_new(backtest_schema(), columns)?)
}

/// `CALIBRATE ALERT`.
pub(crate) async fn run_calibrate(db: &Database, asked: &Calibrate) -> Result<RecordBatch> {
    let mut found = Vec::new();
    for rule in rules(db, &asked.name).await? {
        let range = match asked.range {
            Some(range) => range,
            None => history_of(db, &rule).await?,
        };
        let when = Bound::of(&rule.when).ok_or_else(|| unfit(&rule, "WHEN"))?;
        let resolve = match &rule.resolve_when {
            Some(text) => Some(
                Bound::of(text)
                    .filter(|it| it.column == when.column)
                    .ok_or_else(|| unfit(&rule, "RESOLVE WHEN"))?,
            ),
            None => None,
        };
        let judged = Judged::of(&rule.when);
        let mut history = Vec::new();
        for window in windows(&rule, range)? {
            if let Seen::Rows(rows) = seen(db, &rule, &judged, window).await {
                let distinct: BTreeMap<_, _> =
                    rows.into_iter().map(|row| (row.identity, row.value)).collect();
                history.push(Past { window, values: distinct.into_iter().collect() });
            }
        }
        let except: Vec<period::Span> =
            asked.except.iter().map(|it| period::Span { from: it.from, to: it.to, weekly: false }).collect();
        let wish = Wish { firings: asked.false_alarms, period: asked.per };
        let calibration = calibrate(&history, &except, when.by, wish, |threshold| {
            firings(&rule, &history, &except, |value| {
                let resolve =
                    resolve.as_ref().map(|it| it.by.is_bad(value, it.moved(when.threshold, threshold)));
                (Some(when.by.is_bad(value, threshold)), resolve)
            })
        });
        found.push((rule, calibration));
    }
    candidates(&found)
}

fn unfit(rule: &Rule, clause: &str) -> QueryError {
    QueryError::Invalid(format!(
        "CALIBRATE moves the threshold of alert {}: its WHEN and RESOLVE WHEN have to compare one column with a number, \
         such as WHEN psi > 0.2, and {clause} does not",
        rule.name
    ))
}

/// A comparison of a column with a number.
struct Bound {
    column: String,
    by: Comparison,
    threshold: f64,
}

impl Bound {
    fn of(condition: &str) -> Option<Self> {
        let (column, sign, threshold) = super::ask::single_comparison(condition)?;
        let by = match sign {
            ">" => Comparison::Above,
            ">=" => Comparison::AtLeast,
            "<" => Comparison::Below,
            "<=" => Comparison::AtMost,
            _ => return None,
        };
        Some(Self { column, by, threshold })
    }

    /// This threshold, where the other one moves: as far from it as before, in proportion.
    fn moved(&self, from: f64, to: f64) -> f64 {
        if from == 0.0 { self.threshold + (to - from) } else { self.threshold / from * to }
    }
}

/// All windows of which the tables of a rule may have rows.
async fn history_of(db: &Database, rule: &Rule) -> Result<Range> {
    let snapshot = db.engine().snapshot();
    let times = super::sources(db, rule).await?.0.into_iter().filter_map(|table| snapshot.size(table).time);
    let Some(hull) = times.reduce(driftline_storage::TimeRange::union) else {
        return Err(QueryError::Invalid(format!("alert {} has no history: its tables are empty", rule.name)));
    };
    let to = hull.max.saturating_add(1);
    let longest = rule.every.saturating_mul(REPLAY_WINDOWS_MAX);
    Ok(Range { from: hull.min.max(to.saturating_sub(longest)), to })
}

fn candidates(found: &[(Rule, Calibration)]) -> Result<RecordBatch> {
    let all = || {
        found
            .iter()
            .flat_map(|(rule, it)| it.candidates.iter().enumerate().map(move |(at, c)| (rule, it, at, c)))
    };
    let number = |of: &dyn Fn(&crate::alert::calibrate::Candidate) -> f64| -> ArrayRef {
        Arc::new(all().map(|(_, _, _, it)| Some(of(it))).collect::<Float64Array>())
    };
    let note = |it: &Calibration| it.not_enough_history.then_some("not enough history");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(all().map(|(rule, ..)| Some(rule.name.as_str())).collect::<StringArray>()),
        Arc::new(all().map(|(rule, ..)| rule.model.as_deref()).collect::<StringArray>()),
        number(&|it| it.threshold),
        Arc::new(all().map(|(.., it)| i64::try_from(it.firings).ok()).collect::<Int64Array>()),
        number(&|it| it.rate_per_period),
        number(&|it| it.low),
        number(&|it| it.high),
        number(&|it| it.firing_share),
        Arc::new(all().map(|(_, it, at, _)| Some(it.proposal == Some(at))).collect::<BooleanArray>()),
        Arc::new(all().map(|(_, it, ..)| note(it)).collect::<StringArray>()),
    ];
    Ok(RecordBatch::try_new(calibrate_schema(), columns)?)
}
