//! Statistics of two samples of vectors, from (v, is_current): `mmd_statistic`, `mmd_pvalue`, `domain_classifier_auc`,
//! `drifted_component_share`. They look at the vectors themselves, so these are kept until the end, up to a limit.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Float32Type, UInt64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::scalar::ScalarValue;

use super::{Column, Definition};
use crate::function::argument::{constant_count, constant_number};
use crate::function::parameter::{Kind, Parameter, optional, required};
use crate::function::vector::VectorColumn;
use crate::limits::{VECTOR_NUMBERS_MAX, VECTORS_KEPT_MAX};
use crate::stats::Vectors;
use crate::stats::vectors::{PERMUTATIONS_MAX, domain_classifier_auc, drifted_components, mmd};

/// Permutations where none are asked for: p is a multiple of 1/101 then, which tells .05 from chance.
const PERMUTATIONS_DEFAULT: i64 = 100;
/// How far a component has to be off, in deviations of the reference, to count as drifted.
const THRESHOLD_DEFAULT: f64 = 0.1;

const V: Parameter = required("v", Kind::Vector);
const IS_CURRENT: Parameter = required("is_current", Kind::Flag);
const SEED: Parameter = optional("seed", Kind::Count);

pub(super) const DEFINITIONS: &[Definition] = &[
    define("mmd_statistic", &[V, IS_CURRENT, SEED], |args| {
        let seed = seed(args, 2)?;
        kept("mmd_statistic", Measure::Discrepancy { seed })
    }),
    define("mmd_pvalue", &[V, IS_CURRENT, optional("permutations", Kind::Count), SEED], |args| {
        let permutations = constant_count(args, 2, "permutations", 1..=PERMUTATIONS_MAX as i64)?;
        let permutations = permutations.unwrap_or(PERMUTATIONS_DEFAULT) as usize;
        kept("mmd_pvalue", Measure::DiscrepancyTest { permutations, seed: seed(args, 3)? })
    }),
    define("domain_classifier_auc", &[V, IS_CURRENT, SEED], |args| {
        kept("domain_classifier_auc", Measure::Classifier { seed: seed(args, 2)? })
    }),
    define("drifted_component_share", &[V, IS_CURRENT, optional("threshold", Kind::Number)], |args| {
        let threshold = constant_number(args, 2, "threshold", 0.0..=f64::MAX)?.unwrap_or(THRESHOLD_DEFAULT);
        kept("drifted_component_share", Measure::DriftedShare { threshold })
    }),
];

const fn define(
    name: &'static str,
    parameters: &'static [Parameter],
    accumulator: fn(&AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>,
) -> Definition {
    let state = &[("length", Column::Count), ("reference", Column::Vectors), ("current", Column::Vectors)];
    Definition { name, parameters, result: Column::Number, state, accumulator }
}

/// Where chance begins: any whole number, 0 unless told.
fn seed(args: &AccumulatorArgs<'_>, place: usize) -> Result<u64> {
    Ok(constant_count(args, place, "seed", i64::MIN..=i64::MAX)?.unwrap_or(0).cast_unsigned())
}

fn kept(function: &'static str, measure: Measure) -> Result<Box<dyn Accumulator>> {
    Ok(Box::new(KeptVectors { function, measure, length: 0, reference: Vec::new(), current: Vec::new() }))
}

/// Calls `f` with each vector of two columns, the vectors and their flags, and whether it is of the current sample. Rows
/// without either are left out.
pub(super) fn each_vector(values: &[ArrayRef], mut f: impl FnMut(&[f32], bool) -> Result<()>) -> Result<()> {
    let [vectors, flags, ..] = values else { return exec_err!("vectors and their flags are missing") };
    let vectors = VectorColumn::new(vectors)?;
    for (row, flag) in flags.as_boolean().iter().enumerate() {
        if let (Some(is_current), Some(vector)) = (flag, vectors.get(row)) {
            f(vector, is_current)?;
        }
    }
    Ok(())
}

/// Refuses a vector that is not as long as those before it, of which there are none where their length is 0.
pub(super) fn check_length(function: &str, before: usize, length: usize) -> Result<()> {
    if before != 0 && length != before {
        return exec_err!(
            "{function}: `v` has vectors of {before} numbers and of {length}; compare vectors of one length"
        );
    }
    if !(1..=VECTOR_NUMBERS_MAX as usize).contains(&length) {
        return exec_err!(
            "{function}: a vector of `v` must have from 1 to {VECTOR_NUMBERS_MAX} numbers, not {length}"
        );
    }
    Ok(())
}

/// What is made of the vectors in the end.
#[derive(Clone, Copy, Debug)]
enum Measure {
    Discrepancy { seed: u64 },
    DiscrepancyTest { permutations: usize, seed: u64 },
    Classifier { seed: u64 },
    DriftedShare { threshold: f64 },
}

impl Measure {
    fn of(self, reference: &Vectors<'_>, current: &Vectors<'_>) -> Option<f64> {
        match self {
            Self::Discrepancy { seed } => Some(mmd(reference, current, 0, seed)?.squared),
            Self::DiscrepancyTest { permutations, seed } => {
                mmd(reference, current, permutations, seed)?.p_value
            }
            Self::Classifier { seed } => domain_classifier_auc(reference, current, seed),
            Self::DriftedShare { threshold } => drifted_components(reference, current, threshold),
        }
    }
}

/// The vectors of both samples, one after the other.
#[derive(Debug)]
struct KeptVectors {
    function: &'static str,
    measure: Measure,
    /// Numbers of each vector; 0 before the first.
    length: usize,
    reference: Vec<f32>,
    current: Vec<f32>,
}

impl KeptVectors {
    /// Adds vectors of one length to a side.
    fn add(&mut self, vectors: &[f32], length: usize, is_current: bool) -> Result<()> {
        check_length(self.function, self.length, length)?;
        self.length = length;
        let side = if is_current { &mut self.current } else { &mut self.reference };
        if (side.len() + vectors.len()) / length > VECTORS_KEPT_MAX {
            return exec_err!(
                "{}: more than {VECTORS_KEPT_MAX} vectors on one side; sample the rows, as by WHERE random() < 0.1",
                self.function
            );
        }
        side.extend_from_slice(vectors);
        Ok(())
    }
}

impl Accumulator for KeptVectors {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_vector(values, |vector, is_current| self.add(vector, vector.len(), is_current))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lengths, reference, current] = states else {
            return exec_err!("a partial state of vectors has 3 columns, not {}", states.len());
        };
        let lengths = lengths.as_primitive::<UInt64Type>();
        for (row, length) in lengths.values().iter().enumerate() {
            // Nothing came there.
            if *length == 0 {
                continue;
            }
            for (side, is_current) in [(reference, false), (current, true)] {
                let vectors = side.as_list::<i32>().value(row);
                self.add(vectors.as_primitive::<Float32Type>().values(), *length as usize, is_current)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (reference, current) =
            (ordered(&self.reference, self.length), ordered(&self.current, self.length));
        let both = Vectors::new(&reference, self.length).zip(Vectors::new(&current, self.length));
        Ok(ScalarValue::Float64(both.and_then(|(reference, current)| self.measure.of(&reference, &current))))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let length = ScalarValue::UInt64(Some(self.length as u64));
        Ok(vec![length, list(&self.reference), list(&self.current)])
    }

    fn size(&self) -> usize {
        size_of_val(self) + (self.reference.capacity() + self.current.capacity()) * size_of::<f32>()
    }
}

/// The vectors in an order of their own. They come in whatever order partitions end, and what is drawn by chance from
/// them shall follow from the seed alone.
fn ordered(vectors: &[f32], length: usize) -> Vec<f32> {
    let mut rows: Vec<&[f32]> = vectors.chunks_exact(length.max(1)).collect();
    let compare = |a: &&[f32], b: &&[f32]| {
        let differ = a.iter().zip(*b).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
        differ.unwrap_or(std::cmp::Ordering::Equal)
    };
    rows.sort_unstable_by(compare);
    rows.concat()
}

fn list(vectors: &[f32]) -> ScalarValue {
    let field = Arc::new(Field::new_list_field(DataType::Float32, true));
    let values: ArrayRef = Arc::new(Float32Array::from(vectors.to_vec()));
    let list = ListArray::new(field, OffsetBuffer::from_lengths([values.len()]), values, None);
    ScalarValue::List(Arc::new(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_counted() {
        let mut kept = KeptVectors {
            function: "mmd_pvalue",
            measure: Measure::Classifier { seed: 0 },
            length: 0,
            reference: Vec::new(),
            current: Vec::new(),
        };
        let before = kept.size();
        (0..100).for_each(|_| kept.add(&[1.0; 50], 50, true).unwrap());
        assert!(kept.size() >= before + 100 * 50 * 4);
    }
}
