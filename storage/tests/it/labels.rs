//! Random lives of a table with labels beside a plain map: predictions are written, replaced, deleted and erased, labels
//! come before them, after them, again, and are taken back; columns come and go, memtables are flushed, segments compacted,
//! old ones dropped; the power goes, a backup is made and comes back. After every step the table shows what the map holds,
//! now and as it was known before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use driftline_storage::inspect::find_text;
use driftline_storage::{
    ARRIVAL_COLUMN, CatalogChange, Change, Column, ColumnType, Comparison, Disk, Engine, EngineOptions,
    Erasure, ID_TIME_ANY, ID_TIME_OPTION, LABELS_OF_OPTION, LinkedRows, Meaning, Predicate, RETENTION_OPTION,
    RestoreLedger, Role, SimDisk, StorageError, TIME_COLUMN, TableSchema, TimeRange, Value, WriteBatch,
    embedded_time, restore,
};

use crate::sample::{cases, mix, seed};
use crate::session::options;
use crate::workload::NOW;

/// Lives that a run tries, and of how many every so many without `DRIFTLINE_EXHAUSTIVE`.
const LIVES: u64 = 256;
const LIVES_STEP: u64 = 8;
const STEPS: u64 = 40;
const HOUR: i64 = 3_600_000_000_000;
const KEYS: u64 = 40;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % sides
    }
}

/// What the keys of a life say of the times of their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ids {
    /// Nothing.
    Plain,
    /// Their time, within the hour.
    Near,
    /// Another time.
    Far,
}

/// What a label says of its two columns: a value, nothing, or that all is taken back.
type Said = (Option<i64>, Option<f64>);

#[derive(Clone, Debug)]
struct Label {
    key: u64,
    arrival: i64,
    said: Said,
}

/// A prediction: its value, what was written with it, and the labels that came.
#[derive(Clone, Debug, Default)]
struct Prediction {
    value: i64,
    own: Said,
    labels: Vec<Label>,
}

impl Prediction {
    /// What its label columns show, of what had arrived by then.
    fn label(&self, as_of: Option<i64>) -> Said {
        let mut shown = self.own;
        for label in self.labels.iter().filter(|label| as_of.is_none_or(|as_of| label.arrival <= as_of)) {
            match label.said {
                (None, None) => shown = (None, None),
                (first, second) => shown = (first.or(shown.0), second.or(shown.1)),
            }
        }
        shown
    }
}

/// A row as it is read: key, value, labels.
type Row = (u64, i64, Option<i64>, Option<u64>);

#[derive(Clone, Debug, Default)]
struct Model {
    predictions: BTreeMap<u64, Prediction>,
    waiting: Vec<Label>,
}

impl Model {
    fn predict(&mut self, key: u64, value: i64, own: Said) {
        let before = self.predictions.remove(&key);
        let mut labels = before.map(|before| before.labels).unwrap_or_default();
        labels.extend(self.waiting.extract_if(.., |label| label.key == key));
        self.predictions.insert(key, Prediction { value, own, labels });
    }

    fn label(&mut self, label: Label) {
        match self.predictions.get_mut(&label.key) {
            Some(prediction) => prediction.labels.push(label),
            None => self.waiting.push(label),
        }
    }

    fn rows(&self, as_of: Option<i64>) -> Vec<Row> {
        let row = |(key, prediction): (&u64, &Prediction)| {
            let (first, second) = prediction.label(as_of);
            (*key, prediction.value, first, second.map(f64::to_bits))
        };
        self.predictions.iter().map(row).collect()
    }
}

struct Life {
    dice: Dice,
    ids: Ids,
    disk: SimDisk,
    engine: Arc<Engine>,
    model: Model,
    arrival: i64,
    /// Predictions that a delete took: whether their rows are still somewhere depends on compaction.
    deleted: BTreeSet<u64>,
    backup: Option<Backup>,
    history: Vec<String>,
}

/// A backup, what it holds, and whose predictions were erased since.
struct Backup {
    disk: SimDisk,
    model: Model,
    erased: BTreeSet<u64>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let mut dice = Dice(seed);
        let ids = [Ids::Plain, Ids::Near, Ids::Far][dice.roll(3) as usize];
        let engine = open(&disk, &mut dice);
        let (predictions, labels) = schemas(&engine, ids);
        let catalog = [predictions, labels].map(CatalogChange::CreateTable).to_vec();
        engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
        let (model, arrival, deleted) = (Model::default(), NOW, BTreeSet::new());
        Self { dice, ids, disk, engine, model, arrival, deleted, backup: None, history: Vec::new() }
    }

    fn step(&mut self) {
        let what = match self.dice.roll(21) {
            0..=2 => self.predict(),
            3..=7 => self.label(),
            8 => self.delete(),
            9 | 10 => {
                self.engine.flush().unwrap();
                "flush".to_owned()
            }
            11 => {
                self.engine.compact().unwrap();
                "compact".to_owned()
            }
            12 => self.both(),
            13 | 14 => self.erase(),
            15 => self.alter(),
            16 => self.expire(),
            17 => self.back_up(),
            18 => self.restore(),
            _ => self.reopen(),
        };
        self.history.push(what);
    }

    fn predict(&mut self) -> String {
        let (keys, batch) = self.predictions();
        self.engine.write(WriteBatch { rows: vec![batch], ..WriteBatch::default() }).unwrap();
        format!("predict {keys:?}")
    }

    /// Predictions of a few keys, each once.
    fn predictions(&mut self) -> (Vec<u64>, (u32, RecordBatch)) {
        let mut keys: Vec<u64> = (0..1 + self.dice.roll(8)).map(|_| self.dice.roll(KEYS)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut rows = Vec::new();
        for key in &keys {
            let own = match self.dice.roll(3) {
                0 => (Some(self.dice.roll(5) as i64), None),
                _ => (None, None),
            };
            let value = self.dice.roll(1_000) as i64;
            rows.push((*key, value, own));
            self.model.predict(*key, value, own);
        }
        let schema = self.schema("p");
        (keys, (schema.id, self.predicted(&schema, &rows)))
    }

    fn label(&mut self) -> String {
        let (keys, batch) = self.labels();
        self.engine.write(WriteBatch { rows: vec![batch], ..WriteBatch::default() }).unwrap();
        format!("label {keys:?}")
    }

    /// Labels of a few keys, some of them more than once.
    fn labels(&mut self) -> (Vec<(u64, Said)>, (u32, RecordBatch)) {
        self.arrival += 1_000;
        let mut rows = Vec::new();
        for _ in 0..1 + self.dice.roll(8) {
            self.arrival += 1;
            let said = match self.dice.roll(6) {
                0 => (None, None),
                1 => (None, Some(self.dice.roll(5) as f64 / 2.0)),
                2 => (Some(self.dice.roll(5) as i64), Some(self.dice.roll(5) as f64)),
                _ => (Some(self.dice.roll(5) as i64), None),
            };
            let label = Label { key: self.dice.roll(KEYS), arrival: self.arrival, said };
            let is_given = self.dice.roll(2) == 0;
            rows.push((label.clone(), is_given));
            self.model.label(label);
        }
        let schema = self.schema("p$labels");
        let said = rows.iter().map(|(label, _)| (label.key, label.said)).collect();
        (said, (schema.id, self.labelled(&schema, &rows)))
    }

    /// Predictions and labels in one batch.
    fn both(&mut self) -> String {
        let (predicted, predictions) = self.predictions();
        let (said, labels) = self.labels();
        let rows = if self.dice.roll(2) == 0 { vec![predictions, labels] } else { vec![labels, predictions] };
        self.engine.write(WriteBatch { rows, ..WriteBatch::default() }).unwrap();
        format!("predict {predicted:?} and label {said:?}")
    }

    fn delete(&mut self) -> String {
        let schema = self.schema("p");
        let least = self.dice.roll(1_000) as i64;
        let column = schema.column_named("value").unwrap().id;
        let (from, to) = (Comparison::GreaterOrEqual, Comparison::Less);
        let compare = |by, value| Predicate::Compare { column, by, value: Value::BigInt(value) };
        let predicate = Predicate::And(vec![compare(from, least), compare(to, least + 200)]);
        let changes = vec![Change::Delete { table: schema.id, predicate }];
        self.engine.write(WriteBatch { changes, ..WriteBatch::default() }).unwrap();
        let gone = self.model.predictions.extract_if(.., |_, row| (least..least + 200).contains(&row.value));
        self.deleted.extend(gone.map(|(key, _)| key));
        format!("delete values {least}..{}", least + 200)
    }

    /// One prediction goes for good, with its labels.
    fn erase(&mut self) -> String {
        let known: Vec<u64> =
            self.model.predictions.keys().filter(|key| !self.deleted.contains(key)).copied().collect();
        if known.is_empty() {
            return "nothing to erase".to_owned();
        }
        let key = known[self.dice.roll(known.len() as u64) as usize];
        let (rows, labels) = (self.schema("p"), self.schema("p$labels"));
        let (own, theirs) = (rows.column_named("id").unwrap().id, labels.column_named("id").unwrap().id);
        let erasure = Erasure {
            table: rows.id,
            values: vec![(own, Value::Text(self.key(key)))],
            linked: vec![LinkedRows::Keys { own, table: labels.id, theirs }],
        };
        let told = self.backup.as_ref().map(|backup| backup.disk.clone());
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let open = |_: &str| told.clone().map(|disk| Arc::new(disk) as Arc<dyn Disk>).ok_or_else(missing);
        self.engine.erase(&[erasure], None, &open).unwrap();
        self.model.predictions.remove(&key);
        self.backup.iter_mut().for_each(|backup| backup.erased.extend([key]));
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        assert_eq!(find_text(&disk, &self.key(key)).unwrap(), [""; 0], "{key} after {:#?}", self.history);
        format!("erase {key}")
    }

    /// A column comes, or goes again.
    fn alter(&mut self) -> String {
        let mut schema = TableSchema::clone(&self.schema("p"));
        schema.version += 1;
        let what = match schema.columns.pop_if(|column| column.name == "extra") {
            Some(_) => "drop extra",
            None => {
                schema.columns.push(Column::new("extra", ColumnType::BigInt, Role::Field));
                "add extra"
            }
        };
        let catalog = vec![CatalogChange::AlterTable(schema)];
        self.engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
        what.to_owned()
    }

    /// Whole segments go of which all rows are old; which those are is for the engine to say.
    fn expire(&mut self) -> String {
        let days = 2 + self.dice.roll(12);
        self.retain(Some(format!("{days} days")));
        self.engine.expire().unwrap();
        self.retain(None);
        let kept: BTreeSet<u64> = self.rows(None).into_iter().map(|row| row.0).collect();
        let horizon = NOW - days as i64 * 24 * HOUR;
        let times: BTreeMap<u64, i64> = (0..KEYS).map(|key| (key, self.time(key))).collect();
        let gone = self.model.predictions.extract_if(.., |key, _| !kept.contains(key));
        let gone: Vec<u64> = gone.map(|(key, _)| key).collect();
        assert!(gone.iter().all(|key| times[key] < horizon), "{days} days took {gone:?}");
        self.deleted.extend(&gone);
        format!("retain {days} days, which took {gone:?}")
    }

    fn retain(&self, retention: Option<String>) {
        let mut schema = TableSchema::clone(&self.schema("p"));
        schema.version += 1;
        schema.options.remove(RETENTION_OPTION);
        schema.options.extend(retention.map(|retention| (RETENTION_OPTION.to_owned(), retention)));
        let catalog = vec![CatalogChange::AlterTable(schema)];
        self.engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    }

    fn back_up(&mut self) -> String {
        let disk = match self.backup.take() {
            Some(before) => before.disk,
            None => SimDisk::new(self.dice.roll(u64::MAX)),
        };
        self.engine.backup(&(Arc::new(disk.clone()) as Arc<dyn Disk>), &mut |_| ()).unwrap();
        self.backup = Some(Backup { disk, model: self.model.clone(), erased: BTreeSet::new() });
        "back up".to_owned()
    }

    /// All goes on from the backup, without what was erased since.
    fn restore(&mut self) -> String {
        let Some(backup) = &self.backup else { return "no backup".to_owned() };
        let target = SimDisk::new(self.dice.roll(u64::MAX));
        let disk = |disk: &SimDisk| Arc::new(disk.clone()) as Arc<dyn Disk>;
        restore(&disk(&backup.disk), &disk(&target), &RestoreLedger::default(), &mut |_| ()).unwrap();
        self.model = backup.model.clone();
        self.model.predictions.retain(|key, _| !backup.erased.contains(key));
        self.disk = target;
        self.engine = open(&self.disk, &mut self.dice);
        "restore".to_owned()
    }

    fn reopen(&mut self) -> String {
        let seed = self.dice.roll(u64::MAX);
        self.disk = self.disk.restart(seed);
        self.engine = open(&self.disk, &mut self.dice);
        "power cut".to_owned()
    }

    fn schema(&self, name: &str) -> Arc<TableSchema> {
        self.engine.snapshot().table(name).unwrap().clone()
    }

    fn time(&self, key: u64) -> i64 {
        match self.ids {
            // Within the hour of what the key says.
            Ids::Near => embedded_time(&self.key(key)).unwrap() + (key as i64 - 20) * HOUR / 21,
            _ => NOW - (key as i64) * 7 * HOUR,
        }
    }

    fn key(&self, key: u64) -> String {
        match self.ids {
            // None is part of another, or of other bytes by chance: whoever looks for an erased one finds no other.
            Ids::Plain => format!("key {key:02} of a prediction"),
            _ => {
                let millis = (NOW - key as i64 * 5 * HOUR) / 1_000_000;
                format!("{:08x}-{:04x}-7000-8000-{key:012x}", millis >> 16, millis & 0xffff)
            }
        }
    }

    fn predicted(&self, schema: &TableSchema, rows: &[(u64, i64, Said)]) -> RecordBatch {
        let times = rows.iter().map(|row| self.time(row.0));
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| format!("r{}", row.0 % 3)))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| self.key(row.0)))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))),
            Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.2.0))),
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.2.1))),
        ];
        let extra = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))) as ArrayRef;
        let arrays = arrays.into_iter().chain([extra]).take(schema.columns.len()).collect();
        RecordBatch::try_new(schema.arrow(), arrays).unwrap()
    }

    fn labelled(&self, schema: &TableSchema, rows: &[(Label, bool)]) -> RecordBatch {
        let time = |(label, is_given): &(Label, bool)| match is_given {
            true => self.time(label.key),
            false => embedded_time(&self.key(label.key)).unwrap_or(label.arrival),
        };
        let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(time)).with_timezone("UTC");
        let arrivals = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.0.arrival));
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(times),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| self.key(row.0.key)))),
            Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0.said.0))),
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.0.said.1))),
            Arc::new(arrivals.with_timezone("UTC")),
        ];
        RecordBatch::try_new(schema.arrow(), arrays).unwrap()
    }

    fn check(&self, context: &str, as_of: Option<i64>) {
        let (found, expected) = (self.rows(as_of), self.model.rows(as_of));
        let less =
            |a: &[Row], b: &[Row]| a.iter().filter(|row| !b.contains(row)).copied().collect::<Vec<_>>();
        let differ = (less(&found, &expected), less(&expected, &found));
        let ids = self.ids;
        assert!(found == expected, "{context}, {ids:?}: has, lacks {differ:?} after {:#?}", self.history);
    }

    fn rows(&self, as_of: Option<i64>) -> Vec<Row> {
        let schema = self.schema("p");
        let mut rows = Vec::new();
        for part in self.engine.snapshot().scan(schema.id, TimeRange::ALL).unwrap() {
            for batch in part.read_as_of(&schema.columns, TimeRange::ALL, as_of).unwrap() {
                let times = batch.column(0).as_primitive::<TimestampNanosecondType>();
                let keys = batch.column(2).as_string::<i32>();
                let values = batch.column(3).as_primitive::<Int64Type>();
                let first = batch.column(4).as_primitive::<Int64Type>();
                let second = batch.column(5).as_primitive::<Float64Type>();
                for row in 0..batch.num_rows() {
                    let key = (0..KEYS).find(|key| self.key(*key) == keys.value(row)).unwrap();
                    assert_eq!(times.value(row), self.time(key));
                    let first = first.is_valid(row).then(|| first.value(row));
                    let second = second.is_valid(row).then(|| second.value(row).to_bits());
                    rows.push((key, values.value(row), first, second));
                }
            }
        }
        rows.sort_unstable();
        rows
    }
}

fn open(disk: &SimDisk, dice: &mut Dice) -> Arc<Engine> {
    let threads = 1 + dice.roll(2) as usize;
    Engine::open(Arc::new(disk.clone()), EngineOptions { threads, ..options() }).unwrap()
}

fn schemas(engine: &Engine, ids: Ids) -> (TableSchema, TableSchema) {
    let time = || Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time);
    let key = || Column::new("id", ColumnType::Text, Role::Key);
    let labels = || {
        let first = Column::new("label", ColumnType::BigInt, Role::Field).with_meaning(Meaning::Label);
        [first, Column::new("grade", ColumnType::Double, Role::Field).with_meaning(Meaning::Label)]
    };
    let region = Column::new("region", ColumnType::Text, Role::Tag);
    let value = Column::new("value", ColumnType::BigInt, Role::Field).with_meaning(Meaning::Prediction);
    let columns = [time(), region, key(), value].into_iter().chain(labels()).collect();
    let mut rows = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new("p", columns) };
    if ids == Ids::Far {
        rows.options.insert(ID_TIME_OPTION.into(), ID_TIME_ANY.into());
    }
    let arrival = Column::new(ARRIVAL_COLUMN, ColumnType::Timestamp, Role::Field);
    let columns = [time(), key()].into_iter().chain(labels()).chain([arrival]).collect();
    let mut kept = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new("p$labels", columns) };
    kept.options.insert(LABELS_OF_OPTION.into(), rows.id.to_string());
    kept.options.insert("dedup".into(), "none".into());
    (rows, kept)
}

#[test]
fn predictions_show_the_labels_that_a_plain_map_would() {
    let seed = seed();
    for life in cases(LIVES, LIVES_STEP, seed) {
        let mut table = Life::new(seed ^ mix(life));
        for step in 0..STEPS {
            table.step();
            let context = format!("seed {seed}, life {life}, step {step}");
            // Sometimes nobody looks, so that what was never looked up is flushed too.
            if table.dice.roll(3) > 0 {
                table.check(&context, None);
            }
            if table.dice.roll(8) == 0 {
                assert_eq!(table.engine.verify(true, &mut |_| ()).unwrap().damage, [], "{context}");
            }
            if table.dice.roll(4) == 0 {
                let past = table.arrival - table.dice.roll(20_000) as i64;
                table.check(&format!("{context}, as of {past}"), Some(past));
            }
        }
        table.check(&format!("seed {seed}, life {life}, at its end"), None);
    }
}

/// Labels are written down for segments, and rows replaced, while these segments are being merged.
#[test]
fn labels_that_come_during_a_compaction_follow_their_rows() {
    let seed = seed();
    for life in cases(512, 16, seed) {
        let mut table = Life::new(seed ^ mix(life));
        let engine = table.engine.clone();
        std::thread::scope(|scope| {
            let merging = scope.spawn(move || {
                for _ in 0..20 {
                    // One that is overtaken again and again gives up in the end; it must not leave anything wrong.
                    match engine.compact() {
                        Ok(()) | Err(StorageError::Cancelled) => {}
                        Err(error) => panic!("seed {seed}, life {life}: {error}"),
                    }
                }
            });
            for step in 0.. {
                let what = match step % 5 {
                    4 => table.delete(),
                    0 | 2 => table.predict(),
                    _ => table.label(),
                };
                table.history.push(what);
                table.engine.flush().unwrap();
                table.check(&format!("seed {seed}, life {life}, step {step}"), None);
                if merging.is_finished() {
                    break;
                }
            }
        });
        table.engine.compact().unwrap();
        table.check(&format!("seed {seed}, life {life}, merged"), None);
        table.reopen();
        table.check(&format!("seed {seed}, life {life}, reopened"), None);
    }
}
