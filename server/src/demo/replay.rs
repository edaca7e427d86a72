//! Sends a plan's batches through the client, as a service that predicts and later learns the truth would.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use driftline_client::{Batch, Client, ClientError, Writer};

use super::data::Employment;
use super::error::{DemoError, Result};
use super::feed;
use super::plan::{Step, plan};
use super::progress::Meter;
use super::times::Event;

/// One model's replay.
pub struct Replay<'a> {
    /// The model that the rows go to. The writer has its name, so a second run is recognised.
    pub model: &'a str,
    /// Where the rows come from.
    pub data: &'a Employment,
    /// The predictions in order of time.
    pub events: &'a [Event],
    /// From when on ages are sent in months, if ever.
    pub months_from: Option<i64>,
}

/// What a replay found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was there already, whole.
    AlreadyThere,
    /// This many rows were sent, predictions and labels.
    Sent(u64),
}

impl Replay<'_> {
    /// Sends what the server does not have yet, and returns when all of it is acknowledged.
    pub async fn run(&self, client: &Client) -> Result<Outcome> {
        let steps = plan(self.events);
        let writer = self.open(client).await?;
        if writer.last_sequence() == 0 {
            self.must_be_empty(client).await?;
        }
        let done = usize::try_from(writer.last_sequence()).unwrap_or(usize::MAX).min(steps.len());
        let (before, missing) = steps.split_at(done);
        if missing.is_empty() {
            return Ok(Outcome::AlreadyThere);
        }
        let rows = |steps: &[Step]| steps.iter().map(|s| s.events().len() as u64).sum::<u64>();
        let mut meter = Meter::new(self.model, rows(&steps), rows(before));
        for step in missing {
            let batch = self.batch(step)?;
            writer.send(batch).await.map_err(|e| self.failed(e))?;
            meter.update(writer.acked());
        }
        meter.finish(writer.finish().await.map_err(|e| self.failed(e))?);
        Ok(Outcome::Sent(rows(missing)))
    }

    /// A server forgets a writer after a week of silence. Without its sequence a replay that is there already could
    /// not be told from a new one, and would be doubled.
    async fn must_be_empty(&self, client: &Client) -> Result<()> {
        let doing = || format!("looking for an earlier replay of {}", self.model);
        let sql = format!("SELECT count(*) AS n FROM {}", self.model);
        let found = client.sql(&sql).await.map_err(|source| DemoError::Client { doing: doing(), source })?;
        let rows = found.first().filter(|batch| batch.num_rows() == 1);
        match rows.map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0)) {
            Some(0) => Ok(()),
            _ => Err(DemoError::OtherRows(self.model.into())),
        }
    }

    async fn open(&self, client: &Client) -> Result<Writer> {
        client.writer(&format!("demo-{}", self.model)).await.map_err(|e| self.failed(e))
    }

    fn batch(&self, step: &Step) -> Result<Batch> {
        let batch = Batch::new();
        Ok(match step {
            Step::Predictions(events) => batch.rows(
                self.model,
                feed::predictions(self.data, &self.events[events.clone()], self.months_from)?,
            ),
            Step::Labels(events) => {
                batch.labels(self.model, feed::labels(self.data, &self.events[events.clone()])?)
            }
        })
    }

    fn failed(&self, source: ClientError) -> DemoError {
        DemoError::Client { doing: format!("replaying predictions to {}", self.model), source }
    }
}
