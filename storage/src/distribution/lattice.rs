//! The logarithmic lattice: a fixed set of buckets over all finite numbers, the same for every column and every
//! machine, so that counts made apart can be added.
//!
//! A bucket is the leading bits of the number itself: sign, exponent and the first [`SUB_BUCKET_BITS`] of the
//! fraction. No logarithm is taken, so there is no rounding on which two machines could differ.

/// Each octave (a doubling) has `2^SUB_BUCKET_BITS` buckets: a bucket is at most 0.79 % of its value wide.
pub(super) const SUB_BUCKET_BITS: u32 = 7;
/// Bits below the bucket number: all but sign, exponent (11) and the sub-bucket.
const SHIFT: u32 = 64 - 12 - SUB_BUCKET_BITS;
const SIGN: u64 = 1 << 63;

/// The lowest bucket that holds finite numbers, that of `f64::MIN`.
pub(super) const BUCKET_MIN: u32 = (0x0010_0000_0000_0000_u64 >> SHIFT) as u32;
/// The highest bucket that holds finite numbers, that of `f64::MAX`.
pub(super) const BUCKET_MAX: u32 = (0xFFEF_FFFF_FFFF_FFFF_u64 >> SHIFT) as u32;
/// The bucket of zero (and of the subnormal numbers next to it).
const BUCKET_ZERO: u32 = (SIGN >> SHIFT) as u32;

/// The bits of a number, rearranged so that they sort as the numbers do. -0.0 is taken as 0.0.
pub(super) fn to_ordered(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The number of which [`to_ordered`] made these bits.
pub(super) fn from_ordered(ordered: u64) -> f64 {
    let bits = if ordered & SIGN == 0 { !ordered } else { ordered & !SIGN };
    f64::from_bits(bits)
}

/// The bucket of a number.
pub(super) fn bucket(value: f64) -> u32 {
    (to_ordered(value) >> SHIFT) as u32
}

/// The least number in a bucket. One past the highest bucket gives infinity.
pub(super) fn lower_edge(bucket: u32) -> f64 {
    from_ordered(u64::from(bucket) << SHIFT)
}

/// A number that stands for all of a bucket: its midpoint, and 0 for the bucket of zero, where nearly all numbers
/// are zeros.
pub(super) fn representative(bucket: u32) -> f64 {
    if bucket == BUCKET_ZERO {
        return 0.0;
    }
    let low = lower_edge(bucket);
    let high = lower_edge(bucket + 1).min(f64::MAX);
    low + (high - low) / 2.0
}

/// The greatest lattice edge not above a finite number: where a bin edge has to lie for counts on the lattice to be
/// divided by it exactly. NaN and infinities come back as they are.
pub fn snap_down(value: f64) -> f64 {
    if value.is_finite() { lower_edge(bucket(value)) } else { value }
}

/// The least lattice edge above a finite number: the end of its bucket. NaN and infinities come back as they are.
pub fn edge_above(value: f64) -> f64 {
    if value.is_finite() { lower_edge(bucket(value) + 1) } else { value }
}
