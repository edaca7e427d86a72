//! The groups that a partition has met: a number for each, and what they are called.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, TimestampNanosecondArray, UInt32Array, new_null_array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::reassign_expr_columns;
use driftline_storage::{Column, Role, SeriesId, TableSchema};
use hashbrown::HashMap as FastMap;

use super::shape::{Key, Shape};
use crate::scan::{Tags, schema_of};

/// What tags have to do with groups: series of one code are of one group, as far as tags go.
#[derive(Debug)]
pub(super) struct Codes {
    tags: Option<Arc<Tags>>,
    /// Of each series, in the order of [`Tags`].
    codes: Vec<u32>,
    /// By key on tags, what each code is called.
    names: Vec<ArrayRef>,
}

impl Codes {
    /// Puts all series of a table to the keys.
    pub(super) fn new(table: &TableSchema, tags: Option<Arc<Tags>>, shape: &Shape) -> Result<Self> {
        let on_tags = |key: &Key| match key {
            Key::Tags(expr) => Some(Arc::clone(expr)),
            Key::Bucket => None,
        };
        let keys: Vec<_> = shape.keys.iter().filter_map(on_tags).collect();
        if keys.is_empty() {
            return Ok(Self { tags: None, codes: Vec::new(), names: Vec::new() });
        }
        let columns: Vec<Column> = table.columns.iter().filter(|c| c.role == Role::Tag).cloned().collect();
        let Some(tags) = tags else { return internal_err!("keys on tags of a table that has none") };
        let values = values(&tags, keys, &columns)?;
        let (codes, first) = coded(&values)?;
        let names = values.iter().map(|values| Ok(take(values, &first, None)?)).collect::<Result<_>>()?;
        Ok(Self { tags: Some(tags), codes, names })
    }

    /// The code of a series.
    pub(super) fn of(&self, series: SeriesId) -> u32 {
        let place = self.tags.as_ref().and_then(|tags| tags.place(series));
        place.and_then(|at| self.codes.get(at)).copied().unwrap_or(0)
    }
}

/// What each key makes of each series. Only tags that a key looks at are read.
fn values(tags: &Tags, keys: Vec<Arc<dyn PhysicalExpr>>, columns: &[Column]) -> Result<Vec<ArrayRef>> {
    let names: Vec<_> = keys.iter().flat_map(datafusion::physical_expr::utils::collect_columns).collect();
    let is_named = |column: &&Column| names.iter().any(|name| name.name() == column.name);
    let columns: Vec<Column> = columns.iter().filter(is_named).cloned().collect();
    let (schema, batch) = (schema_of(&columns), tags.batch(&columns)?);
    let value = |key| reassign_expr_columns(key, &schema)?.evaluate(&batch)?.into_array(batch.num_rows());
    keys.into_iter().map(value).collect()
}

/// A code for each combination of values, and where each is first.
fn coded(values: &[ArrayRef]) -> Result<(Vec<u32>, UInt32Array)> {
    let fields = values.iter().map(|values| SortField::new(values.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(values)?;
    let (mut known, mut first) = (HashMap::new(), Vec::new());
    let mut codes = Vec::with_capacity(rows.num_rows());
    for (at, row) in rows.iter().enumerate() {
        codes.push(*known.entry(row).or_insert_with(|| {
            first.push(at as u32);
            first.len() as u32 - 1
        }));
    }
    Ok((codes, first.into()))
}

/// The groups met.
#[derive(Debug, Default)]
pub(super) struct Groups {
    numbers: FastMap<(u32, i64), usize>,
    /// Code and bucket of each.
    keys: Vec<(u32, i64)>,
}

impl Groups {
    /// The number of a group.
    pub(super) fn number(&mut self, code: u32, bucket: i64) -> usize {
        *self.numbers.entry((code, bucket)).or_insert_with(|| {
            self.keys.push((code, bucket));
            self.keys.len() - 1
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many begin after a time.
    pub(super) fn after(&self, time: i64) -> usize {
        self.keys.iter().filter(|key| key.1 > time).count()
    }

    /// Bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        // A key in each, a number and a byte of the table.
        self.keys.capacity() * 16 + self.numbers.capacity() * 25
    }

    /// The columns of the keys, which are to be `fields`.
    pub(super) fn columns(
        &self,
        shape: &Shape,
        codes: &Codes,
        fields: &[Arc<Field>],
    ) -> Result<Vec<ArrayRef>> {
        let mut names = codes.names.iter();
        let column = |(key, field): (&Key, &Arc<Field>)| {
            let column: ArrayRef = match key {
                Key::Bucket => {
                    Arc::new(TimestampNanosecondArray::from_iter_values(self.keys.iter().map(|key| key.1)))
                }
                Key::Tags(_) => match names.next() {
                    Some(names) => {
                        let places: UInt32Array = self.keys.iter().map(|key| key.0).collect();
                        take(names, &places, None)?
                    }
                    None => new_null_array(&DataType::Null, self.len()),
                },
            };
            Ok(if column.data_type() == field.data_type() {
                column
            } else {
                typed(&column, field.data_type())?
            })
        };
        shape.keys.iter().zip(fields).map(column).collect()
    }
}

/// Times get their zone without being moved.
fn typed(column: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    use arrow::array::AsArray;
    use arrow::datatypes::{TimeUnit, TimestampNanosecondType};
    match ty {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let times = column.as_primitive::<TimestampNanosecondType>().clone();
            Ok(Arc::new(times.with_timezone_opt(zone.clone())))
        }
        other => Ok(cast(column, other)?),
    }
}
