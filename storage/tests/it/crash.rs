//! The power goes at every call to the disk.

use driftline_storage::{Result, SimAction, SimCall, SimDisk, SyncPolicy};

use crate::sample::{cases, exhaustive, mix, sampled, seed};
use crate::session::{Session, open, open_at, reference};
use crate::state::{expect_prefix, observe};
use crate::workload::NOW;

/// Runs the workload until the power goes at `call`, and checks all that a reboot may find.
fn crash(call: u64, seed: u64) {
    let context = format!("crash at call {call}, seed {seed}");
    let (mut session, disk) = cut_short(call, seed, &context);
    let found = disk.restart(seed);
    session.come_back(&found, &context).unwrap_or_else(|error| panic!("{context}: {error}"));
    session.run(&found).unwrap_or_else(|error| panic!("{context}, later: {error}"));
    session.check_end(&context).unwrap();
    session.reopen(&found, &context).unwrap();
}

/// The workload up to the call at which the power goes.
fn cut_short(call: u64, seed: u64, context: &str) -> (Session, SimDisk) {
    let disk = SimDisk::new(seed);
    disk.crash_at(call);
    let mut session = Session::default();
    if let Err(error) = session.run(&disk) {
        assert!(disk.crashed(), "{context}: an error with the power on: {error}");
    }
    session.leave();
    (session, disk)
}

#[test]
fn c1_c2_c3_c4_c8_hold_for_a_crash_at_every_call() {
    let seed = seed();
    for round in 0..8 {
        let seed = mix(seed.wrapping_add(round));
        for call in cases(reference().calls, 128, seed) {
            crash(call, seed.wrapping_add(call));
        }
    }
}

/// Without syncs a power cut takes what the system had not yet written, and nothing else: what is there is a prefix,
/// it opens, and what a flush has put into segments stays.
fn crash_unsynced(call: u64, seed: u64) {
    let context = format!("policy Os, crash at call {call}, seed {seed}");
    let disk = SimDisk::new(seed);
    disk.crash_at(call);
    let mut session = Session::with_policy(SyncPolicy::Os);
    let _ = session.run(&disk);
    session.leave();
    let engine = open(&disk.restart(seed)).unwrap_or_else(|error| panic!("{context}: {error}"));
    let seen = observe(&engine.snapshot()).unwrap();
    expect_prefix(&seen, &reference().states, session.flushed, session.submitted(), &context);
}

#[test]
fn c2_c3_hold_for_a_crash_at_every_call_of_a_log_that_is_not_synced() {
    let seed = seed();
    for call in cases(reference().calls, 16, seed) {
        crash_unsynced(call, mix(seed.wrapping_add(call)));
    }
}

/// Calls of the workload that change names or files other than by a group of frames: rotations, flushes,
/// compactions, manifests, openings. What a cut among them leaves half done is what recovery must put right.
fn restructuring() -> Vec<SimCall> {
    use SimAction::{Append, Create, CreateDir, Lock, Read, Remove, Rename, Sync, SyncDir};
    let mut fresh_wal = String::new();
    let is_one = |call: &&SimCall| match call.action {
        Read | Lock => false,
        Create | Remove | Rename | SyncDir | CreateDir => {
            if call.action == Create && call.path.starts_with("wal/") {
                fresh_wal.clone_from(&call.path);
            }
            true
        }
        // The head of a new WAL file, its sync, and every other kind of file.
        Append => call.path == fresh_wal || !call.path.starts_with("wal/"),
        Sync => {
            let head = call.path == fresh_wal;
            fresh_wal.clear();
            head || !call.path.starts_with("wal/")
        }
    };
    reference().record.iter().filter(is_one).cloned().collect()
}

/// C5: the power goes at a call of the workload, and again at a call of the recovery; the next recovery shows the
/// same, and the one after it.
#[test]
fn c5_recovery_may_be_cut_at_every_call_and_repeated() {
    let seed = seed();
    let points = restructuring();
    let touches = |start: &str| points.iter().any(|call| call.path.starts_with(start));
    assert!(touches("wal/") && touches("seg/") && touches("manifest."), "no flush, no rotation: {points:?}");
    let mut skipped = mix(seed) % SAMPLE;
    for call in &points {
        let context = format!("crash at {call:?}, seed {seed}");
        let (_, disk) = cut_short(call.number, mix(seed ^ call.number), &context);
        recover_again(&disk.restart(seed), seed, &mut skipped, &context);
    }
}

/// Every so many cases are taken, over all images: recoveries are too short to leave each a fair share.
const SAMPLE: u64 = 64;

fn recover_again(image: &SimDisk, seed: u64, skipped: &mut u64, context: &str) {
    let whole = image.image();
    let engine = open(&whole).unwrap_or_else(|error| panic!("{context}: {error}"));
    let expected = observe(&engine.snapshot()).unwrap();
    drop(engine);
    let mut before = Vec::new();
    for call in 0..whole.calls() {
        *skipped += 1;
        if !exhaustive() && !(*skipped).is_multiple_of(SAMPLE) {
            continue;
        }
        let half = image.image();
        half.crash_at(call);
        let opened = open(&half);
        let context = format!("{context}, then at call {call} of the recovery");
        assert!(half.crashed() || opened.is_ok(), "{context}: {:?}", opened.err());
        drop(opened);
        let after = half.restart(seed);
        let left = contents(&after);
        // Between two writes the cut leaves the same bytes, which need not be judged twice.
        if left != before {
            let engine = open(&after).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(expected, observe(&engine.snapshot()).unwrap(), "C5 broken, {context}");
            before = left;
        }
    }
}

/// All files with their bytes.
fn contents(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let bytes = |path: &str| driftline_storage::Disk::read(disk, path).unwrap();
    disk.files().into_iter().map(|(path, _)| (path.clone(), bytes(&path))).collect()
}

/// The process is killed at `call`, so that the system keeps what was not synced; then the power goes at a call of
/// the recovery, which has seen bytes and names that are not durable.
fn kill(call: u64, seed: u64) {
    let disk = SimDisk::new(seed);
    disk.crash_at(call);
    let mut session = Session::default();
    let _ = session.run(&disk);
    session.leave();
    let killed = disk.image();
    let whole = killed.image();
    drop(open(&whole).unwrap_or_else(|error| panic!("killed at call {call}, seed {seed}: {error}")));
    for then in sampled(whole.calls() + 1, if exhaustive() { 24 } else { 6 }, seed) {
        let context = format!("killed at call {call}, power cut at call {then} of the recovery, seed {seed}");
        let half = killed.image();
        half.crash_at(then);
        drop(open(&half));
        let after = half.restart(seed);
        let mut session = session.clone();
        session.come_back(&after, &context).unwrap_or_else(|error| panic!("{context}: {error}"));
        session.run(&after).unwrap_or_else(|error| panic!("{context}, later: {error}"));
        session.check_end(&context).unwrap();
    }
}

#[test]
fn c5_holds_where_a_killed_process_left_bytes_that_were_not_synced() {
    let seed = seed();
    for call in cases(reference().calls, 64, seed) {
        kill(call, mix(seed.wrapping_add(call)));
    }
}

#[test]
fn one_crash_after_the_other_loses_nothing() {
    let seed = seed();
    for round in 0..if exhaustive() { 200 } else { 8 } {
        crash_often(mix(seed.wrapping_add(round)));
    }
}

/// The power goes again and again, at work and in recovery, until the workload is done all the same.
fn crash_often(seed: u64) {
    let mut disk = SimDisk::new(seed);
    let mut session = Session::default();
    disk.crash_at(mix(seed) % 100);
    let mut crashes = 0;
    while let Err(error) = work(&mut session, &disk, &format!("seed {seed}, after {crashes} crashes")) {
        assert!(disk.crashed(), "seed {seed}: {error}");
        session.leave();
        crashes += 1;
        disk = disk.restart(seed.wrapping_add(crashes));
        // Later crashes come later, so that this ends.
        disk.crash_at(mix(seed.wrapping_add(crashes)) % (40 * crashes));
    }
}

fn work(session: &mut Session, disk: &SimDisk, context: &str) -> Result<()> {
    session.come_back(disk, context)?;
    session.run(disk)?;
    session.check_end(context)
}

/// C8: crash after crash, garbage does not pile up. The clock stands still, so that the trash keeps all that went
/// there; a day later it is empty.
#[test]
fn c8_files_do_not_grow_in_number_from_crash_to_crash() {
    let seed = seed();
    let (mut session, mut disk) = cut_short(reference().calls / 2, seed, "halfway");
    let mut most = 0;
    for round in 0..60 {
        let seed = mix(seed.wrapping_add(round));
        disk = disk.restart(seed);
        session.come_back(&disk, &format!("round {round}, seed {seed}")).unwrap();
        session.leave();
        let live = disk.files().iter().filter(|(path, _)| !path.starts_with("trash/")).count();
        most = if round == 0 { live } else { most };
        assert!(live <= most + ROOM, "C8 broken, round {round}, seed {seed}: {live} files, at first {most}");
        // At any call of the next opening, also after its last one.
        disk.crash_at(disk.calls() + seed % 80);
        drop(open(&disk));
    }
    let day_later = disk.restart(seed);
    drop(open_at(&day_later, NOW + 25 * 3_600_000_000_000).unwrap());
    let trash = day_later.files().into_iter().filter(|(path, _)| path.starts_with("trash/"));
    assert_eq!(trash.collect::<Vec<_>>(), [], "C8 broken: the trash is for a day");
}

/// An old manifest or two that the first opening did not have yet.
const ROOM: usize = 2;

/// The simulation would prove little if the same seeds told another story each time.
#[test]
fn the_same_crash_leaves_the_same_bytes() {
    let seed = seed();
    let run = || {
        let disk = SimDisk::new(seed);
        disk.crash_at(mix(seed) % reference().calls);
        let _ = Session::default().run(&disk);
        contents(&disk.restart(seed))
    };
    assert!(run() == run(), "DRIFTLINE_SEED={seed}");
}
