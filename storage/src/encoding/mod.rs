//! How the values of a column chunk become bytes.
//!
//! A *chunk* is one column of one row group, cut into *pages*. What all pages share (a dictionary, a pco table, the
//! one value of a constant column) is the chunk's *meta*; a page can be decoded with the meta and nothing else.
//! The encoding is chosen per chunk by rule and by size, never by a setting. Equal rows need not give equal bytes: where
//! pco finds two divisors of all numbers equally good, it takes either.
//!
//! A page is its null bitmap, where it has both nulls and values, and then the values that are not null, without
//! gaps. A chunk without nulls, and one of nulls only, pay nothing for the bitmap.
//!
//! Decoders take arbitrary bytes: damage is [`Malformed`], never a panic or an allocation beyond the limits. They
//! do not notice every damage, which is why a page is decoded only after its checksum was right.

mod block;
mod boolean;
mod cursor;
mod delta;
mod dictionary;
mod distinct;
mod double;
pub(crate) mod fuzzing;
mod integer;
mod pcodec;
mod prefixed;
mod repeated;
mod sample;
mod sought;
mod squeeze;
mod text;
mod uuid;
mod validity;
mod values;
mod vector;
mod zstd_block;

#[cfg(test)]
mod tests;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};

use crate::limits::VALUE_BYTES_MAX;
use crate::schema::ColumnType;
pub(crate) use block::{decode_doubles, decode_integers, encode_doubles, encode_integers};
pub(crate) use cursor::{Cursor, put_bytes, put_signed, put_varint};
pub(crate) use sought::Sought;
pub(crate) use squeeze::{squeeze, unsqueeze};

/// How a chunk is encoded. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Encoding {
    /// Nulls only: no bytes at all.
    AllNull = 0,
    /// One value for every row, in the meta.
    Constant = 1,
    /// Integers or their differences above the least one, in as few bits as the greatest needs.
    Delta = 2,
    /// Numbers by pco.
    Pco = 3,
    /// Distinct values in the meta, a code per value.
    Dictionary = 4,
    /// Lengths, and the bytes by zstd.
    Zstd = 5,
    /// A bit per value.
    Bitmap = 6,
    /// Values as they lie in memory, little-endian.
    Raw = 7,
    /// Texts of a common prefix and a decimal integer, as the integers.
    Prefixed = 8,
    /// UUIDs as two integers.
    Uuid = 9,
    /// Doubles that singles hold exactly, as singles by pco.
    PcoF32 = 10,
    /// Integers above the least one, on 32 bits, by pco.
    PcoU32 = 11,
}

impl Encoding {
    const ALL: [Self; 12] = [
        Self::AllNull,
        Self::Constant,
        Self::Delta,
        Self::Pco,
        Self::Dictionary,
        Self::Zstd,
        Self::Bitmap,
        Self::Raw,
        Self::Prefixed,
        Self::Uuid,
        Self::PcoF32,
        Self::PcoU32,
    ];

    /// Its number on disk.
    pub(crate) fn id(self) -> u8 {
        self as u8
    }

    /// The encoding of a number on disk.
    pub(crate) fn from_id(id: u8) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|e| e.id() == id).ok_or(Malformed("a known encoding"))
    }

    /// Its name as `system.segments` shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AllNull => "all_null",
            Self::Constant => "constant",
            Self::Delta => "delta",
            Self::Pco => "pco",
            Self::Dictionary => "dictionary",
            Self::Zstd => "zstd",
            Self::Bitmap => "bitmap",
            Self::Raw => "raw",
            Self::Prefixed => "prefixed_integer",
            Self::Uuid => "uuid",
            Self::PcoF32 => "pco_f32",
            Self::PcoU32 => "pco_u32",
        }
    }
}

/// Bytes that are not what an encoder writes, and what was expected instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// A chunk as bytes.
#[derive(Clone, Debug)]
pub(crate) struct EncodedChunk {
    /// How.
    pub(crate) encoding: Encoding,
    /// What the pages share.
    pub(crate) meta: Vec<u8>,
    /// The pages; one may be empty.
    pub(crate) pages: Vec<Vec<u8>>,
}

impl EncodedChunk {
    /// A chunk whose pages need no bytes of their own.
    fn of_meta(encoding: Encoding, meta: Vec<u8>, pages: usize) -> Self {
        Self { encoding, meta, pages: vec![Vec::new(); pages] }
    }

    fn bytes(&self) -> usize {
        self.meta.len() + self.pages.iter().map(Vec::len).sum::<usize>()
    }

    /// Whether it saves more than a little, 3 %, of `bytes`: simpler encodings are read several times as fast.
    fn is_well_below(&self, bytes: usize) -> bool {
        self.bytes() < bytes - bytes / 32
    }
}

/// How much time encoding may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// In a flush: keeps up with what writers send.
    Flush,
    /// In a compaction: smaller, at a third of the speed.
    Compaction,
}

impl Effort {
    /// The level of pco: 4 has nearly the ratio of 8 at several times its speed.
    fn level(self) -> usize {
        match self {
            Self::Flush => 4,
            Self::Compaction => 8,
        }
    }
}

/// Encodes `array`, a column of type `ty`, as pages of `page_rows` rows, which add up to its length.
pub(crate) fn encode(ty: ColumnType, array: &ArrayRef, page_rows: &[usize], effort: Effort) -> EncodedChunk {
    let nulls = array.nulls().filter(|n| n.null_count() > 0);
    if nulls.is_some_and(|n| n.null_count() == array.len()) {
        return EncodedChunk::of_meta(Encoding::AllNull, Vec::new(), page_rows.len());
    }
    let counts = validity::value_counts(nulls, page_rows);
    let mut chunk = encode_values(ty, array, &counts, effort);
    if let Some(nulls) = nulls {
        validity::prepend(&mut chunk.pages, nulls, page_rows);
    }
    chunk
}

/// Encodes the values that are not null; `counts` says how many of them each page holds.
fn encode_values(ty: ColumnType, array: &ArrayRef, counts: &[usize], effort: Effort) -> EncodedChunk {
    match ty {
        ColumnType::Boolean => boolean::encode(&values::booleans(array.as_boolean()), counts),
        ColumnType::BigInt => {
            integer::encode(&values::numbers(array.as_primitive::<Int64Type>()), counts, effort)
        }
        ColumnType::Timestamp => {
            integer::encode(&values::numbers(array.as_primitive::<TimestampNanosecondType>()), counts, effort)
        }
        ColumnType::Double => {
            double::encode(&values::numbers(array.as_primitive::<Float64Type>()), counts, effort)
        }
        ColumnType::Text | ColumnType::Json => {
            text::encode_text(&values::slices(array.as_string::<i32>()), counts, effort)
        }
        ColumnType::Distribution => text::encode_binary(&values::slices(array.as_binary::<i32>()), counts),
        ColumnType::Vector(_) => vector::encode(array.as_fixed_size_list(), counts),
    }
}

/// Decodes the pages of one chunk. Shared between threads.
#[derive(Debug)]
pub(crate) struct ChunkDecoder {
    ty: ColumnType,
    values: ValueDecoder,
}

#[derive(Debug)]
enum ValueDecoder {
    Null,
    Boolean(boolean::Decoder),
    Integer(integer::Decoder),
    Double(double::Decoder),
    Text(text::Decoder),
    Vector(vector::Decoder),
}

impl ChunkDecoder {
    /// A decoder of a chunk of type `ty`.
    pub(crate) fn new(encoding: Encoding, ty: ColumnType, meta: &[u8]) -> Result<Self, Malformed> {
        Ok(Self { ty, values: ValueDecoder::new(encoding, ty, meta)? })
    }

    /// Nulls of a vector take as much memory as vectors do, so damage must not ask for more of them than a page may hold.
    fn check_size(&self, rows: usize) -> Result<(), Malformed> {
        let ColumnType::Vector(size) = self.ty else { return Ok(()) };
        match rows.checked_mul(size as usize) {
            Some(items) if items <= VALUE_BYTES_MAX / 4 => Ok(()),
            _ => Err(Malformed("vectors within the limit of a page")),
        }
    }

    /// The rows of a page as an array of the column's Arrow type. `nulls` of its `rows` are null.
    pub(crate) fn decode(&self, page: &[u8], rows: usize, nulls: usize) -> Result<ArrayRef, Malformed> {
        let count = rows.checked_sub(nulls).ok_or(Malformed("no more nulls than rows"))?;
        self.check_size(rows)?;
        if count == 0 {
            return match page {
                [] => Ok(arrow_array::new_null_array(&self.ty.arrow(), rows)),
                _ => Err(Malformed("no bytes in a page of nulls")),
            };
        }
        let (validity, page) = validity::split(page, rows, nulls)?;
        match &self.values {
            ValueDecoder::Null => Err(Malformed("nulls only in a chunk of nulls")),
            ValueDecoder::Boolean(d) => values::boolean_array(d.decode(page, count)?, validity),
            ValueDecoder::Integer(d) => values::integer_array(self.ty, d.decode(page, count)?, validity),
            ValueDecoder::Double(d) => values::double_array(d.decode(page, count)?, validity),
            ValueDecoder::Text(d) => values::text_array(self.ty, d.decode(page, count)?, validity),
            ValueDecoder::Vector(d) => d.decode(page, count, validity),
        }
    }
}

impl ValueDecoder {
    fn new(encoding: Encoding, ty: ColumnType, meta: &[u8]) -> Result<Self, Malformed> {
        if encoding == Encoding::AllNull {
            return if meta.is_empty() {
                Ok(Self::Null)
            } else {
                Err(Malformed("no meta in a chunk of nulls"))
            };
        }
        Ok(match ty {
            ColumnType::Boolean => Self::Boolean(boolean::Decoder::new(encoding, meta)?),
            ColumnType::BigInt | ColumnType::Timestamp => {
                Self::Integer(integer::Decoder::new(encoding, meta)?)
            }
            ColumnType::Double => Self::Double(double::Decoder::new(encoding, meta)?),
            ColumnType::Text | ColumnType::Json | ColumnType::Distribution => {
                Self::Text(text::Decoder::new(encoding, meta)?)
            }
            ColumnType::Vector(size) => Self::Vector(vector::Decoder::new(encoding, size, meta)?),
        })
    }
}
