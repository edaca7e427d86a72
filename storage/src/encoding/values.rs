//! Between Arrow arrays and values without gaps.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, ByteArrayType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, GenericByteArray, Int64Array, PrimitiveArray,
    StringArray, TimestampNanosecondArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::Malformed;
use super::pcodec::zeros;
use crate::limits::{PAGE_BYTES_MAX, VALUE_BYTES_MAX};
use crate::schema::ColumnType;

/// The numbers that are not null.
pub(super) fn numbers<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Cow<'_, [T::Native]> {
    match array.nulls().filter(|n| n.null_count() > 0) {
        Some(nulls) => nulls.valid_indices().map(|row| array.value(row)).collect(),
        None => Cow::Borrowed(array.values()),
    }
}

/// The booleans that are not null.
pub(super) fn booleans(array: &BooleanArray) -> Vec<bool> {
    array.iter().flatten().collect()
}

/// The bytes of the texts that are not null.
pub(super) fn slices<T: ByteArrayType<Offset = i32>>(array: &GenericByteArray<T>) -> Vec<&[u8]> {
    array.iter().flatten().map(AsRef::as_ref).collect()
}

/// Byte strings one after the other.
#[derive(Clone, Debug)]
pub(super) struct ByteStrings {
    /// Where each begins, and after the last where it ends. Never falls.
    offsets: Vec<i32>,
    data: Vec<u8>,
}

impl ByteStrings {
    pub(super) fn with_capacity(count: usize) -> Self {
        let mut offsets = Vec::with_capacity(count + 1);
        offsets.push(0);
        Self { offsets, data: Vec::new() }
    }

    /// Strings of `data` that begin and end at `offsets`, which the caller has made: they start at 0, never fall and
    /// end where `data` does.
    pub(super) fn of_parts(offsets: Vec<i32>, data: Vec<u8>) -> Self {
        Self { offsets, data }
    }

    /// Makes room for `count` more strings of about `bytes` each, as far as a page goes.
    pub(super) fn reserve(&mut self, count: usize, bytes: usize) {
        self.data.reserve(count.saturating_mul(bytes).min(PAGE_BYTES_MAX));
    }

    /// Cuts `data` into strings of these lengths; fails unless they add up.
    pub(super) fn cut(data: Vec<u8>, lengths: &[i64]) -> Result<Self, Malformed> {
        let mut strings = Self::with_capacity(lengths.len());
        let mut end = 0_usize;
        for length in lengths {
            end = usize::try_from(*length)
                .ok()
                .and_then(|l| end.checked_add(l))
                .ok_or(Malformed("a length"))?;
            strings.offsets.push(offset(end)?);
        }
        strings.data = data;
        if strings.data.len() == end {
            Ok(strings)
        } else {
            Err(Malformed("lengths that add up to the bytes"))
        }
    }

    /// Adds a string; fails where all together pass the limit of a page.
    pub(super) fn push(&mut self, value: &[u8]) -> Result<(), Malformed> {
        self.offsets.push(offset(self.data.len() + value.len())?);
        self.data.extend_from_slice(value);
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.offsets.len().saturating_sub(1)).filter_map(|index| self.get(index))
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = (self.offsets.get(index)?, self.offsets.get(index + 1)?);
        self.data.get(*start as usize..*end as usize)
    }
}

fn offset(at: usize) -> Result<i32, Malformed> {
    i32::try_from(at)
        .ok()
        .filter(|_| at <= VALUE_BYTES_MAX)
        .ok_or(Malformed("texts within the limit of a page"))
}

/// The values at their rows, and zero at the null rows.
pub(super) fn spread<T: Copy + Default>(values: Vec<T>, validity: Option<&NullBuffer>) -> Vec<T> {
    let Some(validity) = validity else { return values };
    let mut rows = zeros(validity.len());
    for (row, value) in validity.valid_indices().zip(values) {
        rows[row] = value;
    }
    rows
}

pub(super) fn boolean_array(
    values: BooleanBuffer,
    validity: Option<NullBuffer>,
) -> Result<ArrayRef, Malformed> {
    let rows = match &validity {
        None => values,
        Some(present) => BooleanBuffer::from(spread(values.iter().collect(), Some(present))),
    };
    Ok(Arc::new(BooleanArray::new(rows, validity)))
}

pub(super) fn integer_array(
    ty: ColumnType,
    values: Vec<i64>,
    validity: Option<NullBuffer>,
) -> Result<ArrayRef, Malformed> {
    let rows = ScalarBuffer::from(spread(values, validity.as_ref()));
    Ok(match ty {
        ColumnType::Timestamp => Arc::new(TimestampNanosecondArray::new(rows, validity).with_timezone("UTC")),
        _ => Arc::new(Int64Array::new(rows, validity)),
    })
}

pub(super) fn double_array(values: Vec<f64>, validity: Option<NullBuffer>) -> Result<ArrayRef, Malformed> {
    let rows = spread(values, validity.as_ref());
    Ok(Arc::new(Float64Array::new(rows.into(), validity)))
}

pub(super) fn text_array(
    ty: ColumnType,
    values: ByteStrings,
    validity: Option<NullBuffer>,
) -> Result<ArrayRef, Malformed> {
    let offsets = OffsetBuffer::new(spread_offsets(values.offsets, validity.as_ref()).into());
    let data = Buffer::from(values.data);
    Ok(match ty {
        ColumnType::Distribution => {
            Arc::new(BinaryArray::try_new(offsets, data, validity).map_err(|_| Malformed("byte strings"))?)
        }
        _ => Arc::new(StringArray::try_new(offsets, data, validity).map_err(|_| Malformed("text in UTF-8"))?),
    })
}

/// A null row is an empty string where the one before it ends.
fn spread_offsets(offsets: Vec<i32>, validity: Option<&NullBuffer>) -> Vec<i32> {
    let Some(validity) = validity else { return offsets };
    let mut rows = Vec::with_capacity(validity.len() + 1);
    let last = offsets.last().copied().unwrap_or(0);
    let mut at = 0;
    rows.push(offsets.first().copied().unwrap_or(0));
    // Without a branch on the row: which are null is as good as random.
    rows.extend(validity.iter().map(|valid| {
        at += usize::from(valid);
        offsets.get(at).copied().unwrap_or(last)
    }));
    rows
}
