//! From the tags of a batch to series.

use arrow_array::{RecordBatch, RecordBatchOptions};

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

    /// Gives ids to those that have none.
    pub(super) fn define(&self, sets: &mut Sets) -> Result<Vec<Option<SeriesId>>> {
        self.example.iter().map(|row| self.define_one(sets, *row).map(Some)).collect()
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

/// The columns that are kept as arrays.
fn stored(schema: &TableSchema, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = schema.columns.iter().zip(batch.columns()).filter(|(c, _)| c.role != Role::Tag);
    let arrays = columns.map(|(_, array)| array.clone()).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.stored_arrow(), arrays, &options)
        .map_err(|e| StorageError::Invalid(format!("rows of table {}: {e}", schema.name)))
}
