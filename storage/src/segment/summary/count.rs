//! Counts the rows of a row group, column by column.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_buffer::NullBuffer;
use hashbrown::HashMap;

use super::plan::{Kind, Plan};
use super::spans::{Span, spans};
use crate::distribution::{Categorical, Distribution, Lattice, Numeric};
use crate::partition::CellKey;

/// What a row group adds to the summaries of its segment.
#[derive(Debug)]
pub(in crate::segment) struct GroupSummaries {
    pub(super) spans: Vec<Span>,
    /// One for each column of the plan.
    pub(super) columns: Vec<Counted>,
}

/// One column of it.
#[derive(Debug)]
pub(super) enum Counted {
    /// Too many categories for a summary, or given up before.
    Not,
    /// One for each span.
    Spans(Vec<Part>),
}

/// What is known of a span.
#[derive(Debug)]
pub(super) enum Part {
    Counts(Distribution),
    /// Of a whole cell, as another segment has it.
    Encoded(Vec<u8>),
}

impl Counted {
    /// The parts in the order of the spans; none of a column that is given up.
    pub(super) fn into_parts(self) -> Option<std::vec::IntoIter<Part>> {
        match self {
            Self::Not => None,
            Self::Spans(parts) => Some(parts.into_iter()),
        }
    }
}

/// Counts a row group of these stored columns and cells. The cells at its ends may go on in its neighbours.
pub(in crate::segment) fn count_group(
    plan: &Plan,
    columns: &[ArrayRef],
    cells: &[(CellKey, usize)],
) -> GroupSummaries {
    let spans = spans(cells, false);
    let count = |column: &super::plan::Summarised| {
        let counted = columns.get(column.at).and_then(|array| count(array, column.kind, &spans));
        counted.map_or(Counted::Not, |all| Counted::Spans(all.into_iter().map(Part::Counts).collect()))
    };
    GroupSummaries { columns: plan.columns.iter().map(count).collect(), spans }
}

/// One distribution for each span; none where there are too many categories.
pub(super) fn count(array: &ArrayRef, kind: Kind, spans: &[Span]) -> Option<Vec<Distribution>> {
    match kind {
        Kind::GivenUp => None,
        Kind::Numbers(lattice) => Some(count_numbers(array, lattice, spans)),
        Kind::Categories(most) => match array.as_boolean_opt() {
            Some(flags) => Some(spans.iter().map(|span| count_flags(flags, span)).collect()),
            None => count_texts(array.as_string_opt::<i32>()?, most, spans),
        },
    }
}

fn count_numbers(array: &ArrayRef, lattice: Lattice, spans: &[Span]) -> Vec<Distribution> {
    let converted: Vec<f64>;
    let values: &[f64] =
        match (array.as_primitive_opt::<Float64Type>(), array.as_primitive_opt::<Int64Type>()) {
            (Some(doubles), _) => doubles.values(),
            (_, Some(integers)) => {
                converted = integers.values().iter().map(|v| *v as f64).collect();
                &converted
            }
            _ => &[],
        };
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let count = |span: &Span| {
        let mut numeric = Numeric::on(lattice);
        span.ranges.iter().for_each(|range| push_numbers(&mut numeric, values, nulls, range));
        Distribution::Numeric(numeric)
    };
    spans.iter().map(count).collect()
}

fn push_numbers(numeric: &mut Numeric, values: &[f64], nulls: Option<&NullBuffer>, range: &Range<usize>) {
    let slice = values.get(range.clone()).unwrap_or_default();
    let Some(nulls) = nulls else { return numeric.push_slice(slice) };
    let there = nulls.slice(range.start, range.len());
    let values: Vec<f64> = there.valid_indices().filter_map(|at| slice.get(at).copied()).collect();
    (0..there.null_count()).for_each(|_| numeric.push_null());
    numeric.push_slice(&values);
}

fn count_flags(flags: &BooleanArray, span: &Span) -> Distribution {
    let mut categorical = Categorical::new();
    for range in &span.ranges {
        let slice = flags.slice(range.start, range.len());
        categorical.push_count("true", slice.true_count() as u64);
        categorical.push_count("false", slice.false_count() as u64);
        (0..slice.null_count()).for_each(|_| categorical.push_null());
    }
    Distribution::Categorical(categorical)
}

/// Distinct texts first, so that a span counts places in a list.
fn count_texts(texts: &StringArray, most: usize, spans: &[Span]) -> Option<Vec<Distribution>> {
    let (names, places) = distinct(texts, most)?;
    let mut counts = vec![0_u64; names.len()];
    let count = |span: &Span| {
        let mut nulls = 0;
        for place in span.ranges.iter().flat_map(|range| places.get(range.clone()).unwrap_or_default()) {
            match counts.get_mut(*place as usize) {
                Some(count) => *count += 1,
                None => nulls += 1,
            }
        }
        let mut categorical = Categorical::new();
        for (name, count) in names.iter().zip(&mut counts) {
            categorical.push_count(name, std::mem::take(count));
        }
        (0..nulls).for_each(|_| categorical.push_null());
        Distribution::Categorical(categorical)
    };
    Some(spans.iter().map(count).collect())
}

/// The distinct texts, and each row's place among them: one that no text has for a null. None with more than `most`.
fn distinct(texts: &StringArray, most: usize) -> Option<(Vec<&str>, Vec<u32>)> {
    let (mut names, mut places) = (Vec::new(), Vec::with_capacity(texts.len()));
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut last: Option<(&str, u32)> = None;
    for text in texts {
        let Some(text) = text else {
            places.push(u32::MAX);
            continue;
        };
        let place = match last {
            Some((same, place)) if same == text => place,
            _ => *known.entry(text).or_insert_with(|| {
                names.push(text);
                names.len() as u32 - 1
            }),
        };
        if names.len() > most {
            return None;
        }
        last = Some((text, place));
        places.push(place);
    }
    Some((names, places))
}
