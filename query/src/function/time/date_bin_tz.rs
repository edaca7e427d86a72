//! `date_bin_tz(stride, time, zone)`: the bucket of a time by the clock of a zone.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveBuilder};
use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimestampNanosecondType};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::scalar::ScalarValue;

use super::Buckets;
use crate::function::parameter::{self, Kind, Parameter, required};

const NAME: &str = "date_bin_tz";
const PARAMETERS: &[Parameter] =
    &[required("stride", Kind::Stride), required("time", Kind::Time), required("zone", Kind::Text)];

/// The function.
pub(in crate::function) fn date_bin_tz() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(DateBinTz { signature: parameter::signature(PARAMETERS) }))
}

/// The function as DataFusion sees it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DateBinTz {
    signature: Signature,
}

impl ScalarUDFImpl for DateBinTz {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        parameter::coerce(NAME, PARAMETERS, given)
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        internal_err!("the result of {NAME} is told by its fields")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        // What is constant is refused before a row is read; it may stand here before it was cast. Parameters of a
        // statement that is prepared are not constant yet.
        if let [Some(stride), _, Some(zone)] = args.scalar_arguments {
            buckets(stride, zone)?;
        }
        let time = args.arg_fields.get(1).map(|field| field.data_type().clone()).unwrap_or(DataType::Null);
        Ok(Arc::new(Field::new(NAME, time, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(stride), time, ColumnarValue::Scalar(zone)] = args.args.as_slice() else {
            return exec_err!("{NAME}: `stride` and `zone` must be constants, the same for all rows");
        };
        let buckets = buckets(stride, zone)?;
        match time {
            ColumnarValue::Scalar(time) => {
                let starts = bin(&buckets, &time.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&starts, 0)?))
            }
            ColumnarValue::Array(times) => Ok(ColumnarValue::Array(bin(&buckets, times)?)),
        }
    }

    /// A later time is in no earlier bucket, so rows in order of time are in order of buckets.
    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        match inputs {
            [stride, time, zone]
                if stride.sort_properties == SortProperties::Singleton
                    && zone.sort_properties == SortProperties::Singleton =>
            {
                Ok(time.sort_properties)
            }
            _ => Ok(SortProperties::Unordered),
        }
    }
}

fn buckets(stride: &ScalarValue, zone: &ScalarValue) -> Result<Buckets> {
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    match (stride.cast_to(&interval)?, zone.cast_to(&DataType::Utf8)?) {
        (ScalarValue::IntervalMonthDayNano(Some(stride)), ScalarValue::Utf8(Some(zone))) => {
            Buckets::new(NAME, stride, Some(&zone))
        }
        _ => plan_err!("{NAME}: `stride` and `zone` must not be NULL"),
    }
}

/// Rows come mostly in order: the bucket of the row before is looked at first.
fn bin(buckets: &Buckets, times: &ArrayRef) -> Result<ArrayRef> {
    let Some(times) = times.as_primitive_opt::<TimestampNanosecondType>() else {
        return exec_err!("{NAME}: `time` must be a time in nanoseconds, not {}", times.data_type());
    };
    let mut last = 0..0;
    let mut starts = PrimitiveBuilder::<TimestampNanosecondType>::with_capacity(times.len());
    for time in times {
        if let Some(time) = time
            && !last.contains(&time)
        {
            let start = buckets.start(time)?;
            last = start..buckets.next(start)?;
        }
        starts.append_option(time.map(|_| last.start));
    }
    Ok(Arc::new(starts.finish().with_timezone_opt(times.timezone())))
}
