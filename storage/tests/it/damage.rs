//! Bytes change on the disk after a clean close.
//!
//! The files are those that are there, whatever their kind: one that a later format adds is damaged as well.

use driftline_storage::{Disk, Result, SimDisk, StorageError};

use crate::sample::{exhaustive, mix, sampled, seed};
use crate::session::{names_file, open, reference};
use crate::state::{State, observe};

/// How many segment files an exhaustive run damages byte by byte; of the others, as in other runs, it takes a sample.
const SEGMENTS_WHOLE: usize = 3;

/// What opening and reading everything gives.
fn look(disk: &SimDisk) -> Result<State> {
    let engine = open(disk)?;
    observe(&engine.snapshot())
}

/// Files that hold something, with their lengths.
fn files() -> Vec<(String, u64)> {
    reference().disk.files().into_iter().filter(|(_, len)| *len > 0).collect()
}

fn last_wal() -> String {
    files().into_iter().rfind(|(path, _)| path.starts_with("wal/")).expect("a WAL file").0
}

/// The manifest in force, by whose name a missing or older one cannot pass.
fn last_manifest() -> String {
    files().into_iter().rfind(|(path, _)| path.starts_with("manifest.")).expect("a manifest").0
}

/// Each file with its length, and the offsets to damage: `count` is one more than the greatest.
fn cases_of(path: &str, count: u64, step: u64, seed: u64) -> impl Iterator<Item = u64> + use<> {
    let segments = files().into_iter().filter(|(path, _)| path.starts_with("seg/"));
    let beyond = segments.map(|(path, _)| path).nth(SEGMENTS_WHOLE);
    let sample = path.starts_with("seg/") && beyond.is_some_and(|beyond| path >= beyond.as_str());
    // Old manifests are not read.
    let sample = sample || path.starts_with("manifest.") && path != last_manifest();
    sampled(count, if exhaustive() && !sample { 1 } else { step }, mix(seed ^ count))
}

/// The right answer, or an error that names the file and a place in it. In the last WAL file what lies behind the
/// damage may be taken for a torn tail: `missing_max` batches.
fn expect_no_silent_damage(disk: &SimDisk, path: &str, missing_max: usize, what: &str) {
    let states = &reference().states;
    let missing_max = if path == last_wal() { missing_max } else { 0 };
    let least = (states.len() - 1).saturating_sub(missing_max);
    match look(disk) {
        Ok(seen) => {
            let known = states.iter().rposition(|state| *state == seen);
            assert!(
                states[least..].contains(&seen),
                "C6 broken, {what}: opened without a word, state {known:?} of {}",
                states.len() - 1
            );
        }
        Err(error) => expect_place(&error, path, what),
    }
}

/// The error names the damaged file, and a place that an editor would find in it.
fn expect_place(error: &StorageError, path: &str, what: &str) {
    assert!(names_file(error, path), "C6 broken, {what}: {error}");
    let len = files().into_iter().find(|(name, _)| name == path).map_or(0, |(_, len)| len);
    if let StorageError::Corrupt { offset, .. } = error {
        assert!(*offset <= len, "C6 broken, {what}: offset {offset} of {len} bytes: {error}");
    }
}

fn flip_all(start: &str, step: u64) {
    let seed = seed();
    for (path, len) in files().into_iter().filter(|(path, _)| path.starts_with(start)) {
        for offset in cases_of(&path, len, step, seed) {
            let mask = (mix(seed ^ offset) as u8).max(1);
            let disk = reference().disk.image();
            assert!(disk.flip(&path, offset, mask));
            // Frame by frame, each batch was durable before the next was sent: at most the last one looks torn.
            let what = format!("{path}: byte {offset} of {len} flipped by {mask:#04x}, seed {seed}");
            expect_no_silent_damage(&disk, &path, 1, &what);
        }
    }
}

#[test]
fn c6_a_flipped_byte_of_the_wal_is_noticed() {
    assert!(
        files().iter().filter(|(path, _)| path.starts_with("wal/")).count() > 1,
        "the workload leaves one WAL file only"
    );
    flip_all("wal/", 16);
}

#[test]
fn c6_a_flipped_byte_of_the_manifest_is_noticed() {
    flip_all("manifest.", 16);
}

#[test]
fn c6_a_flipped_byte_of_a_segment_is_noticed() {
    flip_all("seg/", 64);
}

#[test]
fn c6_a_flipped_byte_of_any_other_file_is_noticed() {
    let has = |start: &str| files().iter().any(|(path, _)| path.starts_with(start));
    assert!(has("patch/") && has("series/"), "the workload leaves a file of each kind");
    for (path, _) in files() {
        if !["wal/", "manifest.", "seg/"].iter().any(|start| path.starts_with(start)) {
            flip_all(&path, 8);
        }
    }
}

#[test]
fn c6_a_shorter_file_is_noticed() {
    let seed = seed();
    for (path, len) in files() {
        for len in cases_of(&path, len, 64, seed) {
            let disk = reference().disk.image();
            assert!(disk.truncate(&path, len));
            let what = format!("{path}: cut to {len} bytes, seed {seed}");
            expect_no_silent_damage(&disk, &path, usize::MAX, &what);
        }
    }
}

/// Bytes that nobody wrote, behind the end of a file: zeros, as a file system leaves them, or noise.
#[test]
fn c6_a_longer_file_is_noticed_or_does_no_harm() {
    let seed = seed();
    for (path, len) in files() {
        for (round, more) in [1, 7, 512, 4096].into_iter().enumerate() {
            let disk = reference().disk.image();
            let noise = round % 2 == 1;
            let bytes: Vec<u8> = (0..more).map(|at| if noise { mix(seed ^ at) as u8 } else { 0 }).collect();
            let longer = [disk.read(&path).unwrap(), bytes].concat();
            replace(&disk, &path, &longer);
            let what = format!("{path}: {more} bytes after its {len}, noise {noise}, seed {seed}");
            expect_no_silent_damage(&disk, &path, 0, &what);
        }
    }
}

/// A file in the place of another of its kind: every checksum in it is right.
#[test]
fn c6_a_file_in_the_place_of_another_is_noticed() {
    for (path, _) in files() {
        let kind = path.split(['/', '.']).next().unwrap();
        let others = files().into_iter().filter(|(other, _)| other.starts_with(kind) && *other != path);
        for (other, _) in others.take(if exhaustive() { usize::MAX } else { 3 }) {
            let disk = reference().disk.image();
            replace(&disk, &path, &disk.read(&other).unwrap());
            expect_no_silent_damage(&disk, &path, 0, &format!("{other} in the place of {path}"));
        }
    }
}

fn replace(disk: &SimDisk, path: &str, bytes: &[u8]) {
    disk.remove(path).unwrap();
    disk.create(path).unwrap().append(bytes).unwrap();
}

#[test]
fn c6_a_missing_file_is_noticed() {
    for (path, _) in files() {
        let disk = reference().disk.image();
        disk.remove(&path).unwrap();
        let seen = look(&disk);
        // Of the last WAL file and the last manifest nobody can say that they must exist; older manifests are not
        // needed, and with the one before the WAL files that it names are gone.
        let least = if path == last_wal() { 0 } else { reference().states.len() - 1 };
        let right = seen.as_ref().map_or(true, |state| reference().states[least..].contains(state));
        assert!(right, "C6 broken: {path} is missing");
    }
}

/// What was damaged must not find its way into new files: a compaction over it fails or changes nothing.
#[test]
fn c6_a_compaction_does_not_launder_damage() {
    let seed = seed();
    for (path, len) in files().into_iter().filter(|(path, _)| !path.starts_with("wal/")) {
        for offset in cases_of(&path, len, 256, seed) {
            let disk = reference().disk.image();
            assert!(disk.flip(&path, offset, 0x10));
            let what = format!("{path}: byte {offset} of {len} flipped, then compacted");
            let Ok(engine) = open(&disk) else { continue };
            if let Err(error) = engine.compact() {
                expect_place(&error, &path, &what);
            }
            drop(engine);
            expect_no_silent_damage(&disk, &path, 0, &what);
        }
    }
}
