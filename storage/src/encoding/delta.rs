//! Integers, or the differences of neighbours, above the least of them, in as few bits as the greatest needs.
//!
//! ```text
//! order u8 (0 values, 1 differences) | width u8 | first signed varint (order 1) | base signed varint | packed
//! ```
//! Arithmetic wraps, so every i64 is within reach. A page of no values has no bytes.

use super::{Cursor, Malformed, put_signed};

/// Values above a base.
pub(super) struct Frame {
    pub(super) base: i64,
    /// The greatest less the base.
    pub(super) spread: u64,
    /// The bits that the spread needs.
    pub(super) width: u32,
}

impl Frame {
    pub(super) fn of(items: impl Iterator<Item = i64>) -> Self {
        let (min, max) = items.fold((i64::MAX, i64::MIN), |(min, max), v| (min.min(v), max.max(v)));
        let spread = if min > max { 0 } else { max.wrapping_sub(min) as u64 };
        Self { base: if min > max { 0 } else { min }, spread, width: 64 - spread.leading_zeros() }
    }
}

pub(super) fn differences(values: &[i64]) -> impl Iterator<Item = i64> {
    values.windows(2).map(|w| w[1].wrapping_sub(w[0]))
}

/// About how many bytes [`encode`] makes, without making them.
pub(super) fn encoded_bytes(values: &[i64]) -> usize {
    if values.is_empty() {
        return 0;
    }
    let (plain, delta) = (Frame::of(values.iter().copied()), Frame::of(differences(values)));
    let (width, mut head) = (plain.width.min(delta.width), Vec::with_capacity(20));
    put_signed(&mut head, if delta.width < plain.width { delta.base } else { plain.base });
    2 + head.len() + (values.len() * width as usize).div_ceil(8)
}

/// Encodes a page by whichever order needs fewer bits.
pub(super) fn encode(values: &[i64]) -> Vec<u8> {
    let mut page = Vec::new();
    let Some(first) = values.first() else { return page };
    let (plain, delta) = (Frame::of(values.iter().copied()), Frame::of(differences(values)));
    if delta.width < plain.width {
        page.extend([1, delta.width as u8]);
        put_signed(&mut page, *first);
        put_signed(&mut page, delta.base);
        pack(&mut page, differences(values), &delta);
    } else {
        page.extend([0, plain.width as u8]);
        put_signed(&mut page, plain.base);
        pack(&mut page, values.iter().copied(), &plain);
    }
    page
}

/// The `count` values of a page.
pub(super) fn decode(page: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
    let mut cursor = Cursor::new(page);
    if count == 0 {
        cursor.finish()?;
        return Ok(Vec::new());
    }
    let (order, width) = (cursor.u8()?, u32::from(cursor.u8()?));
    if order > 1 || width > 64 {
        return Err(Malformed("a delta page of order 0 or 1 and at most 64 bits"));
    }
    if order == 0 {
        let base = cursor.signed()?;
        let mut values = Vec::with_capacity(count);
        unpack(cursor.rest(), count, width, |offset| values.push(base.wrapping_add(offset)))?;
        return Ok(values);
    }
    let (mut value, base) = (cursor.signed()?, cursor.signed()?);
    let mut values = Vec::with_capacity(count);
    values.push(value);
    unpack(cursor.rest(), count - 1, width, |offset| {
        value = value.wrapping_add(base).wrapping_add(offset);
        values.push(value);
    })?;
    Ok(values)
}

/// Bits lie least first in little-endian words; the last word is cut after its last used byte.
fn pack(out: &mut Vec<u8>, items: impl Iterator<Item = i64>, frame: &Frame) {
    let (mut word, mut used) = (0_u128, 0_u32);
    for item in items {
        word |= u128::from(item.wrapping_sub(frame.base) as u64) << used;
        used += frame.width;
        if used >= 64 {
            out.extend_from_slice(&(word as u64).to_le_bytes());
            word >>= 64;
            used -= 64;
        }
    }
    out.extend(word.to_le_bytes().into_iter().take(used.div_ceil(8) as usize));
}

/// Gives `count` offsets of `width` bits to `take`.
fn unpack(packed: &[u8], count: usize, width: u32, mut take: impl FnMut(i64)) -> Result<(), Malformed> {
    let bits = count.checked_mul(width as usize).ok_or(Malformed("a count of values"))?;
    if packed.len() != bits.div_ceil(8) {
        return Err(Malformed("as many bits as values need"));
    }
    let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
    // Within 57 bits a value lies in the 8 bytes from its first one on, if so many are left.
    let whole = if width > 57 {
        0
    } else {
        count.min((packed.len().saturating_sub(7) * 8).div_ceil(width.max(1) as usize))
    };
    let whole = if width == 0 { count } else { whole };
    for at in 0..whole {
        let bit = at * width as usize;
        let word = packed.get(bit / 8..).and_then(<[u8]>::first_chunk).map_or(0, |w| u64::from_le_bytes(*w));
        take((word >> (bit % 8) & mask) as i64);
    }
    for at in whole..count {
        let bit = at * width as usize;
        take((tail(packed, bit / 8) >> (bit % 8)) as i64 & mask as i64);
    }
    Ok(())
}

/// Up to 16 bytes from `at` on.
fn tail(packed: &[u8], at: usize) -> u128 {
    let mut word = [0; 16];
    for (to, from) in word.iter_mut().zip(packed.get(at..).unwrap_or(&[])) {
        *to = *from;
    }
    u128::from_le_bytes(word)
}
