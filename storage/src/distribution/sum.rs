//! A sum of doubles without rounding.
//!
//! Floating-point sums depend on the order of their terms, so two mergings of the same cells would differ, and equal
//! data would encode to different bytes. This sum is a fixed-point number wide enough for every double (2^-1074 to
//! 2^1024) and 2^64 terms; it is rounded once, when read.

use std::cell::RefCell;

/// Bits of one limb that are in use; the other half of the `i64` takes the carries until they are settled.
const LIMB_BITS: u32 = 32;
/// Enough for the 2,098 bits of a double, 64 bits of count, and as many again so that nothing real wraps.
pub(super) const LIMBS: usize = 70;
/// Terms that fit before the carries have to be settled: each adds less than 2^34 to a limb.
const TERMS_UNSETTLED_MAX: u32 = 1 << 28;
/// Shifts that doubles have.
const SHIFTS: usize = 2_048;
/// Fractions of 53 bits whose sum is within an `i64`.
const FRACTIONS_MAX: usize = 1_000;
thread_local! {
    /// Sums by exponent: to make them anew takes longer than to add a few hundred values.
    static BY_SHIFT: RefCell<Box<[i64; SHIFTS]>> = RefCell::new(Box::new([0; SHIFTS]));
}

/// The least bit stands for 2^-1074.
const EXPONENT_MIN: i32 = -1074;

/// The exact sum of doubles. Two sums of the same terms are equal once [`settled`](Self::settle).
#[derive(Clone, Debug)]
pub(super) struct ExactSum {
    limbs: Box<[i64; LIMBS]>,
    unsettled: u32,
}

/// A sum as sign and magnitude: the limbs from `first` up, without zeros at either end. Empty for 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Magnitude {
    pub negative: bool,
    pub first: usize,
    pub limbs: Vec<u32>,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { limbs: Box::new([0; LIMBS]), unsettled: 0 }
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.magnitude() == other.magnitude()
    }
}

impl ExactSum {
    /// Held beyond itself.
    pub const BYTES: usize = size_of::<[i64; LIMBS]>();

    /// Adds a finite value `count` times.
    pub fn add(&mut self, value: f64, count: u64) {
        let (fraction, shift) = parts(value);
        let product = u128::from(fraction) * u128::from(count);
        self.add_shifted(product, shift, value.is_sign_negative());
        self.unsettled += 1;
        if self.unsettled >= TERMS_UNSETTLED_MAX {
            self.settle();
        }
    }

    /// Adds finite values: first by exponent, where a thousand fractions fit an `i64`, then each exponent once.
    pub fn add_all(&mut self, values: &[f64]) {
        BY_SHIFT.with_borrow_mut(|by_shift| self.add_by_shift(values, by_shift));
    }

    /// `by_shift` is all zeros before and after.
    fn add_by_shift(&mut self, values: &[f64], by_shift: &mut [i64; SHIFTS]) {
        for chunk in values.chunks(FRACTIONS_MAX) {
            let (mut low, mut high) = (SHIFTS - 1, 0);
            for value in chunk {
                let (fraction, shift) = parts(*value);
                let shift = shift as usize % SHIFTS;
                let signed = if value.is_sign_negative() { -(fraction as i64) } else { fraction as i64 };
                by_shift[shift] += signed;
                (low, high) = (low.min(shift), high.max(shift));
            }
            for (place, sum) in by_shift[low..=high].iter_mut().enumerate().filter(|(_, sum)| **sum != 0) {
                self.add_shifted(u128::from(sum.unsigned_abs()), (low + place) as u32, *sum < 0);
                *sum = 0;
            }
            self.settle();
        }
    }

    fn add_shifted(&mut self, product: u128, shift: u32, negative: bool) {
        let (mut at, bits) = ((shift / LIMB_BITS) as usize, shift % LIMB_BITS);
        let mut rest = product;
        while rest != 0 {
            let digit = u64::from(rest as u32) << bits;
            self.add_limb(at, i64::from(digit as u32), negative);
            self.add_limb(at + 1, (digit >> LIMB_BITS) as i64, negative);
            rest >>= LIMB_BITS;
            at += 1;
        }
    }

    fn add_limb(&mut self, at: usize, digit: i64, negative: bool) {
        if let Some(limb) = self.limbs.get_mut(at) {
            *limb = limb.wrapping_add(if negative { -digit } else { digit });
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.settle();
        let mut theirs = other.clone();
        theirs.settle();
        for (mine, theirs) in self.limbs.iter_mut().zip(theirs.limbs.iter()) {
            *mine = mine.wrapping_add(*theirs);
        }
        self.settle();
        self.hold();
    }

    /// Takes away another sum.
    pub fn subtract(&mut self, other: &Self) {
        self.settle();
        let mut theirs = other.clone();
        theirs.settle();
        for (mine, theirs) in self.limbs.iter_mut().zip(theirs.limbs.iter()) {
            *mine = mine.wrapping_sub(*theirs);
        }
        self.settle();
        self.hold();
    }

    /// Keeps a settled sum within what is written down: sums of real doubles are far from there, those of damaged counts
    /// added up again and again are not.
    fn hold(&mut self) {
        let [rest @ .., top, last] = self.limbs.as_mut_slice() else { return };
        let fits = matches!((*last, *top), (0, 0)) || (*last == -1 && *top == i64::from(u32::MAX));
        if !fits {
            let negative = *last < 0;
            rest.fill(if negative { 0 } else { i64::from(u32::MAX) });
            (*top, *last) = if negative { (i64::from(u32::MAX), -1) } else { (0, 0) };
        }
    }

    /// Carries over, so that every limb but the last is within 0..2^32; the last has the sign.
    pub fn settle(&mut self) {
        let mut carry = 0_i64;
        let (last, lower) = match self.limbs.split_last_mut() {
            Some(split) => split,
            None => return,
        };
        for limb in lower {
            let value = limb.wrapping_add(carry);
            *limb = i64::from(value as u32);
            carry = value >> LIMB_BITS;
        }
        *last = last.wrapping_add(carry);
        self.unsettled = 0;
    }

    /// The sum in its one canonical form.
    pub fn magnitude(&self) -> Magnitude {
        let mut copy = self.clone();
        copy.settle();
        let negative = copy.limbs.last().is_some_and(|last| *last < 0);
        if negative {
            copy.limbs.iter_mut().for_each(|limb| *limb = limb.wrapping_neg());
            copy.settle();
        }
        let digits: Vec<u32> = copy.limbs.iter().map(|limb| *limb as u32).collect();
        trimmed(negative, &digits)
    }

    /// Adds a sum in its canonical form.
    pub fn merge_magnitude(&mut self, other: &Magnitude) {
        for (place, digit) in other.limbs.iter().enumerate() {
            self.add_limb(other.first + place, i64::from(*digit), other.negative);
        }
        self.unsettled += 1;
        // As many of those that leave the topmost limbs free stay within the range; others are held there one by one.
        if self.unsettled >= TERMS_UNSETTLED_MAX || other.first + other.limbs.len() >= LIMBS - 2 {
            self.settle();
            self.hold();
        }
    }

    /// The sum that has this canonical form; limbs beyond the width are left out (the codec refuses them before).
    pub fn from_magnitude(magnitude: &Magnitude) -> Self {
        let mut sum = Self::default();
        for (place, digit) in magnitude.limbs.iter().enumerate() {
            sum.add_limb(magnitude.first + place, i64::from(*digit), magnitude.negative);
        }
        sum.settle();
        sum
    }

    /// The sum divided by a count, rounded: also where the sum itself is beyond the range of a double.
    pub fn mean(&self, count: u64) -> f64 {
        let magnitude = self.magnitude();
        let sum = magnitude.to_f64(0);
        if sum.is_finite() {
            sum / count as f64
        } else {
            magnitude.to_f64(-128) / count as f64 * power_of_two(128)
        }
    }

    /// The sum, rounded to the nearest double; infinite where it is beyond the range.
    pub fn to_f64(&self) -> f64 {
        self.magnitude().to_f64(0)
    }
}

impl Magnitude {
    /// The value times `2^scale`, rounded to nearest.
    fn to_f64(&self, scale: i32) -> f64 {
        let top = self.first + self.limbs.len();
        let mut digits = self.limbs.iter().rev();
        let lead =
            (0..3).fold(0_u128, |lead, _| lead << LIMB_BITS | u128::from(*digits.next().unwrap_or(&0)));
        // The lead holds at least 65 significant bits: whether anything follows decides ties only, one bit says it.
        let sticky = u128::from(digits.any(|digit| *digit != 0));
        let exponent = LIMB_BITS as i32 * (top as i32 - 3) + EXPONENT_MIN + scale;
        let value = scaled((lead | sticky) as f64, exponent);
        if self.negative { -value } else { value }
    }
}

/// `value * 2^exponent` in two steps, because 2^exponent alone may be beyond the range.
fn scaled(value: f64, exponent: i32) -> f64 {
    let half = exponent / 2;
    value * power_of_two(half) * power_of_two(exponent - half)
}

/// 2^exponent, for exponents from -1022 to 1023.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1023 + i64::from(exponent)) as u64) << 52)
}

/// The whole number and the shift of which a finite double is made: `|value| = fraction * 2^(shift - 1074)`.
fn parts(value: f64) -> (u64, u32) {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7FF) as u32, bits & ((1 << 52) - 1));
    if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) }
}

fn trimmed(negative: bool, digits: &[u32]) -> Magnitude {
    let Some(first) = digits.iter().position(|digit| *digit != 0) else {
        return Magnitude::default();
    };
    let end = digits.iter().rposition(|digit| *digit != 0).map_or(first, |last| last + 1);
    Magnitude { negative, first, limbs: digits.get(first..end).unwrap_or_default().to_vec() }
}
