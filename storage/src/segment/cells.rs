//! The cell table: which rows belong to which interval and series.

/// The cells of a segment in the order of its rows, a row of the table a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellTable {
    /// Where each cell's interval begins.
    pub intervals: Vec<i64>,
    /// Each cell's series.
    pub series: Vec<crate::schema::SeriesId>,
    /// The first row of each cell, and at the end the number of all rows.
    pub first_rows: Vec<u64>,
}
