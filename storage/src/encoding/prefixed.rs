//! Texts of a common prefix and a decimal integer, such as `p123`: only the integers are kept.
//!
//! Either no integer has leading zeros, or all have the same number of digits. Anything else would not come back as
//! it was, and is not taken.
//!
//! ```text
//! digits u8 (0 no leading zeros) | prefix byte string | encoding of the integers u8 | meta of the integers
//! ```

use super::values::ByteStrings;
use super::{Cursor, Effort, EncodedChunk, Encoding, Malformed, integer, put_bytes};

/// 18 digits always fit an i64.
const DIGITS_MAX: usize = 18;

/// Encodes `values` as pages of `counts` values, or not where one of them has another shape.
pub(super) fn encode(values: &[&[u8]], counts: &[usize], effort: Effort) -> Option<EncodedChunk> {
    let prefix = prefix(values.first()?);
    let digits: Vec<&[u8]> = values.iter().map(|v| v.strip_prefix(prefix)).collect::<Option<_>>()?;
    let width = width(&digits)?;
    let numbers: Vec<i64> = digits.iter().map(|d| number(d)).collect::<Option<_>>()?;
    let numbers = integer::encode_plain(&numbers, counts, effort);
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

    /// The integer that stands for a text; none where it has another shape, hence is in no page.
    pub(super) fn number(&self, text: &[u8]) -> Option<i64> {
        let digits = text.strip_prefix(self.prefix.as_slice())?;
        let is_so_wide = match self.width {
            0 => digits.len() == 1 || digits.first() != Some(&b'0'),
            width => digits.len() == width,
        };
        number(digits).filter(|_| is_so_wide)
    }

    /// The `count` integers of a page.
    pub(super) fn numbers(&self, page: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
        self.numbers.decode(page, count)
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<ByteStrings, Malformed> {
        let mut values = ByteStrings::with_capacity(count);
        let mut text = self.prefix.clone();
        let mut last = None;
        for number in self.numbers.decode(page, count)? {
            let number = u64::try_from(number).map_err(|_| Malformed("integers that are not negative"))?;
            if !last.is_some_and(|last| self.advance(&mut text, last, number)) {
                text.truncate(self.prefix.len());
                put_digits(&mut text, number, self.width);
                if last.is_none() {
                    values.reserve(count, text.len() + 1);
                }
            }
            last = Some(number);
            values.push(&text)?;
        }
        Ok(values)
    }

    /// Counts on in the digits where the next number is up to 9 more, as ids mostly are, and no digit is added.
    fn advance(&self, text: &mut [u8], last: u64, number: u64) -> bool {
        let Some(step @ 0..10) = number.checked_sub(last) else { return false };
        let mut carry = step as u8;
        for digit in text.iter_mut().skip(self.prefix.len()).rev() {
            *digit += carry;
            if *digit <= b'9' {
                return true;
            }
            *digit -= 10;
            carry = 1;
        }
        false
    }
}

/// Appends `number` with zeros before it up to `width` digits.
fn put_digits(text: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        if number == 0 && count >= width.max(1) {
            break;
        }
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        count += 1;
    }
    text.extend(digits.iter().skip(20 - count));
}
