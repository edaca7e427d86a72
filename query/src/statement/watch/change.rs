//! What CREATE ALERT and ALTER ALERT say of a rule beside its query.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::clause::{self, Clauses, Pair};
use super::query::condition;
use crate::alert::metric::{self, Metric};
use crate::alert::{Hold, MetricRule, Rule, Severity};
use crate::error::Result;
use crate::statement::parser::{Parser, wrong_at};

/// The clauses that both take.
pub(super) const CLAUSES: &str = "OVER '1 day', MIN ROWS 100, SEVERITY high, EVERY '1 minute', DELAY '10 seconds', BY (column), WHEN condition, \
     RESOLVE WHEN condition, FOR 2 WINDOWS, FOR '1 hour', KEEP FIRING FOR '5 minutes', NO DATA AFTER '1 hour', \
     EXPIRE AFTER '24 hours', REPEAT EVERY '4 hours', NOTIFY name, LABELS (name = 'value'), \
     ANNOTATIONS (name = 'text')";
const OPTIONS: &str = "severity, threshold, every, delay, for, keep_firing, no_data_after, expire_after, repeat_every, over, min_rows";
/// How SET takes away what need not be there.
const NONE: &str = "none";

/// An alert to change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlterAlert {
    /// Its name as written.
    pub(crate) name: String,
    /// Whether it is well if there is none.
    pub(crate) if_exists: bool,
    /// What changes; at least one thing.
    pub(crate) changes: Changes,
}

/// What is said of a rule; None where it stays as it is. Where a rule may lack something, Some(None) takes it away.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(super) enabled: Option<bool>,
    pub(super) severity: Option<Severity>,
    pub(super) every: Option<i64>,
    pub(super) delay: Option<i64>,
    pub(super) by: Option<Vec<String>>,
    pub(super) when: Option<String>,
    pub(super) resolve_when: Option<Option<String>>,
    pub(super) hold: Option<Hold>,
    pub(super) keep_firing: Option<i64>,
    pub(super) no_data_after: Option<Option<i64>>,
    pub(super) expire_after: Option<i64>,
    pub(super) repeat_every: Option<Option<i64>>,
    pub(super) notify: Option<Vec<String>>,
    pub(super) labels: Option<BTreeMap<String, String>>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    /// As written, for its unit is that of the rule's metric.
    pub(super) threshold: Option<String>,
    pub(super) over: Option<Option<i64>>,
    pub(super) min_rows: Option<Option<u64>>,
}

/// What follows `ALTER ALERT`.
pub(super) fn alter(parser: &mut Parser<'_>) -> Result<AlterAlert> {
    let if_exists = parser.eat(&["IF", "EXISTS"]);
    let name = parser.name()?;
    let (mut clauses, mut changes) = (Clauses::default(), Changes::default());
    while changes.alteration(&mut clauses, parser)? {}
    if changes == Changes::default() || !clause::is_end(parser) {
        return Err(
            parser.expected(&format!("ENABLE, DISABLE, SET (severity = high, threshold = 0.9), {CLAUSES}"))
        );
    }
    Ok(AlterAlert { name, if_exists, changes })
}

impl Changes {
    /// Reads one clause that only ALTER takes, or one that both take; false where none comes next.
    fn alteration(&mut self, clauses: &mut Clauses, parser: &mut Parser<'_>) -> Result<bool> {
        let at = parser.peek().span.start;
        let enable = parser.eat(&["ENABLE"]);
        if enable || parser.eat(&["DISABLE"]) {
            if self.enabled.replace(enable).is_some() {
                return Err(wrong_at("ENABLE and DISABLE: write one of them, once", at));
            }
        } else if clauses.begin(parser, &["SET"])? {
            for pair in clause::pairs(parser)? {
                self.set(&pair)?;
            }
        } else {
            return self.clause(clauses, parser);
        }
        Ok(true)
    }

    /// Reads one clause; false where none comes next.
    pub(super) fn clause(&mut self, clauses: &mut Clauses, parser: &mut Parser<'_>) -> Result<bool> {
        Ok(self.judged(clauses, parser)? || self.timed(clauses, parser)? || self.told(clauses, parser)?)
    }

    /// What is bad.
    fn judged(&mut self, clauses: &mut Clauses, parser: &mut Parser<'_>) -> Result<bool> {
        if clauses.begin(parser, &["BY"])? {
            self.by = Some(clause::columns(parser)?);
        } else if clauses.begin(parser, &["WHEN"])? {
            self.when = Some(condition(parser)?);
        } else if clauses.begin(parser, &["RESOLVE", "WHEN"])? {
            self.resolve_when = Some(Some(condition(parser)?));
        } else if clauses.begin(parser, &["FOR"])? {
            self.hold = Some(hold(parser)?);
        } else if clauses.begin(parser, &["OVER"])? {
            self.over = Some(Some(clause::duration(parser)?));
        } else if clauses.begin(parser, &["MIN", "ROWS"])? {
            self.min_rows = Some(Some(min_rows(parser)?));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// When it is judged.
    fn timed(&mut self, clauses: &mut Clauses, parser: &mut Parser<'_>) -> Result<bool> {
        if clauses.begin(parser, &["EVERY"])? {
            self.every = Some(clause::every(parser)?);
        } else if clauses.begin(parser, &["DELAY"])? {
            self.delay = Some(clause::duration_or_none(parser)?);
        } else if clauses.begin(parser, &["KEEP", "FIRING", "FOR"])? {
            self.keep_firing = Some(clause::duration_or_none(parser)?);
        } else if clauses.begin(parser, &["NO", "DATA", "AFTER"])? {
            self.no_data_after = Some(Some(clause::duration(parser)?));
        } else if clauses.begin(parser, &["EXPIRE", "AFTER"])? {
            self.expire_after = Some(clause::duration(parser)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Who is told what.
    fn told(&mut self, clauses: &mut Clauses, parser: &mut Parser<'_>) -> Result<bool> {
        if clauses.begin(parser, &["SEVERITY"])? {
            self.severity = Some(severity(parser)?);
        } else if clauses.begin(parser, &["REPEAT", "EVERY"])? {
            self.repeat_every = Some(Some(clause::duration(parser)?));
        } else if clauses.begin(parser, &["NOTIFY"])? {
            self.notify = Some(clause::names(parser)?);
        } else if clauses.begin(parser, &["LABELS"])? {
            self.labels = Some(clause::labels(parser)?);
        } else if clauses.begin(parser, &["ANNOTATIONS"])? {
            self.annotations = Some(clause::labels(parser)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn set(&mut self, pair: &Pair) -> Result<()> {
        match pair.name.to_lowercase().as_str() {
            "severity" => self.severity = Some(pair.read(str::parse)?),
            "threshold" => self.threshold = Some(pair.value.clone()),
            "every" => self.every = Some(pair.read(clause::nanos_of_windows)?),
            "delay" => self.delay = Some(pair.read(clause::nanos_or_none)?),
            "for" => self.hold = Some(pair.read(hold_text)?),
            "keep_firing" => self.keep_firing = Some(pair.read(clause::nanos_or_none)?),
            "no_data_after" => self.no_data_after = Some(pair.read(or_none(clause::nanos))?),
            "expire_after" => self.expire_after = Some(pair.read(clause::nanos)?),
            "repeat_every" => self.repeat_every = Some(pair.read(or_none(clause::nanos))?),
            "over" => self.over = Some(pair.read(or_none(clause::nanos))?),
            "min_rows" => self.min_rows = Some(pair.read(or_none(whole))?),
            "resolve_when" if pair.value.eq_ignore_ascii_case(NONE) => self.resolve_when = Some(None),
            name => {
                let what = format!(
                    "unknown option {name} of an alert; there are {OPTIONS}, and resolve_when = none; \
                     conditions are changed with WHEN and RESOLVE WHEN"
                );
                return Err(wrong_at(&what, pair.at));
            }
        }
        Ok(())
    }

    /// Changes a rule, which stays as it was where that is refused.
    ///
    /// # Errors
    /// What does not go with the rule: a threshold of one that has none, a condition of a metric.
    pub(crate) fn apply(self, rule: &mut Rule) -> Result<(), String> {
        let mut changed = rule.clone();
        self.apply_metric(&mut changed)?;
        let Self { by, when, resolve_when, hold, labels, annotations, notify, .. } = self;
        put(&mut changed.enabled, self.enabled);
        put(&mut changed.severity, self.severity);
        put(&mut changed.every, self.every);
        put(&mut changed.delay, self.delay);
        put(&mut changed.by, by);
        put(&mut changed.when, when);
        put(&mut changed.resolve_when, resolve_when);
        put(&mut changed.hold, hold);
        put(&mut changed.keep_firing, self.keep_firing);
        put(&mut changed.no_data_after, self.no_data_after);
        put(&mut changed.expire_after, self.expire_after);
        put(&mut changed.repeat_every, self.repeat_every);
        put(&mut changed.notify, notify);
        put(&mut changed.labels, labels);
        put(&mut changed.annotations, annotations);
        *rule = changed;
        Ok(())
    }

    fn apply_metric(&self, rule: &mut Rule) -> Result<(), String> {
        let Some(of) = &mut rule.metric else {
            let of_metrics = [
                ("a threshold", self.threshold.is_some()),
                ("OVER", self.over.is_some()),
                ("MIN ROWS", self.min_rows.is_some()),
            ];
            let written = of_metrics.iter().find(|(_, written)| *written);
            return written.map_or(Ok(()), |(what, _)| {
                Err(format!("{what} goes with METRIC; alert {} has a query and WHEN", rule.name))
            });
        };
        for (what, written) in [("WHEN", self.when.is_some()), ("BY", self.by.is_some())] {
            if written {
                return Err(format!(
                    "METRIC brings its own {what}: leave {what} out, or write WHEN .. AS SELECT .."
                ));
            }
        }
        if let Some(text) = &self.threshold {
            let known: Metric = of.metric.parse()?;
            let (threshold, threshold_text) = (known.threshold(text)?, text.trim().to_owned());
            *of = MetricRule { threshold, threshold_text, ..of.clone() };
        }
        put(&mut of.over, self.over);
        put(&mut of.min_rows, self.min_rows);
        rule.when = metric::when(of);
        Ok(())
    }
}

fn put<T>(place: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *place = new;
    }
}

fn severity(parser: &mut Parser<'_>) -> Result<Severity> {
    let at = parser.peek().span.start;
    let name = match parser.peek().token {
        Token::SingleQuotedString(_) => clause::text(parser, "a severity")?,
        _ => parser.identifier("critical, high, medium or low")?,
    };
    name.parse().map_err(|what: String| wrong_at(&what, at))
}

/// `'1 hour'`, `2 WINDOWS`.
fn hold(parser: &mut Parser<'_>) -> Result<Hold> {
    if matches!(parser.peek().token, Token::SingleQuotedString(_)) {
        return clause::duration(parser).map(Hold::Time);
    }
    let windows = clause::count(parser, "a duration in single quotes, such as '1 hour', or 2 WINDOWS")?;
    if !parser.eat(&["WINDOW"]) {
        parser.expect(&["WINDOWS"])?;
    }
    Ok(Hold::Windows(windows))
}

/// The same in one text: `1 hour`, `2 windows`.
fn hold_text(text: &str) -> Result<Hold, String> {
    let lower = text.trim().to_lowercase();
    let windows = lower.strip_suffix("windows").or_else(|| lower.strip_suffix("window"));
    match windows.map(|count| count.trim().parse()) {
        Some(Ok(count @ 1..)) => Ok(Hold::Windows(count)),
        Some(_) => Err(format!("{text:?} is no number of windows; write '2 windows' or '1 hour'")),
        None => clause::nanos(text).map(Hold::Time),
    }
}

fn min_rows(parser: &mut Parser<'_>) -> Result<u64> {
    let Token::Number(digits, _) = parser.peek().token else {
        return Err(parser.expected("a number of rows, such as 100"));
    };
    let rows = digits.parse().map_err(|_| parser.expected("a whole number of rows, such as 100"))?;
    parser.next();
    Ok(rows)
}

fn whole(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no whole number of rows"))
}

fn or_none<T>(read: fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Option<T>, String> {
    move |text| if text.eq_ignore_ascii_case(NONE) { Ok(None) } else { read(text).map(Some) }
}
