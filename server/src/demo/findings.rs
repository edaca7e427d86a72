//! What the report says, every figure an answer to SQL over Arrow Flight.

use std::collections::BTreeMap;

use driftline_client::Client;

use super::answer::{Answer, ask};
use super::data::FEATURES;
use super::error::Result;
use super::story::{BASELINE, INCIDENT, MODEL, PRODUCTION_YEARS};
use super::watch::{self, Alert, Backtest, Message};

/// Everything that the report needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// Predictions and labels of `employment`, and the bytes of the whole directory.
    pub stored: Stored,
    /// Of the probability in `employment`.
    pub percentiles: Percentiles,
    /// By year, the baseline's first.
    pub quality: Vec<Quality>,
    /// Features of both models, by year and by week.
    pub drift: Vec<Drift>,
    /// The classifier's own output, by year: not features, so not in `drift`.
    pub output_drift: Vec<Drift>,
    /// What fired.
    pub alerts: Vec<Alert>,
    /// What was told of it.
    pub message: Option<Message>,
    /// What the same alert would have said of the calm years.
    pub backtest: Backtest,
}

/// Counts of `employment`, and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Predictions.
    pub rows: i64,
    /// Predictions with a label.
    pub labels: i64,
    /// Bytes of the whole directory: both models, labels, baselines, log.
    pub bytes_on_disk: i64,
    /// Bytes of the segments of `employment`, its labels included.
    pub model_bytes: i64,
}

/// Exact percentiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    /// Half are below.
    pub p50: f64,
    /// 95 % are below.
    pub p95: f64,
    /// 99 % are below.
    pub p99: f64,
}

/// One year's quality. Figures are fractions.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// The year.
    pub year: i64,
    /// In the order of [`QUALITY`].
    pub figures: [f64; QUALITY.len()],
}

/// The figures of quality: name and SQL.
pub const QUALITY: [(&str, &str); 6] = [
    ("accuracy", "accuracy(employed, y_pred)"),
    ("precision", "precision(employed, y_pred)"),
    ("recall", "recall(employed, y_pred)"),
    ("f1", "f1(employed, y_pred)"),
    ("roc_auc", "roc_auc(employed, y_pred_proba)"),
    ("coverage", "count(employed) / CAST(count(*) AS DOUBLE)"),
];

/// The window of a row of drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Period {
    /// A calendar year.
    Year(i32),
    /// A week, by the date it starts on, YYYY-MM-DD.
    Week(String),
}

/// How far one column in one window is from the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The model.
    pub model: &'static str,
    /// The column.
    pub feature: String,
    /// The window.
    pub period: Period,
    /// None where a side has no values.
    pub psi: Option<f64>,
    /// None for categories.
    pub ks_statistic: Option<f64>,
    /// psi > 0.2.
    pub drifted: bool,
    /// Rows in the window.
    pub rows: i64,
}

/// Asks for all of it.
pub async fn find(client: &Client) -> Result<Findings> {
    let (mut drift, mut output_drift) = (Vec::new(), Vec::new());
    for year in PRODUCTION_YEARS {
        let rows = ask(client, yearly(year)).await?;
        drift.extend(read_drift(MODEL, &rows, |_| Period::Year(year))?);
    }
    output_drift.extend(drift.extract_if(.., |row| !is_feature(&row.feature)));
    for model in [MODEL, INCIDENT] {
        let rows = ask(client, weekly(model)).await?;
        let mut weeks = read_drift(model, &rows, Period::Week)?;
        weeks.retain(|row| is_feature(&row.feature));
        drift.extend(weeks);
    }
    let quality = read_quality(&ask(client, quality_sql()).await?)?;
    let percentiles = percentiles(client).await?;
    let (alerts, message) = (watch::fired(client).await?, watch::message(client).await?);
    let (stored, backtest) = (stored(client).await?, watch::backtest(client).await?);
    Ok(Findings { stored, percentiles, quality, drift, output_drift, alerts, message, backtest })
}

/// Rows of `employment` as they are counted by SQL.
async fn stored(client: &Client) -> Result<Stored> {
    let counts =
        ask(client, format!("SELECT count(*) AS rows, count(employed) AS labels FROM {MODEL}")).await?;
    let total = ask(client, "SELECT total FROM system.storage").await?;
    let model = format!("SELECT segment_bytes FROM system.tables WHERE name = '{MODEL}'");
    let model = ask(client, model).await?;
    Ok(Stored {
        rows: counts.count("rows")?,
        labels: counts.count("labels")?,
        bytes_on_disk: total.count("total")?,
        model_bytes: model.count("segment_bytes")?,
    })
}

async fn percentiles(client: &Client) -> Result<Percentiles> {
    let columns = [50, 95, 99].map(|p| format!("percentile(y_pred_proba, 0.{p}) AS p{p}")).join(", ");
    let row = ask(client, format!("SELECT {columns} FROM {MODEL}")).await?;
    Ok(Percentiles { p50: row.number("p50")?, p95: row.number("p95")?, p99: row.number("p99")? })
}

fn quality_sql() -> String {
    let figures: Vec<String> = QUALITY.iter().map(|(name, sql)| format!("{sql} AS {name}")).collect();
    let figures = figures.join(", ");
    format!(
        "SELECT CAST(date_part('year', time) AS BIGINT) AS year, {figures} FROM {MODEL} GROUP BY 1 ORDER BY 1"
    )
}

fn yearly(year: i32) -> String {
    let next = year + 1;
    format!(
        "SELECT * FROM drift('{MODEL}', baseline => '{BASELINE}', from => '{year}-01-01', to => '{next}-01-01')"
    )
}

/// Whole weeks of the years after the baseline's.
fn weekly(model: &str) -> String {
    format!(
        "SELECT * FROM drift_over_time('{model}', window => INTERVAL '7 days', baseline => '{BASELINE}', \
         from => '2016-01-01', to => '2019-01-01')"
    )
}

fn is_feature(name: &str) -> bool {
    FEATURES.iter().any(|feature| feature.eq_ignore_ascii_case(name))
}

fn read_quality(rows: &Answer) -> Result<Vec<Quality>> {
    let mut years: BTreeMap<i64, Quality> = BTreeMap::new();
    for (figure, (name, _)) in QUALITY.iter().enumerate() {
        for (year, value) in rows.counts("year")?.into_iter().zip(rows.numbers(name)?) {
            let year = year.unwrap_or_default();
            let quality = years.entry(year).or_insert(Quality { year, figures: [f64::NAN; QUALITY.len()] });
            quality.figures[figure] = value.unwrap_or(f64::NAN);
        }
    }
    Ok(years.into_values().collect())
}

fn read_drift(model: &'static str, rows: &Answer, period: impl Fn(String) -> Period) -> Result<Vec<Drift>> {
    let (kinds, statistics, psi) = (rows.texts("kind")?, rows.numbers("statistic")?, rows.numbers("psi")?);
    let counts = rows.counts("n_current")?;
    let names = rows.texts("feature")?.into_iter().zip(rows.dates("window_start")?);
    let row = |(i, (feature, start)): (usize, (String, String))| Drift {
        model,
        feature,
        period: period(start),
        psi: psi[i],
        ks_statistic: statistics[i].filter(|_| kinds[i] == "numeric"),
        drifted: psi[i].is_some_and(|psi| psi > 0.2),
        rows: counts[i].unwrap_or_default(),
    };
    Ok(names.enumerate().map(row).collect())
}
