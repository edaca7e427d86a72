//! Moments in the life of the log that a design can get wrong, one by one. Exhaustive runs of the workload meet them
//! too; here each has its name.

use std::sync::Arc;
use std::time::Duration;

use driftline_storage::{Engine, EngineOptions, Fault, Result, SimAction, SimCall, SimDisk, StorageError};

use crate::numbers::{
    create, create_named, create_tagged, send, send_tagged, send_to, sequences, sequences_in, tagged,
};
use crate::sample::{exhaustive, mix};
use crate::session::{names_file, options};

/// Power cuts tried at each place.
const CUTS: u64 = 24;

fn open(disk: &SimDisk) -> Result<Arc<Engine>> {
    // A file takes two batches of 8 KiB.
    Engine::open(Arc::new(disk.clone()), EngineOptions { wal_file_bytes_max: 12 << 10, ..options() })
}

/// Opens a disk with the table on it, and records from here on.
fn start(seed: u64) -> (SimDisk, Arc<Engine>, driftline_storage::TableSchema) {
    let disk = SimDisk::new(seed);
    let engine = open(&disk).unwrap();
    let schema = create(&engine).as_ref().clone();
    disk.record();
    (disk, engine, schema)
}

/// The calls from the sync that seals a WAL file to the first frame in the next.
fn rotation(record: &[SimCall]) -> std::ops::RangeInclusive<u64> {
    let create =
        record.iter().position(|call| call.action == SimAction::Create && call.path.starts_with("wal/"));
    let create = create.expect("a rotation");
    let path = &record[create].path;
    assert_eq!(
        record[create - 1].action,
        SimAction::Sync,
        "the old file is sealed before the new one is named"
    );
    let mut frames =
        record[create..].iter().filter(|call| call.action == SimAction::Append && call.path == *path);
    record[create - 1].number..=frames.next_back().unwrap().number
}

#[test]
fn a_rotation_cut_between_any_two_steps_loses_nothing() {
    let (disk, engine, schema) = start(1);
    for sequence in 1..=3 {
        send(&engine, &schema, "w", sequence).unwrap();
    }
    let calls = rotation(&disk.recorded());
    assert!(calls.clone().count() >= 6, "seal, create, head, sync, sync of the directory, frame: {calls:?}");
    for (call, seed) in calls.flat_map(|call| (0..CUTS).map(move |seed| (call, seed))) {
        let (disk, engine, schema) = start(seed);
        disk.crash_at(call);
        let acked =
            (1..=3).take_while(|sequence| send(&engine, &schema, "w", *sequence).is_ok()).count() as u64;
        drop(engine);
        let engine = open(&disk.restart(seed)).unwrap();
        let found = sequences(&engine).unwrap();
        let context = format!("cut at call {call}, seed {seed}: {acked} acknowledged");
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "{context}");
        assert!(found.len() as u64 >= acked, "{context}, {found:?} found");
        // The log goes on where it stood.
        let next = found.len() as u64 + 1;
        send(&engine, &schema, "w", next).unwrap();
        assert_eq!(sequences(&engine).unwrap().last(), Some(&next), "{context}");
    }
}

/// A short append leaves half a frame; the writer hears that the batch is not there, and the next batch goes well.
fn short_append(seed: u64) -> (SimDisk, String) {
    let (disk, engine, schema) = start(seed);
    send(&engine, &schema, "w", 1).unwrap();
    disk.fail(disk.calls(), Fault::ShortWrite);
    let error = send(&engine, &schema, "w", 2).unwrap_err();
    assert!(matches!(error, StorageError::Io { .. }), "the outcome is known: {error}");
    let torn = disk
        .recorded()
        .into_iter()
        .rfind(|call| call.action == SimAction::Append && call.path.starts_with("wal/"));
    let failed = disk.recorded().into_iter().find(|call| call.action == SimAction::Create);
    assert!(torn.is_some() && failed.is_some(), "a torn file takes no further frame");
    send(&engine, &schema, "w", 3).unwrap();
    assert_eq!(sequences(&engine).unwrap(), [1, 3], "seed {seed}");
    drop(engine);
    let first = disk.files().into_iter().find(|(path, _)| path.starts_with("wal/")).unwrap().0;
    (disk, first)
}

#[test]
fn a_short_append_followed_by_a_good_one_leaves_only_the_good_one() {
    for seed in 0..CUTS {
        let (disk, _) = short_append(seed);
        for found in [disk.image(), disk.restart(seed)] {
            let engine = open(&found).unwrap();
            assert_eq!(sequences(&engine).unwrap(), [1, 3], "seed {seed}");
            assert_eq!(engine.writer_sequence("w"), Some(3));
        }
    }
}

/// The same, and then the next file cannot be made either: the torn one must still take no frame.
#[test]
fn a_torn_file_takes_no_frame_even_where_the_next_one_fails() {
    for seed in 0..CUTS {
        let (disk, engine, schema) = start(seed);
        send(&engine, &schema, "w", 1).unwrap();
        // The append, the sync that seals the file, the next file's creation.
        disk.fail(disk.calls(), Fault::ShortWrite);
        disk.fail(disk.calls() + 2, Fault::Enospc);
        let error = send(&engine, &schema, "w", 2).unwrap_err();
        assert!(matches!(error, StorageError::OutcomeUnknown { .. }), "seed {seed}: {error}");
        send(&engine, &schema, "w", 3).unwrap();
        drop(engine);
        for found in [disk.image(), disk.restart(seed)] {
            let found = sequences(&open(&found).unwrap()).unwrap();
            assert!(found == [1, 3] || found == [1, 2, 3], "seed {seed}: {found:?}");
        }
    }
}

/// In the last file a frame that is damaged is no torn tail where a later one says that it had been acknowledged.
#[test]
fn damage_before_a_later_acknowledged_frame_is_refused() {
    let disk = SimDisk::new(1);
    let engine = Engine::open(Arc::new(disk.clone()), options_with_large_files()).unwrap();
    let schema = create(&engine).as_ref().clone();
    let wal = disk.files().into_iter().rfind(|(path, _)| path.starts_with("wal/")).unwrap().0;
    let len = |disk: &SimDisk| disk.files().into_iter().find(|(path, _)| *path == wal).unwrap().1;
    let first = len(&disk);
    send(&engine, &schema, "w", 1).unwrap();
    let second = len(&disk);
    (2..=4).for_each(|sequence| send(&engine, &schema, "w", sequence).unwrap());
    drop(engine);
    for offset in (first..second).step_by(61) {
        let damaged = disk.image();
        assert!(damaged.flip(&wal, offset, 1));
        let error = Engine::open(Arc::new(damaged), options_with_large_files()).unwrap_err();
        let StorageError::Corrupt { path, offset: named, .. } = &error else {
            panic!("byte {offset}: {error}")
        };
        assert!(
            *path == wal && (first..second).contains(named),
            "byte {offset} of {first}..{second}: {error}"
        );
    }
}

fn options_with_large_files() -> EngineOptions {
    EngineOptions { wal_file_bytes_max: 1 << 20, ..options() }
}

/// Past what the next file says of it a torn file may hold anything; before that every byte counts.
#[test]
fn a_torn_file_that_is_no_longer_last_counts_up_to_its_valid_length() {
    let (disk, torn) = short_append(CUTS);
    let len = disk.files().into_iter().find(|(path, _)| *path == torn).unwrap().1;
    let mut refused = Vec::new();
    for offset in 0..len {
        let damaged = disk.image();
        assert!(damaged.flip(&torn, offset, 0x40));
        match open(&damaged).and_then(|engine| sequences(&engine)) {
            Ok(found) => assert_eq!(found, [1, 3], "byte {offset} of {len}"),
            Err(error) => {
                assert!(names_file(&error, &torn), "byte {offset} of {len}: {error}");
                refused.push(offset);
            }
        }
    }
    let last = refused.last().copied().unwrap_or(0);
    assert!(last + 1 < len, "the half frame is taken for a part of the log");
    // All before it but the few bytes that align frames.
    assert!(refused.len() as u64 + 16 > last, "{} of {last} bytes count", refused.len());
}

/// After a failed sync the next one reports success: whoever believes it loses what was acknowledged before.
#[test]
fn a_failed_sync_whose_retry_succeeds_is_not_believed() {
    for seed in 0..CUTS {
        let (disk, engine, schema) = start(seed);
        send(&engine, &schema, "w", 1).unwrap();
        // The append, then the sync.
        disk.fail(disk.calls() + 1, Fault::FailedSync);
        let error = send(&engine, &schema, "w", 2).unwrap_err();
        assert!(matches!(error, StorageError::OutcomeUnknown { .. }), "seed {seed}: {error}");
        send(&engine, &schema, "w", 2).unwrap();
        send(&engine, &schema, "w", 3).unwrap();
        drop(engine);
        let engine = open(&disk.restart(seed)).unwrap();
        assert_eq!(sequences(&engine).unwrap(), [1, 2, 3], "seed {seed}");
    }
}

/// A flush for want of memory takes the oldest tables first, so that a frame of the log can be in the segments of one
/// table and in no other's. The power goes while flushes run on a thread of their own.
#[test]
fn tables_flushed_unequally_recover_alike() {
    for seed in 0..CUTS {
        let disk = SimDisk::new(seed);
        // After the cut no flush makes room: who waits for it shall not wait long.
        let room_wait = Duration::from_millis(100);
        let options =
            EngineOptions { memtable_bytes_max: 48 << 10, background_flush: true, room_wait, ..options() };
        let engine = Engine::open(Arc::new(disk.clone()), options).unwrap();
        let (busy, quiet) = (create(&engine), create_named(&engine, "quiet"));
        disk.crash_at(disk.calls() + 10 + mix(seed) % 120);
        let tables = |sequence: u64| {
            if sequence.is_multiple_of(QUIET) { vec![quiet.id, busy.id] } else { vec![busy.id] }
        };
        let mut acked = 0;
        while send_to(&engine, &tables(acked + 1), "w", acked + 1).is_ok() {
            acked += 1;
        }
        drop(engine);
        let engine = open(&disk.restart(seed)).unwrap();
        let found = sequences(&engine).unwrap();
        let context = format!("seed {seed}: {acked} acknowledged");
        let last = found.len() as u64;
        assert!((acked..=acked + 1).contains(&last), "{context}, {found:?} found");
        assert_eq!(found, (1..=last).collect::<Vec<_>>(), "{context}");
        let quiet: Vec<u64> = (1..=last).filter(|sequence| sequence.is_multiple_of(QUIET)).collect();
        assert_eq!(sequences_in(&engine, "quiet").unwrap(), quiet, "{context}");
    }
}

/// One batch in so many has rows for the quiet table too.
const QUIET: u64 = 5;

/// One table is dropped and made again, another is flushed in between: each row belongs to the table of its time.
#[test]
fn a_table_made_again_does_not_get_the_rows_of_the_old_one() {
    use driftline_storage::{CatalogChange, WriteBatch};
    let (disk, engine, schema) = start(5);
    send(&engine, &schema, "w", 1).unwrap();
    engine.flush().unwrap();
    send(&engine, &schema, "w", 2).unwrap();
    let catalog = vec![CatalogChange::DropTable(schema.id)];
    engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    let again = create(&engine);
    assert_ne!(again.id, schema.id);
    send(&engine, &again, "w", 3).unwrap();
    drop(engine);
    for seed in 0..CUTS {
        let engine = open(&disk.restart(seed)).unwrap();
        assert_eq!(sequences(&engine).unwrap(), [3], "seed {seed}");
    }
}

/// More in the log than memory may hold goes into segments on the way, beside the replay where there are threads for
/// it. The power may go meanwhile.
#[test]
fn a_log_larger_than_memory_is_written_out_on_the_way() {
    let (disk, engine, schema) = start(6);
    let sent: Vec<u64> = (1..=40).collect();
    sent.iter().for_each(|sequence| send(&engine, &schema, "w", *sequence).unwrap());
    drop(engine);
    let cuts = (0..CUTS).map(|cut| Some(mix(cut) % 120));
    for (threads, cut) in [(1, None), (3, None)].into_iter().chain(cuts.map(|cut| (3, cut))) {
        let disk = disk.restart(7);
        if let Some(cut) = cut {
            disk.crash_at(disk.calls() + cut);
        }
        let options = EngineOptions { memtable_bytes_max: 48 << 10, threads, ..options() };
        let opened = Engine::open(Arc::new(disk.clone()), options);
        let segments = |e: Arc<Engine>| e.snapshot().size(schema.id).segments;
        assert!(cut.is_some() || segments(opened.unwrap()) > 1, "all at once with {threads} threads");
        let engine = open(&disk.restart(8)).unwrap();
        assert_eq!(sequences(&engine).unwrap(), sent, "{threads} threads, cut at call {cut:?}");
    }
}

/// The first flush after opening begins a series file, and a compaction may publish before that flush does: what the one
/// is about to name, the other must not take for garbage.
#[test]
fn a_compaction_leaves_the_files_of_a_flush_alone() {
    let disk = SimDisk::new(9);
    let options = || EngineOptions { background_compaction: true, compaction_runs_max: 2, ..options() };
    let mut sent = 0;
    for _ in 0..if exhaustive() { 512 } else { 64 } {
        let engine = Engine::open(Arc::new(disk.clone()), options()).unwrap();
        assert_eq!(tagged(&engine), (0..sent).collect::<Vec<_>>());
        let schema = create_tagged(&engine);
        for _ in 0..3 {
            send_tagged(&engine, &schema, sent);
            engine.flush().unwrap();
            sent += 1;
        }
        engine.close().unwrap();
    }
}
