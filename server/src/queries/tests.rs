use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tonic::Code;

use super::*;

/// A runtime that may go within another.
struct Threads(Option<Runtime>);

impl Threads {
    fn start() -> (Self, Queries) {
        let runtime = start().unwrap();
        let queries = Queries::on(&runtime);
        (Self(Some(runtime)), queries)
    }

    fn stop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test]
async fn a_panic_in_the_middle_of_an_answer_is_an_error_not_an_end() {
    let (_threads, queries) = Threads::start();
    let rows = stream::iter(0..5).map(|i| if i == 3 { panic!("at row {i}") } else { Ok(i) });
    let items: Vec<_> = queries.stream(async { Ok(rows) }).collect().await;
    let last = items.last().unwrap().as_ref().unwrap_err();
    assert_eq!((items.len(), last.code()), (4, Code::Internal));
    assert!(last.message().contains("at row 3"), "{last}");
}

#[tokio::test]
async fn an_answer_comes_whole_and_in_order() {
    let (_threads, queries) = Threads::start();
    let rows = stream::iter(0..1_000).map(Ok);
    let items: Result<Vec<i32>, Status> =
        queries.stream(async { Ok(rows) }).collect::<Vec<_>>().await.into_iter().collect();
    assert_eq!(items.unwrap(), (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_error_ends_the_answer() {
    let (_threads, queries) = Threads::start();
    let rows = stream::iter([Ok(1), Err(Status::data_loss("x")), Ok(2)]);
    let items: Vec<Result<i32, Status>> = queries.stream(async { Ok(rows) }).collect().await;
    assert_eq!(items.len(), 2);
    assert_eq!(items[1].as_ref().unwrap_err().code(), Code::DataLoss);
}

#[tokio::test]
async fn threads_that_stop_end_the_answer_with_an_error() {
    let (mut threads, queries) = Threads::start();
    let rows = stream::iter([Ok(1)]).chain(stream::pending());
    let mut answer = queries.stream::<i32, _>(async { Ok(rows) });
    assert_eq!(answer.next().await.unwrap().unwrap(), 1);
    threads.stop();
    assert_eq!(answer.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(answer.next().await.is_none());
}

/// Says when it is dropped.
struct Dropped(Arc<AtomicBool>, Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        let _ = self.1.take().map(|sender| sender.send(()));
    }
}

#[tokio::test]
async fn a_client_that_goes_takes_its_query_along() {
    let (_threads, queries) = Threads::start();
    let (gone, went) = tokio::sync::oneshot::channel();
    let flag = Arc::new(AtomicBool::new(false));
    let guard = Dropped(flag.clone(), Some(gone));
    let rows = stream::unfold(guard, |guard| async move { Some((Ok(1), guard)) });
    let mut answer = queries.stream::<i32, _>(async { Ok(rows) });
    answer.next().await.unwrap().unwrap();
    drop(answer);
    went.await.unwrap();
    assert!(flag.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_panic_in_a_call_is_an_error() {
    let (_threads, queries) = Threads::start();
    let answer: Result<(), Status> = queries.run(async { panic!("oh") }).await;
    assert_eq!(answer.unwrap_err().code(), Code::Internal);
}
