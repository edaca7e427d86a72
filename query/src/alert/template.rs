//! An alert's texts: templates that are filled in with what a row says.
//!
//! Who may make an alert may write a template, so one must not be able to eat the machine: it can print, choose and
//! loop, but not keep or multiply texts, and what it does and says is bounded. A template that fails never costs the
//! alert: what is sent then is the template and what is wrong with it.

mod limits;
mod number;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat};
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, filters, tests as asks};

pub use limits::{COLUMN_BYTES_MAX, STEPS_MAX, TEMPLATE_BYTES_MAX, TEXT_BYTES_MAX};
pub use number::short;

use limits::{Bounded, cut, reject};

/// What a template can speak of.
///
/// Columns and labels are there by their names; where they share one it is the column's. The names `alert`, `model`,
/// `value`, `threshold`, `window_start`, `window_end`, `columns` and `labels` are always those of the fields here:
/// a column of such a name is `columns.value`.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The row.
    pub columns: &'a serde_json::Map<String, serde_json::Value>,
    /// The labels of the notice.
    pub labels: &'a BTreeMap<String, String>,
    /// What was judged.
    pub value: Option<f64>,
    /// What it was held against.
    pub threshold: Option<f64>,
    /// Nanoseconds since 1970; a template sees text such as `2026-01-01T00:00:00Z`.
    pub window_start: i64,
    /// Likewise.
    pub window_end: i64,
    /// The alert's name.
    pub alert: &'a str,
    /// The model it is about.
    pub model: Option<&'a str>,
}

/// The text. Numbers are short (0.2534 for 0.25340000001), null is `null`. Never fails: see the header of this file.
pub fn render(template: &str, facts: &Facts<'_>) -> String {
    let text = match fill_in(template, facts.context(), UndefinedBehavior::SemiStrict) {
        Ok(text) => text,
        Err(why) => {
            format!("{} [this text could not be filled in: {why}]", cut(template, TEXT_BYTES_MAX / 2))
        }
    };
    cut(&text, TEXT_BYTES_MAX)
}

/// Whether a template can be filled in, as far as that can be said without a row; the error says what to change.
pub fn check(template: &str) -> Result<(), String> {
    match fill_in(template, Value::from(Names::new()), UndefinedBehavior::Chainable) {
        Err(Wrong::Rejected(why)) => Err(why),
        Err(Wrong::Failed(error)) if is_mistake(&error) => Err(Wrong::Failed(error).to_string()),
        _ => Ok(()),
    }
}

/// The columns and labels a template speaks of, and the names that are always there. CREATE ALERT can tell which of
/// them the query does not answer. Empty where the template is not a valid one.
pub fn names(template: &str) -> BTreeSet<String> {
    let environment = environment(UndefinedBehavior::Chainable);
    let parsed = environment.template_from_str(template);
    parsed.map(|it| it.undeclared_variables(false).into_iter().collect()).unwrap_or_default()
}

/// What is wrong with a template.
enum Wrong {
    Rejected(String),
    Failed(Error),
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rejected(why) => f.write_str(why),
            Self::Failed(error) if error.kind() == ErrorKind::OutOfFuel => {
                write!(f, "it takes more than {STEPS_MAX} steps; loop over less")
            }
            Self::Failed(error) => {
                let line = error.line().map_or(String::new(), |line| format!(" in line {line}"));
                write!(f, "{}{line}", cut(error.detail().unwrap_or(&error.kind().to_string()), 200))
            }
        }
    }
}

/// Whether it is wrong whatever the row says.
fn is_mistake(error: &Error) -> bool {
    use ErrorKind::{SyntaxError, UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
    matches!(error.kind(), SyntaxError | UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest)
}

fn fill_in(template: &str, context: Value, undefined: UndefinedBehavior) -> Result<String, Wrong> {
    reject(template).map_err(Wrong::Rejected)?;
    let environment = environment(undefined);
    let mut text = Bounded::default();
    let parsed = environment.template_from_str(template).map_err(Wrong::Failed)?;
    let filled = parsed.render_captured_to(context, &mut text).map(|_| ());
    if !text.full {
        filled.map_err(Wrong::Failed)?;
    }
    Ok(String::from_utf8_lossy(&text.bytes).into_owned())
}

fn environment<'a>(undefined: UndefinedBehavior) -> Environment<'a> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(STEPS_MAX));
    environment.set_undefined_behavior(undefined);
    environment.set_formatter(format_value);
    environment.add_filter("abs", filters::abs);
    environment.add_filter("default", filters::default);
    environment.add_filter("length", filters::length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("percent", percent);
    environment.add_filter("round", round);
    environment.add_filter("times", times);
    environment.add_filter("upper", filters::upper);
    environment.add_test("defined", asks::is_defined);
    environment.add_test("none", asks::is_none);
    environment
}

/// 0.2534 is `25.34 %`.
fn percent(value: f64) -> String {
    format!("{} %", short(value * 100.0))
}

fn round(value: f64, digits: Option<u32>) -> f64 {
    let scale = 10f64.powi(digits.unwrap_or(0).min(15).cast_signed());
    (value * scale).round() / scale
}

fn times(value: f64, by: f64) -> f64 {
    value * by
}

fn format_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return out.write_str("null").map_err(Error::from);
    }
    match (value.kind(), f64::try_from(value.clone())) {
        (ValueKind::Number, Ok(number)) if !value.is_integer() => {
            out.write_str(&short(number)).map_err(Error::from)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

impl Facts<'_> {
    fn context(&self) -> Value {
        let labels: Names = self.labels.iter().map(|(name, text)| (name.clone(), clipped(text))).collect();
        let columns: Names = self.columns.iter().map(|(name, it)| (name.clone(), column(it))).collect();
        let mut all = labels.clone();
        all.extend(columns.clone());
        let own = [
            ("alert", Value::from(self.alert)),
            ("value", self.value.map_or(null(), Value::from)),
            ("threshold", self.threshold.map_or(null(), Value::from)),
            ("window_start", Value::from(time(self.window_start))),
            ("window_end", Value::from(time(self.window_end))),
            ("labels", Value::from(labels)),
            ("columns", Value::from(columns)),
        ];
        all.extend(own.map(|(name, it)| (name.to_owned(), it)));
        // A query over several models has the model in a column.
        match self.model {
            Some(model) => drop(all.insert("model".to_owned(), Value::from(model))),
            None => drop(all.entry("model".to_owned()).or_insert_with(null)),
        }
        Value::from(all)
    }
}

type Names = BTreeMap<String, Value>;

fn null() -> Value {
    Value::from(())
}

/// What is no plain value is given as its JSON.
fn column(value: &serde_json::Value) -> Value {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    match value {
        Null => null(),
        Bool(it) => Value::from(*it),
        Number(it) => match (it.as_i64(), it.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (_, Some(whole)) => Value::from(whole),
            _ => it.as_f64().map_or(null(), Value::from),
        },
        String(text) => clipped(text),
        Array(_) | Object(_) => clipped(&value.to_string()),
    }
}

fn clipped(text: &str) -> Value {
    Value::from(cut(text, COLUMN_BYTES_MAX))
}

fn time(nanos: i64) -> String {
    DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests;
