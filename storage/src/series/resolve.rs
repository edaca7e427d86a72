//! From the tags of a batch to series.

use arrow_array::{RecordBatch, RecordBatchOptions};
use hashbrown::HashSet;

use super::bounds::Bounds;
use super::codes::{Coded, combine};
use super::sets::{Sets, Shape};
use super::symbols::{Symbol, check_value};
use crate::error::{Result, StorageError};
use crate::rows::Rows;
use crate::schema::{ColumnId, NO_TAGS, Role, SeriesId, TableId, TableSchema};

/// The distinct tag sets of a batch.
pub(super) struct Request {
    table: TableId,
    /// Ascending by id.
    ids: Vec<ColumnId>,
    columns: Vec<Coded>,
    /// A row for each distinct tag set.
    example: Vec<u32>,
    /// Which of them each row has.
    of_row: Vec<u32>,
    stored: RecordBatch,
}

impl Request {
    /// Reads the tags of a batch.
    pub(super) fn new(schema: &TableSchema, batch: &RecordBatch) -> Result<Self> {
        let mut tags: Vec<_> =
            schema.columns.iter().zip(batch.columns()).filter(|(c, _)| c.role == Role::Tag).collect();
        tags.sort_by_key(|(column, _)| column.id);
        let columns = tags.iter().map(|(column, array)| Coded::of(array, &column.name));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let combined = combine(&columns, batch.num_rows());
        let ids = tags.iter().map(|(column, _)| column.id).collect();
        let request = Self {
            table: schema.id,
            ids,
            columns,
            example: combined.example,
            of_row: combined.of_row,
            stored: stored(schema, batch)?,
        };
        request.check_values()?;
        Ok(request)
    }

    /// Refused before any of the batch's tags is taken over.
    fn check_values(&self) -> Result<()> {
        self.columns.iter().try_for_each(|column| {
            self.example
                .iter()
                .map(|row| column.codes[*row as usize])
                .filter(|code| *code != 0)
                .try_for_each(|code| check_value(column.value(code)))
        })
    }

    /// The series of each distinct tag set as far as known, and whether all are.
    pub(super) fn find(&self, sets: &Sets) -> (Vec<Option<SeriesId>>, bool) {
        let mut keys = Keys::new(self);
        let found: Vec<_> = self.example.iter().map(|row| keys.find(sets, *row)).collect();
        let all = found.iter().all(Option::is_some);
        (found, all)
    }

    /// Gives ids to those that have none: to all of them, or to none where a limit of the table is in the way.
    pub(super) fn define(&self, sets: &mut Sets, bounds: &Bounds) -> Result<Vec<Option<SeriesId>>> {
        let (found, _) = self.find(sets);
        self.check_bounds(sets, bounds, &found)?;
        let define = |(row, known): (&u32, Option<SeriesId>)| match known {
            Some(known) => Ok(Some(known)),
            None => self.define_one(sets, *row).map(Some),
        };
        self.example.iter().zip(found).map(define).collect()
    }

    /// Costs no more than the new series do, however many there are already. Their number bounds that of their values,
    /// and a dictionary may name a value twice: what is distinct is counted only where a limit is near.
    fn check_bounds(&self, sets: &Sets, bounds: &Bounds, found: &[Option<SeriesId>]) -> Result<()> {
        let new = self.example.iter().zip(found).filter(|(_, series)| series.is_none());
        let new: Vec<u32> = new.map(|(row, _)| *row).collect();
        let known = sets.count(self.table);
        if !bounds.allow_series(known + new.len()) {
            let distinct: HashSet<Vec<Option<&str>>> = new.iter().map(|row| self.tags(*row)).collect();
            bounds.check_series(known, distinct.len())?;
        }
        for (at, (id, column)) in self.ids.iter().zip(&self.columns).enumerate() {
            let known = sets.count_values(self.table, *id);
            if !bounds.allow_values(known + new.len()) {
                let values: HashSet<&str> = new.iter().filter_map(|row| tag(column, *row)).collect();
                let fresh = values.into_iter().filter(|value| !sets.has_value(self.table, *id, value));
                bounds.check_values(at, known, fresh.count())?;
            }
        }
        Ok(())
    }

    /// The tags of a row.
    fn tags(&self, row: u32) -> Vec<Option<&str>> {
        self.columns.iter().map(|column| tag(column, row)).collect()
    }

    fn define_one(&self, sets: &mut Sets, row: u32) -> Result<SeriesId> {
        let present = self.ids.iter().zip(&self.columns).filter(|(_, c)| c.codes[row as usize] != 0);
        let (ids, columns): (Vec<ColumnId>, Vec<&Coded>) = present.unzip();
        if ids.is_empty() {
            return Ok(NO_TAGS);
        }
        let symbols = columns.iter().map(|c| sets.symbols.intern(c.value(c.codes[row as usize])));
        let symbols = symbols.collect::<Result<Vec<_>>>()?;
        let shape = sets.intern_shape(&Shape { table: self.table, columns: ids });
        sets.intern(shape, &symbols)
    }

    /// The rows, once each tag set has its series.
    pub(super) fn rows(self, series: &[Option<SeriesId>]) -> Rows {
        let of = |set: &u32| series[*set as usize].unwrap_or(NO_TAGS);
        Rows { series: self.of_row.iter().map(of).collect(), batch: self.stored }
    }
}

/// What was looked up before for the same batch: each value's symbol, and the shape of the last row.
struct Keys<'a> {
    request: &'a Request,
    /// By column and code: unknown yet, or the symbol there is.
    symbols: Vec<Vec<Option<Option<Symbol>>>>,
    shape: Shape,
    shape_id: Option<u32>,
    columns: Vec<ColumnId>,
    tags: Vec<Symbol>,
}

impl<'a> Keys<'a> {
    fn new(request: &'a Request) -> Self {
        let symbols = request.columns.iter().map(|c| vec![None; c.radix as usize]).collect();
        let shape = Shape { table: request.table, columns: Vec::new() };
        Self { request, symbols, shape, shape_id: None, columns: Vec::new(), tags: Vec::new() }
    }

    fn find(&mut self, sets: &Sets, row: u32) -> Option<SeriesId> {
        self.columns.clear();
        self.tags.clear();
        let columns = self.request.ids.iter().zip(&self.request.columns).zip(&mut self.symbols);
        for ((id, column), known) in columns {
            let code = column.codes[row as usize];
            if code != 0 {
                let symbol =
                    known[code as usize].get_or_insert_with(|| sets.symbols.find(column.value(code)));
                self.tags.push((*symbol)?);
                self.columns.push(*id);
            }
        }
        if self.columns.is_empty() {
            return Some(NO_TAGS);
        }
        if self.shape_id.is_none() || self.shape.columns != self.columns {
            self.shape.columns.clone_from(&self.columns);
            self.shape_id = sets.find_shape(&self.shape);
        }
        sets.find(self.shape_id?, &self.tags)
    }
}

/// A tag of a row; none where it is null.
fn tag(column: &Coded, row: u32) -> Option<&str> {
    let code = column.codes[row as usize];
    (code != 0).then(|| column.value(code))
}

/// The columns that are kept as arrays.
fn stored(schema: &TableSchema, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = schema.columns.iter().zip(batch.columns()).filter(|(c, _)| c.role != Role::Tag);
    let arrays = columns.map(|(_, array)| array.clone()).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.stored_arrow(), arrays, &options)
        .map_err(|e| StorageError::Invalid(format!("rows of table {}: {e}", schema.name)))
}
