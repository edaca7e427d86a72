//! Which values a row group may hold: a split-block bloom filter per column.
//!
//! A filter is a row of blocks of eight 32-bit words. A value sets one bit in each word of one block, so that a
//! look-up reads one line of cache. A value that is there is always found; of others some pass for present: 3.2 %
//! where a filter holds many.
//!
//! Filters lie in the body, each behind its row group's chunks. The section says where, with what checksum.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use xxhash_rust::xxh3::xxh3_64;

use super::source::Extent;
use crate::encoding::{Cursor, Malformed, put_varint};
use crate::limits::{COLUMNS_MAX, ROW_GROUP_ROWS_MAX};
use crate::schema::{Column, ColumnId, ColumnType, Role};

/// Bits for each distinct hash: a byte, because the whole of a prediction log has 46 bytes a row.
const BITS_PER_HASH: usize = 8;
const WORDS: usize = 8;
const BLOCK_BYTES: usize = WORDS * 4;
/// Bytes of the largest filter: no row group has more hashes than rows.
const FILTER_BYTES_MAX: usize = ROW_GROUP_ROWS_MAX * BITS_PER_HASH / 8;
/// Odd numbers, one a word, that spread 32 bits of the hash. They are on disk: never to change.
const SALTS: [u32; WORDS] =
    [0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F, 0x1656_67B1, 0x2C1B_3C6D, 0x297A_2D39, 0x7FEB_352D];

/// Where the filter of a column lies. One without bytes holds no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FilterPlace {
    pub(super) column: ColumnId,
    pub(super) extent: Extent,
}

/// The filters of all row groups.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FilterIndex {
    pub(super) groups: Vec<Vec<FilterPlace>>,
}

impl FilterIndex {
    /// Where the filter of a column lies; none where there is no filter.
    pub(super) fn find(&self, row_group: usize, column: ColumnId) -> Option<Extent> {
        let filter = self.groups.get(row_group)?.iter().find(|filter| filter.column == column)?;
        Some(filter.extent)
    }

    /// All filters.
    pub(super) fn extents(&self) -> impl Iterator<Item = Extent> {
        self.groups.iter().flatten().map(|filter| filter.extent)
    }

    /// Bytes it holds in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let group = |g: &Vec<FilterPlace>| size_of_val(g) + g.capacity() * size_of::<FilterPlace>();
        self.groups.iter().map(group).sum()
    }

    /// The section; none where no row group has a filter.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for filters in &self.groups {
            put_varint(&mut out, filters.len() as u64);
            for FilterPlace { column, extent } in filters {
                put_varint(&mut out, u64::from(*column));
                put_varint(&mut out, extent.offset);
                put_varint(&mut out, extent.bytes);
                out.extend(extent.crc.to_le_bytes());
            }
        }
        self.groups.iter().any(|filters| !filters.is_empty()).then_some(out)
    }

    /// The index again, of a segment of so many row groups. All filters lie within `body`.
    pub(super) fn decode(
        bytes: &[u8],
        groups: usize,
        body: &std::ops::Range<u64>,
    ) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let mut all = Vec::with_capacity(groups);
        for _ in 0..groups {
            let count = cursor.count(COLUMNS_MAX)?;
            all.push((0..count).map(|_| decode_place(&mut cursor, body)).collect::<Result<_, _>>()?);
        }
        cursor.finish()?;
        Ok(Self { groups: all })
    }
}

fn decode_place(cursor: &mut Cursor<'_>, body: &std::ops::Range<u64>) -> Result<FilterPlace, Malformed> {
    let column = u32::try_from(cursor.varint()?).map_err(|_| Malformed("a column of 32 bits"))?;
    let (offset, bytes, crc) = (cursor.varint()?, cursor.count(FILTER_BYTES_MAX)?, cursor.u32()?);
    let extent = Extent { offset, bytes: bytes as u64, crc };
    if offset < body.start || extent.end().is_none_or(|end| end > body.end) {
        return Err(Malformed("bloom filters between the header and the sections"));
    }
    Ok(FilterPlace { column, extent })
}

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bloom {
    blocks: Vec<[u32; WORDS]>,
}

impl Bloom {
    /// The filter of these hashes, each any number of times, sized by the distinct ones; of none it is empty.
    pub(crate) fn of(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        let bytes = (hashes.len() * BITS_PER_HASH).div_ceil(8).min(FILTER_BYTES_MAX);
        let mut bloom = Self { blocks: vec![[0; WORDS]; bytes.div_ceil(BLOCK_BYTES)] };
        hashes.iter().for_each(|hash| bloom.set(*hash));
        bloom
    }

    /// Whether a value of this hash may be there; false is certain.
    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        let Some(block) = self.blocks.get(place(hash, self.blocks.len())) else {
            return false;
        };
        block.iter().zip(mask(hash)).all(|(word, bit)| word & bit != 0)
    }

    /// Whether a value of this hash may be in the filter that these bytes are, which stays as it is: of 64 KiB one look-up
    /// reads 32 bytes.
    pub(super) fn may_contain_in(bytes: &[u8], hash: u64) -> Result<bool, Malformed> {
        if !bytes.len().is_multiple_of(BLOCK_BYTES) || bytes.len() > FILTER_BYTES_MAX {
            return Err(Malformed("whole blocks of a bloom filter"));
        }
        let at = place(hash, bytes.len() / BLOCK_BYTES) * BLOCK_BYTES;
        let Some(block) = bytes.get(at..at + BLOCK_BYTES) else { return Ok(false) };
        let words =
            block.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        Ok(words.zip(mask(hash)).all(|(word, bit)| word & bit != 0))
    }

    fn set(&mut self, hash: u64) {
        let at = place(hash, self.blocks.len());
        if let Some(block) = self.blocks.get_mut(at) {
            block.iter_mut().zip(mask(hash)).for_each(|(word, bit)| *word |= bit);
        }
    }

    /// The words of all blocks, little-endian.
    pub(super) fn encode(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The filter again; fails where the bytes are no whole blocks or beyond the largest filter.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > FILTER_BYTES_MAX || !bytes.len().is_multiple_of(BLOCK_BYTES) {
            return Err(Malformed("a bloom filter of whole blocks within its limit"));
        }
        let (words, _) = bytes.as_chunks::<4>();
        let (blocks, _) = words.as_chunks::<WORDS>();
        Ok(Self { blocks: blocks.iter().map(|block| block.map(u32::from_le_bytes)).collect() })
    }
}

/// The block of a hash by its upper half: multiply and shift, so that any number of blocks will do.
fn place(hash: u64, blocks: usize) -> usize {
    (((hash >> 32) * blocks as u64) >> 32) as usize
}

/// A bit for each word by the lower half.
fn mask(hash: u64) -> [u32; WORDS] {
    SALTS.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

/// Whether segments keep filters of a column.
pub(crate) fn is_kept(column: &Column) -> bool {
    let kept = !matches!(column.ty, ColumnType::Vector(_) | ColumnType::Distribution);
    kept && column.role != Role::Tag && (column.role == Role::Key || column.index)
}

/// The hash of a TEXT or JSON value: xxh3 of its bytes, 64 bits, seed 0.
pub fn hash_text(value: &str) -> u64 {
    xxh3_64(value.as_bytes())
}

/// The hash of a DOUBLE: of its eight bytes, little-endian. Both zeros hash alike, and so do all NaN: what a query
/// may take for equal must not differ here.
pub fn hash_double(value: f64) -> u64 {
    const NAN: u64 = 0x7FF8_0000_0000_0000;
    let bits = if value.is_nan() { NAN } else { (value + 0.0).to_bits() };
    xxh3_64(&bits.to_le_bytes())
}

/// The hash of a BIGINT: that of the DOUBLE nearest to it, so that a filter stays right when the column becomes DOUBLE.
/// Beyond 2^53 neighbours hash alike; that costs a look-up, never a row.
pub fn hash_integer(value: i64) -> u64 {
    hash_double(value as f64)
}

/// The hash of a TIMESTAMP, in nanoseconds: of its eight bytes, little-endian.
pub fn hash_time(nanos: i64) -> u64 {
    xxh3_64(&nanos.to_le_bytes())
}

/// The hash of a BOOLEAN: of one byte, 0 or 1.
pub fn hash_boolean(value: bool) -> u64 {
    xxh3_64(&[u8::from(value)])
}

/// The hashes of a column's values, nulls left out. None of a type that has no filter (VECTOR, DISTRIBUTION).
pub(crate) fn hash_array(ty: ColumnType, array: &ArrayRef) -> Vec<u64> {
    match ty {
        ColumnType::Text | ColumnType::Json => {
            array.as_string::<i32>().iter().flatten().map(hash_text).collect()
        }
        ColumnType::BigInt => array.as_primitive::<Int64Type>().iter().flatten().map(hash_integer).collect(),
        ColumnType::Timestamp => {
            array.as_primitive::<TimestampNanosecondType>().iter().flatten().map(hash_time).collect()
        }
        ColumnType::Double => array.as_primitive::<Float64Type>().iter().flatten().map(hash_double).collect(),
        ColumnType::Boolean => array.as_boolean().iter().flatten().map(hash_boolean).collect(),
        ColumnType::Vector(_) | ColumnType::Distribution => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
