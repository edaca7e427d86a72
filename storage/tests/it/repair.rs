//! Damage found by verification, and taken out by repair.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftline_storage::{
    Disk, Fault, RepairReport, Result, SimAction, SimDisk, StorageError, Verification, WriteBatch, repair,
    verify,
};

use crate::sample::{exhaustive, mix, sampled, seed};
use crate::session::{open, reference};
use crate::state::{State, observe};
use crate::workload::SAID;

fn disk(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn look(at: &SimDisk) -> Verification {
    verify(&disk(at), true, &mut |_| ()).unwrap()
}

fn mend(at: &SimDisk) -> Result<RepairReport> {
    repair(&disk(at), false, &mut |_| ())
}

fn shown(disk: &SimDisk) -> Result<State> {
    let engine = open(disk)?;
    observe(&engine.snapshot())
}

/// All files with their bytes, but for the lock.
fn contents(disk: &SimDisk) -> BTreeMap<String, Vec<u8>> {
    let files = disk.files().into_iter().filter(|(path, _)| path != "LOCK");
    files.map(|(path, _)| (path.clone(), disk.read(&path).unwrap())).collect()
}

/// Files of the workload that count: not the older manifests.
fn files() -> Vec<(String, u64)> {
    let all = reference().disk.files();
    let manifest = all.iter().rfind(|(path, _)| path.starts_with("manifest.")).unwrap().0.clone();
    let counts = |path: &str| !path.starts_with("manifest.") || *path == manifest;
    all.into_iter().filter(|(path, len)| *len > 0 && path != "LOCK" && counts(path)).collect()
}

fn files_of(kind: &str) -> Vec<(String, u64)> {
    files().into_iter().filter(|(path, _)| path.starts_with(kind)).collect()
}

/// Some bytes of each file of a kind.
fn flips(kind: &str, step: u64) -> Vec<(String, u64, u8)> {
    let (seed, step) = (seed(), if exhaustive() { step.min(16) } else { step });
    let offsets = |(path, len): (String, u64)| {
        let at = sampled(len, step.min(len), mix(seed ^ len));
        at.map(move |at| (path.clone(), at, (mix(seed ^ at) as u8).max(1))).collect::<Vec<_>>()
    };
    files_of(kind).into_iter().flat_map(offsets).collect()
}

#[test]
fn verification_finds_nothing_in_a_whole_directory_and_changes_nothing() {
    let image = reference().disk.image();
    let before = contents(&image);
    image.record();
    let found = look(&image);
    assert!(found.is_whole() && found.files > 5 && found.bytes > 0 && found.rows > 0, "{found:?}");
    let changing =
        image.recorded().into_iter().find(|call| !matches!(call.action, SimAction::Read | SimAction::Lock));
    assert_eq!(changing, None);
    assert_eq!(contents(&image), before);
}

#[test]
fn verification_needs_the_directory_for_itself() {
    let image = reference().disk.image();
    let engine = open(&image).unwrap();
    let error = verify(&disk(&image), true, &mut |_| ()).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
    let found = engine.verify(true, &mut |_| ()).unwrap();
    assert!(found.is_whole() && found.files > 5, "{found:?}");
    drop(engine);
    let nothing = SimDisk::new(0);
    let error = verify(&disk(&nothing), true, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("no manifest"), "{error}");
    let error = mend(&nothing).unwrap_err();
    assert!(error.to_string().contains("no manifest"), "{error}");
    assert_eq!(nothing.files(), [], "a mistyped name leaves no trace");
}

/// C6: what an opening and a read of everything notice, verification notices, and names the file.
#[test]
fn c6_verification_finds_every_damage_that_a_reader_would_meet() {
    for (kind, step) in [("manifest.", 64), ("series/", 16), ("seg/", 512), ("wal/", 128)] {
        let mut noticed = 0;
        for (path, offset, mask) in flips(kind, step) {
            let image = reference().disk.image();
            assert!(image.flip(&path, offset, mask));
            let found = look(&image);
            let what = format!("{path}: byte {offset} flipped by {mask:#04x}");
            assert!(found.damage.iter().all(|damage| damage.path == path), "{what}: {:?}", found.damage);
            let is_torn_tail = kind == "wal/" && shown(&image).is_ok();
            assert!(!found.is_whole() || is_torn_tail || shown(&image).is_ok(), "{what}: not found");
            noticed += usize::from(!found.is_whole());
        }
        assert!(noticed > 0, "no damage of {kind} was found");
    }
}

/// The same by an engine at work, which reads more than it needs to show what it shows.
#[test]
fn c6_verification_of_an_open_database_finds_damaged_segments_and_series() {
    let image = reference().disk.image();
    let engine = open(&image).unwrap();
    let named =
        image.files().into_iter().filter(|(path, _)| path.starts_with("seg/") || path.starts_with("series/"));
    for (path, bytes) in named {
        assert!(image.flip(&path, bytes / 3, 0x11));
        let found = engine.verify(true, &mut |_| ()).unwrap();
        assert!(found.damage.iter().any(|damage| damage.path == path), "{path}: {:?}", found.damage);
        assert!(image.flip(&path, bytes / 3, 0x11));
    }
    assert!(engine.verify(true, &mut |_| ()).unwrap().is_whole());
}

#[test]
fn all_damage_is_named_not_only_the_first() {
    let image = reference().disk.image();
    let mut damaged = Vec::new();
    for kind in ["series/", "seg/", "wal/"] {
        for (path, bytes) in files_of(kind).into_iter().take(2) {
            assert!(image.flip(&path, bytes / 2, 0x40));
            damaged.push(path);
        }
    }
    let found = look(&image);
    for path in &damaged {
        assert!(found.damage.iter().any(|damage| damage.path == *path), "{path}: {:?}", found.damage);
    }
}

#[test]
fn all_damaged_pages_of_a_segment_are_named() {
    use crate::workload::{Part, build};
    let image = SimDisk::new(6);
    let engine = open(&image).unwrap();
    engine.write(build(&engine, &[], &[Part::Create("load"), Part::Rows("load", 400)], None)).unwrap();
    engine.flush().unwrap();
    engine.close().unwrap();
    let (path, bytes) = image.files().into_iter().find(|(path, _)| path.starts_with("seg/")).unwrap();
    // The first half is pages, one for each column.
    let flipped = (64..bytes / 2).step_by(64).filter(|at| image.flip(&path, *at, 0x01)).count();
    let found = look(&image).damage;
    assert!(found.len() > 1 && found.len() <= flipped, "{flipped} of {bytes}: {found:?}");
    assert!(found.iter().all(|damage| damage.path == path), "{found:?}");
}

#[test]
fn c8_what_nothing_names_is_garbage_and_no_damage() {
    let image = reference().disk.image();
    image.create_dir("trash").unwrap();
    for path in ["seg/00000000000000ff.seg", "series/00000000000000000099.series", "trash/1-x.seg"] {
        image.publish(path, b"remains").unwrap();
    }
    let found = look(&image);
    assert!(found.is_whole(), "{:?}", found.damage);
    let garbage: Vec<&str> = found.garbage.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(garbage, ["trash/1-x.seg", "seg/00000000000000ff.seg", "series/00000000000000000099.series"]);
    let (gone, _) = files_of("seg/").remove(0);
    image.remove(&gone).unwrap();
    let found = look(&image);
    assert!(found.damage.iter().any(|damage| damage.path == gone), "{:?}", found.damage);
}

/// Rows of a table that are in `all` and not in `some`.
fn missing(all: &State, some: &State) -> u64 {
    let mut count = 0;
    for (table, lines) in &all.tables {
        let mut left = some.tables.get(table).cloned().unwrap_or_default();
        for line in lines {
            match left.iter().position(|other| other == line) {
                Some(at) => drop(left.swap_remove(at)),
                None => count += 1,
            }
        }
        assert_eq!(left, Vec::<String>::new(), "rows of {table} that nobody wrote");
    }
    count
}

/// The report names as many lost rows as are missing. The log deletes rows of one table, which the report, made from the
/// segments, counts all the same.
fn expect_lost(whole: &State, state: &State, report: &RepairReport, what: &str) {
    // Labels are seen beside their rows; those that waited for one are not seen at all.
    let losses = report.places.iter().flat_map(|place| &place.lost).filter(|loss| loss.table != SAID);
    let (missing, lost) = (missing(whole, state), losses.map(|loss| loss.rows).sum());
    let mut tables = report.places.iter().flat_map(|place| &place.lost).map(|loss| loss.table.as_str());
    let deletes = tables.any(|table| table == "plain");
    assert!(missing == lost || (deletes && missing < lost), "{what}: {missing} rows are missing, {report:?}");
}

/// Repairs a damaged directory, and checks what can be said of every repair; what it reports and what is there then.
fn repaired(image: &SimDisk, what: &str) -> Result<(RepairReport, State)> {
    let before = contents(image);
    let planned = repair(&disk(image), true, &mut |_| ())?;
    assert_eq!(contents(image), before, "{what}: a dry run changes nothing");
    let report = mend(image)?;
    assert_eq!(RepairReport { is_changed: report.is_changed, ..planned }, report, "{what}");
    // Nothing is ever deleted: it is there, or in the quarantine.
    let after = contents(image);
    for (path, bytes) in &before {
        let kept = [path.clone(), format!("quarantine/{path}")];
        assert!(kept.iter().any(|path| after.get(path) == Some(bytes)), "{what}: {path} is gone");
    }
    let again = mend(image)?;
    assert!(again.is_whole(), "{what}: the second time {again:?}");
    assert_eq!(contents(image), after, "{what}: the second time");
    let found = look(image);
    assert!(found.is_whole(), "{what}: {:?}", found.damage);
    let state = shown(image).unwrap_or_else(|error| panic!("{what}: {error}"));
    Ok((report, state))
}

#[test]
fn a_whole_directory_is_left_alone() {
    let image = reference().disk.image();
    let before = contents(&image);
    let report = mend(&image).unwrap();
    assert!(report.is_whole() && !report.is_changed && report.kept_rows > 0, "{report:?}");
    assert_eq!(contents(&image), before);
}

#[test]
fn a_damaged_segment_is_taken_out_and_its_rows_are_named() {
    let whole = reference().states.last().unwrap();
    for (path, offset, mask) in flips("seg/", 1_024) {
        let image = reference().disk.image();
        assert!(image.flip(&path, offset, mask));
        let what = format!("{path}: byte {offset} flipped by {mask:#04x}");
        if look(&image).is_whole() {
            // Not every byte counts.
            continue;
        }
        let (report, state) = repaired(&image, &what).unwrap();
        expect_lost(whole, &state, &report, &what);
        assert!(report.lost_rows() > 0 && report.places.iter().all(|place| place.path == path), "{what}");
        assert_eq!(state.entries, whole.entries, "{what}");
    }
}

#[test]
fn a_missing_segment_is_taken_out() {
    let whole = reference().states.last().unwrap();
    for (path, _) in files_of("seg/") {
        let image = reference().disk.image();
        image.remove(&path).unwrap();
        let (report, state) = repaired(&image, &path).unwrap();
        expect_lost(whole, &state, &report, &path);
    }
}

/// A sector goes bad: the file cannot be copied, so it is moved as it is.
#[test]
fn a_segment_that_the_disk_cannot_read_is_moved_away() {
    let whole = reference().states.last().unwrap();
    let (path, _) = files_of("seg/").remove(0);
    let image = reference().disk.image();
    let bytes = image.read(&path).unwrap();
    let bad = path.clone();
    image.fail_where(Fault::Eio, move |path| path == bad);
    assert!(!look(&image).is_whole());
    let report = mend(&image).unwrap();
    image.heal();
    assert!(image.read(&path).is_err());
    assert_eq!(image.read(&format!("quarantine/{path}")).unwrap(), bytes);
    expect_lost(whole, &shown(&image).unwrap(), &report, &path);
}

#[test]
fn a_damaged_log_is_cut_before_the_damage() {
    let states = &reference().states;
    let mut cut = 0;
    for (path, offset, mask) in flips("wal/", 256) {
        let image = reference().disk.image();
        assert!(image.flip(&path, offset, mask));
        let what = format!("{path}: byte {offset} flipped by {mask:#04x}");
        let (report, state) = repaired(&image, &what).unwrap();
        let found = states.iter().rposition(|known| *known == state);
        let found = found.unwrap_or_else(|| panic!("{what}: no prefix of the writes: {report:?}"));
        if !report.is_whole() {
            // How many rows are lost is not compared: a lost frame may have deleted those of another, and rows that it
            // deleted show again.
            cut += 1;
            assert!(found < states.len() - 1, "{what}: {report:?}");
        }
    }
    assert!(cut > 0, "no damage had to be cut");
}

#[test]
fn a_missing_file_of_the_log_cuts_it() {
    for (path, _) in files_of("wal/") {
        let image = reference().disk.image();
        image.remove(&path).unwrap();
        let (_, state) = repaired(&image, &path).unwrap();
        assert!(reference().states.contains(&state), "{path}: no prefix of the writes");
    }
}

/// After a cut writes go on, and none of them is taken for one that is gone.
#[test]
fn a_repaired_database_takes_writes_and_keeps_them() {
    use crate::numbers::{create, send, sequences};
    for (path, bytes) in files_of("wal/") {
        let image = reference().disk.image();
        assert!(image.flip(&path, bytes / 2, 0x08));
        repaired(&image, &path).unwrap();
        let engine = open(&image).unwrap();
        let schema = create(&engine);
        (1..=4).for_each(|sequence| send(&engine, &schema, "w", sequence).unwrap());
        drop(engine);
        let engine = open(&image).unwrap();
        assert_eq!(sequences(&engine).unwrap(), [1, 2, 3, 4]);
        engine.compact().unwrap();
        assert_eq!(sequences(&engine).unwrap(), [1, 2, 3, 4]);
        assert!(engine.verify(true, &mut |_| ()).unwrap().is_whole());
    }
}

/// A flush of some tables leaves the log to the others: a cut may then fall before writes that segments hold. No later
/// write may get the sequence of one of those.
#[test]
fn a_cut_before_what_segments_hold_gives_no_sequence_twice() {
    use crate::numbers::{create_named, send_to, sequences_in};
    const MEMTABLE_BYTES_MAX: usize = 128 << 10;
    let source = SimDisk::new(4);
    let engine = driftline_storage::Engine::open(
        disk(&source),
        driftline_storage::EngineOptions {
            background_flush: true,
            memtable_bytes_max: MEMTABLE_BYTES_MAX,
            wal_file_bytes_max: 16 << 10,
            ..crate::session::options()
        },
    )
    .unwrap();
    let (large, small) = (create_named(&engine, "large"), create_named(&engine, "small"));
    send_to(&engine, &[large.id], "w", 1).unwrap();
    send_to(&engine, &[small.id], "w", 2).unwrap();
    let mut last = 2;
    // The write that passes the limit is the last: another would ask for another flush.
    while engine.status().unwrap().memtable_bytes <= MEMTABLE_BYTES_MAX as u64 {
        last += 1;
        send_to(&engine, &[large.id], "w", last).unwrap();
    }
    while engine.status().unwrap().flushes == 0 {
        std::thread::yield_now();
    }
    let waiting = engine.snapshot().size(small.id).memtable_rows;
    assert!(waiting > 0, "the flush took all tables");
    drop(engine);
    let log = source.files().into_iter().filter(|(path, _)| path.starts_with("wal/"));
    for (path, offset) in
        log.flat_map(|(path, len)| (0..len).step_by(2_048).map(move |at| (path.clone(), at)))
    {
        let image = source.image();
        assert!(image.flip(&path, offset, 0x01));
        let what = format!("{path}: byte {offset} of the log flipped");
        let report = mend(&image).unwrap();
        let engine = open(&image).unwrap_or_else(|error| panic!("{what}: {error}"));
        let before = sequences_in(&engine, "large").unwrap();
        (1..=3).for_each(|sequence| send_to(&engine, &[large.id, small.id], "after", sequence).unwrap());
        drop(engine);
        let engine = open(&image).unwrap_or_else(|error| panic!("{what}: {error}"));
        let snapshot = engine.snapshot();
        let ranges: Vec<_> =
            snapshot.segments(large.id).iter().map(|s| (s.info().first_seq, s.info().last_seq)).collect();
        assert!(ranges.is_sorted_by(|a, b| a.1 < b.0), "{what}: {ranges:?}");
        engine.compact().unwrap();
        let mut after = [before, vec![1, 2, 3]].concat();
        after.sort_unstable();
        assert_eq!(sequences_in(&engine, "large").unwrap(), after, "{what}: {report:?}");
        let small = sequences_in(&engine, "small").unwrap();
        assert!(small == [1, 2, 3] || small == [1, 2, 2, 3], "{what}: {small:?}");
    }
}

/// Compacted segments know the tags of their series.
#[test]
fn damaged_series_files_are_rebuilt_from_compacted_segments() {
    let source = reference().disk.image();
    let engine = open(&source).unwrap();
    engine.compact().unwrap();
    let whole = observe(&engine.snapshot()).unwrap();
    engine.close().unwrap();
    let series: Vec<_> = source.files().into_iter().filter(|(path, _)| path.starts_with("series/")).collect();
    assert!(!series.is_empty());
    for (path, bytes) in &series {
        for offset in [0, 9, bytes / 2, bytes - 1] {
            let image = source.image();
            assert!(image.flip(path, offset, 0x04));
            let what = format!("{path}: byte {offset} flipped");
            let (report, state) = repaired(&image, &what).unwrap();
            assert!(!report.is_whole(), "{what}");
            assert_eq!((report.lost_rows(), &state), (0, &whole), "{what}: {report:?}");
        }
        let image = source.image();
        image.remove(path).unwrap();
        let (report, state) = repaired(&image, path).unwrap();
        assert_eq!((report.lost_rows(), &state), (0, &whole), "{path} is missing: {report:?}");
    }
}

/// Rows whose tags are lost do not come back as rows without tags.
#[test]
fn rows_without_tags_are_taken_out_rather_than_shown_wrong() {
    use crate::workload::{Part, build};
    let source = reference().disk.image();
    let engine = open(&source).unwrap();
    // Series that come up now; the segment is not compacted, so that only the series file tells their tags.
    engine.write(build(&engine, &vec![WriteBatch::default(); 98], &[Part::Rows("load", 40)], None)).unwrap();
    engine.flush().unwrap();
    let whole = observe(&engine.snapshot()).unwrap();
    engine.close().unwrap();
    let series: Vec<_> = source.files().into_iter().filter(|(path, _)| path.starts_with("series/")).collect();
    let mut lost = 0;
    for (path, bytes) in series {
        for offset in [30, bytes / 2, bytes - 1] {
            let image = source.image();
            assert!(image.flip(&path, offset, 0x04));
            let what = format!("{path}: byte {offset} flipped");
            let (report, state) = repaired(&image, &what).unwrap();
            assert_eq!(missing(&whole, &state), report.lost_rows(), "{what}: {report:?}");
            lost += report.lost_rows();
        }
    }
    assert!(lost > 0, "no tags were lost");
}

#[test]
fn a_damaged_manifest_is_not_replaced_by_one_that_knows_less() {
    let (path, bytes) = files_of("manifest.").remove(0);
    let image = reference().disk.image();
    assert!(image.flip(&path, bytes / 2, 0x04));
    let before = contents(&image);
    match mend(&image) {
        Err(StorageError::Corrupt { path: named, .. }) => {
            assert_eq!(named, path);
            assert_eq!(contents(&image), before);
        }
        Ok(report) => {
            let state = shown(&image).unwrap();
            assert_eq!(&state, reference().states.last().unwrap(), "{report:?}");
        }
        Err(error) => panic!("{error}"),
    }
}

/// A manifest that was published a moment before the power went, while what it made superfluous is still there.
#[test]
fn an_older_manifest_stands_in_where_nothing_is_lost() {
    use crate::numbers::{create, send, sequences};
    let source = SimDisk::new(3);
    let engine = open(&source).unwrap();
    let schema = create(&engine);
    (1..=3).for_each(|sequence| send(&engine, &schema, "w", sequence).unwrap());
    let before: Vec<_> = source.files().into_iter().filter(|(path, _)| path.starts_with("wal/")).collect();
    let logs: Vec<_> = before.iter().map(|(path, _)| (path.clone(), source.read(path).unwrap())).collect();
    engine.flush().unwrap();
    drop(engine);
    let image = source.image();
    for (path, bytes) in logs {
        if image.open(&path).is_err() {
            image.publish(&path, &bytes).unwrap();
        }
    }
    let newest = image.files().into_iter().rfind(|(path, _)| path.starts_with("manifest.")).unwrap();
    assert!(image.flip(&newest.0, newest.1 / 2, 0x04));
    assert!(open(&image).is_err());
    let report = mend(&image).unwrap();
    assert_eq!((report.places.len(), report.lost_rows()), (1, 0), "{report:?}");
    assert_eq!(sequences(&open(&image).unwrap()).unwrap(), [1, 2, 3]);
}

/// The power goes at a call of a repair; the same repair done again comes to the same end.
#[test]
fn a_repair_may_be_cut_at_every_call_and_repeated() {
    let seed = seed();
    let mut damaged = reference().disk.image();
    for kind in ["series/", "seg/", "wal/"] {
        let (path, bytes) = files_of(kind).remove(0);
        assert!(damaged.flip(&path, bytes / 2, 0x40));
    }
    damaged = damaged.image();
    let whole = damaged.image();
    mend(&whole).unwrap();
    let calls = whole.calls();
    let expected = shown(&whole).unwrap();
    for call in sampled(calls + 1, if exhaustive() { 1 } else { 16 }, seed) {
        let context = format!("call {call} of {calls}, seed {seed}");
        let image = damaged.image();
        image.crash_at(call);
        let _ = mend(&image);
        let image = image.restart(mix(seed ^ call));
        let report = mend(&image).unwrap_or_else(|error| panic!("{context}: {error}"));
        let state = shown(&image).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(state, expected, "{context}: {report:?}");
    }
}

/// Of a damaged patch file nobody can say any more which rows were replaced or deleted: they show again, and the report
/// says so.
#[test]
fn a_damaged_patch_file_shows_what_it_hid_and_says_so() {
    let whole = reference().states.last().unwrap();
    for (path, bytes) in files_of("patch/") {
        let image = reference().disk.image();
        assert!(image.flip(&path, bytes - 1, 0x01));
        assert!(!look(&image).is_whole(), "{path}");
        let (report, state) = repaired(&image, &path).unwrap();
        assert!(
            report.places.iter().all(|place| place.path == path && place.done.contains("show again")),
            "{report:?}"
        );
        let count = |state: &State| state.tables.values().map(Vec::len).sum::<usize>();
        assert!(count(&state) > count(whole), "{path}: {report:?}");
        assert_eq!(report.lost_rows(), 0);
    }
}
