//! The alert on drift, made before the rows come that it is about, and what became of it.

use std::net::SocketAddr;
use std::time::Duration;

use driftline_client::Client;
use driftline_query::Database;
use serde_json::Value;

use super::answer::ask;
use super::error::{DemoError, Result};
use super::story::{BASELINE, INCIDENT, MODEL};

/// Who is told.
const NOTIFIER: &str = "demo";
/// The condition of the alerts.
pub const CONDITION: &str = "psi > 0.2 AND n_current >= 500";
/// How long a message may take to this same process.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A firing, as the history has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The model.
    pub model: String,
    /// The feature.
    pub feature: String,
    /// The week's start, YYYY-MM-DD.
    pub window_start: String,
    /// Its PSI.
    pub psi: f64,
}

/// The message that went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub summary: String,
    /// What it says to do.
    pub action: String,
    /// `sent`, or how far it has come.
    pub state: String,
}

/// What an alert would have said of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backtest {
    /// The model.
    pub model: String,
    /// How often it would have fired.
    pub firings: i64,
}

/// Makes who is told, at this address, and the alert of a model whose baseline is there.
pub async fn make(client: &Client, model: &str, receiver: SocketAddr) -> Result<()> {
    let url = format!("url = 'http://{receiver}/'");
    let notifier =
        format!("CREATE NOTIFIER IF NOT EXISTS {NOTIFIER} TYPE webhook WITH ({url}, allow_private = 'true')");
    run(client, "the notifier", &notifier).await?;
    // It listens at another port each time.
    run(client, "the notifier", &format!("ALTER NOTIFIER {NOTIFIER} SET ({url})")).await?;
    run(client, "the alert", &alert(model)).await
}

/// Makes the alerts that come with the database.
pub async fn make_defaults(client: &Client) -> Result<()> {
    run(client, "the default alerts", "CREATE DEFAULT ALERTS").await
}

async fn run(client: &Client, what: &str, sql: &str) -> Result<()> {
    let done = client.execute(sql).await;
    done.map(drop).map_err(|source| DemoError::Client { doing: format!("making {what}"), source })
}

fn alert(model: &str) -> String {
    format!(
        "CREATE ALERT IF NOT EXISTS {model}_drift ON MODEL {model} SEVERITY high EVERY '7 days' BY (feature)
           WHEN {CONDITION} RESOLVE WHEN psi < 0.1 NOTIFY {NOTIFIER}
           ANNOTATIONS (
             summary = '{{{{ feature }}}} of {{{{ model }}}} is not as in 2015: PSI {{{{ psi | round(2) }}}} in {{{{ n_current }}}} predictions',
             action = 'Look at the column where it comes from: did its unit or its meaning change?')
           AS SELECT feature, psi, n_current
              FROM drift('{model}', window => INTERVAL '7 days', baseline => '{BASELINE}')
              WHERE feature NOT IN ('y_pred', 'y_pred_proba')"
    )
}

/// Waits until all is judged that is due, and what there was to tell has gone out.
pub async fn settle(client: &Client, database: &Database) -> Result<()> {
    database.settle().await?;
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < PATIENCE {
        let waiting = ask(client, "SELECT count(*) AS n FROM system.outbox WHERE state = 'waiting'").await?;
        if waiting.count("n")? == 0 {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// What fired.
pub async fn fired(client: &Client) -> Result<Vec<Alert>> {
    let sql = format!(
        "SELECT model, labels, window_start, value FROM system.alert_history \
         WHERE what = 'fired' AND alert IN ('{MODEL}_drift', '{INCIDENT}_drift') ORDER BY time, id"
    );
    let rows = ask(client, sql).await?;
    let (models, labels) = (rows.texts("model")?, rows.texts("labels")?);
    let (starts, values) = (rows.dates("window_start")?, rows.numbers("value")?);
    let all = models.into_iter().zip(labels).zip(starts.into_iter().zip(values));
    let alert = |((model, labels), (window_start, psi)): ((String, String), (String, Option<f64>))| {
        Some(Alert { model, feature: text(&labels, "/feature"), window_start, psi: psi? })
    };
    Ok(all.filter_map(alert).collect())
}

/// The first message about the incident.
pub async fn message(client: &Client) -> Result<Option<Message>> {
    let sql = format!(
        "SELECT state, body FROM system.outbox WHERE alert = '{INCIDENT}_drift' AND status = 'firing' \
         ORDER BY number LIMIT 1"
    );
    let rows = ask(client, sql).await?;
    let found = rows.texts("state")?.into_iter().zip(rows.texts("body")?).next();
    Ok(found.map(|(state, body)| Message {
        summary: text(&body, "/alerts/0/annotations/summary"),
        action: text(&body, "/alerts/0/annotations/action"),
        state,
    }))
}

/// Holds the calm model's alert against the years that are judged.
pub async fn backtest(client: &Client) -> Result<Backtest> {
    let rows = ask(client, format!("BACKTEST ALERT {MODEL}_drift FROM '2016-01-01' TO '2019-01-01'")).await?;
    let total = rows.texts("what")?.into_iter().zip(rows.numbers("value")?).find(|(what, _)| what == "total");
    let firings = total.and_then(|(_, firings)| firings).map_or(-1, |firings| firings as i64);
    Ok(Backtest { model: MODEL.to_owned(), firings })
}

fn text(json: &str, pointer: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
