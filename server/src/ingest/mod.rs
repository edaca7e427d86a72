//! Rows over gRPC: the service of `proto/driftline/v1/ingest.proto`.
//!
//! Batches under a writer's name are written one after the other, so that `last_sequence` means that everything up to
//! it is written; batches without a name are written side by side. Either way decoding runs ahead of writing, and
//! acknowledgements come in the order of the batches.

mod decode;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use driftline_client::wire::ingest_server::Ingest;
use driftline_client::wire::{self, Ack, Opened, WriteReply, WriteRequest, write_reply, write_request};
use driftline_query::storage::limits::{BATCH_BYTES_MAX, NAME_BYTES_MAX};
use driftline_query::{Database, Write};
use futures::{FutureExt, Stream, StreamExt, future, stream};
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::limits::{DECODE_AHEAD, IN_FLIGHT_MAX};
use crate::queries::{panicked, stopping};
use crate::status::{at, status};

/// The ingest service.
#[derive(Clone, Debug)]
pub struct IngestService {
    database: Database,
    stop: watch::Receiver<bool>,
}

/// A batch ready to be written.
#[derive(Debug)]
struct Decoded {
    sequence: u64,
    /// Where its rows go, for messages.
    targets: String,
    rows: u64,
    write: Write,
}

type Replies = Pin<Box<dyn Stream<Item = Result<WriteReply, Status>> + Send + 'static>>;

impl IngestService {
    /// Writes into `database` until `stop` says true; then acknowledges what was read and ends its streams.
    pub fn new(database: Database, stop: watch::Receiver<bool>) -> Self {
        Self { database, stop }
    }

    fn opened(&self, writer: &str) -> WriteReply {
        let last = if writer.is_empty() { None } else { self.database.writer_sequence(writer) };
        let opened = Opened {
            last_sequence: last.unwrap_or(0),
            batch_bytes_max: BATCH_BYTES_MAX as u64,
            in_flight_max: IN_FLIGHT_MAX,
        };
        WriteReply { reply: Some(write_reply::Reply::Opened(opened)) }
    }

    fn acks(
        self,
        writer: String,
        requests: Streaming<WriteRequest>,
    ) -> impl Stream<Item = Result<WriteReply, Status>> {
        let at_once = if writer.is_empty() { IN_FLIGHT_MAX as usize } else { 1 };
        let (database, stop) = (self.database, self.stop);
        requests
            .take_until(stopped(stop.clone()))
            .map(move |request| decode(writer.clone(), request))
            .buffered(DECODE_AHEAD)
            .map(move |decoded| write(database.clone(), decoded))
            .buffered(at_once)
            .chain(stream::once(future::ready(())).filter_map(move |()| {
                future::ready(if *stop.borrow() { Some(Err(stopping())) } else { None })
            }))
    }
}

#[tonic::async_trait]
impl Ingest for IngestService {
    type WriteStream = Replies;

    async fn write(&self, request: Request<Streaming<WriteRequest>>) -> Result<Response<Replies>, Status> {
        let mut requests = request.into_inner();
        let writer = tokio::select! {
            writer = read_open(&mut requests) => writer?,
            () = stopped(self.stop.clone()) => return Err(stopping()),
        };
        let opened = self.opened(&writer);
        let acks = self.clone().acks(writer, requests);
        Ok(Response::new(Box::pin(stream::once(future::ready(Ok(opened))).chain(acks))))
    }
}

/// Returns once the server stops; one that went without a word has stopped too.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn read_open(requests: &mut Streaming<WriteRequest>) -> Result<String, Status> {
    let request = requests.message().await?.and_then(|request| request.request);
    let Some(write_request::Request::Open(open)) = request else {
        return Err(Status::invalid_argument("the first request of a stream must be Open"));
    };
    if open.writer.len() > NAME_BYTES_MAX {
        let (size, max) = (open.writer.len(), NAME_BYTES_MAX);
        return Err(Status::invalid_argument(format!(
            "the writer's name has {size} bytes, over the limit of {max}"
        )));
    }
    Ok(open.writer)
}

/// Decodes on a blocking thread, where a panic in a decoder is an error of this batch and nothing more.
async fn decode(writer: String, request: Result<WriteRequest, Status>) -> Result<Decoded, Status> {
    let batch = match request.map_err(|status| unreadable(&status))?.request {
        Some(write_request::Request::Batch(batch)) => batch,
        Some(write_request::Request::Open(_)) => {
            return Err(Status::invalid_argument(
                "this stream is open already; open another one for another writer",
            ));
        }
        None => return Err(Status::invalid_argument("a request must carry a batch")),
    };
    let sequence = batch.sequence;
    let decoded = tokio::task::spawn_blocking(move || decode_batch(&writer, batch)).await;
    decoded.unwrap_or_else(|_| Err(malformed(sequence)))
}

fn decode_batch(writer: &str, batch: wire::Batch) -> Result<Decoded, Status> {
    let (sequence, targets) = (batch.sequence, targets(&batch));
    let write = decode::write(writer, batch).map_err(|status| at(&place(sequence, &targets), &status))?;
    let rows = write.parts.iter().map(|part| part.rows.num_rows() as u64).sum();
    Ok(Decoded { sequence, targets, rows, write })
}

async fn write(database: Database, decoded: Result<Decoded, Status>) -> Result<WriteReply, Status> {
    let Decoded { sequence, targets, rows, write } = decoded?;
    let written = AssertUnwindSafe(database.write(write)).catch_unwind().await;
    let written = match written {
        Ok(written) => written.map_err(|error| status(&error)),
        Err(panic) => Err(panicked(panic.as_ref())),
    };
    let ack = written.map_err(|status| at(&place(sequence, &targets), &status))?;
    let ack = Ack { sequence, rows, duplicate: ack.duplicate };
    Ok(WriteReply { reply: Some(write_reply::Reply::Ack(ack)) })
}

fn place(sequence: u64, targets: &str) -> String {
    format!("batch {sequence} ({targets})")
}

/// The first few targets, which is enough to find the batch by.
fn targets(batch: &wire::Batch) -> String {
    let mut names: Vec<&str> = batch.parts.iter().map(|part| part.target.as_str()).collect();
    names.dedup();
    let more = if names.len() > 3 { ", .." } else { "" };
    names.truncate(3);
    let text: String = names.join(", ").chars().take(NAME_BYTES_MAX).collect();
    text + more
}

fn malformed(sequence: u64) -> Status {
    Status::invalid_argument(format!("batch {sequence}: its rows are not a readable Arrow IPC stream"))
}

/// A message over the limit is noticed before it is read, so nothing is known of it but that.
fn unreadable(status: &Status) -> Status {
    match status.code() {
        Code::OutOfRange => Status::resource_exhausted(format!(
            "a batch is over the limit of {BATCH_BYTES_MAX} bytes; send its rows in smaller batches"
        )),
        _ => status.clone(),
    }
}
