//! `forecast`: what a series is expected to be.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, exec_datafusion_err, plan_err};
use datafusion::scalar::ScalarValue;

use super::buckets::filled;
use super::collected::{Collected, Judge, Series};
use crate::function::table::arguments::Arguments;
use crate::function::table::definition::Definition;
use crate::function::table::values::{Report, Request, ValuesTable, time, time_field};
use crate::limits::SERIES_BUCKETS_MAX;
use crate::stats::forecast::{FORECAST_SEASON_MAX, HORIZON_MAX, fit};

/// The share of rows to come that an interval holds, unless a call names another.
const LEVEL_DEFAULT: f64 = 0.9;

/// `forecast`.
pub(in crate::function::table) static FORECAST: Definition = Definition {
    name: "forecast",
    arguments: &["source", "column", "from", "to", "segment", "every", "horizon", "level", "season"],
    table: |arguments, session| table(arguments, session),
};

fn table(arguments: &Arguments<'_>, session: &dyn Session) -> Result<Arc<dyn TableProvider>> {
    let every = arguments.duration("every")?.ok_or_else(|| arguments.missing("every"))?;
    let request = Request::new(FORECAST.name, arguments, Some(every))?;
    let horizon = arguments.count("horizon", 1, HORIZON_MAX)?.ok_or_else(|| arguments.missing("horizon"))?;
    let season = arguments.count("season", 2, FORECAST_SEASON_MAX)?;
    let level = arguments.number("level")?.unwrap_or(LEVEL_DEFAULT);
    if !(level > 0.0 && level < 1.0) {
        return plan_err!("forecast: argument `level` must be above 0 and below 1, not {level}");
    }
    let ahead = Ahead { every, horizon, level, season };
    ValuesTable::planned(request, Arc::new(Collected(Arc::new(ahead))), session)
}

#[derive(Debug)]
struct Ahead {
    every: i64,
    horizon: usize,
    level: f64,
    season: Option<usize>,
}

impl Judge for Ahead {
    fn function(&self) -> &'static str {
        FORECAST.name
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            time_field(),
            Field::new("segment", DataType::Utf8, true),
            Field::new("value", DataType::Float64, false),
            Field::new("low", DataType::Float64, false),
            Field::new("high", DataType::Float64, false),
        ]))
    }

    fn rows_max(&self) -> usize {
        SERIES_BUCKETS_MAX
    }

    fn judge(&self, series: &Series, report: &mut Report) -> Result<()> {
        let values = filled(FORECAST.name, series, self.every)?;
        let model = fit(&values, self.season);
        let found = model.and_then(|model| model.forecast(self.horizon, self.level)).unwrap_or_default();
        let mut at = series.times.last().copied().unwrap_or_default();
        for found in found {
            at = at.checked_add(self.every).ok_or_else(|| {
                exec_datafusion_err!("forecast: `horizon` goes beyond 2262, the last time there is")
            })?;
            report.push(vec![
                time(at),
                ScalarValue::Utf8(series.segment.clone()),
                ScalarValue::from(found.value),
                ScalarValue::from(found.low),
                ScalarValue::from(found.high),
            ]);
        }
        Ok(())
    }
}
