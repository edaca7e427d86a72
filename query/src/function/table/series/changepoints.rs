//! `changepoints`: where a series changes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, plan_err};
use datafusion::scalar::ScalarValue;

use super::collected::{Collected, Judge, Series};
use crate::function::detector::refused;
use crate::function::table::arguments::Arguments;
use crate::function::table::definition::Definition;
use crate::function::table::values::{Report, Request, ValuesTable, time, time_field};
use crate::stats::changepoint::{CHANGEPOINT_ROWS_MAX, ChangeCost, ChangeParameters, changepoints};

/// `changepoints`.
pub(in crate::function::table) static CHANGEPOINTS: Definition = Definition {
    name: "changepoints",
    arguments: &["source", "column", "from", "to", "segment", "every", "cost", "rows_min", "penalty"],
    table: |arguments, session| table(arguments, session),
};

fn table(arguments: &Arguments<'_>, session: &dyn Session) -> Result<Arc<dyn TableProvider>> {
    let request = Request::new(CHANGEPOINTS.name, arguments, arguments.duration("every")?)?;
    let usual = ChangeParameters::default();
    let parameters = ChangeParameters {
        cost: cost(arguments)?.unwrap_or(usual.cost),
        rows_min: arguments.count("rows_min", 1, CHANGEPOINT_ROWS_MAX)?.unwrap_or(usual.rows_min),
        penalty: arguments.number("penalty")?,
    };
    // Of no values it says the same as of many.
    changepoints(&[], &parameters).map_err(|error| refused(CHANGEPOINTS.name, &error))?;
    ValuesTable::planned(request, Arc::new(Collected(Arc::new(Changepoints { parameters }))), session)
}

fn cost(arguments: &Arguments<'_>) -> Result<Option<ChangeCost>> {
    match arguments.text("cost")?.as_deref() {
        None => Ok(None),
        Some("mean") => Ok(Some(ChangeCost::Mean)),
        Some("mean_variance") => Ok(Some(ChangeCost::MeanVariance)),
        Some(other) => {
            plan_err!("changepoints: argument `cost` must be 'mean' or 'mean_variance', not '{other}'")
        }
    }
}

#[derive(Debug)]
struct Changepoints {
    parameters: ChangeParameters,
}

impl Judge for Changepoints {
    fn function(&self) -> &'static str {
        CHANGEPOINTS.name
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            time_field(),
            Field::new("segment", DataType::Utf8, true),
            Field::new("row", DataType::Int64, false),
            Field::new("mean_before", DataType::Float64, true),
            Field::new("mean_after", DataType::Float64, true),
        ]))
    }

    fn rows_max(&self) -> usize {
        CHANGEPOINT_ROWS_MAX
    }

    fn judge(&self, series: &Series, report: &mut Report) -> Result<()> {
        let starts = changepoints(&series.values, &self.parameters);
        let starts = starts.map_err(|error| refused(CHANGEPOINTS.name, &error))?;
        let before = std::iter::once(0).chain(starts.iter().copied());
        let after = starts.iter().copied().skip(1).chain([series.values.len()]);
        for ((before, start), after) in before.zip(&starts).zip(after) {
            let mean = |from: usize, to: usize| ScalarValue::from(mean(series.values.get(from..to)));
            report.push(vec![
                time(series.times.get(*start).copied().unwrap_or_default()),
                ScalarValue::Utf8(series.segment.clone()),
                ScalarValue::from(*start as i64 + 1),
                mean(before, *start),
                mean(*start, after),
            ]);
        }
        Ok(())
    }
}

fn mean(values: Option<&[f64]>) -> Option<f64> {
    let values = values.filter(|values| !values.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64).filter(|mean| mean.is_finite())
}
