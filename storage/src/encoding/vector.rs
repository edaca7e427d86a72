//! Vectors as they lie in memory: embeddings do not compress.
//!
//! ```text
//! page: bitmap byte string (which elements are null; empty where none is) | elements, 4 bytes each
//! ```

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};
use arrow_schema::DataType;

use super::squeeze::{squeeze, unsqueeze};
use super::validity::{pack, unpack};
use super::{Cursor, EncodedChunk, Encoding, Malformed, integer, put_bytes};
use crate::limits::VALUE_BYTES_MAX;
use crate::schema::ColumnType;

/// Encodes the vectors that are not null as pages of `counts` vectors.
pub(super) fn encode(array: &FixedSizeListArray, counts: &[usize]) -> EncodedChunk {
    let rows: Vec<usize> = (0..array.len()).filter(|row| array.is_valid(*row)).collect();
    let pages = integer::cut(&rows, counts).map(|rows| encode_page(array, rows)).collect();
    EncodedChunk { encoding: Encoding::Raw, meta: Vec::new(), pages }
}

fn encode_page(array: &FixedSizeListArray, rows: &[usize]) -> Vec<u8> {
    if rows.is_empty() {
        return Vec::new();
    }
    let size = array.value_length() as usize;
    let items = array.values().as_primitive::<Float32Type>();
    let at = |row: &usize| (row * size)..(row * size + size);
    let mut page = Vec::with_capacity(rows.len() * size * 4 + 1);
    put_bytes(&mut page, &item_bitmap(items, rows.iter().flat_map(at)));
    for row in rows {
        page.extend(items.values()[at(row)].iter().flat_map(|v| v.to_le_bytes()));
    }
    page
}

fn item_bitmap(items: &Float32Array, at: impl Iterator<Item = usize>) -> Vec<u8> {
    match items.null_count() {
        0 => Vec::new(),
        _ => squeeze(pack(&at.map(|i| items.is_valid(i)).collect::<BooleanBuffer>())),
    }
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) struct Decoder {
    size: usize,
}

impl Decoder {
    pub(super) fn new(encoding: Encoding, size: u32, meta: &[u8]) -> Result<Self, Malformed> {
        match (encoding, meta) {
            (Encoding::Raw, []) if size > 0 => Ok(Self { size: size as usize }),
            _ => Err(Malformed("an encoding of vectors")),
        }
    }

    /// The rows of a page with `count` vectors that are not null.
    pub(super) fn decode(
        &self,
        page: &[u8],
        count: usize,
        validity: Option<NullBuffer>,
    ) -> Result<ArrayRef, Malformed> {
        let mut cursor = Cursor::new(page);
        let present = item_validity(cursor.bytes()?, self.items(count)?)?;
        let values = match cursor.rest().as_chunks() {
            (values, []) if values.len() == self.items(count)? => values,
            _ => return Err(Malformed("4 bytes for each element")),
        };
        let values: Vec<f32> = values.iter().map(|b| f32::from_le_bytes(*b)).collect();
        match validity {
            None => self.array(Float32Array::new(values.into(), present), None),
            Some(validity) => self.array(self.spread(&values, present, &validity)?, Some(validity)),
        }
    }

    /// The elements at their rows; those of null rows are zero.
    fn spread(
        &self,
        values: &[f32],
        present: Option<NullBuffer>,
        validity: &NullBuffer,
    ) -> Result<Float32Array, Malformed> {
        let mut items = vec![0.0; self.items(validity.len())?];
        for (row, vector) in validity.valid_indices().zip(values.chunks_exact(self.size)) {
            items[row * self.size..(row + 1) * self.size].copy_from_slice(vector);
        }
        let present = present.map(|present| self.spread_bits(&present, validity));
        Ok(Float32Array::new(items.into(), present))
    }

    fn spread_bits(&self, present: &NullBuffer, validity: &NullBuffer) -> NullBuffer {
        let mut bits = BooleanBufferBuilder::new(validity.len() * self.size);
        let mut from = 0;
        for valid in validity.iter() {
            if valid {
                bits.append_buffer(&present.inner().slice(from, self.size));
                from += self.size;
            } else {
                bits.append_n(self.size, false);
            }
        }
        NullBuffer::new(bits.finish())
    }

    fn items(&self, rows: usize) -> Result<usize, Malformed> {
        rows.checked_mul(self.size)
            .filter(|items| *items <= VALUE_BYTES_MAX / 4)
            .ok_or(Malformed("vectors within the limit of a page"))
    }

    fn array(&self, items: Float32Array, validity: Option<NullBuffer>) -> Result<ArrayRef, Malformed> {
        let DataType::FixedSizeList(field, size) = ColumnType::Vector(self.size as u32).arrow() else {
            return Err(Malformed("a vector type"));
        };
        let array = FixedSizeListArray::try_new(field, size, Arc::new(items), validity);
        Ok(Arc::new(array.map_err(|_| Malformed("vectors of one size"))?))
    }
}

fn item_validity(bitmap: &[u8], items: usize) -> Result<Option<NullBuffer>, Malformed> {
    if bitmap.is_empty() {
        return Ok(None);
    }
    Ok(Some(NullBuffer::new(unpack(unsqueeze(bitmap, items.div_ceil(8))?, items)?)))
}
