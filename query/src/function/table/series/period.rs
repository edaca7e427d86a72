//! `period`: the length of a season.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, plan_err};
use datafusion::scalar::ScalarValue;

use super::buckets::filled;
use super::collected::{Collected, Judge, Series};
use crate::function::table::arguments::Arguments;
use crate::function::table::definition::Definition;
use crate::function::table::values::{Report, Request, ValuesTable};
use crate::limits::SERIES_BUCKETS_MAX;
use crate::stats::period::period;

/// The p value below which a season counts, unless a call names another.
const ALPHA_DEFAULT: f64 = 0.01;

/// `period`.
pub(in crate::function::table) static PERIOD: Definition = Definition {
    name: "period",
    arguments: &["source", "column", "from", "to", "segment", "every", "alpha"],
    table: |arguments, session| table(arguments, session),
};

fn table(arguments: &Arguments<'_>, session: &dyn Session) -> Result<Arc<dyn TableProvider>> {
    let every = arguments.duration("every")?.ok_or_else(|| arguments.missing("every"))?;
    let request = Request::new(PERIOD.name, arguments, Some(every))?;
    let alpha = arguments.number("alpha")?.unwrap_or(ALPHA_DEFAULT);
    if !(alpha > 0.0 && alpha < 1.0) {
        return plan_err!("period: argument `alpha` must be above 0 and below 1, not {alpha}");
    }
    ValuesTable::planned(request, Arc::new(Collected(Arc::new(Season { every, alpha }))), session)
}

#[derive(Debug)]
struct Season {
    every: i64,
    alpha: f64,
}

impl Judge for Season {
    fn function(&self) -> &'static str {
        PERIOD.name
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("segment", DataType::Utf8, true),
            Field::new("buckets", DataType::Int64, true),
            Field::new("nanoseconds", DataType::Int64, true),
            Field::new("strength", DataType::Float64, true),
            Field::new("p_value", DataType::Float64, true),
        ]))
    }

    fn rows_max(&self) -> usize {
        SERIES_BUCKETS_MAX
    }

    fn judge(&self, series: &Series, report: &mut Report) -> Result<()> {
        let found = period(&filled(PERIOD.name, series, self.every)?, self.alpha);
        let buckets = found.map(|found| found.rows as i64);
        report.push(vec![
            ScalarValue::Utf8(series.segment.clone()),
            ScalarValue::from(buckets),
            ScalarValue::from(buckets.and_then(|buckets| buckets.checked_mul(self.every))),
            ScalarValue::from(found.map(|found| found.autocorrelation)),
            ScalarValue::from(found.map(|found| found.p_value)),
        ]);
        Ok(())
    }
}
