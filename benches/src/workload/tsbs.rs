//! TSBS cpu-only: every host reports ten gauges every 10 s, hosts interleaved by time.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, SchemaRef};
use driftline_storage::{Column, ColumnType};

use super::{Random, Rows, SECOND, START, Scale, arrow_schema, field, later, tag, tags, time_column, times};

/// Hosts at full size.
const HOSTS: u64 = 4_000;
/// Reports of each host: 6 hours.
pub(super) const STEPS: u64 = 6 * 360;
/// Nanoseconds between two reports of a host.
const STEP: i64 = 10 * SECOND;
const TAGS: [&str; 10] = [
    "hostname",
    "region",
    "datacenter",
    "rack",
    "os",
    "arch",
    "team",
    "service",
    "service_version",
    "service_environment",
];
const FIELDS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];
/// The regions, each with the letters of its data centres.
const REGIONS: [(&str, &str); 9] = [
    ("us-east-1", "abce"),
    ("us-west-1", "ab"),
    ("us-west-2", "abc"),
    ("eu-west-1", "abc"),
    ("eu-central-1", "ab"),
    ("ap-southeast-1", "ab"),
    ("ap-southeast-2", "ab"),
    ("ap-northeast-1", "ac"),
    ("sa-east-1", "abc"),
];
const RACKS: u64 = 100;
const OS: [&str; 3] = ["Ubuntu16.10", "Ubuntu16.04LTS", "Ubuntu15.10"];
const ARCH: [&str; 2] = ["x64", "x86"];
const TEAMS: [&str; 4] = ["SF", "NYC", "LON", "CHI"];
const SERVICES: u64 = 20;
const VERSIONS: u64 = 2;
const ENVIRONMENTS: [&str; 3] = ["production", "staging", "test"];

pub(super) fn hosts(scale: Scale) -> u64 {
    scale.of(HOSTS)
}

pub(super) fn columns() -> Vec<Column> {
    let fields = FIELDS.iter().map(|name| field(name, ColumnType::BigInt));
    std::iter::once(time_column()).chain(TAGS.iter().map(|name| tag(name))).chain(fields).collect()
}

/// The batch `steps` reports of every host later.
pub(super) fn moved(batch: &RecordBatch, steps: u64) -> Result<RecordBatch, ArrowError> {
    later(batch, steps as i64 * STEP)
}

/// A host: its random numbers and where its ten walks stand.
#[derive(Debug)]
struct Host {
    random: Random,
    walks: [f64; FIELDS.len()],
}

/// Some of the hosts, from the first step to the last.
#[derive(Debug)]
pub(super) struct Stream {
    schema: SchemaRef,
    hosts: Vec<Host>,
    tags: Tags,
    step: u64,
    /// The next host of this step.
    host: usize,
}

/// The tags of some hosts: the texts of each, and which text each host has.
#[derive(Debug)]
struct Tags {
    texts: Vec<Arc<StringArray>>,
    keys: Vec<Vec<i32>>,
}

impl Stream {
    pub(super) fn new(seed: u64, hosts: Range<u64>) -> Self {
        let tags = Tags::new(seed, hosts.clone());
        let hosts = hosts.map(|host| Host::new(seed, host)).collect();
        Self { schema: arrow_schema(&columns()), hosts, tags, step: 0, host: 0 }
    }
}

impl Rows for Stream {
    fn next_batch(&mut self, rows_max: usize) -> Result<Option<RecordBatch>, ArrowError> {
        let mut drawn = Drawn::default();
        while self.step < STEPS && drawn.times.len() < rows_max {
            drawn.push(START + self.step as i64 * STEP, self.host, &mut self.hosts[self.host]);
            self.host += 1;
            if self.host == self.hosts.len() {
                (self.host, self.step) = (0, self.step + 1);
            }
        }
        if drawn.times.is_empty() {
            return Ok(None);
        }
        let mut columns = vec![times(drawn.times)];
        for (texts, keys) in self.tags.texts.iter().zip(&self.tags.keys) {
            columns.push(tags(drawn.hosts.iter().map(|host| keys[*host]).collect(), texts)?);
        }
        columns.extend(drawn.fields.map(|values| Arc::new(Int64Array::from(values)) as ArrayRef));
        RecordBatch::try_new(self.schema.clone(), columns).map(Some)
    }
}

/// The rows of a batch while they are drawn.
#[derive(Default)]
struct Drawn {
    times: Vec<i64>,
    hosts: Vec<usize>,
    fields: [Vec<i64>; FIELDS.len()],
}

impl Drawn {
    /// What a host reports now; its walks then go on.
    fn push(&mut self, time: i64, index: usize, host: &mut Host) {
        self.times.push(time);
        self.hosts.push(index);
        for (values, walk) in self.fields.iter_mut().zip(&mut host.walks) {
            values.push(*walk as i64);
            *walk = (*walk + host.random.normal()).clamp(0.0, 100.0);
        }
    }
}

impl Host {
    fn new(seed: u64, host: u64) -> Self {
        let mut random = Random::new(seed, host);
        let walks = std::array::from_fn(|_| random.unit() * 100.0);
        Self { random, walks }
    }
}

impl Tags {
    fn new(seed: u64, hosts: Range<u64>) -> Self {
        let rows: Vec<[String; TAGS.len()]> = hosts.map(|host| tags_of(seed, host)).collect();
        let (mut texts, mut keys) = (Vec::new(), Vec::new());
        for index in 0..TAGS.len() {
            let mut distinct: Vec<&str> = rows.iter().map(|row| row[index].as_str()).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let key = |row: &[String; TAGS.len()]| {
                distinct.binary_search(&row[index].as_str()).unwrap_or_default() as i32
            };
            keys.push(rows.iter().map(key).collect());
            texts.push(Arc::new(StringArray::from(distinct)));
        }
        Self { texts, keys }
    }
}

/// The ten tags of a host, in the order of the columns.
fn tags_of(seed: u64, host: u64) -> [String; TAGS.len()] {
    // Another stream than that of the walks, so that tags can change without them.
    let mut random = Random::new(!seed, host);
    let (region, zones) = REGIONS[random.below(REGIONS.len() as u64) as usize];
    let zone = zones.as_bytes()[random.below(zones.len() as u64) as usize] as char;
    let mut one_of = |texts: &[&str]| texts[random.below(texts.len() as u64) as usize].to_owned();
    let (os, arch, team) = (one_of(&OS), one_of(&ARCH), one_of(&TEAMS));
    let environment = one_of(&ENVIRONMENTS);
    [
        format!("host_{host}"),
        region.to_owned(),
        format!("{region}{zone}"),
        random.below(RACKS).to_string(),
        os,
        arch,
        team,
        random.below(SERVICES).to_string(),
        random.below(VERSIONS).to_string(),
        environment,
    ]
}
