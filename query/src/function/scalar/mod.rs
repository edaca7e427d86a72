//! Scalar functions of DISTRIBUTIONs and of counts. Each is a [`Definition`]: its arguments and what it computes of one
//! row.

mod contingency;
mod count;
mod describe;
mod drift;
mod empirical;
mod pair;
mod row;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::parameter::{self, Parameter};
pub(super) use drift::BINS_DEFAULT;
use row::Rows;

/// What makes one function different from another.
#[derive(Debug)]
struct Definition {
    name: &'static str,
    parameters: &'static [Parameter],
    compute: Compute,
}

/// What a function computes of a row; None is NULL.
#[derive(Debug)]
enum Compute {
    /// A DOUBLE.
    Number(fn(&Rows<'_>, usize) -> Result<Option<f64>>),
    /// A BIGINT.
    Count(fn(&Rows<'_>, usize) -> Result<Option<i64>>),
}

/// The functions.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    definitions().map(|d| Arc::new(ScalarUDF::new_from_impl(Scalar::new(d)))).collect()
}

/// What each function takes, by its name.
pub(super) fn parameters() -> impl Iterator<Item = (&'static str, &'static [Parameter])> {
    definitions().map(|d| (d.name, d.parameters))
}

fn definitions() -> impl Iterator<Item = &'static Definition> {
    let definitions = [
        drift::DEFINITIONS,
        empirical::DEFINITIONS,
        contingency::DEFINITIONS,
        count::DEFINITIONS,
        describe::DEFINITIONS,
    ];
    definitions.into_iter().flatten()
}

/// A definition as DataFusion sees it.
#[derive(Debug)]
struct Scalar {
    definition: &'static Definition,
    signature: Signature,
}

impl Scalar {
    fn new(definition: &'static Definition) -> Self {
        Self { definition, signature: parameter::signature(definition.parameters) }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        parameter::coerce(self.definition.name, self.definition.parameters, given)
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        internal_err!("the result of {} is told by its fields", self.definition.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        parameter::check(self.definition.name, self.definition.parameters, args.arg_fields)?;
        Ok(Arc::new(Field::new(self.definition.name, self.definition.compute.result(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = Rows::new(self.definition.name, &args)?;
        Ok(ColumnarValue::Array(self.definition.compute.run(&rows, args.number_rows)?))
    }
}

impl Compute {
    fn result(&self) -> DataType {
        match self {
            Self::Number(_) => DataType::Float64,
            Self::Count(_) => DataType::Int64,
        }
    }

    fn run(&self, rows: &Rows<'_>, n: usize) -> Result<arrow::array::ArrayRef> {
        Ok(match self {
            Self::Number(f) => {
                Arc::new((0..n).map(|row| f(rows, row)).collect::<Result<arrow::array::Float64Array>>()?)
            }
            Self::Count(f) => {
                Arc::new((0..n).map(|row| f(rows, row)).collect::<Result<arrow::array::Int64Array>>()?)
            }
        })
    }
}
