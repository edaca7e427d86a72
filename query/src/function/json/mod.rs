//! `json_get` and its kin: values out of JSON columns by path, and the operators `->` and `->>`.

mod operator;
mod path;
mod scan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::scalar::ScalarValue;

use super::parameter::{self, Kind, Parameter, required};
pub(super) use operator::Arrows;
use path::Path;
use scan::unquoted;

const PARAMETERS: &[Parameter] = &[required("json", Kind::Text), required("path", Kind::Text)];

/// The functions.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [As::Json, As::Text, As::Double, As::BigInt, As::Boolean].map(function).to_vec()
}

fn function(wanted: As) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(JsonGet { wanted, signature: parameter::signature(PARAMETERS) }))
}

/// As what a value is wanted. One of another type is NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum As {
    Json,
    Text,
    Double,
    BigInt,
    Boolean,
}

impl As {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "json_get",
            Self::Text => "json_get_text",
            Self::Double => "json_get_double",
            Self::BigInt => "json_get_bigint",
            Self::Boolean => "json_get_boolean",
        }
    }

    fn result(self) -> DataType {
        match self {
            Self::Json | Self::Text => DataType::Utf8,
            Self::Double => DataType::Float64,
            Self::BigInt => DataType::Int64,
            Self::Boolean => DataType::Boolean,
        }
    }
}

/// One of the functions as DataFusion sees it.
#[derive(Debug)]
struct JsonGet {
    wanted: As,
    signature: Signature,
}

impl PartialEq for JsonGet {
    fn eq(&self, other: &Self) -> bool {
        self.wanted == other.wanted
    }
}

impl Eq for JsonGet {}

impl Hash for JsonGet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wanted.hash(state);
    }
}

impl ScalarUDFImpl for JsonGet {
    fn name(&self) -> &str {
        self.wanted.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        parameter::coerce(self.name(), PARAMETERS, given)
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        internal_err!("the result of {} is told by its fields", self.name())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<arrow::datatypes::FieldRef> {
        // A path that is a constant is refused before a row is read.
        if let Some(Some(ScalarValue::Utf8(Some(path)))) = args.scalar_arguments.get(1) {
            Path::parse(path)?;
        }
        Ok(Arc::new(arrow::datatypes::Field::new(self.name(), self.wanted.result(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [json, path] = args.args.as_slice() else {
            return internal_err!("{} takes two arguments", self.name());
        };
        let json = json.to_array(args.number_rows)?;
        let Some(json) = json.as_string_opt::<i32>() else {
            return exec_err!("{}: `json` must be TEXT, not {}", self.name(), json.data_type());
        };
        let found = match path {
            ColumnarValue::Scalar(ScalarValue::Utf8(path)) => at_one_path(json, path.as_deref())?,
            path => at_paths(json, &path.to_array(args.number_rows)?)?,
        };
        Ok(ColumnarValue::Array(collect(self.wanted, found)))
    }
}

/// The text of each value found.
type Found<'a> = Vec<Option<&'a str>>;

fn at_one_path<'a>(json: &'a StringArray, path: Option<&str>) -> Result<Found<'a>> {
    let path = path.map(Path::parse).transpose()?;
    Ok(json.iter().map(|json| path.as_ref()?.find(json?)).collect())
}

/// Paths that differ by row: each is read where it differs from the one before.
fn at_paths<'a>(json: &'a StringArray, paths: &ArrayRef) -> Result<Found<'a>> {
    let Some(paths) = paths.as_string_opt::<i32>() else {
        return exec_err!("a JSON path must be TEXT, not {}", paths.data_type());
    };
    let mut read: Option<(&str, Path)> = None;
    let mut found = Vec::with_capacity(json.len());
    for (json, text) in json.iter().zip(paths) {
        let (Some(json), Some(text)) = (json, text) else {
            found.push(None);
            continue;
        };
        let path = match read.take().filter(|(before, _)| *before == text) {
            Some((_, path)) => path,
            None => Path::parse(text)?,
        };
        found.push(path.find(json));
        read = Some((text, path));
    }
    Ok(found)
}

/// JSON's `null` is NULL like a value that is not there.
fn collect(wanted: As, found: Found<'_>) -> ArrayRef {
    let found = found.into_iter().map(|value| value.filter(|value| *value != "null"));
    match wanted {
        As::Json => Arc::new(found.collect::<StringArray>()),
        As::Text => Arc::new(found.map(|value| text(value?)).collect::<StringArray>()),
        As::Double => Arc::new(found.map(|value| number(value?)).collect::<Float64Array>()),
        As::BigInt => Arc::new(found.map(|value| whole(value?)).collect::<Int64Array>()),
        As::Boolean => Arc::new(found.map(|value| value?.parse::<bool>().ok()).collect::<BooleanArray>()),
    }
}

/// What a string says; of anything else its text.
fn text(value: &str) -> Option<Cow<'_, str>> {
    if value.starts_with('"') { unquoted(value) } else { Some(Cow::Borrowed(value)) }
}

/// A number that DOUBLE holds, the one nearest to what is written.
fn number(value: &str) -> Option<f64> {
    value.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A whole number that BIGINT holds; `3.0` is 3.
fn whole(value: &str) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if let Ok(whole) = value.parse() {
        return Some(whole);
    }
    // More digits than BIGINT has are not rounded into it.
    let written_otherwise = value.contains(['.', 'e', 'E']);
    let whole = |number: &f64| number.fract() == 0.0 && (-END..END).contains(number);
    number(value).filter(|_| written_otherwise).filter(whole).map(|number| number as i64)
}
