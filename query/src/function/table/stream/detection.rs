//! A detector over the values of each segment.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::scalar::ScalarValue;

use crate::function::detector::{Detector, Family, check_error};
use crate::function::table::values::{Report, Segment, Work, time, time_field};
use crate::stats::stream::Signal;

/// Runs a detector over each segment.
#[derive(Debug)]
pub(super) struct Detection {
    family: &'static Family,
    /// One that has seen nothing.
    detector: Detector,
    schema: SchemaRef,
}

impl Detection {
    pub(super) fn new(family: &'static Family, detector: Detector) -> Self {
        let fields = [
            time_field(),
            Field::new("segment", DataType::Utf8, true),
            Field::new("kind", DataType::Utf8, false),
            Field::new("row", DataType::Int64, false),
            Field::new("value", DataType::Float64, false),
        ];
        let figures = family.figures().map(|name| Field::new(name, DataType::Float64, true));
        let fields: Vec<Field> = fields.into_iter().chain(figures).collect();
        Self { family, detector, schema: Arc::new(Schema::new(fields)) }
    }
}

impl Work for Detection {
    fn function(&self) -> &'static str {
        self.family.table
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn begin(&self, name: Option<&str>) -> Box<dyn Segment> {
        let segment = ScalarValue::Utf8(name.map(str::to_owned));
        Box::new(Running { family: self.family, detector: self.detector.clone(), segment, row: 0 })
    }
}

/// A detector on its way through a segment.
struct Running {
    family: &'static Family,
    detector: Detector,
    segment: ScalarValue,
    row: i64,
}

impl Segment for Running {
    fn take(&mut self, times: &[i64], values: &[f64], report: &mut Report) -> Result<()> {
        for (at, value) in times.iter().zip(values) {
            check_error(self.family.table, self.family, *value)?;
            self.row += 1;
            let said = self.detector.update(*value);
            let kind = match said.signal {
                Signal::None => continue,
                Signal::Warning => "warning",
                Signal::Drift => "change",
            };
            let row = [
                time(*at),
                self.segment.clone(),
                ScalarValue::from(kind),
                ScalarValue::from(self.row),
                ScalarValue::from(*value),
            ];
            let figures =
                self.family.figures().zip(said.figures).map(|(_, figure)| ScalarValue::from(figure));
            report.push(row.into_iter().chain(figures).collect());
        }
        Ok(())
    }

    fn end(self: Box<Self>, _report: &mut Report) -> Result<()> {
        Ok(())
    }

    /// A detector is small: its settings bound it.
    fn bytes(&self) -> usize {
        0
    }
}
