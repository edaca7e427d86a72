//! The embedded mode: a directory or memory, open for SQL and writes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use arrow::record_batch::RecordBatch;
use datafusion::catalog::SchemaProvider;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;
use driftline_storage::{Disk, Engine, EngineOptions, OsDisk, SimDisk, Snapshot, StorageError};
use futures::TryStreamExt;
use parking_lot::RwLock;

use crate::alert::registry::Registry;
use crate::catalog::CatalogView;
use crate::continuous::CONTINUOUS_PREFIX;
use crate::error::{QueryError, Result};
use crate::govern::{Governor, Query, QueryLimits, Ticket, Way};
use crate::plan::PlanCache;
pub use crate::prepared::Prepared;
use crate::prepared::run_at_once;
use crate::runner::{self, Background, Board, Left, Outbox, Runner, Watched};
use crate::scan::Held;
use crate::session::{Session, Sessions, spill_folder};
use crate::settings::Settings;
use crate::statement;
use crate::write::{Ingest, Write, Written};

/// How to open a database.
#[derive(Clone, Debug, Default)]
pub struct DatabaseOptions {
    /// How the engine is opened.
    pub engine: EngineOptions,
    /// Bytes all queries together may hold, of those that the engine's `memory_bytes_max` gives them and the rows in
    /// memory together; 0 sets no other limit than that.
    pub query_memory_bytes: usize,
    /// What one query may take, and how many run at once.
    pub queries: QueryLimits,
    /// Functions of the embedding program, for all who ask. One with the name of a function of ours does not stand.
    pub functions: Vec<Arc<ScalarUDF>>,
    /// Continuous queries and alerts are looked at by [`Database::settle`] alone, and not by a thread when something is due.
    pub settle_by_hand: bool,
    /// The directory below which `BACKUP` may write for somebody on the network; without it, nowhere.
    pub backup_dir: Option<PathBuf>,
}

/// Who asks, hence what a statement may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The embedding program: everything the operating system lets it.
    Embedded,
    /// Somebody on the network: no files, no external tables.
    Network,
}

/// A database. Clones share it; it closes when `close` is called or the last clone goes.
///
/// Its asynchronous calls need a tokio runtime; what waits for the disk runs on its blocking threads.
#[derive(Clone, Debug)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    ingest: Arc<Ingest>,
    sessions: Sessions,
    governor: Arc<Governor>,
    plans: PlanCache,
    settings: RwLock<Settings>,
    backup_dir: Option<PathBuf>,
    /// The folder for what queries write while they run.
    spill: Option<PathBuf>,
    /// Held for a step of continuous queries and alerts.
    runner: tokio::sync::Mutex<Runner>,
    background: Background,
    works_alone: bool,
    closed: AtomicBool,
}

impl Database {
    /// Opens a directory, made where it does not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, DatabaseOptions::default())
    }

    /// Opens a directory with options. Blocks while the log is replayed.
    pub fn open_with(path: impl AsRef<Path>, options: DatabaseOptions) -> Result<Self> {
        let path: PathBuf = path.as_ref().to_owned();
        let disk = OsDisk::new(&path)
            .map_err(|error| StorageError::io("open directory", path.display().to_string(), error))?;
        let engine = Engine::open(Arc::new(disk), options.engine.clone())?;
        // Only now: the lock is ours, so nobody else's query writes there.
        Self::over(engine, options, Some(spill_folder(&path)?))
    }

    /// Opens a database that lives in memory and goes with it.
    pub fn open_in_memory() -> Result<Self> {
        Self::open_in_memory_with(DatabaseOptions::default())
    }

    /// Opens a database that lives in memory with options; its memory is the only disk there is, hence none of it is
    /// kept free.
    pub fn open_in_memory_with(options: DatabaseOptions) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(0));
        let engine = EngineOptions { reserve_bytes: 0, ..options.engine.clone() };
        Self::over(Engine::open(disk, engine)?, options, None)
    }

    /// Opens what a disk holds. Queries write nothing beside it.
    pub fn open_disk(disk: Arc<dyn Disk>, options: DatabaseOptions) -> Result<Self> {
        Self::over(Engine::open(disk, options.engine.clone())?, options, None)
    }

    fn over(engine: Arc<Engine>, options: DatabaseOptions, spill: Option<PathBuf>) -> Result<Self> {
        let budget = Arc::clone(engine.budget());
        let bytes = if options.query_memory_bytes == 0 { budget.limit() } else { options.query_memory_bytes };
        let sessions = Sessions::new(bytes, budget, spill.clone(), &options.functions)?;
        let governor = Arc::new(Governor::new(options.queries.within(bytes), engine.now_nanos()));
        let (ingest, settings) = (Arc::new(Ingest::new(engine)), RwLock::default());
        let (plans, backup_dir) = (PlanCache::default(), options.backup_dir);
        let database = Self(Arc::new(Inner {
            ingest,
            sessions,
            governor,
            plans,
            settings,
            backup_dir,
            spill,
            runner: tokio::sync::Mutex::default(),
            background: Background::default(),
            works_alone: options.settle_by_hand,
            closed: AtomicBool::new(false),
        }));
        runner::prepare(&database)?;
        if database.has_work() {
            database.start_runner()?;
        }
        Ok(database)
    }

    /// The database, if somebody still has it.
    pub(crate) fn upgrade(database: &Weak<Inner>) -> Option<Self> {
        database.upgrade().map(Self)
    }

    fn has_work(&self) -> bool {
        let snapshot = self.engine().snapshot();
        let has_queries = snapshot.entries().keys().any(|key| key.starts_with(CONTINUOUS_PREFIX));
        has_queries || !Registry::is_empty_in(&snapshot)
    }

    /// Starts the thread of continuous queries and alerts, where there is none yet.
    pub(crate) fn start_runner(&self) -> Result<()> {
        if !self.0.works_alone && self.0.background.claim() {
            let failed = |error| QueryError::DataFusion(DataFusionError::IoError(error));
            runner::start(Arc::downgrade(&self.0)).map_err(failed)?;
        }
        Ok(())
    }

    /// One step of continuous queries and alerts.
    pub(crate) async fn step(&self, is_eager: bool) -> Result<Left> {
        let mut runner = self.0.runner.lock().await;
        // Nothing is begun on a database that closes.
        if self.is_closed() { Ok(Left::default()) } else { runner.step(self, is_eager).await }
    }

    /// Brings continuous queries and alerts to where they are at this moment: whatever is due by what was written so far
    /// and by the clock is done when it returns.
    pub async fn settle(&self) -> Result<()> {
        while self.step(true).await?.has_more {}
        Ok(())
    }

    /// The runner, while no step is made.
    pub(crate) async fn runner(&self) -> tokio::sync::MutexGuard<'_, Runner> {
        self.0.runner.lock().await
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// The tables that continuous queries and alerts look at.
    pub(crate) fn watched(&self) -> &Arc<Watched> {
        self.0.ingest.watched()
    }

    /// What continuous queries and alerts show of their work.
    pub(crate) fn board(&self) -> &Board {
        self.watched().board()
    }

    /// Messages on their way out.
    pub(crate) fn outbox(&self) -> &Outbox {
        self.watched().outbox()
    }

    /// Nanoseconds since 1970.
    pub(crate) fn now_nanos(&self) -> i64 {
        self.0.ingest.now_nanos()
    }

    /// The engine beneath.
    pub fn engine(&self) -> &Arc<Engine> {
        self.0.ingest.engine()
    }

    /// Runs one or more statements; the rows of the last one.
    ///
    /// Each statement sees what those before it did. The first that fails ends the call; what those before it
    /// wrote stays.
    pub async fn sql(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        if let Some(kept) = self.plans().get(sql, Access::Embedded) {
            return Ok(run_at_once(self, sql, kept.statement()).await?.try_collect().await?);
        }
        let mut rows = Vec::new();
        for (text, statement) in statement::parse(sql)? {
            rows = run_at_once(self, text, &Arc::new(statement)).await?.try_collect().await?;
        }
        Ok(rows)
    }

    /// Plans one statement.
    pub async fn prepare(&self, sql: &str, access: Access) -> Result<Prepared> {
        Prepared::new(self.clone(), sql, access).await
    }

    /// Writes rows; on disk and visible to the next query when it returns.
    ///
    /// All parts are there or none is. An error other than [`StorageError::OutcomeUnknown`] wrote nothing.
    pub async fn write(&self, write: Write) -> Result<Written> {
        self.blocking(move |ingest| ingest.write(&write)).await
    }

    /// The newest sequence applied for a writer.
    pub fn writer_sequence(&self, writer: &str) -> Option<u64> {
        self.engine().writer_sequence(writer)
    }

    /// Moves what is in memory into segments.
    pub async fn flush(&self) -> Result<()> {
        self.blocking(|ingest| Ok(ingest.engine().flush()?)).await
    }

    /// Closes it; later calls fail. Acknowledged writes are kept.
    pub async fn close(&self) -> Result<()> {
        let mut runner = self.0.runner.lock().await;
        if !self.is_closed()
            && let Err(error) = runner.checkpoint(self).await
        {
            // Then the next process looks again at what this one has seen.
            tracing::debug!("how far continuous queries have come is not written down: {error}");
        }
        self.0.closed.store(true, Ordering::Release);
        self.watched().wake();
        self.blocking(|ingest| Ok(ingest.engine().close()?)).await
    }

    /// How queries of the embedding program are answered.
    pub(crate) fn settings(&self) -> &RwLock<Settings> {
        &self.0.settings
    }

    /// Where backups over the network may go.
    pub(crate) fn backup_dir(&self) -> Option<&Path> {
        self.0.backup_dir.as_deref()
    }

    /// Where queries write what does not fit into memory.
    pub(crate) fn spill(&self) -> Option<&Path> {
        self.0.spill.as_deref()
    }

    /// All statements.
    pub(crate) fn governor(&self) -> &Arc<Governor> {
        &self.0.governor
    }

    /// Plans that are kept.
    pub(crate) fn plans(&self) -> &PlanCache {
        &self.0.plans
    }

    /// Registers a statement, and waits until it may run.
    pub(crate) async fn admit(&self, sql: &str, access: Access, way: Way) -> Result<Ticket> {
        self.0.governor.admit(sql, access, way, self.0.ingest.now_nanos()).await
    }

    /// A session that sees this moment, for a statement that runs or, without one, to plan.
    pub(crate) fn session(&self, access: Access, query: Option<&Arc<Query>>) -> Session {
        let settings = match access {
            Access::Embedded => self.0.settings.read().clone(),
            Access::Network => Settings::default(),
        };
        let view = CatalogView::new(Arc::clone(&self.0.ingest), Arc::clone(&self.0.governor));
        self.0.sessions.session(view, access, settings, query.map(Arc::clone))
    }

    /// A session of the embedding program in which it is a time, see [`CatalogView::at`].
    pub(crate) fn session_at(&self, nanos: i64, known_at: Option<i64>) -> Session {
        let view = CatalogView::new(Arc::clone(&self.0.ingest), Arc::clone(&self.0.governor));
        let view = view.at(nanos, known_at);
        self.0.sessions.session(view, Access::Embedded, Settings::default(), None)
    }

    /// A session of the embedding program over a snapshot, with rows that others read too; at a time, see
    /// [`CatalogView::at`], where one is given.
    pub(crate) fn session_over(
        &self,
        snapshot: &Snapshot,
        held: &Arc<Held>,
        at: Option<(i64, Option<i64>)>,
    ) -> Session {
        let view = CatalogView::new(Arc::clone(&self.0.ingest), Arc::clone(&self.0.governor));
        let view = view.over(snapshot.clone(), Arc::clone(held));
        let view = match at {
            Some((nanos, known_at)) => view.at(nanos, known_at),
            None => view,
        };
        self.0.sessions.session(view, Access::Embedded, Settings::default(), None)
    }

    /// Runs what waits for the disk on a thread where waiting is allowed.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Ingest) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let ingest = Arc::clone(&self.0.ingest);
        tokio::task::spawn_blocking(move || work(&ingest)).await?
    }

    /// Whether the embedding program declared a table over files of this name.
    pub(crate) fn is_external(&self, name: &str) -> bool {
        self.0.sessions.external().table_exist(&name.to_ascii_lowercase())
    }

    /// Forgets a table over files; whether there was one.
    pub(crate) fn drop_external(&self, name: &str) -> Result<bool> {
        self.0.plans.clear();
        Ok(self.0.sessions.external().deregister_table(&name.to_ascii_lowercase())?.is_some())
    }
}
