//! A connection to a server.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_flight::FlightInfo;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_schema::SchemaRef;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tonic::transport::{Channel, Endpoint};

use crate::error::{ClientError, Result, chain};
use crate::writer::Writer;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a quiet connection is asked whether it still lives, and how long the answer may take.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// The largest message of an answer. Rows are split at 2 MiB by the server, but one row may be larger.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A connection to a server. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    channel: Channel,
}

impl Client {
    /// Connects to a server, such as `http://127.0.0.1:8815`.
    pub async fn connect(url: &str) -> Result<Self> {
        let endpoint =
            endpoint(url).map_err(|e| ClientError::Address { url: url.into(), reason: chain(&e) })?;
        let channel = endpoint.connect().await;
        let channel = channel.map_err(|e| ClientError::Unreachable { url: url.into(), reason: chain(&e) })?;
        Ok(Self { url: url.to_owned(), channel })
    }

    /// The address it was connected to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs one statement; its rows. Where there are none, one empty batch carries the schema. A statement that gives
    /// no rows (DDL, INSERT) gives one row, column `count`.
    pub async fn sql(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let info = self.flight().execute(sql.to_owned(), None).await.map_err(|e| self.error(e))?;
        self.fetch(info).await
    }

    /// Runs one statement; the schema of its rows, and the rows as they come, so that there may be more of them than
    /// memory holds. Dropping them stops the statement.
    pub async fn stream(&self, sql: &str) -> Result<(SchemaRef, BoxStream<'static, Result<RecordBatch>>)> {
        let info = self.flight().execute(sql.to_owned(), None).await.map_err(|e| self.error(e))?;
        let schema = info.clone().try_decode_schema().map_err(|e| self.error(e.into()))?;
        let tickets = info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket);
        let client = self.clone();
        let parts = stream::iter(tickets).then(move |ticket| {
            let client = client.clone();
            async move {
                let rows = client.flight().do_get(ticket).await.map_err(|e| client.error(e))?;
                Ok::<_, ClientError>(rows.map_err(move |e| client.error(e)))
            }
        });
        Ok((Arc::new(schema), parts.try_flatten().boxed()))
    }

    /// Runs one statement that gives no rows (DDL, INSERT); the number of rows it changed.
    pub async fn execute(&self, sql: &str) -> Result<u64> {
        let count = self.flight().execute_update(sql.to_owned(), None).await.map_err(|e| self.error(e))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Opens a stream of batches. Under a name, a batch that was sent before is recognised and not written again;
    /// with the empty name every batch is new.
    pub async fn writer(&self, name: &str) -> Result<Writer> {
        Writer::open(self.url.clone(), self.channel.clone(), name).await
    }

    async fn fetch(&self, info: FlightInfo) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        for endpoint in info.endpoint {
            let Some(ticket) = endpoint.ticket else { continue };
            let mut stream = self.flight().do_get(ticket).await.map_err(|e| self.error(e))?;
            while let Some(batch) = stream.try_next().await.map_err(|e| self.error(e))? {
                batches.push(batch);
            }
            if let (true, Some(schema)) = (batches.is_empty(), stream.schema()) {
                batches.push(RecordBatch::new_empty(schema.clone()));
            }
        }
        Ok(batches)
    }

    fn flight(&self) -> FlightSqlServiceClient<Channel> {
        let mut client = FlightSqlServiceClient::new(self.channel.clone());
        let inner = client.inner_mut();
        *inner = inner.clone().max_decoding_message_size(ANSWER_BYTES_MAX);
        client
    }

    fn error(&self, error: arrow_flight::error::FlightError) -> ClientError {
        ClientError::from_flight(&self.url, error)
    }
}

fn endpoint(url: &str) -> std::result::Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(url.to_owned())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true))
}
