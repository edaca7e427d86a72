//! Texts of a common prefix and a decimal integer, such as `p123`: only the integers are kept.
//!
//! Either no integer has leading zeros, or all have the same number of digits. Anything else would not come back as
//! it was, and is not taken.
//!
//! ```text
//! digits u8 (0 no leading zeros) | prefix byte string | encoding of the integers u8 | meta of the integers
//! ```

use std::io::Write;

use super::values::ByteStrings;
use super::{Cursor, EncodedChunk, Encoding, Malformed, integer, put_bytes};

/// 18 digits always fit an i64.
const DIGITS_MAX: usize = 18;

/// Encodes `values` as pages of `counts` values, or not where one of them has another shape.
pub(super) fn encode(values: &[&[u8]], counts: &[usize]) -> Option<EncodedChunk> {
    let prefix = prefix(values.first()?);
    let digits: Vec<&[u8]> = values.iter().map(|v| v.strip_prefix(prefix)).collect::<Option<_>>()?;
    let width = width(&digits)?;
    let numbers: Vec<i64> = digits.iter().map(|d| number(d)).collect::<Option<_>>()?;
    let numbers = integer::encode_plain(&numbers, counts, integer::LEVEL);
    let mut meta = vec![width];
    put_bytes(&mut meta, prefix);
    meta.push(numbers.encoding.id());
    meta.extend(numbers.meta);
    Some(EncodedChunk { encoding: Encoding::Prefixed, meta, pages: numbers.pages })
}

/// What is left of the last run of digits.
fn prefix(value: &[u8]) -> &[u8] {
    let digits = value.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    &value[..value.len() - digits]
}

fn width(digits: &[&[u8]]) -> Option<u8> {
    if digits.iter().all(|d| d.len() == 1 || d.first() != Some(&b'0')) {
        return Some(0);
    }
    let width = digits.first()?.len();
    (width <= DIGITS_MAX && digits.iter().all(|d| d.len() == width)).then_some(width as u8)
}

fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) struct Decoder {
    width: usize,
    prefix: Vec<u8>,
    numbers: integer::PlainDecoder,
}

impl Decoder {
    pub(super) fn new(meta: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(meta);
        let width = usize::from(cursor.u8()?);
        if width > DIGITS_MAX {
            return Err(Malformed("at most 18 digits"));
        }
        let prefix = cursor.bytes()?.to_vec();
        let encoding = Encoding::from_id(cursor.u8()?)?;
        Ok(Self { width, prefix, numbers: integer::PlainDecoder::new(encoding, cursor.rest())? })
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<ByteStrings, Malformed> {
        let mut values = ByteStrings::with_capacity(count);
        let mut text = self.prefix.clone();
        for number in self.numbers.decode(page, count)? {
            if number < 0 {
                return Err(Malformed("integers that are not negative"));
            }
            text.truncate(self.prefix.len());
            write!(text, "{number:0width$}", width = self.width).map_err(|_| Malformed("an integer"))?;
            values.push(&text)?;
        }
        Ok(values)
    }
}
