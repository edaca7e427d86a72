//! A prediction log: three models over 7 days, features of many shapes, drift in the last quarter.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, SchemaRef};
use driftline_storage::{Column, ColumnType, Meaning, Role};

use super::{
    Random, Rows, SECOND, START, Scale, Workload, arrow_schema, field, later, tag, tags, time_column, times,
    with_column,
};

/// Rows at full size.
const ROWS: u64 = 10_000_000;
/// 7 days in nanoseconds.
const SPAN: i64 = 7 * 86_400 * SECOND;
/// A row is up to 1 ms later than its even place.
const JITTER: u64 = 1_000_000;
/// Rows that go to one writer before the next has its turn.
const TURN: u64 = 10_000;
const MODELS: [&str; 3] = ["churn", "fraud", "ranker"];
const MODEL_WEIGHTS: [f64; 3] = [0.3, 0.5, 0.2];
const VERSIONS: [&str; 2] = ["v1", "v2"];
const COUNTRIES: [&str; 10] = ["us", "de", "gb", "fr", "in", "br", "jp", "es", "nl", "za"];
const COUNTRY_WEIGHTS: [f64; 10] = [0.4, 0.15, 0.12, 0.09, 0.07, 0.06, 0.04, 0.03, 0.025, 0.015];
const DEVICES: [&str; 3] = ["mobile", "desktop", "tablet"];
const DEVICE_WEIGHTS: [f64; 3] = [0.6, 0.32, 0.08];
const STATUSES: [&str; 3] = ["ok", "error", "timeout"];
const STATUS_WEIGHTS: [f64; 3] = [0.985, 0.01, 0.005];
/// The column of the id.
const ID: usize = 3;

pub(super) fn rows(scale: Scale) -> u64 {
    scale.of(ROWS)
}

/// Nanoseconds between the even places of two rows.
pub(super) fn spacing(scale: Scale) -> i64 {
    SPAN / rows(scale) as i64
}

pub(super) fn columns() -> Vec<Column> {
    let number = |name, ty| field(name, ty).with_meaning(Meaning::NumericFeature);
    let category = |name| field(name, ColumnType::Text).with_meaning(Meaning::CategoricalFeature);
    vec![
        time_column(),
        tag("model"),
        tag("version"),
        Column::new("id", ColumnType::Text, Role::Key),
        number("amount", ColumnType::Double),
        number("age", ColumnType::BigInt),
        number("tenure", ColumnType::BigInt),
        number("credit", ColumnType::BigInt),
        number("velocity", ColumnType::BigInt),
        number("distance", ColumnType::Double),
        number("ratio", ColumnType::Double),
        number("embedding_norm", ColumnType::Double),
        category("country"),
        category("device"),
        field("score", ColumnType::Double).with_meaning(Meaning::Score),
        field("latency_ms", ColumnType::Double).with_meaning(Meaning::Latency),
        field("status", ColumnType::Text).with_meaning(Meaning::Error),
        field("label", ColumnType::Text).with_meaning(Meaning::Label),
    ]
}

/// The batch as it would be `rows` rows later: other times and ids, the same values.
pub(super) fn moved(batch: &RecordBatch, rows: u64, spacing: i64) -> Result<RecordBatch, ArrowError> {
    let ids = batch.column(ID).as_string::<i32>().iter();
    let number = |id: Option<&str>| id.and_then(|id| id.get(1..)?.parse::<u64>().ok()).unwrap_or_default();
    let ids: StringArray = ids.map(|id| Some(format!("p{}", number(id) + rows))).collect();
    let batch = later(batch, rows as i64 * spacing)?;
    with_column(&batch, ID, Arc::new(ids))
}

/// Every `writers`-th turn of rows.
#[derive(Debug)]
pub(super) struct Stream {
    schema: SchemaRef,
    workload: Workload,
    models: Arc<StringArray>,
    versions: Arc<StringArray>,
    writers: u64,
    next_row: u64,
}

impl Stream {
    pub(super) fn new(workload: Workload, writer: u64, writers: u64) -> Self {
        Self {
            schema: arrow_schema(&columns()),
            workload,
            models: Arc::new(StringArray::from(MODELS.to_vec())),
            versions: Arc::new(StringArray::from(VERSIONS.to_vec())),
            writers,
            next_row: writer * TURN,
        }
    }

    /// The next row, and the one after it that is this writer's.
    fn take_row(&mut self) -> u64 {
        let row = self.next_row;
        self.next_row += 1;
        if self.next_row.is_multiple_of(TURN) {
            self.next_row += (self.writers - 1) * TURN;
        }
        row
    }
}

impl Rows for Stream {
    fn next_batch(&mut self, rows_max: usize) -> Result<Option<RecordBatch>, ArrowError> {
        let (total, seed) = (rows(self.workload.scale), self.workload.seed);
        let mut drawn = Drawn::default();
        while self.next_row < total && drawn.times.len() < rows_max {
            let row = self.take_row();
            drawn.push(row, total, &mut Random::new(seed, row));
        }
        if drawn.times.is_empty() {
            return Ok(None);
        }
        drawn.batch(&self.schema, &self.models, &self.versions).map(Some)
    }
}

/// The columns of a batch while its rows are drawn.
#[derive(Default)]
struct Drawn {
    times: Vec<i64>,
    models: Vec<i32>,
    versions: Vec<i32>,
    ids: Vec<String>,
    amount: Vec<f64>,
    age: Vec<i64>,
    tenure: Vec<i64>,
    credit: Vec<i64>,
    velocity: Vec<i64>,
    distance: Vec<f64>,
    ratio: Vec<f64>,
    embedding_norm: Vec<f64>,
    countries: Vec<&'static str>,
    devices: Vec<&'static str>,
    score: Vec<f64>,
    latency: Vec<f64>,
    statuses: Vec<&'static str>,
    labels: Vec<Option<&'static str>>,
}

impl Drawn {
    fn push(&mut self, row: u64, total: u64, random: &mut Random) {
        let version = random.below(2);
        let place = START + row as i64 * (SPAN / total as i64);
        self.times.push(place + random.below(JITTER) as i64);
        self.models.push(random.pick(&MODEL_WEIGHTS) as i32);
        self.versions.push(version as i32);
        self.ids.push(format!("p{row}"));
        self.push_features(row >= total - total / 4, random);
        self.score.push(random.beta(2.0, 8.0));
        self.latency.push(random.lognormal(if version == 1 { 3.3 } else { 3.2 }, 0.5));
        self.statuses.push(STATUSES[random.pick(&STATUS_WEIGHTS)]);
        let label = if random.unit() < 0.2 { "1" } else { "0" };
        self.labels.push((random.unit() >= 0.3).then_some(label));
    }

    /// In the last quarter amounts are greater and credit is worse.
    fn push_features(&mut self, drifted: bool, random: &mut Random) {
        let (mu, worse) = if drifted { (3.3, 15.0) } else { (3.0, 0.0) };
        self.amount.push((random.lognormal(mu, 1.0) * 100.0).round() / 100.0);
        self.age.push(18 + random.below(72) as i64);
        self.tenure.push(random.gamma(2.0, 200.0).round() as i64);
        let credit = 650.0 - worse + 80.0 * random.normal();
        self.credit.push(credit.round().clamp(300.0, 850.0) as i64);
        self.velocity.push(random.poisson(3.0) as i64);
        self.distance.push(random.exponential(12.0));
        self.ratio.push(random.beta(2.0, 5.0));
        self.embedding_norm.push(1.0 + 0.05 * random.normal());
        self.countries.push(COUNTRIES[random.pick(&COUNTRY_WEIGHTS)]);
        self.devices.push(DEVICES[random.pick(&DEVICE_WEIGHTS)]);
    }

    fn batch(
        self,
        schema: &SchemaRef,
        models: &Arc<StringArray>,
        versions: &Arc<StringArray>,
    ) -> Result<RecordBatch, ArrowError> {
        let whole = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
        let double = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
        let text = |values: Vec<&'static str>| Arc::new(StringArray::from(values)) as ArrayRef;
        let columns = vec![
            times(self.times),
            tags(self.models, models)?,
            tags(self.versions, versions)?,
            Arc::new(StringArray::from(self.ids)),
            double(self.amount),
            whole(self.age),
            whole(self.tenure),
            whole(self.credit),
            whole(self.velocity),
            double(self.distance),
            double(self.ratio),
            double(self.embedding_norm),
            text(self.countries),
            text(self.devices),
            double(self.score),
            double(self.latency),
            text(self.statuses),
            Arc::new(StringArray::from(self.labels)),
        ];
        RecordBatch::try_new(schema.clone(), columns)
    }
}
