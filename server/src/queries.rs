//! The threads on which statements are planned and run: apart from those that serve connections, so that a heavy
//! query starves neither ingest nor health.

use std::any::Any;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures::{FutureExt, Stream, StreamExt, stream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tonic::Status;

use crate::limits::ANSWER_MESSAGES_MAX;

/// Starts the threads. The runtime must be given back with `shutdown_background`, never dropped within another.
pub fn start() -> io::Result<Runtime> {
    Builder::new_multi_thread().thread_name("driftline-query").enable_all().build()
}

/// A way onto those threads.
#[derive(Clone, Debug)]
pub struct Queries(Handle);

/// Stops its task when dropped: a client that goes takes its query along.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer on its way from the query's task to the connection.
enum Message<T> {
    Item(Result<T, Status>),
    /// The answer is complete. A channel that closes without it was cut short.
    End,
}

/// The receiving end of a query, and what keeps it running.
struct Answer<T> {
    messages: mpsc::Receiver<Message<T>>,
    _task: Task<()>,
}

impl Queries {
    /// The way onto the threads of `runtime`.
    pub fn on(runtime: &Runtime) -> Self {
        Self(runtime.handle().clone())
    }

    /// Runs `future` there. Stopped when the caller no longer waits; a panic is an error.
    pub async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        let mut task = Task(self.0.spawn(future));
        (&mut task.0).await.unwrap_or_else(|error| Err(join_error(error)))
    }

    /// Runs `future` there to its end, whether or not the caller still waits: for what changes something.
    pub async fn run_to_end<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        self.0.spawn(future).await.unwrap_or_else(|error| Err(join_error(error)))
    }

    /// Runs there the query that `start` begins. Dropping the stream stops it. A panic, or a server that stops, ends
    /// the stream with an error: a half result never looks like a whole one.
    pub fn stream<T, S>(
        &self,
        start: impl Future<Output = Result<S, Status>> + Send + 'static,
    ) -> Pin<Box<dyn Stream<Item = Result<T, Status>> + Send + 'static>>
    where
        T: Send + 'static,
        S: Stream<Item = Result<T, Status>> + Send + 'static,
    {
        let (sender, messages) = mpsc::channel(ANSWER_MESSAGES_MAX);
        let task = Task(self.0.spawn(answer(start, sender)));
        let answer = Answer { messages, _task: task };
        Box::pin(stream::unfold(Some(answer), next))
    }
}

async fn answer<T, S: Stream<Item = Result<T, Status>>>(
    start: impl Future<Output = Result<S, Status>>,
    sender: mpsc::Sender<Message<T>>,
) {
    let items = send_items(start, &sender);
    let last = match AssertUnwindSafe(items).catch_unwind().await {
        Ok(Ok(())) => Message::End,
        Ok(Err(status)) => Message::Item(Err(status)),
        Err(panic) => Message::Item(Err(panicked(panic.as_ref()))),
    };
    // A receiver that went needs no last word.
    let _ = sender.send(last).await;
}

async fn send_items<T, S: Stream<Item = Result<T, Status>>>(
    start: impl Future<Output = Result<S, Status>>,
    sender: &mpsc::Sender<Message<T>>,
) -> Result<(), Status> {
    let mut items = std::pin::pin!(start.await?);
    while let Some(item) = items.next().await {
        if sender.send(Message::Item(Ok(item?))).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// One step of the answer; after an error there is no other.
async fn next<T>(answer: Option<Answer<T>>) -> Option<(Result<T, Status>, Option<Answer<T>>)> {
    let mut answer = answer?;
    match answer.messages.recv().await {
        Some(Message::Item(Ok(item))) => Some((Ok(item), Some(answer))),
        Some(Message::Item(Err(status))) => Some((Err(status), None)),
        Some(Message::End) => None,
        None => Some((Err(stopping()), None)),
    }
}

fn join_error(error: JoinError) -> Status {
    match error.try_into_panic() {
        Ok(panic) => panicked(panic.as_ref()),
        Err(_) => stopping(),
    }
}

/// A panic is a bug of ours: it is logged with its place by the panic hook, and told to the client.
pub fn panicked(panic: &(dyn Any + Send)) -> Status {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    crate::status::with_message(
        tonic::Code::Internal,
        &format!("this is a bug in driftline; please report it with the server's log: {text}"),
    )
}

/// What a client hears when the server stops under it.
pub fn stopping() -> Status {
    Status::unavailable("the server is stopping; connect again when it is back")
}

#[cfg(test)]
mod tests;
