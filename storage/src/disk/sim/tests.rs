use std::collections::BTreeSet;

use super::*;
use crate::disk::OsDisk;

/// Seeds enough for every outcome of a few events to show.
const SEEDS: std::ops::Range<u64> = 0..400;

fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
    result.err().unwrap().kind()
}

/// A disk with one durable, still empty file.
fn with_file(path: &str) -> (SimDisk, Arc<dyn AppendFile>) {
    let disk = SimDisk::new(1);
    let file = disk.create(path).unwrap();
    disk.sync_dir("").unwrap();
    (disk, file)
}

/// The contents of `path` after a power cut, one per seed; `None` where the file is gone.
fn outcomes(disk: &SimDisk, path: &str) -> BTreeSet<Option<Vec<u8>>> {
    SEEDS.map(|seed| disk.restart(seed).read(path).ok()).collect()
}

#[test]
fn synced_bytes_survive_and_others_may() {
    let (disk, file) = with_file("a");
    file.append(b"safe").unwrap();
    file.sync().unwrap();
    file.append(b"lost").unwrap();
    let found = outcomes(&disk, "a");
    assert!(found.iter().all(|bytes| bytes.as_deref().unwrap().starts_with(b"safe")));
    assert!(found.contains(&Some(b"safe".to_vec())));
    assert!(found.contains(&Some(b"safelost".to_vec())));
    assert!(found.iter().flatten().any(|bytes| bytes.len() == 8 && bytes != b"safelost"), "no garbage");
}

#[test]
fn an_append_is_torn_at_sectors_only() {
    let (disk, file) = with_file("a");
    let written: Vec<u8> = (0..2_000_u32).map(|i| (i % 251) as u8 + 1).collect();
    file.append(&written[..100]).unwrap();
    file.sync().unwrap();
    file.append(&written[100..]).unwrap();
    let found = outcomes(&disk, "a");
    let prefixes: BTreeSet<usize> =
        found.iter().flatten().filter(|bytes| written.starts_with(bytes)).map(Vec::len).collect();
    assert_eq!(prefixes, BTreeSet::from([100, 512, 1024, 1536, 2_000]));
    assert!(found.iter().flatten().all(|bytes| prefixes.contains(&bytes.len())));
}

#[test]
fn a_later_append_can_survive_an_earlier_one() {
    let (disk, file) = with_file("a");
    file.append(b"one").unwrap();
    file.append(b"two").unwrap();
    assert!(outcomes(&disk, "a").contains(&Some(b"\0\0\0two".to_vec())));
}

#[test]
fn names_are_durable_after_the_sync_of_their_directory() {
    let disk = SimDisk::new(1);
    disk.create_dir("d").unwrap();
    let file = disk.create("d/a").unwrap();
    file.append(b"x").unwrap();
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, "d/a"), BTreeSet::from([None, Some(b"x".to_vec())]));
    disk.sync_dir("").unwrap();
    assert!(outcomes(&disk, "d/a").contains(&None), "the sync of another directory must not help");
    disk.sync_dir("d").unwrap();
    assert_eq!(outcomes(&disk, "d/a"), BTreeSet::from([Some(b"x".to_vec())]));
    disk.rename("d/a", "d/b").unwrap();
    assert!(outcomes(&disk, "d/a").contains(&None) && outcomes(&disk, "d/b").contains(&None));
    disk.sync_dir("d").unwrap();
    assert_eq!(outcomes(&disk, "d/b"), BTreeSet::from([Some(b"x".to_vec())]));
    assert_eq!(outcomes(&disk, "d/a"), BTreeSet::from([None]));
    disk.remove("d/b").unwrap();
    assert_eq!(outcomes(&disk, "d/b").len(), 2);
    disk.sync_dir("d").unwrap();
    assert_eq!(outcomes(&disk, "d/b"), BTreeSet::from([None]));
}

#[test]
fn a_file_moved_between_directories_is_never_in_neither() {
    let disk = SimDisk::new(1);
    disk.create_dir("from").unwrap();
    disk.create_dir("to").unwrap();
    disk.publish("from/a", b"x").unwrap();
    disk.rename("from/a", "to/a").unwrap();
    for synced in ["from", "to"] {
        let half = disk.image();
        let whole = disk.image();
        half.sync_dir(synced).unwrap();
        whole.sync_dir("to").unwrap();
        whole.sync_dir("from").unwrap();
        for seed in SEEDS {
            let found: Vec<_> = half.restart(seed).files();
            assert!(found.iter().any(|(path, _)| path == "to/a"), "seed {seed}: {found:?}");
            assert_eq!(whole.restart(seed).files(), [("to/a".to_owned(), 1)]);
        }
    }
}

/// The recipe of `Disk::publish` against every crash point: the name holds the old bytes or the new ones.
#[test]
fn publish_is_atomic_at_every_call() {
    let old = SimDisk::new(7);
    old.publish("m", b"old").unwrap();
    let counted = old.image();
    counted.publish("m", b"new, and longer").unwrap();
    let calls = counted.calls();
    assert_eq!(calls, 6, "remove, create, append, sync, rename, sync_dir");
    let mut seen = BTreeSet::new();
    for call in 0..calls {
        for seed in 0..50 {
            let disk = old.image();
            disk.crash_at(call);
            assert!(disk.publish("m", b"new, and longer").is_err());
            seen.insert(disk.restart(seed).read("m").unwrap());
        }
    }
    assert_eq!(seen, BTreeSet::from([b"old".to_vec(), b"new, and longer".to_vec()]));
    assert_eq!(outcomes(&counted, "m"), BTreeSet::from([Some(b"new, and longer".to_vec())]));
}

#[test]
fn after_the_power_cut_every_call_fails() {
    let (disk, file) = with_file("a");
    let reader = disk.open("a").unwrap();
    disk.crash_at(disk.calls() + 1);
    file.append(b"x").unwrap();
    assert!(!disk.crashed());
    assert!(file.sync().is_err());
    assert!(disk.crashed());
    let calls = disk.calls();
    assert!(file.append(b"x").is_err() && file.sync().is_err());
    assert!(reader.len().is_err() && reader.read_at(0, &mut [0]).is_err());
    assert!(disk.open("a").is_err() && disk.list("").is_err() && disk.create("b").is_err());
    assert!(disk.remove("a").is_err() && disk.rename("a", "b").is_err() && disk.sync_dir("").is_err());
    assert!(disk.create_dir("d").is_err() && disk.lock("LOCK").is_err());
    assert_eq!(disk.calls(), calls, "calls to a dead machine do not count");
}

#[test]
fn the_call_in_flight_may_or_may_not_happen() {
    let found: BTreeSet<bool> = (0..50)
        .map(|seed| {
            let disk = SimDisk::new(seed);
            disk.create("a").unwrap();
            disk.crash_at(1);
            disk.sync_dir("").unwrap_err();
            // Durable means that no restart can lose it.
            SEEDS.take(50).all(|seed| disk.restart(seed).open("a").is_ok())
        })
        .collect();
    assert_eq!(found, BTreeSet::from([false, true]));
}

#[test]
fn faults_fail_one_call_and_do_nothing() {
    for fault in [Fault::Eio, Fault::Enospc] {
        let (disk, file) = with_file("a");
        disk.fail(disk.calls(), fault);
        let expected = fault.error().kind();
        assert_eq!(kind(file.append(b"lost")), expected);
        file.append(b"kept").unwrap();
        disk.fail(disk.calls(), fault);
        assert_eq!(kind(file.sync()), expected);
        disk.fail(disk.calls(), fault);
        assert_eq!(kind(disk.rename("a", "b")), expected);
        assert_eq!(disk.read("a").unwrap(), b"kept");
        assert!(outcomes(&disk, "a").len() > 1, "the failed sync made nothing durable");
        file.sync().unwrap();
        assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"kept".to_vec())]));
    }
}

#[test]
fn a_short_write_leaves_a_part() {
    let lengths: BTreeSet<u64> = (0..50)
        .map(|seed| {
            let disk = SimDisk::new(seed);
            let file = disk.create("a").unwrap();
            disk.fail(1, Fault::ShortWrite);
            assert_eq!(kind(file.append(b"bytes")), io::ErrorKind::StorageFull);
            let left = disk.read("a").unwrap();
            assert!(b"bytes".starts_with(&left[..]) && left.len() < 5);
            left.len() as u64
        })
        .collect();
    assert_eq!(lengths, (0..5).collect());
}

#[test]
fn after_a_failed_sync_the_next_one_lies() {
    let mut found = BTreeSet::new();
    for seed in 0..40 {
        let disk = SimDisk::new(seed);
        let file = disk.create("a").unwrap();
        disk.sync_dir("").unwrap();
        file.append(b"one").unwrap();
        disk.fail(disk.calls(), Fault::FailedSync);
        assert!(file.sync().is_err());
        file.append(b"two").unwrap();
        file.sync().unwrap();
        assert_eq!(disk.read("a").unwrap(), b"onetwo", "the cache still shows it");
        found.extend(outcomes(&disk, "a"));
    }
    let expected = [b"onetwo".to_vec(), b"\0\0\0two".to_vec()];
    assert_eq!(found, expected.into_iter().map(Some).collect());
}

#[test]
fn a_failed_sync_of_a_directory_loses_names_for_good() {
    let found: BTreeSet<_> = (0..40)
        .flat_map(|seed| {
            let disk = SimDisk::new(seed);
            disk.create("a").unwrap();
            disk.fail(1, Fault::FailedSync);
            disk.sync_dir("").unwrap_err();
            disk.sync_dir("").unwrap();
            assert_eq!(disk.list("").unwrap(), ["a"]);
            outcomes(&disk, "a")
        })
        .collect();
    assert_eq!(found, BTreeSet::from([None, Some(Vec::new())]));
}

#[test]
fn a_lock_lasts_until_its_guard_goes_or_the_machine_restarts() {
    let disk = SimDisk::new(1);
    let held = disk.lock("LOCK").unwrap();
    assert_eq!(kind(disk.clone().lock("LOCK")), io::ErrorKind::WouldBlock);
    disk.restart(1).lock("LOCK").unwrap();
    disk.image().lock("LOCK").unwrap();
    drop(held);
    disk.lock("LOCK").unwrap();
}

#[test]
fn an_image_is_apart_from_its_disk() {
    let (disk, file) = with_file("a");
    file.append(b"x").unwrap();
    let image = disk.image();
    file.append(b"y").unwrap();
    file.sync().unwrap();
    assert_eq!(image.read("a").unwrap(), b"x");
    assert!(outcomes(&image, "a").contains(&Some(Vec::new())), "what was pending is pending in the image");
    assert!(image.flip("a", 0, 0xff));
    assert_eq!(disk.read("a").unwrap(), b"xy");
}

#[test]
fn damage_is_for_good() {
    let (disk, file) = with_file("a");
    file.append(b"abcdef").unwrap();
    file.sync().unwrap();
    assert!(disk.flip("a", 1, 1) && disk.truncate("a", 4));
    assert!(!disk.flip("a", 4, 1) && !disk.truncate("a", 5) && !disk.flip("b", 0, 1));
    assert_eq!(disk.files(), [("a".to_owned(), 4)]);
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"accd".to_vec())]));
}

/// A random walk over all calls; what each answered, as text.
fn walk(disk: &dyn Disk, steps: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut open: Vec<(Arc<dyn AppendFile>, Arc<dyn ReadFile>)> = Vec::new();
    let mut log = Vec::new();
    let text = |result: io::Result<()>| format!("{:?}", result.map_err(|error| error.kind()));
    for _ in 0..steps {
        let dir = ["", "d", "d/e", "missing"][random.below(4)];
        let path = format!("{dir}/{}", ["a", "b", "c"][random.below(3)]).trim_start_matches('/').to_owned();
        let other = ["a", "d/a", "d/e/x"][random.below(3)];
        let handle = open.get(random.below(open.len())).cloned();
        log.push(match (random.below(10), handle) {
            (0, _) => text(disk.create(&path).and_then(|file| {
                open.push((file, disk.open(&path)?));
                Ok(())
            })),
            (1, _) => text(disk.create_dir(["d", "d/e"][random.below(2)])),
            (2, _) => format!("{:?}", disk.list(dir).map_err(|error| error.kind())),
            (3, _) => text(disk.remove(&path)),
            (4, _) => text(disk.rename(&path, other)),
            (5, _) => text(disk.sync_dir(dir)),
            (6, _) => format!("{:?}", disk.read(&path).map_err(|error| error.kind())),
            (7, Some((file, _))) => {
                let bytes: Vec<u8> = (0..random.below(900)).map(|_| random.next() as u8).collect();
                text(file.append(&bytes).and_then(|()| if random.coin() { file.sync() } else { Ok(()) }))
            }
            (8, Some((_, reader))) => {
                let mut bytes = vec![0; random.below(300)];
                let read = reader.read_at(random.below(600) as u64, &mut bytes);
                format!("{:?} {} {bytes:?}", reader.len().unwrap_or(0), text(read))
            }
            _ => text(disk.publish(&path, b"published")),
        });
    }
    log
}

fn seed() -> u64 {
    let seed = std::env::var("DRIFTLINE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| RandomSeed::default().0);
    println!("DRIFTLINE_SEED={seed}");
    seed
}

/// A seed that nobody chose.
struct RandomSeed(u64);

impl Default for RandomSeed {
    fn default() -> Self {
        use std::hash::{BuildHasher, Hasher};
        Self(std::collections::hash_map::RandomState::new().build_hasher().finish())
    }
}

/// The machine's file system is the oracle.
#[test]
fn it_answers_as_the_file_system_does() {
    let seed = seed();
    for round in 0..8 {
        let seed = seed.wrapping_add(round);
        let place = std::env::temp_dir().join(format!("driftline-sim-disk-{}-{seed}", std::process::id()));
        let expected = walk(&OsDisk::new(&place).unwrap(), 400, seed);
        std::fs::remove_dir_all(&place).unwrap();
        let found = walk(&SimDisk::new(seed), 400, seed);
        for (step, (expected, found)) in expected.iter().zip(&found).enumerate() {
            // What a failed read leaves in the buffer is nobody's business.
            let cut = |line: &str| line.split("UnexpectedEof").next().unwrap_or_default().to_owned();
            assert_eq!(cut(expected), cut(found), "DRIFTLINE_SEED={seed} step {step}");
        }
    }
}

#[test]
fn the_same_seeds_give_the_same_disk() {
    let seed = seed();
    let run = || {
        let disk = SimDisk::new(seed);
        disk.fail(40, Fault::FailedSync);
        disk.fail(50, Fault::ShortWrite);
        disk.crash_at(150);
        let log = walk(&disk, 400, seed);
        let after = disk.restart(seed);
        let bytes: Vec<_> =
            after.files().into_iter().map(|(path, len)| (after.read(&path).unwrap(), path, len)).collect();
        (log, bytes, after.random(), disk.calls())
    };
    assert_eq!(run(), run());
}

#[test]
fn calls_are_recorded_from_when_it_is_asked_for() {
    let disk = SimDisk::new(1);
    let file = disk.create("a").unwrap();
    assert_eq!(disk.recorded(), []);
    disk.record();
    file.append(b"x").unwrap();
    disk.fail(disk.calls(), Fault::Eio);
    file.sync().unwrap_err();
    disk.rename("a", "b").unwrap();
    let call = |number, action, path: &str| SimCall { number, action, path: path.to_owned() };
    let expected =
        [call(1, SimAction::Append, "a"), call(2, SimAction::Sync, "a"), call(3, SimAction::Rename, "b")];
    assert_eq!(disk.recorded(), expected);
}

#[test]
fn an_outage_meets_the_paths_it_is_meant_for_until_it_is_healed() {
    let (disk, file) = with_file("a");
    let other = disk.create("b").unwrap();
    disk.fail_where(Fault::Enospc, |path| path == "a");
    assert_eq!(kind(file.append(b"x")), io::ErrorKind::StorageFull);
    assert_eq!(kind(disk.remove("a")), io::ErrorKind::StorageFull);
    other.append(b"x").unwrap();
    disk.heal();
    file.append(b"x").unwrap();
}
