//! Statistics of cells: count, sum, least and greatest value of each numeric column, so that an aggregate over whole
//! cells reads no rows.
//!
//! The section names a piece of bytes for each column, with its checksum: one column is read and verified alone. The
//! pieces lie before the sections, like pages.

mod block;
mod build;
mod tally;

use super::CellTable;
use super::directory::{self, CELL_STATISTICS, Section};
use super::source::Extent;
use crate::encoding::{Cursor, Malformed, put_varint};
use crate::limits::COLUMNS_MAX;
use crate::schema::{ColumnId, ColumnType};

pub(super) use build::Builder;
pub(super) use tally::{Tallies, tally};

/// Statistics of one column: each vector has an element for each cell, in the order of `SegmentReader::cells`.
#[derive(Clone, Debug, PartialEq)]
pub struct CellStatistics {
    /// Values that are not null. NaN is a value.
    pub counts: Vec<u64>,
    /// What the values are.
    pub values: CellValues,
}

/// Sums and ends. They mean nothing (they are 0) in a cell without values to take them of.
#[derive(Clone, Debug, PartialEq)]
pub enum CellValues {
    /// Of a BIGINT column; exact.
    Integer {
        /// Sums: no sum of 64-bit values is too large for them.
        sums: Vec<i128>,
        /// Least values.
        mins: Vec<i64>,
        /// Greatest values.
        maxs: Vec<i64>,
    },
    /// Of a DOUBLE column. Sums and ends are over the finite values: a cell with NaNs or infinities is for its reader
    /// to judge, by these counts or by its rows.
    Double {
        /// Sums, compensated, so nearly as if added without rounding and rounded once. Not finite where a sum on its
        /// way passed the greatest double: then only the rows can tell.
        sums: Vec<f64>,
        /// Least finite values; -0.0 is less than 0.0.
        mins: Vec<f64>,
        /// Greatest finite values.
        maxs: Vec<f64>,
        /// How many values are NaN.
        nans: Vec<u64>,
        /// How many are infinite, of either sign.
        infinities: Vec<u64>,
    },
}

impl CellStatistics {
    fn new(ty: ColumnType, cells: usize) -> Option<Self> {
        let values = match ty {
            ColumnType::BigInt => CellValues::Integer {
                sums: Vec::with_capacity(cells),
                mins: Vec::with_capacity(cells),
                maxs: Vec::with_capacity(cells),
            },
            ColumnType::Double => CellValues::Double {
                sums: Vec::with_capacity(cells),
                mins: Vec::with_capacity(cells),
                maxs: Vec::with_capacity(cells),
                nans: Vec::with_capacity(cells),
                infinities: Vec::with_capacity(cells),
            },
            _ => return None,
        };
        Some(Self { counts: Vec::with_capacity(cells), values })
    }
}

/// Whether columns of this type have statistics.
fn is_kept(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::BigInt | ColumnType::Double)
}

/// The section, if the segment has it in a version that this build knows.
pub(super) fn section(sections: &[Section]) -> Option<Section> {
    directory::find(sections, CELL_STATISTICS).ok().filter(|s| s.version == 1)
}

/// Where the statistics of each column lie.
pub(super) fn encode_index(index: &[(ColumnId, Extent)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, index.len() as u64);
    for (column, extent) in index {
        out.extend(column.to_le_bytes());
        put_varint(&mut out, extent.offset);
        put_varint(&mut out, extent.bytes);
        out.extend(extent.crc.to_le_bytes());
    }
    out
}

/// The same again, all within `body`.
pub(super) fn decode_index(
    bytes: &[u8],
    body: &std::ops::Range<u64>,
) -> Result<Vec<(ColumnId, Extent)>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.count(COLUMNS_MAX)?;
    let mut index = Vec::new();
    for _ in 0..count {
        let column = cursor.u32()?;
        let extent = Extent { offset: cursor.varint()?, bytes: cursor.varint()?, crc: cursor.u32()? };
        if extent.offset < body.start || extent.end().is_none_or(|end| end > body.end) {
            return Err(Malformed("statistics between the header and the sections"));
        }
        index.push((column, extent));
    }
    cursor.finish()?;
    Ok(index)
}

/// The statistics of a column of type `ty`.
pub(super) fn decode(bytes: &[u8], ty: ColumnType, cells: &CellTable) -> Result<CellStatistics, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let statistics = CellStatistics::new(ty, cells.len());
    let mut statistics = statistics.ok_or(Malformed("statistics of a numeric column"))?;
    while statistics.counts.len() < cells.len() {
        block::decode(&mut cursor, cells, &mut statistics)?;
    }
    cursor.finish()?;
    Ok(statistics)
}
