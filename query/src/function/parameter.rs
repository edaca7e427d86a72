//! What a function takes: the name, kind and type of each argument, and what to write where one does not fit.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Signature, Volatility};

use super::extension::{is_distribution, is_subquery};

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number, taken as DOUBLE.
    Number,
    /// A number, or a boolean as 1 and 0; taken as DOUBLE.
    Measure,
    /// A whole number.
    Count,
    /// A label, a prediction or the positive class: text, number or boolean.
    Value,
    /// True or false.
    Flag,
    /// Anything a distribution can be made of: text, number or boolean.
    Sample,
    /// A DISTRIBUTION.
    Distribution,
    /// Text.
    Text,
    /// A time, taken in nanoseconds; in UTC where it names no zone.
    Time,
    /// The width of buckets of time: an INTERVAL, or a text that is one.
    Stride,
    /// A VECTOR or a list of numbers, taken as numbers of 32 bits.
    Vector,
}

/// An argument. Optional ones come last.
#[derive(Debug)]
pub(super) struct Parameter {
    /// Its name in `name => value`.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether it may be left out.
    pub optional: bool,
}

/// An argument that must be given.
pub(super) const fn required(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, optional: false }
}

/// An argument that may be left out.
pub(super) const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, optional: true }
}

/// The signature under which a function with these arguments can be called by position or by name.
pub(super) fn signature(parameters: &[Parameter]) -> Signature {
    let mut signature = Signature::user_defined(Volatility::Immutable);
    signature.parameter_names = Some(parameters.iter().map(|p| p.name.to_string()).collect());
    signature
}

/// The types in which a function wants its arguments; refuses a wrong number or type of them.
pub(super) fn coerce(function: &str, parameters: &[Parameter], given: &[DataType]) -> Result<Vec<DataType>> {
    let needed = parameters.iter().filter(|p| !p.optional).count();
    if given.len() < needed || given.len() > parameters.len() {
        let usage = usage(function, parameters);
        return plan_err!("{function} takes {usage}, not {} arguments", given.len());
    }
    let pairs = parameters.iter().zip(given);
    pairs.map(|(parameter, given)| parameter.coerce(function, given)).collect()
}

/// Refuses arguments whose types fit but which are not the DISTRIBUTIONs they have to be.
pub(super) fn check(function: &str, parameters: &[Parameter], fields: &[FieldRef]) -> Result<()> {
    for (parameter, field) in parameters.iter().zip(fields) {
        parameter.check(function, field)?;
    }
    Ok(())
}

fn usage(function: &str, parameters: &[Parameter]) -> String {
    let show = |p: &Parameter| if p.optional { format!("[{}]", p.name) } else { p.name.to_string() };
    format!("{function}({})", parameters.iter().map(show).collect::<Vec<_>>().join(", "))
}

impl Parameter {
    fn coerce(&self, function: &str, given: &DataType) -> Result<DataType> {
        let fits = match self.kind {
            Kind::Number => number(given),
            Kind::Measure => number(given) || flag(given),
            Kind::Count => given.is_integer() || given.is_null(),
            Kind::Value | Kind::Sample => number(given) || text(given) || flag(given),
            Kind::Flag => flag(given),
            Kind::Distribution => given == &DataType::Binary,
            Kind::Text => text(given) || given.is_null(),
            Kind::Time => time(given),
            Kind::Stride => matches!(given, DataType::Interval(_)) || text(given),
            Kind::Vector => vector(given),
        };
        if !fits {
            return plan_err!("{function}: {}", self.remedy(given));
        }
        Ok(self.wanted(given))
    }

    /// The type an argument that fits is cast to.
    fn wanted(&self, given: &DataType) -> DataType {
        match self.kind {
            Kind::Number | Kind::Measure => DataType::Float64,
            Kind::Count => DataType::Int64,
            Kind::Flag => DataType::Boolean,
            Kind::Distribution => DataType::Binary,
            Kind::Text => DataType::Utf8,
            Kind::Time => time_type(given),
            Kind::Stride => DataType::Interval(IntervalUnit::MonthDayNano),
            Kind::Value => value_type(given),
            Kind::Sample => sample_type(given),
            Kind::Vector => vector_type(given),
        }
    }

    fn check(&self, function: &str, field: &Field) -> Result<()> {
        match self.kind {
            Kind::Distribution if !is_distribution(field) && !is_subquery(field) => {
                plan_err!("{function}: {}", self.remedy(field.data_type()))
            }
            Kind::Sample if is_distribution(field) => {
                plan_err!("{function}: {}", self.remedy(field.data_type()))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with this type here, and what to write instead.
    fn remedy(&self, given: &DataType) -> String {
        let name = self.name;
        match self.kind {
            Kind::Number => {
                format!(
                    "`{name}` must be a number, not {given}; write CAST({name} AS DOUBLE) if it holds numbers"
                )
            }
            Kind::Measure => format!(
                "`{name}` must be a number or a boolean, not {given}; write CAST({name} AS DOUBLE) if it holds numbers"
            ),
            Kind::Count => format!("`{name}` must be a whole number, not {given}"),
            Kind::Text => format!("`{name}` must be text, not {given}"),
            Kind::Time => format!("`{name}` must be a time, not {given}"),
            Kind::Stride => format!("`{name}` must be an interval, as in INTERVAL '1 hour', not {given}"),
            Kind::Vector => format!(
                "`{name}` must be a VECTOR, not {given}; write make_array(a, b, ..) to take several numbers as one"
            ),
            Kind::Value => {
                format!(
                    "`{name}` must be text, a number or a boolean, not {given}; write CAST({name} AS TEXT)"
                )
            }
            Kind::Flag => format!(
                "`{name}` must be a boolean, not {given}; write a condition, as in time >= TIMESTAMP '2026-01-01'"
            ),
            Kind::Sample if given == &DataType::Binary => {
                format!(
                    "`{name}` must be text, a number or a boolean; DISTRIBUTIONs are added by merge_distributions(d)"
                )
            }
            Kind::Sample => format!(
                "`{name}` must be text, a number or a boolean, not {given}; write CAST({name} AS TEXT), or for a time a part of it, as in date_part('hour', {name})"
            ),
            Kind::Distribution => format!(
                "`{name}` must be a DISTRIBUTION, not {given}; wrap the column in distribution(..), or write CAST(.. AS DISTRIBUTION) where an expression such as CASE or coalesce lost the type"
            ),
        }
    }
}

fn value_of(given: &DataType) -> &DataType {
    if let DataType::Dictionary(_, value) = given { value } else { given }
}

fn number(given: &DataType) -> bool {
    value_of(given).is_numeric() || given.is_null()
}

fn text(given: &DataType) -> bool {
    value_of(given).is_string()
}

fn flag(given: &DataType) -> bool {
    given == &DataType::Boolean || given.is_null()
}

fn time(given: &DataType) -> bool {
    matches!(given, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
        || text(given)
        || given.is_null()
}

fn vector(given: &DataType) -> bool {
    match given {
        DataType::FixedSizeList(field, _) | DataType::List(field) | DataType::LargeList(field) => {
            number(field.data_type())
        }
        _ => given.is_null(),
    }
}

/// Vectors of one length stay so; lists may differ in length, which is for the function to judge.
fn vector_type(given: &DataType) -> DataType {
    match given {
        DataType::FixedSizeList(field, _) if field.data_type() == &DataType::Float32 => given.clone(),
        DataType::FixedSizeList(_, length) => {
            DataType::FixedSizeList(Arc::new(Field::new_list_field(DataType::Float32, true)), *length)
        }
        _ => DataType::new_list(DataType::Float32, true),
    }
}

/// Times keep their zone, which says how they are shown, not what they are.
pub(super) fn time_type(given: &DataType) -> DataType {
    match given {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        _ => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
    }
}

/// Whole numbers stay whole, so that class ids above 2^53 are told apart.
fn value_type(given: &DataType) -> DataType {
    match value_of(given) {
        DataType::Boolean => DataType::Boolean,
        DataType::UInt64 => DataType::Float64,
        given if given.is_integer() => DataType::Int64,
        given if given.is_numeric() => DataType::Float64,
        _ => DataType::Utf8,
    }
}

/// Dictionaries stay what they are: counting their keys is much cheaper than counting strings.
fn sample_type(given: &DataType) -> DataType {
    match given {
        DataType::Boolean => DataType::Boolean,
        DataType::Dictionary(_, value) if value.as_ref() == &DataType::Utf8 => given.clone(),
        given if text(given) => DataType::Utf8,
        _ => DataType::Float64,
    }
}
