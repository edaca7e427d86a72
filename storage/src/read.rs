//! Rows for a query: piece by piece, with the series that they are of in place of tags, and only as much decoded as the
//! query turns out to want.

use std::ops::Range;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use roaring::RoaringBitmap;

use crate::error::{Result, StorageError};
use crate::schema::{Column, ColumnId, SeriesId};
use crate::segment::{TimeRange, hash_text};

/// What is wanted of a part of a table.
#[derive(Clone, Copy)]
pub struct Want<'a> {
    /// Columns of the output in order; no tags, which the series have.
    pub columns: &'a [Column],
    /// Event times.
    pub time: TimeRange,
    /// Series; all where it is None.
    pub series: Option<&'a RoaringBitmap>,
    /// Cells of a segment, by their places in its cell table, rising; all where it is None. Not asked of rows in memory.
    pub cells: Option<&'a [Range<usize>]>,
    /// Labels that had arrived by then, in nanoseconds since 1970; all where it is None.
    pub as_of: Option<i64>,
    /// What a row must meet besides.
    pub filter: Option<&'a Filter<'a>>,
}

/// A condition on rows that its columns tell: these are read first, and the others only where a row meets it.
pub struct Filter<'a> {
    /// What it looks at, no tags.
    pub columns: &'a [Column],
    /// Which rows of a piece that has these columns meet it; null is no.
    pub keep: &'a dyn Fn(&Piece) -> Result<BooleanArray>,
    /// What all rows that meet it have in common.
    pub bounds: &'a [Bound],
}

/// Values of one column outside of which no row meets a condition; rows without a value meet none.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// BIGINT, or nanoseconds, both ends included.
    Integers {
        /// Of this column.
        column: ColumnId,
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// DOUBLE in the total order of IEEE 754, both ends included.
    Doubles {
        /// Of this column.
        column: ColumnId,
        /// The least, if there is one.
        min: Option<f64>,
        /// The greatest, if there is one.
        max: Option<f64>,
    },
    /// One of some BIGINTs, by their hashes ([`crate::hash_integer`]).
    Hashes {
        /// Of this column.
        column: ColumnId,
        /// Of each value.
        hashes: Vec<u64>,
    },
    /// One of some texts.
    Texts {
        /// Of this column.
        column: ColumnId,
        /// The texts.
        texts: Vec<String>,
    },
}

impl Bound {
    /// The column it is about.
    pub fn column(&self) -> ColumnId {
        match self {
            Self::Integers { column, .. }
            | Self::Doubles { column, .. }
            | Self::Hashes { column, .. }
            | Self::Texts { column, .. } => *column,
        }
    }

    /// The hashes that filters of a row group are asked for; none where it is not one of some values.
    pub(crate) fn hashes(&self) -> Option<Vec<Option<u64>>> {
        match self {
            Self::Hashes { hashes, .. } => Some(hashes.iter().copied().map(Some).collect()),
            Self::Texts { texts, .. } => Some(texts.iter().map(|text| Some(hash_text(text))).collect()),
            Self::Integers { .. } | Self::Doubles { .. } => None,
        }
    }
}

/// Rows that lie side by side and are of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose they are.
    pub series: SeriesId,
    /// How many.
    pub rows: usize,
    /// The interval that holds their times, where they are rows of a cell: then the times rise.
    pub interval: Option<i64>,
}

/// Some rows of a part.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The columns asked for.
    pub rows: RecordBatch,
    /// The series of the rows, run by run.
    pub runs: Vec<Run>,
}

impl Piece {
    /// The rows for which `keep` is true.
    pub(crate) fn filtered(&self, keep: &BooleanArray) -> Result<Self> {
        let rows = filter_record_batch(&self.rows, keep).map_err(|e| StorageError::Invalid(e.to_string()))?;
        Ok(Self { rows, runs: kept_runs(&self.runs, keep) })
    }

    /// The same where all rows may be wanted, which copies none then.
    pub(crate) fn only(self, keep: &BooleanArray) -> Result<Self> {
        if keep.true_count() == self.rows.num_rows() { Ok(self) } else { self.filtered(keep) }
    }
}

/// The runs of the rows for which `keep` is true.
pub(crate) fn kept_runs(runs: &[Run], keep: &BooleanArray) -> Vec<Run> {
    let mut first = 0;
    let mut kept = |run: &Run| {
        let rows = keep.slice(first, run.rows).true_count();
        first += run.rows;
        (rows > 0).then_some(Run { rows, ..*run })
    };
    runs.iter().filter_map(&mut kept).collect()
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Pages of which some column was decoded.
    pub pages_read: u64,
    /// Pages that were passed by without decoding their values.
    pub pages_skipped: u64,
}
