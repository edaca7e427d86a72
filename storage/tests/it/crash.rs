//! The power goes at every call to the disk.

use driftline_storage::{Result, SimDisk};

use crate::sample::{cases, exhaustive, mix, sampled, seed};
use crate::session::{Session, open, reference};
use crate::state::observe;

/// Runs the workload until the power goes at `call`, and checks all that a reboot may find.
fn crash(call: u64, seed: u64) {
    let context = format!("crash at call {call}, seed {seed}");
    let disk = SimDisk::new(seed);
    disk.crash_at(call);
    let mut session = Session::default();
    if let Err(error) = session.run(&disk) {
        assert!(disk.crashed(), "{context}: an error with the power on: {error}");
    }
    session.leave();
    let found = disk.restart(seed);
    crash_again(&session, &found, seed, &context);
    session.come_back(&found, &context).unwrap_or_else(|error| panic!("{context}: {error}"));
    session.run(&found).unwrap_or_else(|error| panic!("{context}, later: {error}"));
    session.check_end(&context).unwrap();
    session.check_files(&found, &context);
}

/// C5: the power goes again at a call of the recovery; the next recovery shows the same.
fn crash_again(session: &Session, image: &SimDisk, seed: u64, context: &str) {
    let whole = image.image();
    let engine = open(&whole).unwrap_or_else(|error| panic!("{context}: {error}"));
    let expected = observe(&engine.snapshot()).unwrap();
    drop(engine);
    for call in sampled(whole.calls(), 16, seed) {
        let context = format!("{context}, then at call {call} of the recovery");
        let half = image.image();
        half.crash_at(call);
        let opened = open(&half);
        assert!(half.crashed() || opened.is_ok(), "{context}: {:?}", opened.err());
        drop(opened);
        let after = half.restart(seed);
        let engine = open(&after).unwrap_or_else(|error| panic!("{context}: {error}"));
        let seen = observe(&engine.snapshot()).unwrap();
        assert_eq!(expected, seen, "C5 broken, {context}, {} acknowledged", session.acked);
    }
}

#[test]
fn c1_c2_c3_c4_c5_c8_hold_for_a_crash_at_every_call() {
    let seed = seed();
    let seeds = if exhaustive() { 3 } else { 2 };
    for round in 0..seeds {
        let seed = mix(seed.wrapping_add(round));
        for call in cases(reference().calls, 8, seed) {
            crash(call, seed.wrapping_add(call));
        }
    }
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
    for then in sampled(whole.calls() + 1, 6, seed) {
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
    for call in cases(reference().calls, 16, seed) {
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

/// The simulation would prove little if the same seeds told another story each time.
#[test]
fn the_same_crash_leaves_the_same_bytes() {
    let seed = seed();
    let run = || {
        let disk = SimDisk::new(seed);
        disk.crash_at(mix(seed) % reference().calls);
        let _ = Session::default().run(&disk);
        let found = disk.restart(seed);
        let bytes = |path: &str| driftline_storage::Disk::read(&found, path).unwrap();
        found.files().into_iter().map(|(path, _)| (bytes(&path), path)).collect::<Vec<_>>()
    };
    assert!(run() == run(), "DRIFTLINE_SEED={seed}");
}
