//! The right side of the merge: where it stands, and the rows of it that were found for rows of the left.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::{interleave, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use datafusion::common::{Result, internal_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::PhysicalExpr;
use futures::TryStreamExt;

use super::node::Compared;

/// Makes what is compared into bytes that compare as the values do; the same for both sides.
#[derive(Debug)]
pub(super) struct Converters {
    /// None where there are no keys, and all rows are of one.
    keys: Option<RowConverter>,
    times: RowConverter,
}

impl Converters {
    pub(super) fn try_new(compared: &Compared, schema: &SchemaRef) -> Result<Self> {
        let field = |expr: &Arc<dyn PhysicalExpr>| Ok(SortField::new(expr.data_type(schema)?));
        let keys = compared.keys.iter().map(field).collect::<Result<Vec<_>>>()?;
        let keys = if keys.is_empty() { None } else { Some(RowConverter::new(keys)?) };
        Ok(Self { keys, times: RowConverter::new(vec![field(&compared.time)?])? })
    }
}

/// A batch with what is compared of it.
pub(super) struct Page {
    pub(super) rows: RecordBatch,
    keys: Option<Rows>,
    times: Rows,
    /// Where a NULL keeps a row from being compared.
    nulls: Vec<NullBuffer>,
}

impl Page {
    pub(super) fn try_new(rows: RecordBatch, compared: &Compared, converters: &Converters) -> Result<Self> {
        let value = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(&rows)?.into_array(rows.num_rows());
        let mut columns = compared.keys.iter().map(value).collect::<Result<Vec<_>>>()?;
        let keys = converters.keys.as_ref().map(|keys| keys.convert_columns(&columns)).transpose()?;
        let time = value(&compared.time)?;
        let times = converters.times.convert_columns(&[Arc::clone(&time)])?;
        columns.push(time);
        // A dictionary may hold a NULL among its values.
        let nulls = columns.iter().filter_map(|column| column.logical_nulls()).collect();
        Ok(Self { rows, keys, times, nulls })
    }

    /// Whether neither a key nor the time is NULL.
    pub(super) fn comparable(&self, row: usize) -> bool {
        self.nulls.iter().all(|nulls| nulls.is_valid(row))
    }

    pub(super) fn compare_keys(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        match (&self.keys, &other.keys) {
            (Some(keys), Some(others)) => keys.row(row).cmp(&others.row(other_row)),
            _ => Ordering::Equal,
        }
    }

    pub(super) fn compare_times(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        self.times.row(row).cmp(&other.times.row(other_row))
    }

    fn key(&self, row: usize) -> Option<OwnedRow> {
        self.keys.as_ref().map(|keys| keys.row(row).owned())
    }

    fn has_key(&self, row: usize, key: Option<&OwnedRow>) -> bool {
        match (&self.keys, key) {
            (Some(keys), Some(key)) => keys.row(row) == key.row(),
            _ => true,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let keys = self.keys.as_ref().map_or(0, Rows::size);
        self.rows.get_array_memory_size() + keys + self.times.size()
    }
}

/// The last row passed that a later row of the left side may still be nearest to.
enum Passed {
    None,
    /// In the present page.
    Here(usize),
    /// In a page that is gone: a batch of this row alone, and its key.
    Kept(RecordBatch, Option<OwnedRow>),
}

/// Where the right side stands. No page is kept but the present one; of others the rows that were found.
pub(super) struct Right {
    input: SendableRecordBatchStream,
    compared: Compared,
    page: Option<Page>,
    row: usize,
    passed: Passed,
    found: Found,
    ended: bool,
}

/// The rows found for one batch of the left side.
#[derive(Default)]
struct Found {
    /// Rows of pages that are gone.
    pieces: Vec<RecordBatch>,
    /// Rows of the present page, each once: they become the next piece.
    picked: Vec<u32>,
    /// The piece that is the kept row.
    kept: Option<usize>,
    /// For each row of the left: piece and row in it.
    places: Vec<Option<(usize, usize)>>,
}

impl Right {
    pub(super) fn new(input: SendableRecordBatchStream, compared: Compared) -> Self {
        Self {
            input,
            compared,
            page: None,
            row: 0,
            passed: Passed::None,
            found: Found::default(),
            ended: false,
        }
    }

    /// The present row, the first one that can be compared; None after the last.
    pub(super) async fn present(&mut self, converters: &Converters) -> Result<Option<(&Page, usize)>> {
        loop {
            let left = self.page.as_ref().map_or(0, |page| page.rows.num_rows());
            match &self.page {
                Some(page) if self.row < left && page.comparable(self.row) => break,
                Some(_) if self.row < left => self.row += 1,
                _ if self.ended => return Ok(None),
                _ => self.turn_page(converters).await?,
            }
        }
        Ok(self.page.as_ref().map(|page| (page, self.row)))
    }

    async fn turn_page(&mut self, converters: &Converters) -> Result<()> {
        self.leave_page()?;
        self.row = 0;
        match self.input.try_next().await? {
            Some(rows) => self.page = Some(Page::try_new(rows, &self.compared, converters)?),
            None => self.ended = true,
        }
        Ok(())
    }

    /// Goes on to the next row.
    pub(super) fn pass(&mut self) {
        self.row += 1;
    }

    /// Goes on to the next row; the present one is the nearest so far.
    pub(super) fn pass_as_nearest(&mut self) {
        self.passed = Passed::Here(self.row);
        self.row += 1;
    }

    /// The present row was found.
    pub(super) fn find_present(&mut self) {
        let place = self.found.pick(self.row);
        self.found.places.push(Some(place));
    }

    /// The nearest row passed was found, if it has the key of the row of the left side.
    pub(super) fn find_passed(&mut self, left: &Page, row: usize) {
        let place = match (&self.passed, &self.page) {
            (Passed::Here(at), Some(page)) => {
                let same = page.compare_keys(*at, left, row).is_eq();
                same.then(|| self.found.pick(*at))
            }
            (Passed::Kept(kept, key), _) => left.has_key(row, key.as_ref()).then(|| self.found.keep(kept)),
            _ => None,
        };
        self.found.places.push(place);
    }

    /// Nothing was found.
    pub(super) fn find_nothing(&mut self) {
        self.found.places.push(None);
    }

    fn leave_page(&mut self) -> Result<()> {
        let Some(page) = self.page.take() else { return Ok(()) };
        self.found.close(&page.rows)?;
        if let Passed::Here(at) = self.passed {
            self.passed = Passed::Kept(take_record_batch(&page.rows, &one(at))?, page.key(at));
        }
        Ok(())
    }

    /// The columns of the rows found since the last call, NULL where none was.
    pub(super) fn take_found(&mut self, schema: &SchemaRef) -> Result<Vec<ArrayRef>> {
        if let Some(page) = &self.page {
            self.found.close(&page.rows)?;
        }
        std::mem::take(&mut self.found).columns(schema)
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let pieces = self.found.pieces.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
        let places = self.found.places.capacity() * size_of::<Option<(usize, usize)>>();
        self.page.as_ref().map_or(0, Page::bytes) + pieces + places
    }
}

fn one(row: usize) -> UInt32Array {
    UInt32Array::from(vec![row as u32])
}

impl Found {
    /// The place of a row of the present page. Neighbours on the left mostly find the same.
    fn pick(&mut self, row: usize) -> (usize, usize) {
        let row = row as u32;
        if self.picked.last() != Some(&row) {
            self.picked.push(row);
        }
        (self.pieces.len(), self.picked.len() - 1)
    }

    /// The place of the row that was kept.
    fn keep(&mut self, kept: &RecordBatch) -> (usize, usize) {
        let piece = *self.kept.get_or_insert_with(|| {
            self.pieces.push(kept.clone());
            self.pieces.len() - 1
        });
        (piece, 0)
    }

    /// Makes the rows picked in a page a piece.
    fn close(&mut self, page: &RecordBatch) -> Result<()> {
        if !self.picked.is_empty() {
            let rows = UInt32Array::from(std::mem::take(&mut self.picked));
            self.pieces.push(take_record_batch(page, &rows)?);
        }
        // The row kept from now on is another one.
        self.kept = None;
        Ok(())
    }

    fn columns(self, schema: &SchemaRef) -> Result<Vec<ArrayRef>> {
        let nothing = (self.pieces.len(), 0);
        let places: Vec<(usize, usize)> = self.places.iter().map(|place| place.unwrap_or(nothing)).collect();
        let column = |(at, field): (usize, &arrow::datatypes::FieldRef)| {
            let null = new_null_array(field.data_type(), 1);
            let mut values: Vec<&dyn Array> = Vec::with_capacity(self.pieces.len() + 1);
            for piece in &self.pieces {
                match piece.columns().get(at) {
                    Some(column) => values.push(column.as_ref()),
                    None => return internal_err!("the right side of an ASOF JOIN lost a column"),
                }
            }
            values.push(null.as_ref());
            Ok(interleave(&values, &places)?)
        };
        schema.fields().iter().enumerate().map(column).collect()
    }
}
