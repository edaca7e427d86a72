//! The demonstration's plot: two models, their baselines, and the fault that is injected into the second.

use std::net::SocketAddr;

use driftline_client::Client;

use super::data::Employment;
use super::error::{DemoError, Result};
use super::feed;
use super::replay::{Outcome, Replay};
use super::times::{Event, WEEK_NS, date, schedule};
use super::watch;

/// The model of real, calm data.
pub const MODEL: &str = "employment";
/// The model that four weeks are sent to again, with a fault.
pub const INCIDENT: &str = "employment_incident";
/// The predictions of 2015, against which all others are judged.
pub const BASELINE: &str = "year_2015";
/// The years that are judged.
pub const PRODUCTION_YEARS: [i32; 3] = [2016, 2017, 2018];

/// Weeks that the incident replays.
const INCIDENT_WEEKS: i64 = 4;
/// Weeks of it before the fault.
const WEEKS_BEFORE_FAULT: i64 = 2;

/// 2018-11-29, a Thursday as all weeks of `date_bin('7 days', time)`.
fn incident_start() -> i64 {
    date(2018, 333)
}

/// What each replay found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Of `employment`.
    pub model: Outcome,
    /// Of `employment_incident`.
    pub incident: Outcome,
}

/// Tells it: makes what is not there yet and sends what is missing, so a second run on a directory changes nothing.
pub async fn tell(client: &Client, receiver: SocketAddr) -> Result<Replayed> {
    let data = Employment::carried()?;
    let events = schedule(data.years());
    make_model(client, MODEL).await?;
    let model = Replay { model: MODEL, data: &data, events: &events, months_from: None }.run(client).await?;
    make_baseline(client, MODEL).await?;
    make_model(client, INCIDENT).await?;
    make_baseline(client, INCIDENT).await?;
    // Before its rows: it judges them week by week as they come.
    watch::make(client, INCIDENT, receiver).await?;
    watch::make(client, MODEL, receiver).await?;
    let events = incident_events(&events);
    let months_from = Some(incident_start() + WEEKS_BEFORE_FAULT * WEEK_NS);
    let incident = Replay { model: INCIDENT, data: &data, events, months_from }.run(client).await?;
    watch::make_defaults(client).await?;
    Ok(Replayed { model, incident })
}

fn incident_events(events: &[Event]) -> &[Event] {
    let end = incident_start() + INCIDENT_WEEKS * WEEK_NS;
    let first = events.partition_point(|event| event.time < incident_start());
    let last = events.partition_point(|event| event.time < end);
    &events[first..last]
}

async fn make_model(client: &Client, model: &str) -> Result<()> {
    let columns = feed::columns();
    let create = format!(
        "CREATE MODEL IF NOT EXISTS {model} ({columns}) WITH (type = 'classification', positive = '1', \
         threshold = 0.5, label_delay = '28 days', primary_metric = 'f1', owner = 'demonstration')"
    );
    make(client, model, &create).await
}

/// The same rows for both models: predictions of 2015.
async fn make_baseline(client: &Client, model: &str) -> Result<()> {
    let create = format!(
        "CREATE BASELINE IF NOT EXISTS {BASELINE} FOR MODEL {model} AS \
         SELECT * FROM {MODEL} WHERE time < '2016-01-01'"
    );
    make(client, &format!("baseline {BASELINE} of {model}"), &create).await
}

async fn make(client: &Client, what: &str, create: &str) -> Result<()> {
    let created = client.execute(create).await;
    created.map(drop).map_err(|source| DemoError::Client { doing: format!("creating {what}"), source })
}
