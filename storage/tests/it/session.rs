//! A client at work: it sends the workload, remembers what it sent, and comes back after a crash.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use driftline_storage::{
    Engine, EngineOptions, ManualClock, Result, SimCall, SimDisk, StorageError, SyncPolicy, WriteAck,
    WriteBatch, WriterSequence,
};

use crate::state::{Model, State, expect_prefix, observe};
use crate::workload::{NOW, Step, WORKLOAD, WRITERS, build};

/// A client that sends one batch after the other, each only after the one before was acknowledged.
#[derive(Clone)]
pub struct Session {
    sync: SyncPolicy,
    engine: Option<Arc<Engine>>,
    /// All batches ever submitted, in order; the last may lack its answer.
    sent: Vec<WriteBatch>,
    /// How many of them were acknowledged.
    pub acked: usize,
    /// How many of them a flush or an opening has put into segments since.
    pub flushed: usize,
    /// The next step of the workload.
    next: usize,
}

impl Default for Session {
    fn default() -> Self {
        Self::with_policy(SyncPolicy::Always)
    }
}

/// Where the files of the database lie.
const KNOWN: [&str; 8] = ["manifest.", "wal/", "seg/", "patch/", "series/", "trash/", "reserve", "ledger"];
/// The manifest in force and two for people who look.
const MANIFESTS_MAX: usize = 3;

/// Small files, no thread of its own, time stands still.
pub fn options() -> EngineOptions {
    EngineOptions {
        wal_file_bytes_max: 2048,
        background_flush: false,
        background_compaction: false,
        threads: 1,
        reserve_bytes: 0,
        compaction_runs_max: 2,
        clock: Arc::new(ManualClock::at(NOW)),
        ..EngineOptions::default()
    }
}

/// Opens the database on a disk.
pub fn open(disk: &SimDisk) -> Result<Arc<Engine>> {
    Engine::open(Arc::new(disk.clone()), options())
}

/// Opens the database on a disk at another time.
pub fn open_at(disk: &SimDisk, now: i64) -> Result<Arc<Engine>> {
    Engine::open(Arc::new(disk.clone()), EngineOptions { clock: Arc::new(ManualClock::at(now)), ..options() })
}

/// The workload without any trouble.
pub struct Reference {
    /// The states after 0, 1, 2 ... batches.
    pub states: Vec<State>,
    /// How many calls to the disk it makes.
    pub calls: u64,
    /// What they ask for.
    pub record: Vec<SimCall>,
    /// The disk after a clean close.
    pub disk: SimDisk,
}

/// The run that others are compared with.
pub fn reference() -> &'static Reference {
    static REFERENCE: OnceLock<Reference> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let disk = SimDisk::new(0);
        disk.record();
        let mut session = Session::default();
        session.run(&disk).unwrap();
        let (calls, record) = (disk.calls(), disk.recorded());
        let states = Model::states(&session.sent);
        let engine = session.engine.take().unwrap();
        assert_eq!(observe(&engine.snapshot()).unwrap(), states[session.sent.len()]);
        engine.close().unwrap();
        Reference { states, calls, record, disk }
    })
}

impl Session {
    /// A client of an engine that acknowledges by this policy.
    pub fn with_policy(sync: SyncPolicy) -> Self {
        Self { sync, engine: None, sent: Vec::new(), acked: 0, flushed: 0, next: 0 }
    }

    /// Works until the workload is done or something fails; called again, it goes on where it stopped.
    pub fn run(&mut self, disk: &SimDisk) -> Result<()> {
        if self.engine.is_none() {
            self.engine = Some(self.open(disk)?);
        }
        while let Some(step) = WORKLOAD.get(self.next) {
            self.step(disk, *step)?;
            self.next += 1;
        }
        Ok(())
    }

    fn step(&mut self, disk: &SimDisk, step: Step) -> Result<()> {
        match step {
            Step::Send(parts) => {
                let id = self.next_id();
                self.send(|engine, sent| build(engine, sent, parts, Some(id)))
            }
            Step::Anonymous(parts) => self.send(|engine, sent| build(engine, sent, parts, None)),
            Step::Repeat(back) => self.repeat(self.acked - back),
            Step::Flush => {
                self.engine().flush()?;
                self.flushed = self.acked;
                Ok(())
            }
            Step::Compact => self.engine().compact(),
            Step::Reopen => {
                let engine = self.engine.take().expect("open");
                engine.close()?;
                drop(engine);
                self.engine = Some(self.open(disk)?);
                self.flushed = self.acked;
                Ok(())
            }
        }
    }

    fn open(&self, disk: &SimDisk) -> Result<Arc<Engine>> {
        Engine::open(Arc::new(disk.clone()), EngineOptions { sync: self.sync, ..options() })
    }

    /// Sends the next batch, or the one that lacks its answer.
    fn send(&mut self, build: impl FnOnce(&Engine, &[WriteBatch]) -> WriteBatch) -> Result<()> {
        if self.sent.len() == self.acked {
            let batch = build(self.engine(), &self.sent);
            self.sent.push(batch);
        }
        self.engine().write(self.sent[self.acked].clone())?;
        self.acked += 1;
        Ok(())
    }

    /// The writers take turns, each with its own sequences.
    fn next_id(&self) -> WriterSequence {
        let writer = WRITERS[self.acked % WRITERS.len()];
        WriterSequence { writer: writer.to_owned(), sequence: self.sequence(writer, self.acked) + 1 }
    }

    /// The last sequence of a writer among the first `batches`; 0 where it sent none.
    fn sequence(&self, writer: &str, batches: usize) -> u64 {
        let ids = self.sent[..batches].iter().filter_map(|batch| batch.writer.as_ref());
        ids.filter(|id| id.writer == writer).map(|id| id.sequence).max().unwrap_or(0)
    }

    /// Sends an acknowledged batch again; one without a writer would be written twice.
    fn repeat(&self, index: usize) -> Result<()> {
        let batch = self.sent[index].clone();
        if batch.writer.is_none() {
            return Ok(());
        }
        let WriteAck { duplicate, .. } = self.engine().write(batch)?;
        assert!(duplicate, "batch {} was acknowledged, its repeat was taken for a new one", index + 1);
        Ok(())
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("open")
    }

    /// Lets go of the engine, as a process that dies.
    pub fn leave(&mut self) {
        self.engine = None;
    }

    /// The engine at work, if there is one.
    pub fn at_work(&self) -> Option<&Engine> {
        self.engine.as_deref()
    }

    /// Whether sending the unanswered batch again cannot write it twice.
    pub fn can_resend(&self) -> bool {
        self.engine.is_some() && self.sent.get(self.acked).is_none_or(|batch| batch.writer.is_some())
    }

    /// How many batches were submitted.
    pub fn submitted(&self) -> usize {
        self.sent.len()
    }

    /// How many batches the engine shows; panics where that breaks a promise.
    pub fn check_state(&self, context: &str) -> Result<usize> {
        let seen = observe(&self.engine().snapshot())?;
        Ok(expect_prefix(&seen, &reference().states, self.acked, self.submitted(), context))
    }

    /// The engine knows of each writer what it shows of it. Not to be asked of an engine that is mending itself: it
    /// may have shown rows from before that.
    fn check_writers(&self, found: usize, context: &str) {
        for writer in WRITERS {
            let last = self.engine().writer_sequence(writer).unwrap_or(0);
            assert_eq!(
                last,
                self.sequence(writer, found),
                "{context}: {writer} and its batches do not agree"
            );
        }
    }

    /// Opens a disk after a crash and checks what is there; then all that is there is repeated.
    pub fn come_back(&mut self, disk: &SimDisk, context: &str) -> Result<()> {
        self.engine = Some(self.open(disk)?);
        let found = self.check_state(context)?;
        self.check_writers(found, context);
        self.check_files(disk, context);
        // The batch without an answer turns out to be there.
        if found > self.acked {
            self.acked = found;
            self.next += 1;
        }
        (0..found).try_for_each(|index| self.repeat(index))?;
        assert_eq!(self.check_state(context)?, found, "{context}: repeats changed something");
        Ok(())
    }

    /// C8, right after opening: what the manifest names is there (it was read), everything else is gone or in the
    /// trash.
    fn check_files(&self, disk: &SimDisk, context: &str) {
        let snapshot = self.engine().snapshot();
        let segments = snapshot.tables().values().flat_map(|schema| snapshot.segments(schema.id));
        let named: BTreeSet<String> = segments.map(|segment| segment.info().path()).collect();
        let files: Vec<String> = disk.files().into_iter().map(|(path, _)| path).collect();
        let found = files.iter().filter(|path| path.starts_with("seg/")).cloned().collect();
        assert_eq!(named, found, "C8 broken, {context}: segments named and segments on disk differ");
        let count = |start: &str| files.iter().filter(|path| path.starts_with(start)).count();
        assert!(count("wal/") == 1, "C8 broken, {context}: recovery begins one new WAL file: {files:?}");
        assert!(count("manifest.") <= MANIFESTS_MAX, "C8 broken, {context}: old manifests: {files:?}");
        let known = |path: &str| {
            path == "LOCK" || KNOWN.iter().any(|start| path.starts_with(start)) && !path.contains(".tmp")
        };
        let strange = files.iter().find(|path| !known(path));
        assert_eq!(strange, None, "C8 broken, {context}: nothing names this file");
    }

    /// Closes the engine and opens it again, after which there must be no garbage.
    pub fn reopen(&mut self, disk: &SimDisk, context: &str) -> Result<()> {
        self.step(disk, Step::Reopen)?;
        self.check_files(disk, context);
        Ok(())
    }

    /// The workload is done: everything is there exactly once.
    pub fn check_end(&self, context: &str) -> Result<()> {
        assert_eq!(self.acked + 1, reference().states.len(), "{context}");
        let found = self.check_state(context)?;
        self.check_writers(found, context);
        Ok(())
    }
}

/// Whether a damaged file was named.
pub fn names_file(error: &StorageError, file: &str) -> bool {
    match error {
        StorageError::Corrupt { path, .. } | StorageError::NewerFormat { path, .. } => path == file,
        _ => false,
    }
}
