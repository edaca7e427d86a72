//! Distributions as bytes.
//!
//! ```text
//! version <1b>, kind <1b: 0 numeric, 1 categorical>
//! numeric:     nulls, NaN, negative infinities, positive infinities <varint each>
//!              values <1b: 0 exact, 1 lattice>
//!   exact:     entries <varint>, then each: step from the previous ordered bits <varint>, count <varint>
//!   lattice:   min <8b>, max <8b>, entries <varint>, then each: step from the previous bucket <varint>, count <varint>
//!              sum: negative <1b>, first limb <1b>, limbs <1b>, each limb <4b>
//! categorical: nulls, other <varint each>, entries <varint>, then each: length <varint>, text, count <varint>
//! ```
//! Integers are little-endian; a varint has seven bits a byte, lowest first, at most ten bytes and none to spare.
//! Decoding accepts only what encoding makes, so that equal distributions have equal bytes and damage that changes
//! the meaning is mostly noticed here too (the checksum of the file is what promises it). Memory stays in proportion
//! to the bytes given: each entry takes at least two and makes at most one page of a kilobyte, of at most 4,096 pages.

use std::collections::BTreeMap;

use super::buckets::Buckets;
use super::numeric::{OnLattice, Values};
use super::sum::{ExactSum, LIMBS, Magnitude};
use super::{Categorical, Distribution, Numeric, lattice};
use crate::error::{Result, StorageError};
use crate::limits::{DISTRIBUTION_CATEGORIES_MAX, DISTRIBUTION_EXACT_VALUES_MAX};

/// Raised when the bytes change meaning.
const VERSION: u8 = 1;
const KIND_NUMERIC: u8 = 0;
const KIND_CATEGORICAL: u8 = 1;
const VALUES_EXACT: u8 = 0;
const VALUES_LATTICE: u8 = 1;
/// Named in errors, where a file would be.
const PLACE: &str = "a distribution";
const VARINT_BYTES_MAX: u32 = 10;

pub(super) fn encode(distribution: &Distribution) -> Vec<u8> {
    let mut out = vec![VERSION];
    match distribution {
        Distribution::Numeric(numeric) => {
            out.push(KIND_NUMERIC);
            put_numeric(&mut out, numeric);
        }
        Distribution::Categorical(categorical) => {
            out.push(KIND_CATEGORICAL);
            put_categorical(&mut out, categorical);
        }
    }
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Distribution> {
    let mut input = Input { bytes, at: 0 };
    let version = input.byte("a version")?;
    if version > VERSION {
        let (found, known) = (u16::from(version), u16::from(VERSION));
        return Err(StorageError::NewerFormat { path: PLACE.into(), found, known });
    }
    input.ensure(version == VERSION, "version 1")?;
    let distribution = match input.byte("a kind")? {
        KIND_NUMERIC => Distribution::Numeric(take_numeric(&mut input)?),
        KIND_CATEGORICAL => Distribution::Categorical(take_categorical(&mut input)?),
        _ => return Err(input.damaged("kind 0 or 1")),
    };
    input.ensure(input.at == bytes.len(), "the end of the distribution")?;
    Ok(distribution)
}

fn put_numeric(out: &mut Vec<u8>, numeric: &Numeric) {
    let Numeric { nulls, nans, positive_infinities, negative_infinities, count: _, values } = numeric;
    [nulls, nans, negative_infinities, positive_infinities].into_iter().for_each(|n| put_varint(out, *n));
    match values {
        Values::Exact(counts) => {
            out.push(VALUES_EXACT);
            put_entries(out, counts.entries().iter().copied(), counts.entries().len());
        }
        Values::Lattice(on_lattice) => {
            out.push(VALUES_LATTICE);
            put_lattice(out, on_lattice);
        }
    }
}

fn put_lattice(out: &mut Vec<u8>, on_lattice: &OnLattice) {
    out.extend(on_lattice.min.to_le_bytes());
    out.extend(on_lattice.max.to_le_bytes());
    let buckets = &on_lattice.buckets;
    let entries = buckets.iter().map(|(bucket, count)| (u64::from(bucket), count));
    put_entries(out, entries, buckets.iter().count());
    put_magnitude(out, &on_lattice.sum.magnitude());
}

fn put_entries(out: &mut Vec<u8>, entries: impl Iterator<Item = (u64, u64)>, len: usize) {
    put_varint(out, len as u64);
    let mut previous = 0;
    for (key, count) in entries {
        put_varint(out, key - previous);
        put_varint(out, count);
        previous = key;
    }
}

fn put_magnitude(out: &mut Vec<u8>, sum: &Magnitude) {
    // Both fit a byte: there are 70 limbs.
    out.extend([u8::from(sum.negative), sum.first as u8, sum.limbs.len() as u8]);
    sum.limbs.iter().for_each(|limb| out.extend(limb.to_le_bytes()));
}

fn put_categorical(out: &mut Vec<u8>, categorical: &Categorical) {
    put_varint(out, categorical.nulls);
    put_varint(out, categorical.other);
    put_varint(out, categorical.counts.len() as u64);
    for (value, count) in &categorical.counts {
        put_varint(out, value.len() as u64);
        out.extend(value.as_bytes());
        put_varint(out, *count);
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_numeric(input: &mut Input<'_>) -> Result<Numeric> {
    let nulls = input.varint()?;
    let nans = input.varint()?;
    let negative_infinities = input.varint()?;
    let positive_infinities = input.varint()?;
    let (values, count) = match input.byte("how values are kept")? {
        VALUES_EXACT => take_exact(input)?,
        VALUES_LATTICE => take_lattice(input)?,
        _ => return Err(input.damaged("exact (0) or lattice (1) values")),
    };
    Ok(Numeric { nulls, nans, positive_infinities, negative_infinities, count, values })
}

fn take_exact(input: &mut Input<'_>) -> Result<(Values, u64)> {
    let len = input.varint()?;
    input.ensure(len <= DISTRIBUTION_EXACT_VALUES_MAX as u64, "at most 1,024 exact values")?;
    let entries = take_entries(input, len, |input, bits| {
        let value = lattice::from_ordered(bits);
        // A number that sorts elsewhere than it was found is -0.0, which is never stored.
        input.ensure(value.is_finite() && lattice::to_ordered(value) == bits, "a finite number")?;
        Ok(bits)
    })?;
    let total = total_of(&entries);
    Ok((Values::Exact(entries.into()), total))
}

fn total_of<K>(entries: &[(K, u64)]) -> u64 {
    entries.iter().fold(0, |total: u64, (_, count)| total.saturating_add(*count))
}

fn take_lattice(input: &mut Input<'_>) -> Result<(Values, u64)> {
    let (min, max) = (input.double()?, input.double()?);
    let len = input.varint()?;
    input.ensure(len > 0, "at least one bucket")?;
    let entries = take_entries(input, len, |input, key| {
        let bucket = u32::try_from(key).ok();
        let held = bucket.filter(|bucket| (lattice::BUCKET_MIN..=lattice::BUCKET_MAX).contains(bucket));
        held.ok_or_else(|| input.damaged("a bucket of finite numbers"))
    })?;
    let total = total_of(&entries);
    input.ensure(total > DISTRIBUTION_EXACT_VALUES_MAX as u64, "more values than are kept exactly")?;
    ensure_ends(input, &entries, min, max)?;
    let mut buckets = Buckets::default();
    entries.iter().for_each(|(bucket, count)| buckets.add(*bucket, *count));
    let sum = ExactSum::from_magnitude(&take_magnitude(input)?);
    Ok((Values::Lattice(Box::new(OnLattice { buckets, sum, min, max })), total))
}

/// Minimum and maximum lie in the first and the last bucket.
fn ensure_ends(input: &Input<'_>, buckets: &[(u32, u64)], min: f64, max: f64) -> Result<()> {
    let ends = (buckets.first(), buckets.last());
    let agree = matches!(ends, (Some((first, _)), Some((last, _)))
        if min.is_finite() && max.is_finite() && min <= max
            && lattice::bucket(min) == *first && lattice::bucket(max) == *last);
    let stored_as_pushed = [min, max].iter().all(|end| (end + 0.0).to_bits() == end.to_bits());
    input.ensure(agree && stored_as_pushed, "a minimum and maximum within the first and last bucket")
}

/// Keys in ascending order, each with a count of at least one. `key_of` judges a key.
fn take_entries<K>(
    input: &mut Input<'_>,
    len: u64,
    key_of: impl Fn(&Input<'_>, u64) -> Result<K>,
) -> Result<Vec<(K, u64)>> {
    input.ensure(len <= input.entries_max(), "as many entries as there are bytes for")?;
    let mut entries = Vec::with_capacity(len as usize);
    let mut key = 0_u64;
    for place in 0..len {
        let step = input.varint()?;
        input.ensure(step > 0 || place == 0, "keys in ascending order")?;
        key = key.checked_add(step).ok_or_else(|| input.damaged("a key within 64 bits"))?;
        let kept = key_of(input, key)?;
        entries.push((kept, take_count(input)?));
    }
    Ok(entries)
}

fn take_count(input: &mut Input<'_>) -> Result<u64> {
    let count = input.varint()?;
    input.ensure(count > 0, "a count of at least one")?;
    Ok(count)
}

fn take_magnitude(input: &mut Input<'_>) -> Result<Magnitude> {
    let negative = input.byte("the sign of the sum")?;
    let first = usize::from(input.byte("the first limb of the sum")?);
    let len = usize::from(input.byte("the limbs of the sum")?);
    // The last limb has the carry of the sign, so no sum reaches into it.
    input.ensure(negative <= 1 && first + len < LIMBS, "a sum within the range of doubles")?;
    let mut limbs = Vec::with_capacity(len);
    for _ in 0..len {
        limbs.push(u32::from_le_bytes(input.array()?));
    }
    let trimmed = match (limbs.first(), limbs.last()) {
        (Some(low), Some(high)) => *low != 0 && *high != 0,
        _ => negative == 0 && first == 0,
    };
    input.ensure(trimmed, "a sum without zero limbs at its ends")?;
    Ok(Magnitude { negative: negative == 1, first, limbs })
}

fn take_categorical(input: &mut Input<'_>) -> Result<Categorical> {
    let nulls = input.varint()?;
    let other = input.varint()?;
    let len = input.varint()?;
    let full = DISTRIBUTION_CATEGORIES_MAX as u64;
    input.ensure(len <= full && len <= input.entries_max(), "as many categories as there are bytes for")?;
    input.ensure(other == 0 || len == full, "other values only beside the most categories named")?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut total = other;
    for _ in 0..len {
        let value = input.text()?;
        let ascending = counts.last_key_value().is_none_or(|(last, _)| last.as_str() < value);
        input.ensure(ascending, "categories in ascending order")?;
        let count = take_count(input)?;
        total = total.saturating_add(count);
        counts.insert(value.to_owned(), count);
    }
    Ok(Categorical { counts, other, nulls, count: total })
}

/// Bytes being read, front to back.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn damaged(&self, expected: &str) -> StorageError {
        StorageError::corrupt(PLACE, self.at as u64, expected)
    }

    fn ensure(&self, holds: bool, expected: &str) -> Result<()> {
        if holds { Ok(()) } else { Err(self.damaged(expected)) }
    }

    /// Entries that the remaining bytes can hold: a key and a count are at least a byte each.
    fn entries_max(&self) -> u64 {
        (self.bytes.len().saturating_sub(self.at) / 2) as u64
    }

    fn take(&mut self, len: usize, expected: &str) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.damaged(expected))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, "more bytes")?);
        Ok(array)
    }

    fn byte(&mut self, expected: &str) -> Result<u8> {
        self.take(1, expected)?.first().copied().ok_or_else(|| self.damaged(expected))
    }

    fn double(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<&'a str> {
        let len = self.varint()?;
        let len = usize::try_from(len).map_err(|_| self.damaged("a length within memory"))?;
        let bytes = self.take(len, "a text of the length given")?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text in UTF-8"))
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for place in 0..VARINT_BYTES_MAX {
            let byte = self.byte("a varint")?;
            let bits = u64::from(byte & 0x7F);
            // The tenth byte has room for one bit; a last byte of zero would be one too many.
            self.ensure(place < 9 || bits <= 1, "a varint within 64 bits")?;
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                self.ensure(byte != 0 || place == 0, "a varint without spare bytes")?;
                return Ok(value);
            }
        }
        Err(self.damaged("a varint of at most ten bytes"))
    }
}
