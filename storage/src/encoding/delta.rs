//! Integers, or the differences of neighbours, above the least of them, in as few bits as the greatest needs.
//!
//! ```text
//! order u8 (0 values, 1 differences) | width u8 | first signed varint (order 1) | base signed varint | packed
//! ```
//! Arithmetic wraps, so every i64 is within reach. A page of no values has no bytes.

use super::{Cursor, Malformed, put_signed};

/// Values above a base.
struct Frame {
    base: i64,
    width: u32,
}

impl Frame {
    fn of(items: impl Iterator<Item = i64>) -> Self {
        let (min, max) = items.fold((i64::MAX, i64::MIN), |(min, max), v| (min.min(v), max.max(v)));
        let spread = if min > max { 0 } else { max.wrapping_sub(min) as u64 };
        Self { base: if min > max { 0 } else { min }, width: 64 - spread.leading_zeros() }
    }
}

fn differences(values: &[i64]) -> impl Iterator<Item = i64> {
    values.windows(2).map(|w| w[1].wrapping_sub(w[0]))
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
        return unpack(cursor.rest(), count, &Frame { base, width });
    }
    let (first, base) = (cursor.signed()?, cursor.signed()?);
    let differences = unpack(cursor.rest(), count - 1, &Frame { base, width })?;
    Ok(sums(first, &differences))
}

fn sums(first: i64, differences: &[i64]) -> Vec<i64> {
    let mut values = Vec::with_capacity(differences.len() + 1);
    let mut value = first;
    values.push(value);
    for difference in differences {
        value = value.wrapping_add(*difference);
        values.push(value);
    }
    values
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

fn unpack(packed: &[u8], count: usize, frame: &Frame) -> Result<Vec<i64>, Malformed> {
    let bits = count.checked_mul(frame.width as usize).ok_or(Malformed("a count of values"))?;
    if packed.len() != bits.div_ceil(8) {
        return Err(Malformed("as many bits as values need"));
    }
    if frame.width == 0 {
        return Ok(vec![frame.base; count]);
    }
    let mask = u64::MAX >> (64 - frame.width);
    let mut words = packed.chunks(8).map(word);
    let (mut buffer, mut have) = (0_u128, 0_u32);
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        if have < frame.width {
            buffer |= u128::from(words.next().unwrap_or(0)) << have;
            have += 64;
        }
        values.push(frame.base.wrapping_add((buffer as u64 & mask) as i64));
        buffer >>= frame.width;
        have -= frame.width;
    }
    Ok(values)
}

fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}
