//! Metrics as SQL that one can read, chart and change. Every query answers one row: `value`, `rows`, for quality also
//! `labels` and `coverage`. `value` is null where there is no data: too few rows, or too few of them with a label.

use super::columns::{ModelColumns, Typed};
use super::name::{Metric, Of};
use super::span::interval;
use super::when;
use crate::alert::MetricRule;
use driftline_storage::ColumnType;

/// The share of rows that must have a label: what is labelled first is seldom like the rest.
const COVERAGE_MIN: f64 = 0.5;
const NANOS_PER_SECOND: f64 = 1e9;

/// What a metric rule is of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The query; `now()` is the end of the window judged.
    pub sql: String,
    /// The condition over its columns.
    pub when: String,
    /// How often the metric is judged where the rule does not say, in nanoseconds.
    pub every: i64,
    /// How long after the end of a window, in nanoseconds. Labels that come late are waited for in the query.
    pub delay: i64,
    /// Whether it tells nothing until labels come.
    pub needs_labels: bool,
    /// Whether the model must have a baseline; without one the query cannot be planned.
    pub needs_baseline: bool,
}

/// The query of a metric rule for a model, by its name as it was made. Quality is taken over what is older than
/// `label_delay` (nanoseconds), for labels of newer rows are still to come.
///
/// # Errors
/// What the model would need: a column, another kind.
pub fn query(
    rule: &MetricRule,
    model: &str,
    schema: &ModelColumns,
    label_delay: Option<i64>,
) -> Result<Made, String> {
    let metric: Metric = rule.metric.parse()?;
    let lacks = |what: String| format!("metric {}: model {model} {what}", metric.name());
    let over = rule.over.unwrap_or(metric.over());
    let delay = if metric.is_quality() { label_delay.unwrap_or(0) } else { 0 };
    let asked = Asked { model, schema, over, delay, min_rows: rule.min_rows.unwrap_or(metric.min_rows()) };
    Ok(Made {
        sql: asked.sql(metric).map_err(lacks)?,
        when: when(rule),
        every: metric.every(),
        delay: 0,
        needs_labels: metric.is_quality(),
        needs_baseline: metric == Metric::DriftScore,
    })
}

/// A query with the columns that a metric answers of any model, for what is said of all of them.
pub(crate) fn stand_in(metric: Metric) -> &'static str {
    match metric.is_quality() {
        true => {
            "SELECT CAST(NULL AS DOUBLE) AS value, CAST(NULL AS BIGINT) AS \"rows\", CAST(NULL AS BIGINT) AS labels, \
                    CAST(NULL AS DOUBLE) AS coverage"
        }
        false => "SELECT CAST(NULL AS DOUBLE) AS value, CAST(NULL AS BIGINT) AS \"rows\"",
    }
}

/// One metric of one model.
struct Asked<'a> {
    model: &'a str,
    schema: &'a ModelColumns,
    over: i64,
    /// How long ago the rows end.
    delay: i64,
    min_rows: u64,
}

impl Asked<'_> {
    fn sql(&self, metric: Metric) -> Result<String, String> {
        match metric {
            Metric::LatencyP50 => self.latency(0.5),
            Metric::LatencyP95 => self.latency(0.95),
            Metric::LatencyP99 => self.latency(0.99),
            Metric::ErrorRate => self.error_rate(),
            Metric::Throughput => {
                let seconds = self.over as f64 / NANOS_PER_SECOND;
                Ok(self.counted("count(*)", &format!("CAST(count(*) AS DOUBLE) / {seconds:?}")))
            }
            Metric::Predictions => Ok(self.counted("count(*)", "CAST(count(*) AS DOUBLE)")),
            Metric::DriftScore => Ok(self.drift_score()),
            Metric::Auc => self.auc(),
            quality => self.quality(quality),
        }
    }

    /// `FROM model WHERE time ..`
    fn window(&self) -> String {
        let begin = self.delay.saturating_add(self.over);
        let end = if self.delay > 0 { format!(" - {}", interval(self.delay)) } else { String::new() };
        format!("FROM {} WHERE time >= now() - {} AND time < now(){end}", quoted(self.model), interval(begin))
    }

    /// A value of all rows; null where `rows` is too few.
    fn counted(&self, rows: &str, value: &str) -> String {
        let value = match self.min_rows {
            0 => value.to_owned(),
            least => format!("CASE WHEN {rows} >= {least} THEN {value} END"),
        };
        format!("SELECT {value} AS value, {rows} AS \"rows\"\n{}", self.window())
    }

    fn latency(&self, q: f64) -> Result<String, String> {
        let column = self.schema.latency.as_ref().ok_or("has no LATENCY column that is a number")?;
        let name = quoted(&column.name);
        let value = format!("percentile({name}, {q}){}", to_milliseconds(&column.name));
        Ok(self.counted(&format!("count({name})"), &value))
    }

    fn error_rate(&self) -> Result<String, String> {
        let column = self.schema.error.as_ref().ok_or("has no ERROR column, which says what failed")?;
        let value = format!("avg(CASE WHEN {} THEN 1.0 ELSE 0.0 END)", failed(column)?);
        Ok(self.counted("count(*)", &value))
    }

    /// How much the column that drifted most did.
    fn drift_score(&self) -> String {
        format!(
            "SELECT CASE WHEN n_current >= {} THEN drift_score END AS value, n_current AS \"rows\"\n\
             FROM drift_summary({}, window => {}, weights => 'ignore')",
            self.min_rows,
            text(self.model),
            interval(self.over)
        )
    }

    fn quality(&self, metric: Metric) -> Result<String, String> {
        let label = self.label(metric)?;
        let measure = match metric.of() {
            Of::Regression => self.regression(metric, label)?,
            _ => self.classification(metric, label)?,
        };
        let judged = format!(
            "SELECT count(*) AS \"rows\", count({}) AS labels,\n    {measure} AS quality\n  {}",
            quoted(&label.name),
            self.window()
        );
        Ok(format!("{}\nFROM (\n  {judged})", self.covered()))
    }

    /// What is told of `quality`, `rows` and `labels`.
    fn covered(&self) -> String {
        format!(
            "SELECT CASE WHEN \"rows\" >= {} AND labels >= {COVERAGE_MIN} * \"rows\" THEN quality END AS value,\n  \
             \"rows\", labels, CAST(labels AS DOUBLE) / nullif(\"rows\", 0) AS coverage",
            self.min_rows
        )
    }

    fn label(&self, metric: Metric) -> Result<&Typed, String> {
        let wanted = if metric.of() == Of::Regression { "regression" } else { "classification" };
        if self.schema.kind != wanted {
            return Err(format!("is for {}, the metric for {wanted}", self.schema.kind));
        }
        self.schema
            .label
            .as_ref()
            .ok_or_else(|| "has no LABEL column to hold its predictions against".to_owned())
    }

    fn classification(&self, metric: Metric, label: &Typed) -> Result<String, String> {
        let positive = text(&self.schema.positive);
        let (predicted, by_score) = match (&self.schema.prediction, &self.schema.score) {
            (Some(prediction), _) => (quoted(&prediction.name), false),
            (None, Some(score)) => (self.decided(score), true),
            (None, None) => return Err("has neither a PREDICTION nor a SCORE column".to_owned()),
        };
        let (name, label) = (metric.name(), quoted(&label.name));
        // Several classes are right or wrong as they are; all else, and what a score decides, is of the positive one.
        Ok(match metric {
            Metric::Accuracy if !by_score => format!("{name}({label}, {predicted})"),
            _ => format!("{name}({label}, {predicted}, {positive})"),
        })
    }

    /// What a score decides: the positive class, or what cannot be it.
    fn decided(&self, score: &Typed) -> String {
        let (score, positive) = (quoted(&score.name), &self.schema.positive);
        let other = text(&format!("not {positive}"));
        format!(
            "CASE WHEN {score} >= {} THEN {} WHEN {score} IS NOT NULL THEN {other} END",
            self.schema.threshold,
            text(positive)
        )
    }

    fn regression(&self, metric: Metric, label: &Typed) -> Result<String, String> {
        let predicted = self.schema.prediction.as_ref().or(self.schema.score.as_ref());
        let predicted = predicted.ok_or("has neither a PREDICTION nor a SCORE column")?;
        for column in [label, predicted] {
            if !column.is_number() {
                return Err(format!("has column {}, which would have to be a number", column.name));
            }
        }
        let (label, predicted) = (double(label), double(predicted));
        let squared = format!("({label} - {predicted}) * ({label} - {predicted})");
        Ok(match metric {
            Metric::Mae => format!("avg(abs({label} - {predicted}))"),
            Metric::Rmse => format!("sqrt(avg({squared}))"),
            _ => {
                let kept = format!("FILTER (WHERE {predicted} IS NOT NULL)");
                let spread = format!("var_pop({label}) {kept} * count({label}) {kept}");
                format!("1 - sum({squared}) / nullif({spread}, 0)")
            }
        })
    }

    /// Each positive outranks the negatives of lower scores, and half of those of its own.
    fn auc(&self) -> Result<String, String> {
        let label = quoted(&self.label(Metric::Auc)?.name);
        let score = self.schema.score.as_ref().ok_or("has no SCORE column that is a number")?;
        let (score, positive, from) = (quoted(&score.name), text(&self.schema.positive), self.window());
        Ok(format!(
            "WITH counted AS (\n  SELECT count(*) AS \"rows\", count({label}) AS labels\n  {from}),\n\
             scores AS (\n  \
               SELECT {score} AS score, CAST(count(*) AS DOUBLE) AS n,\n    \
                 round(count(*) * accuracy({label}, {positive})) AS positives\n  \
               {from} AND {label} IS NOT NULL AND {score} IS NOT NULL GROUP BY {score}),\n\
             ranked AS (\n  \
               SELECT positives, n - positives AS negatives, sum(n - positives) OVER (ORDER BY score) AS outranked\n  \
               FROM scores),\n\
             area AS (\n  \
               SELECT sum(positives * (outranked - negatives / 2)) / nullif(sum(positives) * sum(negatives), 0) AS quality\n  \
               FROM ranked)\n{}\nFROM counted CROSS JOIN area",
            self.covered()
        ))
    }
}

/// By the end of its name; of other names a latency is in milliseconds.
fn to_milliseconds(column: &str) -> &'static str {
    let name = column.to_lowercase();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    if ends(&["_ns", "_nanos", "_nanoseconds"]) {
        " / 1000000"
    } else if ends(&["_us", "_micros", "_microseconds"]) {
        " / 1000"
    } else if ends(&["_s", "_sec", "_secs", "_seconds"]) {
        " * 1000"
    } else {
        ""
    }
}

/// True of a row that failed: true, non-zero or non-empty.
fn failed(column: &Typed) -> Result<String, String> {
    let name = quoted(&column.name);
    match column.ty {
        ColumnType::Boolean => Ok(name),
        ColumnType::BigInt | ColumnType::Double => Ok(format!("{name} <> 0")),
        ColumnType::Text | ColumnType::Json => Ok(format!("{name} <> ''")),
        _ => Err(format!(
            "has ERROR column {}, which would have to be true or false, a number or a text",
            column.name
        )),
    }
}

fn double(column: &Typed) -> String {
    match column.ty {
        ColumnType::Double => quoted(&column.name),
        _ => format!("CAST({} AS DOUBLE)", quoted(&column.name)),
    }
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQL.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
