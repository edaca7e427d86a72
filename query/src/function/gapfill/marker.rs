//! The functions as SQL writes them. None is ever computed: plans that run have none of them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::Fill;
use crate::function::parameter::{self, Kind, Parameter, optional, required, time_type};

const GAPFILL: &[Parameter] =
    &[required("stride", Kind::Stride), required("time", Kind::Time), optional("zone", Kind::Text)];
const INTERPOLATE: &[Parameter] = &[required("x", Kind::Number)];

/// Which function it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Marker {
    Gapfill,
    Fill(Fill),
}

/// The functions.
pub(in crate::function) fn functions() -> Vec<Arc<ScalarUDF>> {
    let markers = [Marker::Gapfill, Marker::Fill(Fill::Interpolate), Marker::Fill(Fill::Locf)];
    markers.map(|marker| Arc::new(ScalarUDF::new_from_impl(Function::new(marker)))).to_vec()
}

impl Marker {
    /// The function that an expression calls, and its arguments.
    pub(super) fn of(expr: &Expr) -> Option<(Self, &[Expr])> {
        match expr {
            Expr::Alias(alias) => Self::of(&alias.expr),
            Expr::ScalarFunction(call) => {
                let function = call.func.inner().downcast_ref::<Function>()?;
                Some((function.marker, call.args.as_slice()))
            }
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gapfill => "gapfill",
            Self::Fill(Fill::Interpolate) => "interpolate",
            Self::Fill(Fill::Locf) => "locf",
        }
    }

    /// Where it belongs.
    pub(super) fn misplaced<T>(self) -> Result<T> {
        match self {
            Self::Gapfill => plan_err!(
                "gapfill(stride, time) makes buckets of a GROUP BY and stands there once, as in \
                 SELECT gapfill(INTERVAL '1 hour', time), avg(x) FROM t GROUP BY 1"
            ),
            Self::Fill(_) => plan_err!(
                "{0}(..) fills what gapfill(..) left empty: it stands in the SELECT whose GROUP BY has gapfill(..), around \
                 an aggregate, as in {0}(avg(x)), and not within itself",
                self.name()
            ),
        }
    }
}

/// A function as DataFusion sees it.
#[derive(Debug)]
struct Function {
    marker: Marker,
    signature: Signature,
}

impl Function {
    fn new(marker: Marker) -> Self {
        let signature = match marker {
            Marker::Gapfill => parameter::signature(GAPFILL),
            Marker::Fill(Fill::Interpolate) => parameter::signature(INTERPOLATE),
            Marker::Fill(Fill::Locf) => Signature::any(1, Volatility::Immutable),
        };
        Self { marker, signature }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.marker == other.marker
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.marker.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.marker.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match self.marker {
            Marker::Gapfill => parameter::coerce(self.name(), GAPFILL, given),
            Marker::Fill(Fill::Interpolate) => parameter::coerce(self.name(), INTERPOLATE, given),
            Marker::Fill(Fill::Locf) => Ok(given.to_vec()),
        }
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        internal_err!("the result of {} is told by its fields", self.name())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let argument = |place: usize| {
            args.arg_fields.get(place).map_or(DataType::Null, |field| field.data_type().clone())
        };
        Ok(Arc::new(match self.marker {
            Marker::Gapfill => Field::new(self.name(), time_type(&argument(1)), true),
            Marker::Fill(Fill::Interpolate) => Field::new(self.name(), DataType::Float64, true),
            // As a DISTRIBUTION stays one.
            Marker::Fill(Fill::Locf) => match args.arg_fields.first() {
                Some(field) => field.as_ref().clone().with_name(self.name()).with_nullable(true),
                None => Field::new(self.name(), DataType::Null, true),
            },
        }))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("{} cannot be computed of a row", self.name())
    }
}
