//! Distributions as bytes.
//!
//! ```text
//! version <1b>, kind <1b: 0 numeric, 1 categorical>
//! numeric:     flags <1b: nulls, NaN, negative, positive infinities present; rebinned; minimum, maximum is a bound>
//!              each counter present <varint>, then values <1b: 0 exact, 1 logarithmic, 2 affine>
//!   exact:     zero bits that all keys share <1b>, entries
//!   others:    bits <1b> or exponent <2b, signed>, entries, then, where there are any: min <8b>, max <8b>,
//!              sum: negative <1b>, first limb <1b>, limbs <1b>, each limb <4b>
//!   entries:   runs of neighbours <varint>, then each: first key (zigzag) or keys skipped less one <varint>,
//!              length less one <varint>, each count <varint>
//! categorical: nulls, other <varint each>, entries <varint>, then each: length <varint>, text, count <varint>
//! ```
//! Integers are little-endian; a varint has seven bits a byte, lowest first, at most ten bytes and none to spare.
//! Decoding accepts only what encoding makes, so that equal distributions have equal bytes and damage that changes
//! the meaning is mostly noticed here too (the checksum of the file is what promises it). Memory stays in proportion
//! to the bytes given: an entry takes a byte at least and makes sixteen.

use std::collections::BTreeMap;

use super::binned::{Binned, End};
use super::dense::Dense;
use super::lattice::{self, Lattice};
use super::numeric::{Values, add};
use super::sum::{ExactSum, LIMBS, Magnitude};
use super::{Categorical, Distribution, Numeric};
use crate::error::{Result, StorageError};
use crate::limits::{DISTRIBUTION_BUCKETS_MAX, DISTRIBUTION_CATEGORIES_MAX, DISTRIBUTION_EXACT_VALUES_MAX};

/// Raised when the bytes change meaning.
const VERSION: u8 = 2;
const KIND_NUMERIC: u8 = 0;
const KIND_CATEGORICAL: u8 = 1;
const VALUES_EXACT: u8 = 0;
const VALUES_LOG: u8 = 1;
const VALUES_AFFINE: u8 = 2;
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
    let distribution = match take_kind(&mut input)? {
        KIND_NUMERIC => Distribution::Numeric(take_numeric(&mut input)?),
        _ => Distribution::Categorical(take_categorical(&mut input)?),
    };
    input.ensure_end()?;
    Ok(distribution)
}

/// What [`Distribution::merge_encoded`] does: numbers on the same lattice are added as they are read.
pub(super) fn merge<'a>(into: &mut Distribution, parts: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
    let mut dense = Dense::default();
    for bytes in parts {
        if let Distribution::Numeric(numeric) = into {
            let mut input = Input { bytes, at: 0 };
            if take_kind(&mut input)? == KIND_NUMERIC && merge_numeric(numeric, &mut dense, &mut input)? {
                input.ensure_end()?;
                continue;
            }
            settle(numeric, &mut dense);
        }
        into.merge(&decode(bytes)?)?;
    }
    if let Distribution::Numeric(numeric) = into {
        settle(numeric, &mut dense);
    }
    Ok(())
}

/// Takes up what was counted apart.
fn settle(into: &mut Numeric, dense: &mut Dense) {
    if let Values::Binned(binned) = &mut into.values {
        dense.empty_into(&mut binned.counts);
        binned.hold();
    }
}

fn take_kind(input: &mut Input<'_>) -> Result<u8> {
    let version = input.byte("a version")?;
    if version > VERSION {
        let (found, known) = (u16::from(version), u16::from(VERSION));
        return Err(StorageError::NewerFormat { path: PLACE.into(), found, known });
    }
    input.ensure(version == VERSION, "version 2")?;
    match input.byte("a kind")? {
        kind @ (KIND_NUMERIC | KIND_CATEGORICAL) => Ok(kind),
        _ => Err(input.damaged("kind 0 or 1")),
    }
}

fn put_numeric(out: &mut Vec<u8>, numeric: &Numeric) {
    let counters = counters(numeric);
    let binned = if let Values::Binned(binned) = &numeric.values { Some(binned.as_ref()) } else { None };
    let present = counters.iter().enumerate().map(|(bit, count)| u8::from(*count > 0) << bit).sum::<u8>();
    let flag = |of: fn(&Binned) -> bool, bit: u8| binned.map_or(0, |binned| u8::from(of(binned)) << bit);
    let flags = flag(|b| b.is_rebinned, 4) | flag(|b| b.min.is_bound, 5) | flag(|b| b.max.is_bound, 6);
    out.push(present | flags);
    counters.iter().filter(|count| **count > 0).for_each(|count| put_varint(out, *count));
    match &numeric.values {
        Values::Exact(counts) => {
            out.push(VALUES_EXACT);
            put_exact(out, counts.entries());
        }
        Values::Binned(binned) => put_binned(out, binned),
    }
}

fn counters(numeric: &Numeric) -> [u64; 4] {
    [numeric.nulls, numeric.nans, numeric.negative_infinities, numeric.positive_infinities]
}

/// Numbers of few digits end in zero bits, which all keys share and none has to spell out.
fn put_exact(out: &mut Vec<u8>, entries: &[(i64, u64)]) {
    let shift = shared_zeros(entries);
    out.push(shift as u8);
    put_entries(out, &entries.iter().map(|(key, count)| (key >> shift, *count)).collect::<Vec<_>>());
}

fn shared_zeros(entries: &[(i64, u64)]) -> u32 {
    entries.iter().filter(|(key, _)| *key != 0).map(|(key, _)| key.trailing_zeros()).min().unwrap_or(0)
}

fn put_binned(out: &mut Vec<u8>, binned: &Binned) {
    match binned.lattice {
        Lattice::Dict => {}
        Lattice::Log { bits } => out.extend([VALUES_LOG, bits]),
        Lattice::Affine { exponent } => {
            out.push(VALUES_AFFINE);
            out.extend(exponent.to_le_bytes());
        }
    }
    put_entries(out, binned.counts.entries());
    if !binned.counts.entries().is_empty() {
        out.extend(binned.min.value.to_le_bytes());
        out.extend(binned.max.value.to_le_bytes());
        put_magnitude(out, &binned.sum.magnitude());
    }
}

/// Runs of neighbouring keys need no steps: most buckets of a column have neighbours.
fn put_entries(out: &mut Vec<u8>, entries: &[(i64, u64)]) {
    put_varint(out, entries.chunk_by(|a, b| a.0 + 1 == b.0).count() as u64);
    let mut next = 0_i64;
    // Keys far apart on both sides of zero: their distance fits 64 bits without a sign only.
    for (place, run) in entries.chunk_by(|a, b| a.0 + 1 == b.0).enumerate() {
        let first = run.first().map_or(0, |entry| entry.0);
        put_varint(out, if place == 0 { zigzag(first) } else { first.wrapping_sub(next) as u64 - 1 });
        put_varint(out, run.len() as u64 - 1);
        run.iter().for_each(|(_, count)| put_varint(out, *count));
        next = run.last().map_or(0, |entry| entry.0 + 1);
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
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
    let head = take_head(input)?;
    let [nulls, nans, negative_infinities, positive_infinities] = head.counters;
    let mut entries = Vec::with_capacity((input.entries_max() as usize).min(DISTRIBUTION_BUCKETS_MAX));
    if head.lattice == Lattice::Dict {
        let found = each_number(input, |key, count| entries.push((key, count)))?;
        let (values, count) = (Values::Exact(entries.into()), found.total);
        return Ok(Numeric { nulls, nans, positive_infinities, negative_infinities, count, values });
    }
    let found = each_bucket(input, |key, count| entries.push((key, count)))?;
    let mut binned = Binned::none(head.lattice);
    binned.counts = entries.into();
    if let Some(ends) = take_ends(input, &head, &found)? {
        (binned.min, binned.max, binned.is_rebinned) = (ends.min, ends.max, ends.is_rebinned);
        binned.sum = ExactSum::from_magnitude(&ends.sum);
    }
    let (values, count) = (Values::Binned(Box::new(binned)), found.total);
    Ok(Numeric { nulls, nans, positive_infinities, negative_infinities, count, values })
}

/// Adds numbers on the same lattice, buckets to `dense`; false, with nothing done, where they are on another.
fn merge_numeric(into: &mut Numeric, dense: &mut Dense, input: &mut Input<'_>) -> Result<bool> {
    let head = take_head(input)?;
    let found = match (head.lattice, &mut into.values) {
        (Lattice::Dict, Values::Exact(counts)) => {
            let mut adding = counts.adding();
            let found = each_number(input, |key, count| adding.add(key, count))?;
            adding.finish();
            found
        }
        (lattice, Values::Binned(binned)) if binned.lattice == lattice => {
            let mut far = Vec::new();
            let found = each_bucket(input, |key, count| {
                if !dense.add(key, count) {
                    far.push((key, count));
                }
            })?;
            binned.counts.merge(&far);
            if let Some(ends) = take_ends(input, &head, &found)? {
                binned.sum.merge_magnitude(&ends.sum);
                binned.extend(ends.min, ends.max);
                binned.is_rebinned |= ends.is_rebinned;
            }
            found
        }
        _ => return Ok(false),
    };
    into.values.leave_exact_if_many();
    let [nulls, nans, negative_infinities, positive_infinities] = head.counters;
    add(&mut into.nulls, nulls);
    add(&mut into.nans, nans);
    add(&mut into.negative_infinities, negative_infinities);
    add(&mut into.positive_infinities, positive_infinities);
    add(&mut into.count, found.total);
    Ok(true)
}

/// What stands before the entries.
struct Head {
    flags: u8,
    counters: [u64; 4],
    lattice: Lattice,
}

fn take_head(input: &mut Input<'_>) -> Result<Head> {
    let flags = input.byte("flags")?;
    input.ensure(flags < 128, "flags that are known")?;
    let mut counters = [0_u64; 4];
    for (bit, counter) in counters.iter_mut().enumerate() {
        if flags >> bit & 1 == 1 {
            *counter = take_count(input)?;
        }
    }
    let lattice = match input.byte("how values are kept")? {
        VALUES_EXACT => {
            input.ensure(flags < 16, "no flags of a lattice")?;
            Lattice::Dict
        }
        VALUES_LOG => {
            let bits = input.byte("bits of a lattice")?;
            input.ensure(bits <= lattice::LOG_BITS_MAX, "at most 12 bits")?;
            Lattice::Log { bits }
        }
        VALUES_AFFINE => {
            let exponent = i16::from_le_bytes(input.array()?);
            let known = (-lattice::EXPONENT_MAX..=lattice::EXPONENT_MAX).contains(&exponent);
            input.ensure(known, "a step within the range of doubles")?;
            Lattice::Affine { exponent }
        }
        _ => return Err(input.damaged("exact (0), logarithmic (1) or affine (2) values")),
    };
    Ok(Head { flags, counters, lattice })
}

/// What was seen of entries: the first and the last key, and the sum of the counts.
#[derive(Default)]
struct Found {
    ends: Option<(i64, i64)>,
    total: u64,
}

/// Hands on the keys of numbers counted one by one, ascending, with their counts.
fn each_number(input: &mut Input<'_>, mut add: impl FnMut(i64, u64)) -> Result<Found> {
    let shift = u32::from(input.byte("the zeros that all keys share")?);
    input.ensure(shift < 63, "at most 62 shared zeros")?;
    let mut all_bits = 0;
    let found = each_entry(input, DISTRIBUTION_EXACT_VALUES_MAX, |short, count| {
        let Some(key) = short.checked_mul(1 << shift).filter(is_key) else { return false };
        all_bits |= key;
        add(key, count);
        true
    })?;
    let shared = if all_bits == 0 { 0 } else { all_bits.trailing_zeros() };
    input.ensure(shared == shift, "all the zeros that keys share")?;
    Ok(found)
}

/// Hands on the buckets of a lattice, ascending, with their counts.
fn each_bucket(input: &mut Input<'_>, mut add: impl FnMut(i64, u64)) -> Result<Found> {
    each_entry(input, DISTRIBUTION_BUCKETS_MAX, |bucket, count| {
        add(bucket, count);
        true
    })
}

/// The least integer is the key of no number.
fn is_key(key: &i64) -> bool {
    let number = lattice::from_key(*key);
    number.is_finite() && lattice::to_key(number) == *key
}

/// What follows the entries of a lattice.
struct Ends {
    min: End,
    max: End,
    is_rebinned: bool,
    sum: Magnitude,
}

/// None of no numbers.
fn take_ends(input: &mut Input<'_>, head: &Head, found: &Found) -> Result<Option<Ends>> {
    let Some(buckets) = found.ends else {
        input.ensure(head.flags < 16, "no flags of numbers where there are none")?;
        return Ok(None);
    };
    let is_rebinned = head.flags & 1 << 4 != 0;
    let min = End { value: input.double()?, is_bound: head.flags & 1 << 5 != 0 };
    let max = End { value: input.double()?, is_bound: head.flags & 1 << 6 != 0 };
    ensure_ends(input, buckets, head.lattice, (min.value, max.value), is_rebinned)?;
    let sum = take_magnitude(input)?;
    Ok(Some(Ends { min, max, is_rebinned, sum }))
}

/// Minimum and maximum lie in the first and the last bucket, unless buckets were moved; every bucket has numbers.
fn ensure_ends(
    input: &Input<'_>,
    (first, last): (i64, i64),
    lattice: Lattice,
    (min, max): (f64, f64),
    is_rebinned: bool,
) -> Result<()> {
    let place = |value| lattice.bucket(value);
    let known = |bucket: i64| (place(f64::MIN)..=place(f64::MAX)).contains(&bucket);
    let agree = min.is_finite()
        && max.is_finite()
        && min <= max
        && known(first)
        && known(last)
        && (is_rebinned || (place(min) == first && place(max) == last));
    let stored_as_pushed = [min, max].iter().all(|end| (end + 0.0).to_bits() == end.to_bits());
    input.ensure(agree && stored_as_pushed, "a minimum and maximum within the first and last bucket")
}

/// Hands on keys in ascending order, each with a count of at least one, by runs of neighbours; false from `add` says that a
/// key is that of no number.
fn each_entry(input: &mut Input<'_>, most: usize, mut add: impl FnMut(i64, u64) -> bool) -> Result<Found> {
    let runs = input.varint()?;
    input.ensure(runs <= input.entries_max(), "as many runs as there are bytes for")?;
    let (mut found, mut left) = (Found::default(), most as u64);
    for _ in 0..runs {
        let step = input.varint()?;
        let first = match found.ends {
            None => Some((step >> 1) as i64 ^ -((step & 1) as i64)),
            Some((_, last)) => i64::try_from(i128::from(last) + i128::from(step) + 2).ok(),
        };
        let len = input.varint()?.saturating_add(1);
        input.ensure(len <= left, "no more entries than are kept")?;
        left -= len;
        let end = first.and_then(|first| first.checked_add(len as i64));
        let (Some(first), Some(end)) = (first, end) else {
            return Err(input.damaged("a key within 64 bits"));
        };
        for key in first..end {
            let count = take_count(input)?;
            input.ensure(add(key, count), "a finite number")?;
            found.total = found.total.saturating_add(count);
        }
        found.ends = Some((found.ends.map_or(first, |ends| ends.0), end - 1));
    }
    Ok(found)
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

    fn ensure_end(&self) -> Result<()> {
        self.ensure(self.at == self.bytes.len(), "the end of the distribution")
    }

    #[inline]
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
        let byte = self.bytes.get(self.at).copied().ok_or_else(|| self.damaged(expected))?;
        self.at += 1;
        Ok(byte)
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

    /// Most are of one byte.
    #[inline]
    fn varint(&mut self) -> Result<u64> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64> {
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
