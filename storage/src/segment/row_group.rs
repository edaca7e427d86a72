//! Regroups batches of any size into row groups and pages within their limits.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_select::concat::concat;

use crate::error::{Result, StorageError};
use crate::limits::{
    PAGE_BYTES_MAX, PAGE_ROWS_MAX, ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS_MAX, VALUE_BYTES_MAX,
};
use crate::schema::{ColumnType, TableSchema};

/// The rows of one row group, column by column, and how many of them each page takes.
#[derive(Debug)]
pub(super) struct GroupRows {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) page_rows: Vec<usize>,
}

/// Takes row groups from batches that have the schema's types.
#[derive(Debug)]
pub(super) struct RowGroups<'a> {
    types: Vec<ColumnType>,
    batches: &'a [RecordBatch],
    /// Rows taken from the first of `batches`.
    taken: usize,
}

impl<'a> RowGroups<'a> {
    pub(super) fn new(schema: &TableSchema, batches: &'a [RecordBatch]) -> Self {
        Self { types: schema.columns.iter().map(|c| c.ty).collect(), batches, taken: 0 }
    }

    /// The pieces of batches that make the next row group; none at the end.
    fn pieces(&mut self) -> Vec<RecordBatch> {
        let (mut pieces, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while let Some((batch, later)) = self.batches.split_first() {
            if rows == ROW_GROUP_ROWS_MAX {
                break;
            }
            let rest = batch.slice(self.taken, batch.num_rows() - self.taken);
            let piece =
                self.fitting(&rest, ROW_GROUP_ROWS_MAX - rows, ROW_GROUP_BYTES_MAX.saturating_sub(bytes));
            let piece_bytes = self.bytes(&piece);
            if rows > 0 && bytes + piece_bytes > ROW_GROUP_BYTES_MAX {
                break;
            }
            (rows, bytes) = (rows + piece.num_rows(), bytes + piece_bytes);
            self.taken += piece.num_rows();
            if self.taken == batch.num_rows() {
                (self.batches, self.taken) = (later, 0);
            }
            pieces.push(piece);
        }
        pieces
    }

    /// The longest of the halves, quarters, eighths of `rest` that has at most `bytes`, or a single row.
    fn fitting(&self, rest: &RecordBatch, rows: usize, bytes: usize) -> RecordBatch {
        let mut take = rows.min(rest.num_rows());
        while take > 1 && self.bytes(&rest.slice(0, take)) > bytes {
            take /= 2;
        }
        rest.slice(0, take)
    }

    fn bytes(&self, batch: &RecordBatch) -> usize {
        self.types.iter().zip(batch.columns()).map(|(ty, array)| plain_bytes(*ty, array)).sum()
    }

    fn group(&self, pieces: &[RecordBatch]) -> Result<GroupRows> {
        let columns = (0..self.types.len()).map(|c| join(pieces, c)).collect::<Result<Vec<_>>>()?;
        let page_rows = self.page_rows(&columns)?;
        Ok(GroupRows { columns, page_rows })
    }

    fn page_rows(&self, columns: &[ArrayRef]) -> Result<Vec<usize>> {
        let rows = columns.first().map_or(0, |c| c.len());
        let (mut pages, mut start) = (Vec::new(), 0);
        while start < rows {
            let mut take = PAGE_ROWS_MAX.min(rows - start);
            while take > 1 && self.widest(columns, start, take) > PAGE_BYTES_MAX {
                take /= 2;
            }
            check_size(self.widest(columns, start, take))?;
            pages.push(take);
            start += take;
        }
        Ok(pages)
    }

    fn widest(&self, columns: &[ArrayRef], start: usize, rows: usize) -> usize {
        let bytes = |(ty, array): (&ColumnType, &ArrayRef)| plain_bytes(*ty, &array.slice(start, rows));
        self.types.iter().zip(columns).map(bytes).max().unwrap_or(0)
    }
}

impl Iterator for RowGroups<'_> {
    type Item = Result<GroupRows>;

    fn next(&mut self) -> Option<Self::Item> {
        let pieces = self.pieces();
        let rows: usize = pieces.iter().map(RecordBatch::num_rows).sum();
        (rows > 0).then(|| self.group(&pieces))
    }
}

fn join(pieces: &[RecordBatch], column: usize) -> Result<ArrayRef> {
    let arrays: Vec<&dyn Array> = pieces.iter().map(|p| p.column(column).as_ref()).collect();
    concat(&arrays).map_err(|e| StorageError::Invalid(format!("rows of a segment do not join: {e}")))
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(StorageError::TooLarge {
        what: "a value",
        size: bytes as u64,
        limit: VALUE_BYTES_MAX as u64,
        remedy: "store a reference to it instead",
    })
}

/// Bytes of a column as a plain Arrow array, without its null bitmap.
pub(super) fn plain_bytes(ty: ColumnType, array: &ArrayRef) -> usize {
    let rows = array.len();
    match ty {
        ColumnType::Boolean => rows.div_ceil(8),
        ColumnType::BigInt | ColumnType::Double | ColumnType::Timestamp => rows * 8,
        ColumnType::Text | ColumnType::Json => text_bytes(array.as_string::<i32>().value_offsets()),
        ColumnType::Distribution => text_bytes(array.as_binary::<i32>().value_offsets()),
        ColumnType::Vector(size) => rows * size as usize * 4,
    }
}

fn text_bytes(offsets: &[i32]) -> usize {
    let data = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last.abs_diff(*first));
    data as usize + size_of_val(offsets)
}
