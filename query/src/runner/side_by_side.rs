//! Several queries at once.

use futures::{StreamExt, stream};

use crate::error::Result;
use crate::limits::ASKED_AT_ONCE_MAX;

/// Does several things on threads that may wait, so many at once as there are processors, at most
/// [`ASKED_AT_ONCE_MAX`]; what each gave, in their order.
pub(crate) async fn side_by_side<T, F, Q>(questions: Vec<Q>) -> Vec<Result<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
    Q: FnOnce() -> F + Send + 'static,
{
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(ASKED_AT_ONCE_MAX);
    let ask = |question: Q| async move {
        let runtime = tokio::runtime::Handle::current();
        // Planning and counting keep a thread busy: on the runtime's own they would come one after the other.
        tokio::task::spawn_blocking(move || runtime.block_on(question())).await?
    };
    stream::iter(questions.into_iter().map(ask)).buffered(threads).collect().await
}
