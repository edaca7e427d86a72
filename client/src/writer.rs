//! A stream of batches to a server, numbered, acknowledged, and bounded in what is on its way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::batch::Batch;
use crate::error::{ClientError, Result};
use crate::wire::ingest_client::IngestClient;
use crate::wire::{self, Ack, Open, Opened, WriteReply, WriteRequest, write_reply, write_request};

/// Requests waiting in this process for the connection. The server's `in_flight_max` bounds them more tightly; this
/// bounds a server that names none.
const OUTGOING_MAX: usize = 16;

/// What a writer has had acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Batches.
    pub batches: u64,
    /// Rows in them.
    pub rows: u64,
    /// Batches that the server had written before.
    pub duplicates: u64,
}

/// Sends batches to one server in order. All calls take `&self`: tasks may share a writer.
///
/// An acknowledged batch is on disk and visible to the next query. When the server refuses a batch or goes away every
/// later call fails; [`Writer::unacked`] then has what a new writer of the same name must send again.
#[derive(Debug)]
pub struct Writer {
    opened: Opened,
    outgoing: tokio::sync::Mutex<Outgoing>,
    shared: Arc<Shared>,
    ended: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Outgoing {
    next_sequence: u64,
    /// None once finished.
    requests: Option<mpsc::Sender<WriteRequest>>,
}

/// What the sending side and the task that reads replies both touch.
#[derive(Debug)]
struct Shared {
    /// One permit a batch that may still be sent; closed when the stream ends.
    slots: Semaphore,
    unacked: Mutex<BTreeMap<u64, Batch>>,
    failure: Mutex<Option<ClientError>>,
    /// Whether this side has said that nothing more comes, so that the end of the stream is not a failure.
    finished: AtomicBool,
    batches: AtomicU64,
    rows: AtomicU64,
    duplicates: AtomicU64,
}

impl Writer {
    pub(crate) async fn open(url: String, channel: Channel, name: &str) -> Result<Self> {
        let (requests, outgoing) = mpsc::channel(OUTGOING_MAX);
        let open = write_request::Request::Open(Open { writer: name.to_owned() });
        // The channel is new and has room: the opening waits in it until the call below takes it.
        let _ = requests.try_send(WriteRequest { request: Some(open) });
        let replies = IngestClient::new(channel).write(ReceiverStream::new(outgoing)).await;
        let mut replies = replies.map_err(|s| ClientError::from_status(&url, &s))?.into_inner();
        let opened = read_opened(&url, &mut replies).await?;
        let shared = Arc::new(Shared::new(opened.in_flight_max));
        let (end, ended) = watch::channel(false);
        tokio::spawn(read_replies(url, replies, shared.clone(), end));
        let next_sequence = opened.last_sequence.saturating_add(1);
        let outgoing = Outgoing { next_sequence, requests: Some(requests) };
        Ok(Self { opened, outgoing: tokio::sync::Mutex::new(outgoing), shared, ended })
    }

    /// The newest sequence the server had written under this name when the writer was opened; 0 where none.
    pub fn last_sequence(&self) -> u64 {
        self.opened.last_sequence
    }

    /// The largest batch the server takes, in bytes as encoded.
    pub fn batch_bytes_max(&self) -> u64 {
        self.opened.batch_bytes_max
    }

    /// Sends a batch under the next sequence, which it returns. Waits while as many batches as the server takes are
    /// unacknowledged.
    pub async fn send(&self, batch: Batch) -> Result<u64> {
        self.send_numbered(None, batch).await
    }

    /// Sends a batch under a sequence of its own, such as one that an earlier writer left unacknowledged. `send` goes
    /// on after the greatest sequence sent.
    pub async fn send_at(&self, sequence: u64, batch: Batch) -> Result<()> {
        self.send_numbered(Some(sequence), batch).await.map(drop)
    }

    /// What has been acknowledged so far.
    pub fn acked(&self) -> Progress {
        self.shared.progress()
    }

    /// What has been sent and not acknowledged, in order.
    pub fn unacked(&self) -> Vec<(u64, Batch)> {
        lock(&self.shared.unacked).iter().map(|(sequence, batch)| (*sequence, batch.clone())).collect()
    }

    /// Sends nothing more and waits for all acknowledgements.
    pub async fn finish(&self) -> Result<Progress> {
        self.shared.finished.store(true, Ordering::Release);
        self.outgoing.lock().await.requests = None;
        let mut ended = self.ended.clone();
        // The sender goes only after it said true, so an error here means the same.
        let _ = ended.wait_for(|ended| *ended).await;
        match self.failure() {
            Some(error) => Err(error),
            None => Ok(self.acked()),
        }
    }

    async fn send_numbered(&self, sequence: Option<u64>, batch: Batch) -> Result<u64> {
        let parts = batch.encode()?;
        self.check_size(&parts)?;
        let slot = self.shared.slots.acquire().await.map_err(|_| self.failure_or_finished())?;
        let mut outgoing = self.outgoing.lock().await;
        let sequence = sequence.unwrap_or(outgoing.next_sequence);
        let requests = outgoing.requests.clone().ok_or(ClientError::Finished)?;
        lock(&self.shared.unacked).insert(sequence, batch);
        outgoing.next_sequence = outgoing.next_sequence.max(sequence.saturating_add(1));
        let request = write_request::Request::Batch(wire::Batch { sequence, parts });
        let sent = requests.send(WriteRequest { request: Some(request) }).await;
        slot.forget();
        match sent {
            Ok(()) => Ok(sequence),
            Err(_) => Err(self.failure_after_end().await),
        }
    }

    fn check_size(&self, parts: &[wire::Part]) -> Result<()> {
        let bytes = parts.iter().map(|part| part.arrow_ipc.len() as u64).sum();
        let limit = self.opened.batch_bytes_max;
        if bytes > limit { Err(ClientError::TooLarge { bytes, limit }) } else { Ok(()) }
    }

    fn failure(&self) -> Option<ClientError> {
        lock(&self.shared.failure).clone()
    }

    /// Why nothing more can be sent.
    fn failure_or_finished(&self) -> ClientError {
        self.failure().unwrap_or(ClientError::Finished)
    }

    /// The request side closes a moment before the reply that says why has been read.
    async fn failure_after_end(&self) -> ClientError {
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
        self.failure_or_finished()
    }
}

impl Shared {
    fn new(in_flight_max: u32) -> Self {
        Self {
            slots: Semaphore::new(in_flight_max.max(1) as usize),
            unacked: Mutex::default(),
            failure: Mutex::default(),
            finished: AtomicBool::new(false),
            batches: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            batches: self.batches.load(Ordering::Acquire),
            rows: self.rows.load(Ordering::Acquire),
            duplicates: self.duplicates.load(Ordering::Acquire),
        }
    }

    fn acknowledge(&self, ack: Ack) {
        lock(&self.unacked).remove(&ack.sequence);
        self.rows.fetch_add(ack.rows, Ordering::Release);
        self.duplicates.fetch_add(u64::from(ack.duplicate), Ordering::Release);
        self.batches.fetch_add(1, Ordering::Release);
        self.slots.add_permits(1);
    }

    fn fail(&self, error: ClientError) {
        *lock(&self.failure) = Some(error);
    }
}

/// Reads acknowledgements until the stream ends, and says how it ended.
async fn read_replies(
    url: String,
    mut replies: Streaming<WriteReply>,
    shared: Arc<Shared>,
    end: watch::Sender<bool>,
) {
    while let Some(reply) = replies.next().await {
        match reply.map(|reply| reply.reply) {
            Ok(Some(write_reply::Reply::Ack(ack))) => shared.acknowledge(ack),
            Ok(_) => {
                shared.fail(ClientError::Protocol { url: url.clone(), what: "something other than an Ack" })
            }
            Err(status) => shared.fail(ClientError::from_status(&url, &status)),
        }
        if lock(&shared.failure).is_some() {
            break;
        }
    }
    let expected = shared.finished.load(Ordering::Acquire) && lock(&shared.unacked).is_empty();
    if lock(&shared.failure).is_none() && !expected {
        shared.fail(gone(&url));
    }
    shared.slots.close();
    end.send_replace(true);
}

async fn read_opened(url: &str, replies: &mut Streaming<WriteReply>) -> Result<Opened> {
    let what = "something other than Opened";
    match replies.next().await {
        Some(Ok(WriteReply { reply: Some(write_reply::Reply::Opened(opened)) })) => Ok(opened),
        Some(Ok(_)) => Err(ClientError::Protocol { url: url.to_owned(), what }),
        Some(Err(status)) => Err(ClientError::from_status(url, &status)),
        None => Err(gone(url)),
    }
}

fn gone(url: &str) -> ClientError {
    ClientError::Disconnected { url: url.to_owned(), reason: "it closed the stream".into() }
}

/// The lock, also after a panic elsewhere: what it guards is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
