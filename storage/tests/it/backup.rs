//! Backups: a moment of a database at work, copied to another disk and brought back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use driftline_storage::{
    BackupReport, Disk, Engine, RestoreLedger, Result, SimAction, SimDisk, StorageError, restore, verify,
};

use crate::numbers::{create, send, sequences};
use crate::sample::{cases, mix, seed};
use crate::session::{names_file, open, options, reference};
use crate::state::{State, observe};

fn disk(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn back_up(engine: &Engine, target: &SimDisk) -> Result<BackupReport> {
    engine.backup(&disk(target), &mut |_| ())
}

/// What a database shows that was restored from a backup.
fn restored(backup: &SimDisk) -> Result<State> {
    let target = SimDisk::new(1);
    restore(&disk(backup), &disk(&target), &RestoreLedger::default(), &mut |_| ())?;
    let found = verify(&disk(&target), true, &mut |_| ())?;
    assert_eq!((found.damage, found.garbage), (vec![], vec![]));
    shown(&target)
}

fn shown(disk: &SimDisk) -> Result<State> {
    let engine = open(disk)?;
    observe(&engine.snapshot())
}

/// The workload's database, and a backup of it, of which a copy can be taken for each case.
struct Before {
    source: SimDisk,
    backup: SimDisk,
    state: State,
}

fn before() -> Before {
    let (source, backup) = (reference().disk.image(), SimDisk::new(2));
    let engine = open(&source).unwrap();
    back_up(&engine, &backup).unwrap();
    let state = observe(&engine.snapshot()).unwrap();
    engine.close().unwrap();
    Before { source, backup, state }
}

impl Before {
    /// The database with more in it than the backup has: rows, and segments that were merged since.
    fn go_on(&self) -> Arc<Engine> {
        let engine = open(&self.source.image()).unwrap();
        let schema = create(&engine);
        (1..=3).for_each(|sequence| send(&engine, &schema, "later", sequence).unwrap());
        engine.compact().unwrap();
        engine
    }
}

#[test]
fn what_is_restored_is_the_moment_of_the_backup() {
    let Before { source, backup, state } = before();
    assert_eq!(restored(&backup).unwrap(), state);
    assert_eq!(state, *reference().states.last().unwrap());
    assert_eq!(shown(&backup.image()).unwrap(), state, "a backup opens as a data directory");
    // What came after the backup is not in it.
    let engine = open(&source).unwrap();
    let schema = create(&engine);
    send(&engine, &schema, "later", 1).unwrap();
    assert_eq!(restored(&backup).unwrap(), state);
    back_up(&engine, &backup).unwrap();
    assert_eq!(restored(&backup).unwrap(), observe(&engine.snapshot()).unwrap());
}

#[test]
fn a_database_that_has_nothing_yet_can_be_backed_up() {
    let backup = SimDisk::new(0);
    let engine = open(&SimDisk::new(0)).unwrap();
    back_up(&engine, &backup).unwrap();
    assert_eq!(restored(&backup).unwrap(), State::default());
}

/// Rows go in all the time; each backup holds every batch that was acknowledged before it, and a prefix of the others.
#[test]
fn a_backup_while_writing_holds_a_prefix_of_the_writes() {
    let source = SimDisk::new(seed());
    let engine = Engine::open(
        Arc::new(source.clone()),
        driftline_storage::EngineOptions { background_compaction: true, background_flush: true, ..options() },
    );
    let engine = engine.unwrap();
    let schema = create(&engine);
    let (acked, backup) = (AtomicU64::new(0), SimDisk::new(0));
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for sequence in 1..=200 {
                send(&engine, &schema, "w", sequence).unwrap();
                acked.store(sequence, Ordering::SeqCst);
            }
        });
        while !writing.is_finished() {
            let least = acked.load(Ordering::SeqCst);
            back_up(&engine, &backup).unwrap();
            let target = SimDisk::new(0);
            restore(&disk(&backup), &disk(&target), &RestoreLedger::default(), &mut |_| ()).unwrap();
            let found = sequences(&open(&target).unwrap()).unwrap();
            assert!(found.len() as u64 >= least, "{} batches, {least} were acknowledged", found.len());
            assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
        }
    });
}

/// Bytes appended to files below `dir` since `record`.
fn appends(disk: &SimDisk, dir: &str) -> usize {
    let calls = disk.recorded();
    calls.iter().filter(|call| call.action == SimAction::Append && call.path.starts_with(dir)).count()
}

#[test]
fn only_what_is_new_is_copied() {
    let before = before();
    let engine = open(&before.source).unwrap();
    // Opening has published a manifest, but no row is new.
    let again = before.backup.image();
    again.record();
    let report = back_up(&engine, &again).unwrap();
    assert_eq!((report.copied_files, report.copied_bytes, report.removed_files), (0, 0, 0), "{report:?}");
    assert_eq!((appends(&again, "seg/"), appends(&again, "series/")), (0, 0));

    let schema = create(&engine);
    send(&engine, &schema, "later", 1).unwrap();
    again.record();
    let report = back_up(&engine, &again).unwrap();
    assert_eq!((report.copied_files, appends(&again, "seg/")), (1, 1), "{report:?}");
    assert!(report.copied_bytes < report.bytes, "{report:?}");
    assert_eq!(restored(&again).unwrap(), observe(&engine.snapshot()).unwrap());
}

#[test]
fn what_is_not_needed_any_more_goes() {
    let before = before();
    let (engine, backup) = (before.go_on(), before.backup.image());
    let report = back_up(&engine, &backup).unwrap();
    assert!(report.removed_files > 2, "segments were merged: {report:?}");
    let found = verify(&disk(&backup), true, &mut |_| ()).unwrap();
    assert_eq!((found.damage, found.garbage), (vec![], vec![]));
    let manifests = backup.files().into_iter().filter(|(path, _)| path.starts_with("manifest.")).count();
    assert_eq!(manifests, 1, "an older one names what is gone");
}

/// The power of the backup's disk goes at a call: there is the earlier backup, or the new one.
#[test]
fn a_backup_that_is_cut_short_leaves_the_one_before_it() {
    let (seed, before) = (seed(), before());
    let engine = before.go_on();
    let whole = before.backup.image();
    back_up(&engine, &whole).unwrap();
    let after = observe(&engine.snapshot()).unwrap();
    assert_eq!(restored(&whole).unwrap(), after);
    let mut seen = [0, 0];
    for call in cases(whole.calls() + 1, 4, seed) {
        let context = format!("call {call} of {}, seed {seed}", whole.calls());
        let backup = before.backup.image();
        backup.crash_at(call);
        let outcome = back_up(&engine, &backup);
        assert!(outcome.is_err() || !backup.crashed() || call > 0, "{context}");
        let backup = backup.restart(mix(seed ^ call));
        let found = restored(&backup).unwrap_or_else(|error| panic!("{context}: {error}"));
        let is_new = found == after;
        assert!(is_new || found == before.state, "{context}: neither of the two");
        assert!(is_new || outcome.is_err(), "{context}: it was said to be done");
        seen[usize::from(is_new)] += 1;
        assert_eq!(shown(&backup.image()).unwrap(), found, "{context}: as a data directory");
        // The next one makes it good.
        back_up(&engine, &backup).unwrap_or_else(|error| panic!("{context}, again: {error}"));
        assert_eq!(restored(&backup).unwrap(), after, "{context}");
    }
    assert!(seen[0] > 0, "no cut before the manifest: {seen:?}");
}

#[test]
fn a_first_backup_that_is_cut_short_is_none_and_can_be_repeated() {
    let (seed, before) = (seed(), before());
    let engine = open(&before.source).unwrap();
    let whole = SimDisk::new(seed);
    back_up(&engine, &whole).unwrap();
    for call in cases(whole.calls(), 8, seed) {
        let context = format!("call {call} of {}, seed {seed}", whole.calls());
        let backup = SimDisk::new(seed);
        backup.crash_at(call);
        let _ = back_up(&engine, &backup);
        let backup = backup.restart(mix(seed ^ call));
        match restored(&backup) {
            Ok(found) => assert_eq!(found, before.state, "{context}"),
            Err(error) => assert!(error.to_string().contains("no manifest"), "{context}: {error}"),
        }
        back_up(&engine, &backup).unwrap_or_else(|error| panic!("{context}, again: {error}"));
        assert_eq!(restored(&backup).unwrap(), before.state, "{context}");
    }
}

/// A call to the backup's disk fails: the backup says so, and what was there is there.
#[test]
fn a_failing_disk_fails_the_backup_and_nothing_else() {
    let (seed, before) = (seed(), before());
    let engine = before.go_on();
    let whole = before.backup.image();
    back_up(&engine, &whole).unwrap();
    let after = observe(&engine.snapshot()).unwrap();
    for call in cases(whole.calls(), 8, seed) {
        let backup = before.backup.image();
        backup.fail(call, driftline_storage::Fault::Enospc);
        let outcome = back_up(&engine, &backup);
        let found = restored(&backup).unwrap_or_else(|error| panic!("call {call}, seed {seed}: {error}"));
        assert!(found == after || (outcome.is_err() && found == before.state), "call {call}, seed {seed}");
    }
}

#[test]
fn two_backups_to_one_place_at_once_are_refused() {
    let before = before();
    let engine = open(&before.source).unwrap();
    let held = before.backup.lock("LOCK").unwrap();
    let error = back_up(&engine, &before.backup).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
    drop(held);
    back_up(&engine, &before.backup).unwrap();
}

fn expect_refused(engine: &Engine, target: &SimDisk, why: &str) {
    let files = target.files();
    let error = back_up(engine, target).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
    let without_lock =
        |files: Vec<(String, u64)>| files.into_iter().filter(|(path, _)| path != "LOCK").collect::<Vec<_>>();
    assert_eq!(without_lock(target.files()), without_lock(files), "nothing is changed");
}

#[test]
fn a_directory_that_holds_something_else_is_refused() {
    let before = before();
    let engine = open(&before.source).unwrap();
    expect_refused(&engine, &reference().disk.image(), "holds files, and no backup");
    let other = SimDisk::new(0);
    other.publish("letter.txt", b"dear").unwrap();
    expect_refused(&engine, &other, "holds files, and no backup");
    // A backup that was opened, and maybe written to, since.
    let opened = before.backup.image();
    drop(open(&opened).unwrap());
    expect_refused(&engine, &opened, "was opened as a database");
}

#[test]
fn the_backup_of_another_database_is_refused() {
    let before = before();
    // Another life of the same database: it was brought back from the backup and went on otherwise.
    let (first, second) = (before.go_on(), SimDisk::new(5));
    restore(&disk(&before.backup), &disk(&second), &RestoreLedger::default(), &mut |_| ()).unwrap();
    let second = open(&second).unwrap();
    let schema = create(&second);
    (1..=9).for_each(|sequence| send(&second, &schema, "otherwise", sequence).unwrap());
    second.compact().unwrap();
    let backup = before.backup.image();
    back_up(&first, &backup).unwrap();
    expect_refused(&second, &backup, "another database");
    // A database that knows less than the backup.
    let young = open(&SimDisk::new(0)).unwrap();
    expect_refused(&young, &backup, "another database");
}

#[test]
fn a_restore_needs_an_empty_place_and_a_whole_backup() {
    let before = before();
    let full = SimDisk::new(0);
    full.publish("letter.txt", b"dear").unwrap();
    let refused = |from: &SimDisk, to: &SimDisk| {
        restore(&disk(from), &disk(to), &RestoreLedger::default(), &mut |_| ()).unwrap_err()
    };
    let error = refused(&before.backup, &full).to_string();
    assert!(error.contains("not empty"), "{error}");
    let error = refused(&full, &SimDisk::new(0)).to_string();
    assert!(error.contains("no manifest"), "{error}");
    for (path, bytes) in
        before.backup.files().into_iter().filter(|(path, _)| path != "LOCK" && path != "BACKUP")
    {
        let (damaged, target) = (before.backup.image(), SimDisk::new(0));
        assert!(damaged.flip(&path, bytes / 2, 0x20));
        let error = refused(&damaged, &target);
        assert!(names_file(&error, &path), "{path}: {error}");
        let manifest = target.files().into_iter().find(|(path, _)| path.starts_with("manifest."));
        assert_eq!(manifest, None, "a restore that failed is no database");
    }
}

#[test]
fn a_restore_that_is_cut_short_is_no_database() {
    let (seed, before) = (seed(), before());
    let whole = SimDisk::new(seed);
    restore(&disk(&before.backup), &disk(&whole), &RestoreLedger::default(), &mut |_| ()).unwrap();
    for call in cases(whole.calls() + 1, 8, seed) {
        let target = SimDisk::new(seed);
        target.crash_at(call);
        let outcome = restore(&disk(&before.backup), &disk(&target), &RestoreLedger::default(), &mut |_| ());
        let target = target.restart(mix(seed ^ call));
        match verify(&disk(&target), true, &mut |_| ()) {
            Ok(found) => {
                assert!(found.is_whole(), "call {call}, seed {seed}: {found:?}");
                assert_eq!(shown(&target).unwrap(), before.state, "call {call}, seed {seed}");
            }
            Err(error) => assert!(outcome.is_err(), "call {call}, seed {seed}: {error}"),
        }
    }
}

#[test]
fn what_is_damaged_does_not_become_a_backup() {
    let before = before();
    let named: Vec<String> = before.backup.files().into_iter().map(|(path, _)| path).collect();
    let source = before.source.image();
    let engine = open(&source).unwrap();
    let schema = create(&engine);
    send(&engine, &schema, "later", 1).unwrap();
    engine.flush().unwrap();
    let fresh =
        source.files().into_iter().find(|(path, _)| path.starts_with("seg/") && !named.contains(path));
    let (path, bytes) = fresh.unwrap();
    // In the middle of a page: its frame is well.
    assert!(source.flip(&path, bytes / 4, 0x20));
    let backup = before.backup.image();
    let error = back_up(&engine, &backup).unwrap_err();
    assert!(names_file(&error, &path), "{error}");
    assert_eq!(restored(&backup).unwrap(), before.state);
}
