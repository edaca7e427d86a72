//! Which columns are summarised, and how each is counted.

use std::collections::BTreeMap;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};

use crate::distribution::{Lattice, Numeric};
use crate::limits::{SUMMARY_CATEGORIES_MAX, SUMMARY_FIELD_CATEGORIES_MAX, SUMMARY_ROWS_MIN};
use crate::schema::{Column, ColumnId, ColumnType, Role, TableSchema};

/// The summarised columns of a segment.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::segment) struct Plan {
    pub(super) columns: Vec<Summarised>,
}

/// A column and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Summarised {
    pub(super) column: Column,
    /// Its place among the stored columns.
    pub(super) at: usize,
    pub(super) kind: Kind,
}

/// How a column is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// On this lattice.
    Numbers(Lattice),
    /// By text, unless there are more than so many in the segment.
    Categories(usize),
    /// Not any more: it had too many categories, or took too many bytes.
    GivenUp,
}

impl Plan {
    /// Numbers without a lattice yet are counted one by one, until one is chosen.
    pub(super) fn new(schema: &TableSchema, lattices: &BTreeMap<ColumnId, Lattice>) -> Self {
        let summarised = |(at, column): (usize, &Column)| {
            let kind = kind_of(column, lattices.get(&column.id).copied().unwrap_or(Lattice::Dict))?;
            Some(Summarised { column: column.clone(), at, kind })
        };
        Self { columns: schema.stored_columns().enumerate().filter_map(summarised).collect() }
    }
}

fn kind_of(column: &Column, lattice: Lattice) -> Option<Kind> {
    let has_meaning = column.meaning.is_some();
    let categories = if has_meaning { SUMMARY_CATEGORIES_MAX } else { SUMMARY_FIELD_CATEGORIES_MAX };
    match column.ty {
        _ if column.role != Role::Field => None,
        ColumnType::BigInt | ColumnType::Double if has_meaning => Some(Kind::Numbers(lattice)),
        ColumnType::Text | ColumnType::Boolean => Some(Kind::Categories(categories)),
        _ => None,
    }
}

/// A lattice for the numbers of a first row group: none where the one given will do, or there are no numbers.
pub(super) fn choose(array: &ArrayRef, given: Option<Lattice>, again: bool) -> Option<Lattice> {
    if given.is_some() && !again {
        return None;
    }
    let numbers: Vec<f64> = numbers(array);
    let finite = numbers.iter().filter(|number| number.is_finite()).count();
    // So few rows say nothing against a lattice chosen from more.
    if finite == 0 || (given.is_some() && finite < SUMMARY_ROWS_MIN) {
        return None;
    }
    if let Some(given) = given {
        let mut counted = Numeric::on(given);
        counted.push_slice(&numbers);
        if given.fits(&counted) {
            return None;
        }
    }
    Some(Lattice::choose(&numbers)).filter(|chosen| Some(*chosen) != given)
}

/// The numbers of a column without its nulls; integers beyond 2^53 as the nearest double.
fn numbers(array: &ArrayRef) -> Vec<f64> {
    if let Some(doubles) = array.as_primitive_opt::<Float64Type>() {
        return doubles.iter().flatten().collect();
    }
    let integers = array.as_primitive_opt::<Int64Type>();
    integers.map(|all| all.iter().flatten().map(|v| v as f64).collect()).unwrap_or_default()
}
