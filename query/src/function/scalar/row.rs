//! The arguments of a scalar function, row by row. A DISTRIBUTION that is the same for all rows is decoded once;
//! others one at a time, for a batch of them decoded would be many times its bytes.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use datafusion::scalar::ScalarValue;
use driftline_storage::distribution::Distribution;

use crate::function::extension::decode;

/// The arguments of a call.
pub(super) struct Rows<'a> {
    /// The function called.
    pub function: &'a str,
    arguments: Vec<Argument>,
}

enum Argument {
    /// A DISTRIBUTION that all rows share; None is NULL.
    Constant(Option<Distribution>),
    /// A value a row.
    Column(ArrayRef),
}

impl<'a> Rows<'a> {
    pub(super) fn new(function: &'a str, args: &ScalarFunctionArgs) -> Result<Self> {
        let argument = |value: &ColumnarValue| match value {
            ColumnarValue::Scalar(ScalarValue::Binary(bytes)) => {
                let decoded = bytes.as_ref().map(|bytes| decode(function, bytes)).transpose()?;
                Ok(Argument::Constant(decoded))
            }
            other => Ok(Argument::Column(other.to_array(args.number_rows)?)),
        };
        Ok(Self { function, arguments: args.args.iter().map(argument).collect::<Result<_>>()? })
    }

    fn argument(&self, place: usize) -> Result<&Argument> {
        self.arguments.get(place).ok_or_else(|| self.missing(place))
    }

    fn missing(&self, place: usize) -> datafusion::error::DataFusionError {
        exec_datafusion_err!(
            "{}: argument {} is missing or of another type than planned",
            self.function,
            place + 1
        )
    }

    /// A DISTRIBUTION.
    pub(super) fn distribution(&self, place: usize, row: usize) -> Result<Option<Cow<'_, Distribution>>> {
        let column = match self.argument(place)? {
            Argument::Constant(distribution) => return Ok(distribution.as_ref().map(Cow::Borrowed)),
            Argument::Column(column) => column,
        };
        let bytes = column.as_binary_opt::<i32>().ok_or_else(|| self.missing(place))?;
        let bytes = bytes.is_valid(row).then(|| bytes.value(row));
        bytes.map(|bytes| decode(self.function, bytes).map(Cow::Owned)).transpose()
    }

    /// A number.
    pub(super) fn number(&self, place: usize, row: usize) -> Result<Option<f64>> {
        let Argument::Column(column) = self.argument(place)? else { return Err(self.missing(place)) };
        let numbers = column.as_primitive_opt::<Float64Type>().ok_or_else(|| self.missing(place))?;
        Ok(numbers.is_valid(row).then(|| numbers.value(row)))
    }

    /// A whole number that may be left out.
    pub(super) fn count(&self, place: usize, row: usize) -> Result<Option<i64>> {
        let Some(column) = self.optional(place)? else { return Ok(None) };
        let counts = column.as_primitive_opt::<Int64Type>().ok_or_else(|| self.missing(place))?;
        Ok(counts.is_valid(row).then(|| counts.value(row)))
    }

    /// True or false, that may be left out.
    pub(super) fn flag(&self, place: usize, row: usize) -> Result<Option<bool>> {
        let Some(column) = self.optional(place)? else { return Ok(None) };
        let flags = column.as_boolean_opt().ok_or_else(|| self.missing(place))?;
        Ok(flags.is_valid(row).then(|| flags.value(row)))
    }

    /// A text that may be left out.
    pub(super) fn text(&self, place: usize, row: usize) -> Result<Option<&str>> {
        let Some(column) = self.optional(place)? else { return Ok(None) };
        let texts = column.as_string_opt::<i32>().ok_or_else(|| self.missing(place))?;
        Ok(texts.is_valid(row).then(|| texts.value(row)))
    }

    fn optional(&self, place: usize) -> Result<Option<&ArrayRef>> {
        match self.arguments.get(place) {
            None => Ok(None),
            Some(Argument::Column(column)) => Ok(Some(column)),
            Some(Argument::Constant(_)) => Err(self.missing(place)),
        }
    }
}
