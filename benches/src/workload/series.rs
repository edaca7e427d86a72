//! Many short series: every device reports once an hour for a day, devices interleaved by time.

use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, SchemaRef};
use driftline_storage::{Column, ColumnType};

use super::{
    Random, Rows, SECOND, START, Scale, Workload, arrow_schema, field, tag, tags, time_column, times,
};

/// Devices at full size.
const DEVICES: u64 = 1_000_000;
/// Reports of each.
pub(super) const HOURS: u64 = 24;
/// Sites that the devices stand at.
const SITES: u64 = 1_000;

pub(super) fn devices(scale: Scale) -> u64 {
    scale.of(DEVICES)
}

pub(super) fn columns() -> Vec<Column> {
    vec![
        time_column(),
        tag("device"),
        tag("site"),
        field("value", ColumnType::Double),
        field("counter", ColumnType::BigInt),
    ]
}

/// All devices, hour by hour.
#[derive(Debug)]
pub(super) struct Stream {
    schema: SchemaRef,
    seed: u64,
    devices: u64,
    sites: Arc<StringArray>,
    next_row: u64,
}

impl Stream {
    pub(super) fn new(workload: Workload) -> Self {
        let sites = (0..SITES).map(|site| Some(format!("site-{site:03}"))).collect();
        Self {
            schema: arrow_schema(&columns()),
            seed: workload.seed,
            devices: devices(workload.scale),
            sites: Arc::new(sites),
            next_row: 0,
        }
    }
}

impl Rows for Stream {
    /// A batch never spans two hours, so that each device stands in its dictionary once.
    fn next_batch(&mut self, rows_max: usize) -> Result<Option<RecordBatch>, ArrowError> {
        let (hour, first) = (self.next_row / self.devices, self.next_row % self.devices);
        if hour == HOURS {
            return Ok(None);
        }
        let end = (first + rows_max as u64).min(self.devices);
        self.next_row += end - first;
        let reports: Vec<Report> = (first..end).map(|device| Report::new(self.seed, device, hour)).collect();
        // Devices are counted from 1 in their names.
        let names: StringArray = (first..end).map(|device| Some(format!("dev-{:06}", device + 1))).collect();
        let columns = vec![
            times(vec![START + hour as i64 * 3_600 * SECOND; reports.len()]),
            tags((0..reports.len() as i32).collect(), &Arc::new(names))?,
            tags(reports.iter().map(|r| r.site).collect(), &self.sites)?,
            Arc::new(Float64Array::from_iter_values(reports.iter().map(|r| r.value))),
            Arc::new(Int64Array::from_iter_values(reports.iter().map(|r| r.counter))),
        ];
        RecordBatch::try_new(self.schema.clone(), columns).map(Some)
    }
}

/// What a device says at an hour.
struct Report {
    site: i32,
    /// About the device's own mean, to 2 decimals.
    value: f64,
    /// Grows by about the device's own rate.
    counter: i64,
}

impl Report {
    fn new(seed: u64, device: u64, hour: u64) -> Self {
        let mut constant = Random::new(seed, device);
        let mut now = Random::new(!seed, device * HOURS + hour);
        let site = constant.below(SITES) as i32;
        let mean = 20.0 + 5.0 * constant.normal();
        let (start, rate) = (constant.below(1_000_000), 1 + constant.below(1_000));
        Self {
            site,
            value: ((mean + 0.5 * now.normal()) * 100.0).round() / 100.0,
            counter: (start + hour * rate + now.below(rate)) as i64,
        }
    }
}
