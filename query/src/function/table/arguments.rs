//! Constant arguments of a table function, read as what they have to be.

use arrow::compute::kernels::cast_utils::{parse_interval_month_day_nano, string_to_timestamp_nanos};
use arrow::datatypes::{DataType, IntervalDayTimeType, IntervalMonthDayNanoType};
use datafusion::common::{Result, plan_datafusion_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;

use super::definition::Definition;

const NANOS_PER_MILLI: i64 = 1_000_000;
const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// The arguments of one call, in the order of the definition; NULL is the same as left out.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    definition: &'static Definition,
    values: Vec<&'a ScalarValue>,
}

impl<'a> Arguments<'a> {
    /// Takes what is left of the arguments after constant folding.
    pub(super) fn new(definition: &'static Definition, exprs: &'a [Expr]) -> Result<Self> {
        let pairs = definition.arguments.iter().zip(exprs);
        let values = pairs.map(|(name, expr)| match expr {
            Expr::Literal(value, _) => Ok(value),
            other => plan_err!("{}", definition.not_constant(name, other)),
        });
        Ok(Self { definition, values: values.collect::<Result<_>>()? })
    }

    fn get(&self, name: &str) -> Option<&'a ScalarValue> {
        let slot = self.definition.arguments.iter().position(|known| *known == name)?;
        self.values.get(slot).copied().filter(|value| !value.is_null())
    }

    /// An error that names the argument, what it is and what it has to be.
    fn wrong(&self, name: &str, value: &ScalarValue, wanted: &str) -> DataFusionError {
        plan_datafusion_err!("{}: argument `{name}` must be {wanted}, not {value}", self.definition.name)
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.try_as_str().flatten() {
            Some(text) => Ok(Some(text.to_string())),
            None => Err(self.wrong(name, value, "a text in single quotes")),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, name: &str) -> Result<String> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// The error of an argument that was left out.
    pub(super) fn missing(&self, name: &str) -> DataFusionError {
        let (function, usage) = (self.definition.name, self.definition.usage());
        plan_datafusion_err!("{function}: argument `{name}` is missing; {function} takes {usage}")
    }

    /// A whole number within bounds.
    pub(super) fn count(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let count = match value {
            ScalarValue::Int64(Some(count)) => usize::try_from(*count).ok(),
            ScalarValue::UInt64(Some(count)) => usize::try_from(*count).ok(),
            ScalarValue::Int32(Some(count)) => usize::try_from(*count).ok(),
            _ => None,
        };
        match count.filter(|count| (least..=most).contains(count)) {
            Some(count) => Ok(Some(count)),
            None => Err(self.wrong(name, value, &format!("a whole number from {least} to {most}"))),
        }
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number =
            if value.data_type().is_numeric() { value.cast_to(&DataType::Float64).ok() } else { None };
        match number {
            Some(ScalarValue::Float64(Some(number))) => Ok(Some(number)),
            _ => Err(self.wrong(name, value, "a number")),
        }
    }

    /// Names in one text, with commas between them.
    pub(super) fn names(&self, name: &str) -> Result<Option<Vec<String>>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let names: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
        match names.iter().all(|name| !name.is_empty()) {
            true => Ok(Some(names)),
            false => Err(self.wrong(
                name,
                &ScalarValue::from(text),
                "names with commas between them, as in 'age, income'",
            )),
        }
    }

    /// True or false.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(ScalarValue::Boolean(Some(flag))) => Ok(Some(*flag)),
            Some(value) => Err(self.wrong(name, value, "true or false")),
        }
    }

    fn number_that(&self, name: &str, wanted: &str, fits: fn(f64) -> bool) -> Result<Option<f64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.cast_to(&DataType::Float64) {
            Ok(ScalarValue::Float64(Some(number))) if value.data_type().is_numeric() && fits(number) => {
                Ok(Some(number))
            }
            _ => Err(self.wrong(name, value, wanted)),
        }
    }

    /// A number between 0 and 1.
    pub(super) fn share(&self, name: &str) -> Result<Option<f64>> {
        self.number_that(name, "a number between 0 and 1", |share| share > 0.0 && share < 1.0)
    }

    /// A number of at least 0.
    pub(super) fn least(&self, name: &str) -> Result<Option<f64>> {
        self.number_that(name, "a number of at least 0", |least| least >= 0.0 && least.is_finite())
    }

    /// Whether the one word was given that it can be.
    pub(super) fn one_of(&self, name: &str, word: &str) -> Result<bool> {
        let Some(value) = self.get(name) else { return Ok(false) };
        match value.try_as_str().flatten().is_some_and(|text| text.eq_ignore_ascii_case(word)) {
            true => Ok(true),
            false => Err(self.wrong(name, value, &format!("'{word}'"))),
        }
    }

    /// A moment, in nanoseconds since 1970: a timestamp, a date, or a text that is one (UTC where it names no zone).
    pub(super) fn moment(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let moment = moment(value);
        moment.map(Some).ok_or_else(|| {
            self.wrong(name, value, "a time from 1677 to 2262, as in '2026-01-31' or '2026-01-31T12:00:00Z'")
        })
    }

    /// A duration in nanoseconds, more than 0: an INTERVAL, or a text that is one.
    pub(super) fn duration(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let (months, nanos) = interval(value)
            .ok_or_else(|| self.wrong(name, value, "a duration, as in INTERVAL '7 days' or '1h'"))?;
        if months != 0 {
            let function = self.definition.name;
            return plan_err!(
                "{function}: argument `{name}` must be a fixed time, not months or years, whose lengths differ; write days, as in INTERVAL '28 days'"
            );
        }
        if nanos <= 0 {
            return Err(self.wrong(name, value, "a duration of more than 0"));
        }
        Ok(Some(nanos))
    }
}

fn moment(value: &ScalarValue) -> Option<i64> {
    if let Some(text) = value.try_as_str().flatten() {
        return string_to_timestamp_nanos(text.trim()).ok();
    }
    match value {
        ScalarValue::TimestampNanosecond(Some(t), _) => Some(*t),
        ScalarValue::TimestampMicrosecond(Some(t), _) => t.checked_mul(1_000),
        ScalarValue::TimestampMillisecond(Some(t), _) | ScalarValue::Date64(Some(t)) => {
            t.checked_mul(NANOS_PER_MILLI)
        }
        ScalarValue::TimestampSecond(Some(t), _) => t.checked_mul(1_000 * NANOS_PER_MILLI),
        ScalarValue::Date32(Some(day)) => i64::from(*day).checked_mul(NANOS_PER_DAY),
        _ => None,
    }
}

/// Months, and nanoseconds beside them.
fn interval(value: &ScalarValue) -> Option<(i32, i64)> {
    if let Some(text) = value.try_as_str().flatten() {
        // A bare number would be months.
        let bare = text.trim().parse::<f64>().is_ok();
        return parse_interval_month_day_nano(text).ok().filter(|_| !bare).and_then(month_day_nano);
    }
    match value {
        ScalarValue::IntervalMonthDayNano(Some(v)) => month_day_nano(*v),
        ScalarValue::IntervalDayTime(Some(v)) => {
            let (days, millis) = IntervalDayTimeType::to_parts(*v);
            add(days, i64::from(millis).checked_mul(NANOS_PER_MILLI)?).map(|nanos| (0, nanos))
        }
        ScalarValue::IntervalYearMonth(Some(months)) => Some((*months, 0)),
        ScalarValue::DurationSecond(Some(v)) => Some((0, v.checked_mul(1_000 * NANOS_PER_MILLI)?)),
        ScalarValue::DurationMillisecond(Some(v)) => Some((0, v.checked_mul(NANOS_PER_MILLI)?)),
        ScalarValue::DurationMicrosecond(Some(v)) => Some((0, v.checked_mul(1_000)?)),
        ScalarValue::DurationNanosecond(Some(v)) => Some((0, *v)),
        _ => None,
    }
}

fn month_day_nano(value: arrow::datatypes::IntervalMonthDayNano) -> Option<(i32, i64)> {
    let (months, days, nanos) = IntervalMonthDayNanoType::to_parts(value);
    Some((months, add(days, nanos)?))
}

fn add(days: i32, nanos: i64) -> Option<i64> {
    i64::from(days).checked_mul(NANOS_PER_DAY)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn text(text: &str) -> ScalarValue {
        ScalarValue::from(text)
    }

    #[test]
    fn durations_are_read_in_both_spellings() {
        for (written, nanos) in [
            ("1 hour", HOUR),
            ("1h", HOUR),
            ("7 days", 7 * 24 * HOUR),
            ("1 week", 7 * 24 * HOUR),
            ("90s", HOUR / 40),
        ] {
            assert_eq!(interval(&text(written)), Some((0, nanos)), "{written}");
        }
        assert_eq!(interval(&text("1 month")), Some((1, 0)));
        assert_eq!(interval(&text("7")), None);
        assert_eq!(interval(&text("soon")), None);
    }

    #[test]
    fn moments_are_read_from_every_type_of_time() {
        let day = 20_484 * NANOS_PER_DAY;
        for value in [
            text("2026-01-31"),
            text("2026-01-31T00:00:00Z"),
            text("2026-01-31 01:00:00+01:00"),
            ScalarValue::Date32(Some(20_484)),
            ScalarValue::TimestampSecond(Some(day / 1_000_000_000), None),
            ScalarValue::TimestampNanosecond(Some(day), Some("UTC".into())),
        ] {
            assert_eq!(moment(&value), Some(day), "{value:?}");
        }
        assert_eq!(moment(&ScalarValue::Date32(Some(i32::MAX))), None);
        assert_eq!(moment(&text("yesterday")), None);
        assert_eq!(moment(&ScalarValue::Int64(Some(0))), None);
    }
}
