//! The least and the greatest value of a page.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef};

use super::TimeRange;
use crate::encoding::{Cursor, Malformed, put_signed, put_varint};
use crate::schema::ColumnType;

/// Both ends are values of the page. Nulls do not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ValueRange {
    /// Of integers and timestamps.
    Integer { min: i64, max: i64 },
    /// Of doubles in IEEE 754's total order, which is Arrow's: -0.0 before 0.0, NaN after all numbers (or, with its
    /// sign set, before them). A NaN in the page is therefore within the range.
    Double { min: f64, max: f64 },
}

impl ValueRange {
    /// Whether pages of this type have a range.
    pub(super) fn is_kept(ty: ColumnType) -> bool {
        matches!(ty, ColumnType::BigInt | ColumnType::Timestamp | ColumnType::Double)
    }

    /// The range of a column of type `ty`; none for other types, and where all are null.
    pub(super) fn of(ty: ColumnType, array: &ArrayRef) -> Option<Self> {
        match ty {
            ColumnType::BigInt => Self::of_integers(array.as_primitive::<Int64Type>().iter().flatten()),
            ColumnType::Timestamp => {
                Self::of_integers(array.as_primitive::<TimestampNanosecondType>().iter().flatten())
            }
            ColumnType::Double => Self::of_doubles(array.as_primitive::<Float64Type>().iter().flatten()),
            _ => None,
        }
    }

    fn of_integers(values: impl Iterator<Item = i64>) -> Option<Self> {
        values
            .fold(None, |range, v| match range {
                None => Some((v, v)),
                Some((min, max)) => Some((v.min(min), v.max(max))),
            })
            .map(|(min, max)| Self::Integer { min, max })
    }

    fn of_doubles(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let min = values.clone().min_by(f64::total_cmp)?;
        let max = values.max_by(f64::total_cmp)?;
        Some(Self::Double { min, max })
    }

    /// As event times.
    pub(super) fn time(self) -> Option<TimeRange> {
        match self {
            Self::Integer { min, max } => Some(TimeRange { min, max }),
            Self::Double { .. } => None,
        }
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Integer { min, max } => {
                put_signed(out, min);
                put_varint(out, max.wrapping_sub(min) as u64);
            }
            Self::Double { min, max } => {
                out.extend(min.to_le_bytes());
                out.extend(max.to_le_bytes());
            }
        }
    }

    /// Reads the range of a page of type `ty`.
    pub(super) fn decode(ty: ColumnType, cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        if ty == ColumnType::Double {
            let (min, max) = (f64::from_bits(cursor.u64()?), f64::from_bits(cursor.u64()?));
            return Ok(Self::Double { min, max });
        }
        let (min, spread) = (cursor.signed()?, cursor.varint()?);
        let max = min.checked_add_unsigned(spread).ok_or(Malformed("a greatest value of 64 bits"))?;
        Ok(Self::Integer { min, max })
    }
}

/// Event times of a column without nulls.
pub(super) fn time_range(array: &dyn Array) -> Option<TimeRange> {
    ValueRange::of_integers(array.as_primitive::<TimestampNanosecondType>().values().iter().copied())?.time()
}
