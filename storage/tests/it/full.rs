//! A disk that is full for a while: reads go on, writes fail and say what to do, and all of it works again by itself once
//! there is room.
//!
//! `fault` lets single calls find the disk full; here it has so many bytes and no more, so that everything that needs
//! room fails until there is some: the log and its rotation, flushes, compactions, manifests, patch and series files,
//! backups, retention.

use std::sync::Arc;

use driftline_storage::{Disk, Engine, EngineOptions, ManualClock, OsDisk, Result, SimDisk, StorageError};

use crate::numbers::{create, send, sequences};
use crate::sample::{cases, mix, seed};
use crate::session::{Session, options, reference};
use crate::workload::NOW;

/// Disks are full at every so many bytes.
const STEP_BYTES: u64 = 64;
/// So many of those are taken in a run that is not exhaustive: one in this many.
const SAMPLE: u64 = 24;
/// Writes that are tried on a full disk before there is room.
const TRIES: usize = 4;
/// Files that tries may leave behind: a torn log file and its successor, an old manifest, one being written.
const LEFT_BEHIND_MAX: usize = 4;

/// Whether an error says that the disk is full, and what to do.
fn says_full(error: &StorageError) -> bool {
    let text = error.to_string();
    let known = error.is_disk_full() || matches!(error, StorageError::OutcomeUnknown { .. });
    known && text.contains("make room on the disk")
}

/// Whatever is asked of a full disk works or says that it is full.
fn expect_full_at_most<T>(result: Result<T>, what: &str, context: &str) {
    if let Err(error) = result {
        assert!(says_full(&error), "{context}, {what}: {error}");
    }
}

/// All that the engine does beside writing.
fn ask_everything(engine: &Engine, context: &str) {
    let target: Arc<dyn Disk> = Arc::new(SimDisk::new(0));
    expect_full_at_most(engine.flush(), "flush", context);
    expect_full_at_most(engine.compact(), "compact", context);
    expect_full_at_most(engine.expire(), "expire", context);
    expect_full_at_most(engine.backup(&target, &mut |_| ()), "backup", context);
}

fn work_on_a_disk_of(capacity: u64, seed: u64) {
    let context = format!("{capacity} bytes, seed {seed}");
    let disk = SimDisk::new(seed);
    disk.set_capacity(Some(capacity));
    let mut session = Session::default();
    let mut is_unknown = false;
    for _ in 0..TRIES {
        let Err(error) = session.run(&disk) else { break };
        assert!(says_full(&error), "{context}: {error}");
        is_unknown = matches!(error, StorageError::OutcomeUnknown { .. });
        let Some(engine) = session.at_work() else { break };
        let before = disk.files().len();
        ask_everything(engine, &context);
        session.check_state(&context).unwrap_or_else(|error| panic!("{context}: reads fail: {error}"));
        let left = disk.files().len().saturating_sub(before);
        assert!(left <= LEFT_BEHIND_MAX, "{context}: {left} more files: {:?}", disk.files());
        if is_unknown && !session.can_resend() {
            break;
        }
    }
    disk.set_capacity(None);
    if session.at_work().is_none() || (is_unknown && !session.can_resend()) {
        // It could not even be opened, or nobody can tell whether a batch without a writer is there.
        session.leave();
        session.come_back(&disk, &context).unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    session.run(&disk).unwrap_or_else(|error| panic!("{context}, with room again: {error}"));
    session.check_end(&context).unwrap();
    session.reopen(&disk, &context).unwrap();
    session.check_end(&context).unwrap();
    session.leave();
    let after = disk.restart(seed);
    session.come_back(&after, &format!("{context}, power cut at the end")).unwrap();
    session.check_end(&context).unwrap();
}

#[test]
fn a_disk_that_is_full_for_a_while_stops_writes_only_and_only_meanwhile() {
    let seed = seed();
    // More than it ever takes, so that the last cases are of a disk that just suffices.
    let most = reference().disk.used_bytes() * 5 / 4;
    for step in cases(most / STEP_BYTES, SAMPLE, seed) {
        work_on_a_disk_of(step * STEP_BYTES, mix(seed.wrapping_add(step)));
    }
}

/// The reserve is there for it: what was refused is not there, and the sender need not wonder.
#[test]
fn a_write_that_finds_the_disk_full_is_refused_for_certain() {
    let disk = SimDisk::new(1);
    let options = || EngineOptions { reserve_bytes: 8 << 10, ..options() };
    let engine = Engine::open(Arc::new(disk.clone()), options()).unwrap();
    let schema = create(&engine);
    send(&engine, &schema, "w", 1).unwrap();
    disk.set_capacity(Some(disk.used_bytes() + 1_000));
    let error = send(&engine, &schema, "w", 2).unwrap_err();
    assert!(error.is_disk_full() && says_full(&error), "{error}");
    assert_eq!(sequences(&engine).unwrap(), [1]);
    // Tries do not pile up, and the flush makes do with the room that was kept.
    let files = disk.files().len();
    for _ in 0..20 {
        expect_full_at_most(send(&engine, &schema, "w", 2), "write", "again");
        expect_full_at_most(engine.flush(), "flush", "again");
    }
    assert!(disk.files().len() <= files + LEFT_BEHIND_MAX, "{:?}", disk.files());
    disk.set_capacity(None);
    send(&engine, &schema, "w", 2).unwrap();
    send(&engine, &schema, "w", 3).unwrap();
    engine.compact().unwrap();
    assert!(engine.status().unwrap().reserve_is_full);
    assert_eq!(sequences(&engine).unwrap(), [1, 2, 3]);
    drop(engine);
    assert_eq!(sequences(&Engine::open(Arc::new(disk), options()).unwrap()).unwrap(), [1, 2, 3]);
}

/// The room that an engine kept is there for the next one too: a full disk does not keep a directory shut.
#[test]
fn a_directory_on_a_full_disk_opens_by_the_room_that_was_kept() {
    let disk = SimDisk::new(1);
    let options = || EngineOptions { reserve_bytes: 32 << 10, ..options() };
    let engine = Engine::open(Arc::new(disk.clone()), options()).unwrap();
    let schema = create(&engine);
    send(&engine, &schema, "w", 1).unwrap();
    drop(engine);
    disk.set_capacity(Some(disk.used_bytes()));
    let engine = Engine::open(Arc::new(disk.clone()), options()).unwrap();
    assert_eq!(sequences(&engine).unwrap(), [1]);
}

/// A flush that nothing demands finds the disk full; what follows it goes on once there is room.
#[test]
fn retention_makes_room_on_a_full_disk() {
    let disk = SimDisk::new(1);
    let clock = Arc::new(ManualClock::at(NOW));
    let options = EngineOptions { reserve_bytes: 8 << 10, clock: clock.clone(), ..options() };
    let engine = Engine::open(Arc::new(disk.clone()), options).unwrap();
    let mut schema = create(&engine).as_ref().clone();
    schema.version += 1;
    schema.options.insert("retention".into(), "2 days".into());
    let catalog = vec![driftline_storage::CatalogChange::AlterTable(schema.clone())];
    engine.write(driftline_storage::WriteBatch { catalog, ..Default::default() }).unwrap();
    send(&engine, &schema, "w", 1).unwrap();
    engine.flush().unwrap();
    clock.advance(4 * 86_400_000_000_000);
    disk.set_capacity(Some(disk.used_bytes()));
    let before = disk.used_bytes();
    assert_eq!(engine.expire().unwrap().segments, 1);
    assert!(disk.used_bytes() < before);
}

/// The target of a backup is full: it says so, and the next one goes on.
#[test]
fn a_backup_to_a_full_disk_goes_on_once_there_is_room() {
    let target = SimDisk::new(2);
    let engine = Engine::open(Arc::new(SimDisk::new(1)), options()).unwrap();
    let schema = create(&engine);
    send(&engine, &schema, "w", 1).unwrap();
    let to: Arc<dyn Disk> = Arc::new(target.clone());
    for capacity in (0..4_000).step_by(100) {
        target.set_capacity(Some(capacity));
        match engine.backup(&to, &mut |_| ()) {
            Ok(_) => break,
            Err(error) => assert!(says_full(&error), "{capacity} bytes: {error}"),
        }
    }
    target.set_capacity(None);
    engine.backup(&to, &mut |_| ()).unwrap();
    let copy = Engine::open(Arc::new(target), options()).unwrap();
    assert_eq!(sequences(&copy).unwrap(), [1]);
}

/// The same on a file system of the kernel, where it lets itself be mounted.
#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_stops_writes_only_and_only_meanwhile() {
    let mounted = match small::Mounted::new(1 << 20) {
        Ok(mounted) => mounted,
        Err(reason) => return println!("SKIPPED: {reason}"),
    };
    let disk = || -> Arc<dyn Disk> { Arc::new(OsDisk::new(mounted.data()).unwrap()) };
    let options = || EngineOptions { reserve_bytes: 64 << 10, ..options() };
    let engine = Engine::open(disk(), options()).unwrap();
    let schema = create(&engine);
    let mut written = 0;
    let error = loop {
        match send(&engine, &schema, "w", written + 1) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the file system has no end");
    };
    assert!(says_full(&error), "{error}");
    let all: Vec<u64> = (1..=written).collect();
    assert_eq!(sequences(&engine).unwrap(), all, "reads go on");
    expect_full_at_most(engine.flush(), "flush", "on the full file system");
    assert_eq!(sequences(&engine).unwrap(), all, "reads go on");
    mounted.resize(64 << 20).unwrap();
    send(&engine, &schema, "w", written + 1).unwrap();
    engine.compact().unwrap();
    let all: Vec<u64> = (1..=written + 1).collect();
    assert_eq!(sequences(&engine).unwrap(), all);
    drop(engine);
    let engine = Engine::open(disk(), options()).unwrap();
    assert_eq!(sequences(&engine).unwrap(), all);
}

#[cfg(target_os = "linux")]
mod small {
    #![expect(clippy::disallowed_methods, reason = "mounts are below what Disk knows")]

    use std::path::PathBuf;
    use std::process::Command;

    /// A small file system in memory, gone when it is dropped, also in a panic.
    pub struct Mounted(PathBuf);

    impl Mounted {
        pub fn new(bytes: u64) -> Result<Self, String> {
            let place = std::env::temp_dir().join(format!("driftline-full-{}", std::process::id()));
            std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
            let mounted = Self(place);
            let size = format!("size={bytes}");
            run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&mounted.0))?;
            Ok(mounted)
        }

        pub fn data(&self) -> PathBuf {
            self.0.join("data")
        }

        pub fn resize(&self, bytes: u64) -> Result<(), String> {
            run(Command::new("mount").args(["-o", &format!("remount,size={bytes}")]).arg(&self.0))
        }
    }

    impl Drop for Mounted {
        fn drop(&mut self) {
            // Where it was never mounted this fails, which is well.
            let _ = run(Command::new("umount").arg(&self.0));
            let _ = std::fs::remove_dir(&self.0);
        }
    }

    fn run(command: &mut Command) -> Result<(), String> {
        let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {text}")) }
    }
}
