//! What blocks of labels count, beside a count of the rows that a reader sees.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use driftline_storage::distribution::Lattice;
use driftline_storage::limits::{LABEL_CLASSES_MAX, SUMMARY_ROWS_MIN};
use driftline_storage::{
    ARRIVAL_COLUMN, CatalogChange, Column, ColumnType, Engine, LABELS_OF_OPTION, LabelCounts, Meaning, Role,
    SegmentReader, SimDisk, TIME_COLUMN, TableSchema, TimeRange, Unit, WriteBatch,
};

use crate::sample::{mix, seed};
use crate::session::{open, options};
use crate::workload::NOW;

const ROWS: u64 = 6_000;
const SECOND: i64 = 1_000_000_000;

/// By unit, label and prediction how many rows; by unit and label how many of each score.
type Recount = (BTreeMap<(Unit, String, Option<String>), i64>, BTreeMap<(Unit, String), BTreeMap<u64, i64>>);

struct Log {
    engine: Arc<Engine>,
    seed: u64,
    arrival: i64,
}

impl Log {
    fn new(disk: &SimDisk, seed: u64) -> Self {
        let engine = open(disk).unwrap();
        let catalog = schemas(&engine).map(CatalogChange::CreateTable).to_vec();
        engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
        Self { engine, seed, arrival: NOW }
    }

    fn schema(&self, name: &str) -> Arc<TableSchema> {
        self.engine.snapshot().table(name).unwrap().clone()
    }

    fn write(&self, table: &str, columns: Vec<ArrayRef>) {
        let schema = self.schema(table);
        let rows = vec![(schema.id, RecordBatch::try_new(schema.arrow(), columns).unwrap())];
        self.engine.write(WriteBatch { rows, ..WriteBatch::default() }).unwrap();
    }

    /// Predictions of which most are of one series, so that some cells are small.
    fn predict(&self, rows: std::ops::Range<u64>) {
        let of = |what: u64| move |row: u64| mix(row ^ (what << 40));
        let region = rows.clone().map(of(1)).map(|n| if n % 100 < 97 { "eu" } else { "us" });
        let predicted = rows.clone().map(of(2)).map(|n| (n % 9 > 0).then(|| ["yes", "no"][(n % 2) as usize]));
        // Some have none, and infinity is in no bucket.
        let score = |n: u64| match n % 50 {
            0 => None,
            1 => Some(f64::INFINITY),
            _ => Some((n % 200) as f64 / 200.0),
        };
        let score = rows.clone().map(of(3)).map(score);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(times(rows.clone().map(time))),
            Arc::new(StringArray::from_iter_values(region)),
            Arc::new(StringArray::from_iter_values(rows.clone().map(key))),
            Arc::new(StringArray::from_iter(predicted)),
            Arc::new(Float64Array::from_iter(score)),
            Arc::new(BooleanArray::new_null((rows.end - rows.start) as usize)),
            Arc::new(StringArray::new_null((rows.end - rows.start) as usize)),
        ];
        self.write("p", columns);
    }

    /// Labels of some rows, again and taken back too.
    fn label(&mut self, count: u64, texts: u64) {
        let first = self.arrival;
        let rows: Vec<u64> = (0..count).map(|at| mix(self.seed ^ at ^ first as u64) % ROWS).collect();
        let said = |row: &u64| (!mix(*row ^ first as u64).is_multiple_of(5)).then_some(*row);
        let truth = rows.iter().map(|row| said(row).map(|row| mix(row ^ 7).is_multiple_of(3)));
        let text = rows.iter().map(|row| said(row).map(|row| format!("t{}", mix(row ^ 8) % texts)));
        let arrivals: Vec<i64> = (0..count as i64).map(|at| first + at).collect();
        self.arrival += count as i64;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(times(rows.iter().map(|row| time(*row)))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| key(*row)))),
            Arc::new(BooleanArray::from_iter(truth)),
            Arc::new(StringArray::from_iter(text)),
            Arc::new(times(arrivals.into_iter())),
        ];
        self.write("p$labels", columns);
    }

    /// The counts of each segment against its rows.
    fn check(&self, context: &str) {
        let (schema, snapshot) = (self.schema("p"), self.engine.snapshot());
        for column in ["truth", "text"].map(|name| schema.column_named(name).unwrap()) {
            let all = snapshot.label_counts(schema.id, column.id).unwrap();
            for (segment, counts) in snapshot.segments(schema.id).iter().zip(all) {
                let counts = counts.unwrap_or_else(|| panic!("{context}: no counts of {}", column.name));
                let lattice = counts.score.map(|(_, lattice)| lattice);
                let rows = self.recount(&schema, column, segment, lattice);
                assert_eq!(known(&counts), rows, "{context}: {}", column.name);
            }
        }
        let found = self.engine.verify(true, &mut |_| ()).unwrap();
        assert_eq!(found.damage, [], "{context}");
    }

    fn recount(
        &self,
        schema: &TableSchema,
        label: &Column,
        segment: &SegmentReader,
        lattice: Option<Lattice>,
    ) -> Recount {
        let columns: Vec<Column> =
            ["predicted", "score"].iter().map(|name| schema.column_named(name).unwrap().clone()).collect();
        let columns: Vec<Column> = [label.clone()].into_iter().chain(columns).collect();
        let (mut rows, mut scores, mut row) = (BTreeMap::new(), BTreeMap::new(), 0_u64);
        for part in self.engine.snapshot().scan(schema.id, TimeRange::ALL).unwrap() {
            if part.segment().is_none_or(|found| found.info().id != segment.info().id) {
                continue;
            }
            for batch in part.read(&columns, TimeRange::ALL).unwrap() {
                for at in 0..batch.num_rows() {
                    if let Some(label) = text(batch.column(0), at) {
                        let unit = unit(segment, row);
                        *rows.entry((unit, label.clone(), text(batch.column(1), at))).or_default() += 1;
                        let score = batch.column(2).as_primitive::<Float64Type>();
                        let value = score.is_valid(at).then(|| score.value(at)).filter(|v| v.is_finite());
                        if let (Some(lattice), Some(value)) = (lattice, value) {
                            let edge = lattice.snap_down(value).to_bits();
                            let of_label: &mut BTreeMap<u64, i64> = scores.entry((unit, label)).or_default();
                            *of_label.entry(edge).or_default() += 1;
                        }
                    }
                    row += 1;
                }
            }
        }
        (rows, scores)
    }
}

fn text(array: &ArrayRef, at: usize) -> Option<String> {
    let is_text = || array.as_string_opt::<i32>().map(|array| array.value(at).to_owned());
    array.is_valid(at).then(|| is_text().unwrap_or_else(|| array.as_boolean().value(at).to_string()))
}

fn unit(segment: &SegmentReader, row: u64) -> Unit {
    let cells = segment.cells().unwrap();
    let cell = cells.cell_of_row(row).unwrap();
    let rows = cells.rows(cell);
    match rows.end - rows.start >= SUMMARY_ROWS_MIN as u64 {
        true => Unit::Cell(cell as u32),
        false => Unit::Interval(cells.key(cell).unwrap().interval),
    }
}

fn known(counts: &LabelCounts) -> Recount {
    assert!(!counts.is_classless);
    let (mut rows, mut scores) = (BTreeMap::new(), BTreeMap::new());
    for (unit, classes) in &counts.units {
        for (label, class) in classes {
            let label = label.clone().unwrap();
            assert_eq!(class.rows, class.predictions.values().sum::<i64>());
            for (prediction, count) in &class.predictions {
                rows.insert((*unit, label.clone(), prediction.clone()), *count);
            }
            let (_, lattice) = counts.score.unwrap();
            let edges = class.scores.iter().map(|(at, rows)| (lattice.edge_below(*at).to_bits(), *rows));
            scores.insert((*unit, label), edges.collect());
        }
    }
    (rows, scores)
}

fn times(times: impl Iterator<Item = i64>) -> TimestampNanosecondArray {
    TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")
}

fn time(row: u64) -> i64 {
    NOW - (ROWS - row) as i64 * SECOND
}

fn key(row: u64) -> String {
    format!("k{row}")
}

fn schemas(engine: &Engine) -> [TableSchema; 2] {
    let time = || Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time);
    let key = || Column::new("id", ColumnType::Text, Role::Key);
    let field = |name: &str, ty, meaning| Column::new(name, ty, Role::Field).with_meaning(meaning);
    let labels = || {
        let truth = field("truth", ColumnType::Boolean, Meaning::Label);
        [truth, field("text", ColumnType::Text, Meaning::Label)]
    };
    let region = Column::new("region", ColumnType::Text, Role::Tag);
    let predicted = field("predicted", ColumnType::Text, Meaning::Prediction);
    let score = field("score", ColumnType::Double, Meaning::Score);
    let columns = [time(), region, key(), predicted, score].into_iter().chain(labels()).collect();
    let rows = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new("p", columns) };
    let arrival = Column::new(ARRIVAL_COLUMN, ColumnType::Timestamp, Role::Field);
    let columns = [time(), key()].into_iter().chain(labels()).chain([arrival]).collect();
    let mut kept = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new("p$labels", columns) };
    kept.options.insert(LABELS_OF_OPTION.into(), rows.id.to_string());
    kept.options.insert("dedup".into(), "none".into());
    [rows, kept]
}

/// Labels that come flush by flush, change, go, wait for their rows, and follow these through compactions.
#[test]
fn labels_are_counted_by_prediction_and_score() {
    let seed = seed();
    let disk = SimDisk::new(seed);
    let mut log = Log::new(&disk, seed);
    log.predict(0..ROWS / 2);
    log.label(2_000, 4);
    for flush in 0..8 {
        log.engine.flush().unwrap();
        log.check(&format!("seed {seed}, flush {flush}"));
        log.label(40 << flush, 4);
    }
    log.predict(ROWS / 2..ROWS);
    log.engine.flush().unwrap();
    log.check(&format!("seed {seed}, the other half"));
    log.engine.compact().unwrap();
    log.check(&format!("seed {seed}, compacted"));
    log.label(3_000, 4);
    log.engine.flush().unwrap();
    log.check(&format!("seed {seed}, labelled again"));
    drop(log.engine);
    log.engine = Engine::open(Arc::new(disk.clone()), options()).unwrap();
    log.check(&format!("seed {seed}, reopened"));
}

/// With too many classes only rows are counted, also together with blocks that had few.
#[test]
fn labels_of_too_many_classes_are_counted_without_them() {
    let seed = seed();
    let mut log = Log::new(&SimDisk::new(seed), seed);
    log.predict(0..ROWS);
    log.label(500, 4);
    log.engine.flush().unwrap();
    log.label(60, 4 + LABEL_CLASSES_MAX as u64 * 10);
    log.engine.flush().unwrap();
    log.label(500, 4 + LABEL_CLASSES_MAX as u64 * 10);
    log.engine.flush().unwrap();
    let (schema, snapshot) = (log.schema("p"), log.engine.snapshot());
    let column = schema.column_named("text").unwrap();
    for (segment, counts) in
        snapshot.segments(schema.id).iter().zip(snapshot.label_counts(schema.id, column.id).unwrap())
    {
        let counts = counts.unwrap();
        assert!(counts.is_classless && counts.score.is_none() && counts.prediction.is_none());
        let mut labelled: BTreeMap<Unit, i64> = BTreeMap::new();
        for ((unit, ..), rows) in log.recount(&schema, column, segment, None).0 {
            *labelled.entry(unit).or_default() += rows;
        }
        let units = counts.units.keys().map(|unit| (*unit, counts.labelled(*unit)));
        assert_eq!(units.collect::<BTreeMap<_, _>>(), labelled, "seed {seed}");
    }
    assert_eq!(log.engine.verify(true, &mut |_| ()).unwrap().damage, [], "seed {seed}");
}

/// Labels in memory stand beside what is counted, so nothing is said of it.
#[test]
fn labels_in_memory_leave_nothing_counted() {
    let seed = seed();
    let mut log = Log::new(&SimDisk::new(seed), seed);
    log.predict(0..ROWS);
    log.engine.flush().unwrap();
    log.label(10, 4);
    let schema = log.schema("p");
    let column = schema.column_named("truth").unwrap().id;
    let counts = || log.engine.snapshot().label_counts(schema.id, column).unwrap();
    assert!(counts().iter().all(Option::is_none), "seed {seed}");
    log.engine.flush().unwrap();
    assert!(counts().iter().all(|counts| counts.as_ref().is_some_and(|counts| !counts.is_empty())));
}
