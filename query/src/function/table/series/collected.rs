//! A series that is held whole before anything is said of it.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, exec_err};

use crate::function::table::values::{Report, Segment, Work};

/// The values of a segment, in order of time.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Its name; None where it is NULL, or where there is but one.
    pub segment: Option<String>,
    /// When the values were.
    pub times: Vec<i64>,
    /// The values.
    pub values: Vec<f64>,
}

/// What is said of a series.
pub(super) trait Judge: fmt::Debug + Send + Sync {
    /// The function called.
    fn function(&self) -> &'static str;

    /// The columns of the rows that come of it.
    fn schema(&self) -> SchemaRef;

    /// Values that a series has at most.
    fn rows_max(&self) -> usize;

    /// Says it.
    fn judge(&self, series: &Series, report: &mut Report) -> Result<()>;
}

/// Collects each segment, then says something of it.
#[derive(Debug)]
pub(super) struct Collected<J>(pub(super) Arc<J>);

impl<J: Judge + 'static> Work for Collected<J> {
    fn function(&self) -> &'static str {
        self.0.function()
    }

    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn begin(&self, name: Option<&str>) -> Box<dyn Segment> {
        let series = Series { segment: name.map(str::to_owned), ..Series::default() };
        Box::new(Collecting { judge: Arc::clone(&self.0), series })
    }
}

struct Collecting<J> {
    judge: Arc<J>,
    series: Series,
}

impl<J: Judge> Segment for Collecting<J> {
    fn take(&mut self, times: &[i64], values: &[f64], _report: &mut Report) -> Result<()> {
        let rows_max = self.judge.rows_max();
        if self.series.values.len() + values.len() > rows_max {
            return exec_err!(
                "{}: a series has more than {rows_max} values; make `every` longer, or `from` and `to` closer",
                self.judge.function()
            );
        }
        self.series.times.extend_from_slice(times);
        self.series.values.extend_from_slice(values);
        Ok(())
    }

    fn end(self: Box<Self>, report: &mut Report) -> Result<()> {
        self.judge.judge(&self.series, report)
    }

    fn bytes(&self) -> usize {
        self.series.times.capacity() * size_of::<i64>() + self.series.values.capacity() * size_of::<f64>()
    }
}
