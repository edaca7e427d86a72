//! What the queries of one step see: one snapshot, and rows that several of them read are read once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::database::Database;
use crate::scan::{Held, Learned};
use crate::session::Session;

/// One moment, seen by many queries.
pub(crate) struct Sight<'a> {
    db: &'a Database,
    snapshot: driftline_storage::Snapshot,
    held: Arc<Held>,
    sessions: Mutex<HashMap<Moment, Arc<Session>>>,
}

/// What `now()` is and which labels are known, where it is not the present and all.
type Moment = Option<(i64, Option<i64>)>;

impl<'a> Sight<'a> {
    /// This moment, after a step in which so much was asked.
    pub(crate) fn new(db: &'a Database, known: Learned) -> Self {
        let (snapshot, held) = (db.engine().snapshot(), Arc::new(Held::after(known)));
        Self { db, snapshot, held, sessions: Mutex::default() }
    }

    /// A session; the same for all that ask of the same moment.
    pub(crate) fn session(&self, moment: Moment) -> Arc<Session> {
        let mut sessions = self.sessions.lock();
        let new = || Arc::new(self.db.session_over(&self.snapshot, &self.held, moment));
        Arc::clone(sessions.entry(moment).or_insert_with(new))
    }

    /// What was asked for.
    pub(crate) fn learned(&self) -> Learned {
        self.held.learned()
    }
}
