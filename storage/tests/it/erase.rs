//! What is erased is in no file any more, whatever becomes of the directory; and it does not come back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::inspect::find_text;
use driftline_storage::{
    CatalogChange, Column, ColumnType, Comparison, Disk, Engine, EraseReport, Erasure, Ledger, LinkedRows,
    Meaning, PlaceState, Predicate, RestoreLedger, Result, Role, SimDisk, StorageError, TIME_COLUMN,
    TableSchema, TimeRange, Value, WriteBatch, restore, verify,
};

use crate::sample::{cases, mix, seed};
use crate::session::open;
use crate::workload::NOW;

/// Whom nobody shall find, as little compressible as a name can be, and his key.
const WHO: &str = "Zq7#xW-pk91v";
const KEY: &str = "key-of-Jw3!uB";
const HOUR: i64 = 3_600_000_000_000;

fn column(name: &str, role: Role) -> Column {
    Column::new(name, ColumnType::Text, role)
}

fn time() -> Column {
    Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time)
}

/// Calls, their labels, and texts about calls that did not fit.
const TABLES: [&str; 3] = ["calls", "labels", "texts"];

fn columns(table: &str) -> Vec<Column> {
    match table {
        "calls" => {
            let kind = Column { meaning: Some(Meaning::CategoricalFeature), ..column("kind", Role::Field) };
            let subject = column("customer", Role::Subject);
            vec![time(), column("version", Role::Tag), column("id", Role::Key), subject, kind]
        }
        "labels" => vec![time(), column("id", Role::Key), column("label", Role::Field)],
        _ => vec![time(), column("about", Role::Tag), column("data", Role::Field)],
    }
}

fn create(engine: &Engine) {
    for name in TABLES {
        let schema = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new(name, columns(name)) };
        change(engine, CatalogChange::CreateTable(schema));
    }
}

fn change(engine: &Engine, change: CatalogChange) {
    engine.write(WriteBatch { catalog: vec![change], ..WriteBatch::default() }).unwrap();
}

/// Writes rows: a time in hours, then a text for each further column.
fn write(engine: &Engine, table: &str, rows: &[(i64, Vec<&str>)]) {
    let schema = engine.snapshot().table(table).unwrap().clone();
    let times = rows.iter().map(|(hour, _)| NOW + hour * HOUR);
    let mut arrays: Vec<ArrayRef> =
        vec![Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))];
    for at in 0..schema.columns.len() - 1 {
        arrays.push(Arc::new(rows.iter().map(|(_, texts)| Some(texts[at])).collect::<StringArray>()));
    }
    let batch = RecordBatch::try_new(schema.arrow(), arrays).unwrap();
    engine.write(WriteBatch { rows: vec![(schema.id, batch)], ..WriteBatch::default() }).unwrap();
}

/// So many calls of others, and one of WHO among them.
fn calls(engine: &Engine, hour: i64, others: usize, key: &str) {
    let ids: Vec<String> = (0..others).map(|row| format!("id-{hour}-{row}")).collect();
    let mut rows: Vec<(i64, Vec<&str>)> =
        ids.iter().map(|id| (hour, vec!["v1", id, "somebody else", "retail"])).collect();
    // The last row of its series, which a run keeps once more.
    rows.push((hour, vec!["v1", key, WHO, WHO]));
    write(engine, "calls", &rows);
}

/// A life in which WHO gets everywhere: into runs and flushed segments, rows that were replaced or deleted, patches, the
/// log and memory.
fn live(disk: &SimDisk) -> Arc<Engine> {
    let engine = open(disk).unwrap();
    create(&engine);
    calls(&engine, 0, 1_200, KEY);
    engine.flush().unwrap();
    calls(&engine, 1, 300, "key-2");
    engine.compact().unwrap();
    calls(&engine, 2, 20, "key-3");
    write(&engine, "labels", &[(2, vec![KEY, "yes"]), (2, vec!["id-2-1", "no"])]);
    write(
        &engine,
        "texts",
        &[(2, vec!["calls", "{\"customer\":\"Zq7#xW-pk91v\"}"]), (2, vec!["other", "{}"])],
    );
    engine.flush().unwrap();
    let (key, value) = ("entry".to_owned(), WHO.as_bytes().to_vec());
    change(&engine, CatalogChange::PutEntry { key: key.clone(), value });
    engine.flush().unwrap();
    change(&engine, CatalogChange::RemoveEntry { key });
    // The row is WHO's no more, but the older one still lies in its segment.
    write(&engine, "calls", &[(1, vec!["v1", "key-2", "somebody else", "retail"])]);
    engine.flush().unwrap();
    calls(&engine, 3, 5, "key-4");
    let table = engine.snapshot().table("calls").unwrap().clone();
    engine.delete(table.id, equal(&table, "id", "key-4")).unwrap();
    calls(&engine, 4, 5, "key-5");
    ["trash", "quarantine"].iter().for_each(|dir| disk.create_dir(dir).unwrap());
    disk.publish("trash/1-0.seg", WHO.as_bytes()).unwrap();
    disk.publish("quarantine/0.seg", WHO.as_bytes()).unwrap();
    engine
}

fn equal(table: &TableSchema, name: &str, value: &str) -> Predicate {
    let column = table.column_named(name).unwrap().id;
    Predicate::Compare { column, by: Comparison::Equal, value: Value::Text(value.into()) }
}

fn erasure(engine: &Engine) -> Erasure {
    let snapshot = engine.snapshot();
    let id = |table: &str, column: &str| snapshot.table(table).unwrap().column_named(column).unwrap().id;
    let table = |name: &str| snapshot.table(name).unwrap().id;
    let keys =
        LinkedRows::Keys { own: id("calls", "id"), table: table("labels"), theirs: id("labels", "id") };
    let texts = LinkedRows::Mentions {
        table: table("texts"),
        column: id("texts", "about"),
        of: "calls".into(),
        others: vec!["other".into()],
        texts: vec![id("texts", "data")],
        values: vec![vec![WHO.into()]],
    };
    let values = vec![(id("calls", "customer"), Value::Text(WHO.into()))];
    Erasure { table: table("calls"), values, linked: vec![keys, texts] }
}

fn erase(engine: &Engine, backup: Option<&SimDisk>) -> Result<EraseReport> {
    let open = |_: &str| {
        let disk = backup.cloned().ok_or(std::io::ErrorKind::NotFound)?;
        Ok(Arc::new(disk) as Arc<dyn Disk>)
    };
    engine.erase(&[erasure(engine)], Some(WHO), &open)
}

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// Where WHO or his key is to be found.
fn places(disk: &SimDisk) -> Vec<String> {
    let mut found = find_text(&shared(disk), WHO).unwrap();
    found.extend(find_text(&shared(disk), KEY).unwrap());
    found
}

/// Rows of the tables, and how many of them say WHO.
fn shown(engine: &Engine) -> (Vec<usize>, usize) {
    let snapshot = engine.snapshot();
    let (mut counts, mut named) = (Vec::new(), 0);
    for name in TABLES {
        let schema = snapshot.table(name).unwrap();
        let mut rows = 0;
        for part in snapshot.scan(schema.id, TimeRange::ALL).unwrap() {
            for batch in part.read(&schema.columns, TimeRange::ALL).unwrap() {
                rows += batch.num_rows();
                let texts = batch.columns().iter().filter_map(|array| array.as_string_opt::<i32>());
                named +=
                    texts.flat_map(|array| array.iter().flatten()).filter(|text| text.contains(WHO)).count();
            }
        }
        counts.push(rows);
    }
    (counts, named)
}

fn expect_whole(disk: &SimDisk, context: &str) {
    let found = verify(&shared(disk), true, &mut |_| ()).unwrap();
    assert!(found.is_whole(), "{context}: {found:?}");
}

#[test]
fn what_is_erased_is_in_no_file_and_the_rest_stays() {
    let disk = SimDisk::new(seed());
    let engine = live(&disk);
    let before = places(&disk);
    for kind in ["wal/", "seg/"] {
        assert!(before.iter().any(|place| place.starts_with(kind)), "{kind} holds it at first: {before:#?}");
    }
    for form in [
        "trash/",
        "quarantine/",
        "manifest.",
        "as it lies",
        "compressed",
        "a page",
        "a last row",
        "a summary",
    ] {
        assert!(before.iter().any(|place| place.contains(form)), "{form} holds it at first: {before:#?}");
    }
    let (counts, named) = shown(&engine);
    let report = erase(&engine, None).unwrap();
    assert_eq!(places(&disk), [""; 0], "{report:#?}");
    // Shown were those of hours 0, 2 and 4, a label and a text; each of the five said it twice but the texts once.
    assert_eq!(named, 7);
    assert_eq!(shown(&engine), (vec![counts[0] - 3, counts[1] - 1, counts[2] - 1], 0));
    // Hour 3 is deleted and was never in a segment; hour 1 is replaced, and still in one.
    assert_eq!(report.rows, 6, "{report:#?}");
    engine.close().unwrap();
    expect_whole(&disk, "erased");
    let engine = open(&disk).unwrap();
    assert_eq!(shown(&engine).0, vec![counts[0] - 3, counts[1] - 1, counts[2] - 1]);
    engine.compact().unwrap();
    assert_eq!(places(&disk), [""; 0]);
}

#[test]
fn what_was_hidden_before_is_erased_too() {
    let disk = SimDisk::new(seed());
    let engine = live(&disk);
    let table = engine.snapshot().table("calls").unwrap().clone();
    engine.delete(table.id, equal(&table, "customer", WHO)).unwrap();
    engine.flush().unwrap();
    assert!(!places(&disk).is_empty());
    erase(&engine, None).unwrap();
    assert_eq!(places(&disk), [""; 0]);
}

/// Segments of one flush share a file. One that was merged into others stays there as long as another is in use.
#[test]
fn a_file_shared_with_other_tables_keeps_nothing_of_what_was_merged() {
    let disk = SimDisk::new(seed());
    let engine = open(&disk).unwrap();
    create(&engine);
    calls(&engine, 0, 20, KEY);
    write(&engine, "labels", &[(0, vec!["another", "no"])]);
    engine.flush().unwrap();
    engine.compact_table("calls").unwrap();
    let files: std::collections::BTreeSet<String> =
        places(&disk).iter().filter_map(|place| Some(place.split_once(',')?.0.to_owned())).collect();
    assert!(files.iter().filter(|path| path.starts_with("seg/")).count() > 1, "{files:?}");
    erase(&engine, None).unwrap();
    assert_eq!(places(&disk), [""; 0]);
    assert_eq!(shown(&engine), (vec![20, 1, 0], 0));
}

#[test]
fn what_a_dropped_column_held_goes_with_the_next_erase_of_its_table() {
    let disk = SimDisk::new(seed());
    let engine = open(&disk).unwrap();
    create(&engine);
    write(&engine, "calls", &[(0, vec!["v1", "id-1", "somebody", WHO])]);
    engine.compact().unwrap();
    let mut schema = TableSchema::clone(engine.snapshot().table("calls").unwrap());
    schema.version += 1;
    schema.columns.retain(|column| column.name != "kind");
    change(&engine, CatalogChange::AlterTable(schema.clone()));
    engine.flush().unwrap();
    assert!(!places(&disk).is_empty(), "a column is dropped without a segment being written anew");
    let customer = schema.column_named("customer").unwrap().id;
    let values = vec![(customer, Value::Text("nobody".into()))];
    let erasure = Erasure { table: schema.id, values, linked: Vec::new() };
    let report = engine.erase(&[erasure], None, &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
    assert_eq!(places(&disk), [""; 0], "{report:#?}");
    assert_eq!((report.rows, shown(&engine).0), (0, vec![1, 0, 0]));
}

/// A baseline that named somebody was changed just before: no manifest still has it as it was.
#[test]
fn older_manifests_go_also_where_no_row_is_found() {
    let disk = SimDisk::new(seed());
    let engine = open(&disk).unwrap();
    create(&engine);
    let (key, value) = ("entry".to_owned(), WHO.as_bytes().to_vec());
    change(&engine, CatalogChange::PutEntry { key: key.clone(), value });
    engine.flush().unwrap();
    change(&engine, CatalogChange::RemoveEntry { key });
    assert!(places(&disk).iter().any(|place| place.starts_with("manifest.")));
    assert_eq!(engine.erase(&[], Some(WHO), &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap().rows, 0);
    assert_eq!(places(&disk), [""; 0]);
}

#[test]
fn a_reader_that_began_before_reads_on() {
    let disk = SimDisk::new(seed());
    let engine = live(&disk);
    engine.flush().unwrap();
    let snapshot = engine.snapshot();
    let table = snapshot.table("calls").unwrap().clone();
    let count = || -> usize {
        let parts = snapshot.scan(table.id, TimeRange::ALL).unwrap();
        let rows = parts.iter().flat_map(|part| part.read(&table.columns, TimeRange::ALL).unwrap());
        rows.map(|batch| batch.num_rows()).sum()
    };
    let before = count();
    erase(&engine, None).unwrap();
    assert_eq!(count(), before);
    assert_eq!(places(&disk), [""; 0]);
}

/// The power goes at every call of an ERASE: then all of it is shown or none, it can be said again, and nothing that was
/// gone comes back.
#[test]
fn an_erase_cut_short_leaves_all_or_nothing_to_be_seen_and_can_be_said_again() {
    let seed = seed();
    let source = SimDisk::new(seed);
    live(&source).close().unwrap();
    let whole = source.image();
    let engine = open(&whole).unwrap();
    let (counts, named) = shown(&engine);
    let first = whole.calls();
    erase(&engine, None).unwrap();
    let last = whole.calls();
    drop(engine);
    let after = vec![counts[0] - 3, counts[1] - 1, counts[2] - 1];
    let mut seen = [0, 0];
    for call in first..=last {
        let context = format!("call {call} of {first}..{last}, seed {seed}");
        let disk = source.image();
        let engine = open(&disk).unwrap();
        disk.crash_at(call);
        let outcome = erase(&engine, None);
        drop(engine);
        let disk = disk.restart(mix(seed ^ call));
        let engine = open(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
        let (found, said) = shown(&engine);
        let is_gone = found == after;
        assert!(is_gone || found == counts, "{context}: neither of the two: {found:?}");
        assert_eq!(said, if is_gone { 0 } else { named }, "{context}");
        assert!(is_gone || outcome.is_err(), "{context}: it was said to be done");
        if is_gone {
            let ledger = Ledger::decode(&disk.read("ledger").unwrap()).unwrap();
            assert!(ledger.len() >= 2, "{context}: rows went before the ledger knew");
        }
        if outcome.is_ok() {
            assert_eq!(places(&disk), [""; 0], "{context}");
        }
        seen[usize::from(is_gone)] += 1;
        erase(&engine, None).unwrap_or_else(|error| panic!("{context}, again: {error}"));
        assert_eq!(shown(&engine), (after.clone(), 0), "{context}, again");
        assert_eq!(places(&disk), [""; 0], "{context}, again");
        engine.close().unwrap();
        expect_whole(&disk, &context);
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn a_call_that_fails_is_an_error_and_the_erase_can_be_said_again() {
    let seed = seed();
    let source = SimDisk::new(seed);
    live(&source).close().unwrap();
    let whole = source.image();
    let engine = open(&whole).unwrap();
    let first = whole.calls();
    erase(&engine, None).unwrap();
    for call in cases(whole.calls() - first, 4, seed) {
        let context = format!("call {} fails, seed {seed}", first + call);
        let disk = source.image();
        let engine = open(&disk).unwrap();
        disk.fail(first + call, driftline_storage::Fault::Eio);
        let outcome = erase(&engine, None);
        if outcome.is_err() {
            erase(&engine, None).unwrap_or_else(|error| panic!("{context}, again: {error}"));
        }
        assert_eq!(places(&disk), [""; 0], "{context}");
        assert_eq!(shown(&engine).1, 0, "{context}");
    }
}

fn restored(backup: &SimDisk, ledger: &RestoreLedger) -> Result<(SimDisk, u64)> {
    let target = SimDisk::new(9);
    let report = restore(&shared(backup), &shared(&target), ledger, &mut |_| ())?;
    expect_whole(&target, "restored");
    Ok((target, report.erased_rows))
}

#[test]
fn a_backup_made_before_does_not_bring_it_back() {
    let (disk, backup) = (SimDisk::new(seed()), SimDisk::new(2));
    let engine = live(&disk);
    engine.backup(&shared(&backup), &mut |_| ()).unwrap();
    let (counts, _) = shown(&engine);
    let report = erase(&engine, Some(&backup)).unwrap();
    let told = report.places.iter().find(|place| place.place == "backup").unwrap();
    assert_eq!(told.state, PlaceState::Done, "{told}");
    assert!(!places(&backup).is_empty(), "the backup itself is as it was");
    let (target, rows) = restored(&backup, &RestoreLedger::default()).unwrap();
    assert!(rows > 0);
    assert_eq!(places(&target), [""; 0]);
    // Texts about the table go, whatever they say.
    let engine = open(&target).unwrap();
    assert_eq!(shown(&engine), (vec![counts[0] - 3, counts[1] - 1, counts[2] - 1], 0));
    engine.compact().unwrap();
    assert_eq!(places(&target), [""; 0]);
}

/// A restore erases what was erased after the backup, not what came back before it.
#[test]
fn who_came_back_is_in_a_later_backup_and_stays() {
    let (disk, backup) = (SimDisk::new(seed()), SimDisk::new(2));
    let engine = live(&disk);
    erase(&engine, None).unwrap();
    calls(&engine, 9, 3, "key-9");
    engine.backup(&shared(&backup), &mut |_| ()).unwrap();
    let (target, rows) = restored(&backup, &RestoreLedger::default()).unwrap();
    assert_eq!(rows, 0);
    assert_eq!(shown(&open(&target).unwrap()), shown(&engine));
    // Erased once more, he is gone from that backup too.
    erase(&engine, Some(&backup)).unwrap();
    let (target, rows) = restored(&backup, &RestoreLedger::default()).unwrap();
    assert_eq!((rows, places(&target)), (1, vec![]));
}

#[test]
fn a_backup_out_of_reach_is_named_and_restored_with_the_ledger_at_hand() {
    let (disk, backup) = (SimDisk::new(seed()), SimDisk::new(2));
    let engine = live(&disk);
    engine.backup(&shared(&backup), &mut |_| ()).unwrap();
    let report = erase(&engine, None).unwrap();
    let told = report.places.iter().find(|place| place.place == "backup").unwrap();
    assert_eq!(told.state, PlaceState::NotReached, "{told}");
    // By itself the backup does not know.
    assert!(!places(&restored(&backup, &RestoreLedger::default()).unwrap().0).is_empty());
    let ledger = Ledger::decode(&disk.read("ledger").unwrap()).unwrap();
    let given = RestoreLedger { ledger: Some(ledger), may_lack: false };
    assert_eq!(places(&restored(&backup, &given).unwrap().0), [""; 0]);
}

#[test]
fn without_a_ledger_a_restore_asks_for_one() {
    let (disk, backup) = (SimDisk::new(seed()), SimDisk::new(2));
    let engine = live(&disk);
    engine.backup(&shared(&backup), &mut |_| ()).unwrap();
    backup.remove("ledger").unwrap();
    let error = restored(&backup, &RestoreLedger::default()).unwrap_err();
    assert!(matches!(error, StorageError::LedgerMissing { .. }), "{error}");
    restored(&backup, &RestoreLedger { ledger: None, may_lack: true }).unwrap();
    // One that is shorter than the manifest says was lost in part.
    let short = disk.read("ledger").unwrap();
    erase(&engine, None).unwrap();
    engine.backup(&shared(&backup), &mut |_| ()).unwrap();
    expect_whole(&backup, "a backup with its ledger");
    backup.publish("ledger", &short).unwrap();
    let error = restored(&backup, &RestoreLedger::default()).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    let found = verify(&shared(&backup), false, &mut |_| ()).unwrap();
    assert!(found.damage.iter().any(|damage| damage.path == "ledger"), "C8 broken: {found:?}");
}

/// The power goes while what was erased is erased again: nobody can open what is half restored.
#[test]
fn a_restore_cut_short_shows_nothing_that_was_erased() {
    let seed = seed();
    let (disk, backup) = (SimDisk::new(seed), SimDisk::new(2));
    let engine = live(&disk);
    engine.backup(&shared(&backup), &mut |_| ()).unwrap();
    erase(&engine, Some(&backup)).unwrap();
    let whole = SimDisk::new(9);
    let none = RestoreLedger::default();
    restore(&shared(&backup), &shared(&whole), &none, &mut |_| ()).unwrap();
    let mut refused = 0;
    for call in cases(whole.calls() + 1, 4, seed) {
        let target = SimDisk::new(9);
        target.crash_at(call);
        let outcome = restore(&shared(&backup), &shared(&target), &none, &mut |_| ());
        let target = target.restart(mix(seed ^ call));
        let context = format!("call {call}, seed {seed}");
        if target.files().iter().all(|(path, _)| !path.starts_with("manifest.")) {
            assert!(outcome.is_err(), "{context}");
            continue;
        }
        match open(&target) {
            Ok(_) => assert_eq!(places(&target), [""; 0], "{context}"),
            Err(error) => {
                assert!(matches!(error, StorageError::HalfRestored { .. }), "{context}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no cut between the manifest and the end");
}

#[test]
fn nothing_is_erased_by_a_tag_or_by_nothing() {
    let disk = SimDisk::new(seed());
    let engine = live(&disk);
    let erase = |values| {
        let erasure = Erasure { values, linked: Vec::new(), ..erasure(&engine) };
        engine.erase(&[erasure], None, &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap_err()
    };
    let table = engine.snapshot().table("calls").unwrap().clone();
    let version = table.column_named("version").unwrap().id;
    let error = erase(vec![(version, Value::Text("v1".into()))]);
    assert!(matches!(error, StorageError::TagErased { .. }), "{error}");
    erase(Vec::new());
    erase(vec![(version + 99, Value::Text("v1".into()))]);
    assert!(disk.read("ledger").is_err(), "what is refused is not noted");
}
