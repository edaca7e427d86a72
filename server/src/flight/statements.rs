//! Statements that clients hold by a handle: prepared ones, and tickets of queries not yet fetched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use driftline_query::Prepared;
use driftline_query::datafusion::scalar::ScalarValue;
use tonic::Status;
use uuid::Uuid;

use crate::limits::STATEMENTS_MAX;

/// Rows of parameters: the statement runs once for each.
pub type Parameters = Arc<[Vec<ScalarValue>]>;

/// A planned statement and what was bound to it.
#[derive(Clone, Debug)]
pub struct Statement<P = Prepared> {
    pub prepared: P,
    pub parameters: Parameters,
}

/// Statements by handle. Clients that crash close nothing, so the store is bounded: the statement used longest ago
/// makes room for a new one, and whoever still held it prepares it again.
#[derive(Debug)]
pub struct Statements<P = Prepared> {
    inner: Mutex<Inner<P>>,
    max: usize,
}

#[derive(Debug)]
struct Inner<P> {
    by_handle: HashMap<Uuid, (u64, Statement<P>)>,
    /// Counts uses, to tell which was longest ago.
    uses: u64,
}

impl<P> Statement<P> {
    /// A statement with nothing bound: it runs once, without parameters.
    pub fn new(prepared: P) -> Self {
        Self { prepared, parameters: Arc::new([Vec::new()]) }
    }
}

impl<P: Clone> Statements<P> {
    /// An empty store of the usual size.
    pub fn new() -> Self {
        Self::with_max(STATEMENTS_MAX)
    }

    fn with_max(max: usize) -> Self {
        Self { inner: Mutex::new(Inner { by_handle: HashMap::new(), uses: 0 }), max }
    }

    /// Keeps a statement; its handle cannot be guessed.
    pub fn insert(&self, statement: Statement<P>) -> Bytes {
        let mut inner = self.lock();
        if inner.by_handle.len() >= self.max {
            let oldest = inner.by_handle.iter().min_by_key(|(_, (used, _))| *used).map(|(handle, _)| *handle);
            oldest.map(|handle| inner.by_handle.remove(&handle));
        }
        inner.uses += 1;
        let (handle, used) = (Uuid::new_v4(), inner.uses);
        inner.by_handle.insert(handle, (used, statement));
        Bytes::copy_from_slice(handle.as_bytes())
    }

    /// The statement of a handle.
    pub fn get(&self, handle: &[u8]) -> Result<Statement<P>, Status> {
        let mut inner = self.lock();
        inner.uses += 1;
        let used = inner.uses;
        let entry = parse(handle).and_then(|handle| inner.by_handle.get_mut(&handle)).ok_or_else(closed)?;
        entry.0 = used;
        Ok(entry.1.clone())
    }

    /// Binds parameters in place of what was bound.
    pub fn bind(&self, handle: &[u8], parameters: Parameters) -> Result<(), Status> {
        let mut inner = self.lock();
        let entry = parse(handle).and_then(|handle| inner.by_handle.get_mut(&handle)).ok_or_else(closed)?;
        entry.1.parameters = parameters;
        Ok(())
    }

    /// Forgets a statement; well where it is gone already.
    pub fn remove(&self, handle: &[u8]) {
        if let Some(handle) = parse(handle) {
            self.lock().by_handle.remove(&handle);
        }
    }

    /// The lock, also after a panic elsewhere: the map is whole between any two statements.
    fn lock(&self) -> MutexGuard<'_, Inner<P>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(handle: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(handle).ok()
}

fn closed() -> Status {
    Status::not_found(format!(
        "this statement is not open; run it again (the server keeps the {STATEMENTS_MAX} statements used last)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_used_longest_ago_makes_room() {
        let store = Statements::with_max(2);
        let (a, b) = (store.insert(Statement::new('a')), store.insert(Statement::new('b')));
        assert_eq!(store.get(&a).unwrap().prepared, 'a');
        let c = store.insert(Statement::new('c'));
        assert_eq!(store.get(&b).unwrap_err().code(), tonic::Code::NotFound);
        assert_eq!((store.get(&a).unwrap().prepared, store.get(&c).unwrap().prepared), ('a', 'c'));
    }

    #[test]
    fn handles_that_are_none_are_not_found() {
        let store = Statements::<char>::new();
        for handle in [&b""[..], b"short", &[7; 16], &[7; 1_000]] {
            assert_eq!(store.get(handle).unwrap_err().code(), tonic::Code::NotFound);
            assert!(store.bind(handle, Arc::new([])).is_err());
            store.remove(handle);
        }
    }
}
