//! Bytes change on the disk after a clean close.

use driftline_storage::{Result, SimDisk};

use crate::sample::{cases, mix, seed};
use crate::session::{names_file, open, reference};
use crate::state::{State, observe};

/// What opening and reading everything gives.
fn look(disk: &SimDisk) -> Result<State> {
    let engine = open(disk)?;
    observe(&engine.snapshot())
}

/// Files whose path starts so, with their lengths.
fn files(start: &str) -> Vec<(String, u64)> {
    reference().disk.files().into_iter().filter(|(path, _)| path.starts_with(start)).collect()
}

fn last_wal() -> String {
    files("wal/").pop().expect("a WAL file").0
}

/// The right answer, or an error that names the file. In the last WAL file what lies behind the damage may be taken
/// for a torn tail: `missing_max` batches.
fn expect_no_silent_damage(disk: &SimDisk, path: &str, missing_max: usize, what: &str) {
    let states = &reference().states;
    let missing_max = if path == last_wal() { missing_max } else { 0 };
    let least = (states.len() - 1).saturating_sub(missing_max);
    match look(disk) {
        Ok(seen) => {
            let right = states[least..].contains(&seen);
            let known = states.iter().rposition(|state| *state == seen);
            assert!(
                right,
                "C6 broken, {what}: opened without a word, state {known:?} of {}",
                states.len() - 1
            );
        }
        Err(error) => assert!(names_file(&error, path), "C6 broken, {what}: {error}"),
    }
}

fn flip_all(start: &str, step: u64) {
    let seed = seed();
    for (path, len) in files(start) {
        for offset in cases(len, step, seed) {
            let mask = (mix(seed ^ offset) as u8).max(1);
            let disk = reference().disk.image();
            assert!(disk.flip(&path, offset, mask));
            // Frame by frame, each batch was durable before the next was sent: at most the last one looks torn.
            let what = format!("{path}: byte {offset} of {len} flipped by {mask:#04x}, seed {seed}");
            expect_no_silent_damage(&disk, &path, 1, &what);
        }
    }
}

fn cut_all(start: &str, step: u64) {
    let seed = seed();
    for (path, len) in files(start) {
        for len in cases(len, step, seed) {
            let disk = reference().disk.image();
            assert!(disk.truncate(&path, len));
            let what = format!("{path}: cut to {len} bytes, seed {seed}");
            expect_no_silent_damage(&disk, &path, usize::MAX, &what);
        }
    }
}

#[test]
fn c6_a_flipped_byte_of_the_wal_is_noticed() {
    assert!(files("wal/").len() > 1, "the workload leaves one WAL file only");
    flip_all("wal/", 16);
}

#[test]
fn c6_a_flipped_byte_of_the_manifest_is_noticed() {
    flip_all("manifest", 16);
}

#[test]
fn c6_a_flipped_byte_of_a_segment_is_noticed() {
    flip_all("seg/", 64);
}

#[test]
fn c6_a_shorter_file_is_noticed() {
    cut_all("wal/", 32);
    cut_all("manifest", 32);
    cut_all("seg/", 128);
}

#[test]
fn c6_a_missing_file_is_noticed() {
    use driftline_storage::Disk;
    for (path, _) in files("wal/").into_iter().chain(files("seg/")) {
        let disk = reference().disk.image();
        disk.remove(&path).unwrap();
        let what = format!("{path} is missing");
        let seen = look(&disk);
        // Only of the last WAL file nobody can say that it must exist.
        let least = if path == last_wal() { 0 } else { reference().states.len() - 1 };
        assert!(seen.is_err() || reference().states[least..].contains(&seen.unwrap()), "C6 broken, {what}");
    }
}
