//! Lattices: fixed sets of buckets over all finite numbers, the same on every machine, so that counts made apart can
//! be added. Edges are taken from the bits of a number or by a power of two: nothing is rounded on which two machines
//! could differ.

/// Finest logarithmic lattice: 4,096 buckets an octave.
pub(super) const LOG_BITS_MAX: u8 = 12;
/// The lattice of numbers that became too many to be counted one by one.
pub(super) const DEFAULT: Lattice = Lattice::Log { bits: 7 };
/// Affine steps lie within 2^-1015..=2^1015: both they and their inverses are normal doubles.
pub(super) const EXPONENT_MAX: i16 = 1_015;
/// Affine buckets end here on both sides; numbers beyond count in the outermost bucket.
pub(super) const AFFINE_BUCKET_MAX: i64 = 1 << 52;
const FRACTION_BITS: u32 = 52;
const SIGN: u64 = 1 << 63;

/// Where the edges between counts lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lattice {
    /// Each distinct number by itself, no error at all, up to
    /// [`DISTRIBUTION_EXACT_VALUES_MAX`](crate::limits::DISTRIBUTION_EXACT_VALUES_MAX) of them; beyond, counts go by
    /// `Log { bits: 7 }`.
    Dict,
    /// `2^bits` buckets per octave, at most 12 bits: a bucket is at most `2^-bits` of its value wide.
    Log {
        /// The leading bits of the fraction that name a bucket.
        bits: u8,
    },
    /// Buckets of width `2^exponent`, within 2^-1015..=2^1015: bucket = floor(x / 2^exponent), held within -2^52..=2^52.
    /// The outer edges of the outermost two are infinite.
    Affine {
        /// Of the width of a bucket.
        exponent: i16,
    },
}

impl Lattice {
    /// On which numbers are counted where nothing else was asked for, once there are many.
    pub const SUMMARIES: Self = DEFAULT;

    /// The greatest edge not above a finite number: where a bin edge has to lie for counts to be divided by it exactly.
    /// On `Dict` the number itself. NaN and infinities come back as they are.
    pub fn snap_down(self, value: f64) -> f64 {
        if value.is_finite() { self.lower_edge(self.bucket(value)) } else { value }
    }

    /// The least number in a bucket, as counts of labels name them; infinity one past the highest.
    pub fn edge_below(self, bucket: i64) -> f64 {
        self.lower_edge(bucket)
    }

    /// The least edge above a finite number: the end of its bucket, on `Dict` the next double. NaN and infinities come
    /// back as they are.
    pub fn edge_above(self, value: f64) -> f64 {
        if value.is_finite() { self.lower_edge(self.bucket(value).saturating_add(1)) } else { value }
    }

    /// The coarser of two nested lattices, on which both can be counted exactly: of `Dict` and another it is the
    /// other. None of `Log` and `Affine`, which do not nest.
    pub fn coarser(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Dict, any) | (any, Self::Dict) => Some(any),
            (Self::Log { bits }, Self::Log { bits: theirs }) => Some(Self::Log { bits: bits.min(theirs) }),
            (Self::Affine { exponent }, Self::Affine { exponent: theirs }) => {
                Some(Self::Affine { exponent: exponent.max(theirs) })
            }
            _ => None,
        }
    }

    /// Whether its parameters are within their limits.
    pub(crate) fn is_held(self) -> bool {
        self.held() == self
    }

    /// The lattice of a merge: the coarser where they nest, else the affine one. It depends on the set, not the order.
    pub(super) fn merged(self, other: Self) -> Self {
        self.coarser(other).unwrap_or(if matches!(self, Self::Affine { .. }) { self } else { other })
    }

    /// Within the limits of its parameters.
    pub(super) fn held(self) -> Self {
        match self {
            Self::Dict => self,
            Self::Log { bits } => Self::Log { bits: bits.min(LOG_BITS_MAX) },
            Self::Affine { exponent } => {
                Self::Affine { exponent: exponent.clamp(-EXPONENT_MAX, EXPONENT_MAX) }
            }
        }
    }

    /// The next coarser lattice that this one nests in; itself where there is none.
    pub(super) fn halved(self) -> Self {
        match self {
            Self::Dict => DEFAULT,
            Self::Log { bits } => Self::Log { bits: bits.saturating_sub(1) },
            Self::Affine { exponent } => Self::Affine { exponent: (exponent + 1).min(EXPONENT_MAX) },
        }
    }

    /// The bucket of a number, ascending with the numbers. Infinities are beyond all numbers.
    #[inline]
    pub(crate) fn bucket(self, value: f64) -> i64 {
        match self {
            Self::Dict => to_key(value),
            Self::Log { bits } => to_key(value) >> log_shift(bits),
            Self::Affine { exponent } => affine_bucket(value, power_of_two(-exponent)),
        }
    }

    /// The least number in a bucket; infinity one past the highest.
    pub(super) fn lower_edge(self, bucket: i64) -> f64 {
        match self {
            Self::Dict => from_key(bucket),
            Self::Log { bits } => from_key(bucket << log_shift(bits)),
            Self::Affine { .. } if bucket <= -AFFINE_BUCKET_MAX => f64::NEG_INFINITY,
            Self::Affine { .. } if bucket > AFFINE_BUCKET_MAX => f64::INFINITY,
            Self::Affine { exponent } => bucket as f64 * power_of_two(exponent),
        }
    }

    /// A number that stands for all of a bucket: its midpoint, 0 for the logarithmic bucket of zero (where nearly all
    /// numbers are zeros), the finite edge where the other is infinite.
    pub(super) fn representative(self, bucket: i64) -> f64 {
        let (low, high) = (self.lower_edge(bucket), self.lower_edge(bucket.saturating_add(1)));
        match self {
            Self::Dict => low,
            Self::Log { .. } if bucket == 0 => 0.0,
            Self::Affine { .. } if low.is_infinite() => high,
            Self::Affine { .. } if high.is_infinite() => low,
            _ => {
                let (low, high) = (low.max(f64::MIN), high.min(f64::MAX));
                low + (high - low) / 2.0
            }
        }
    }

    /// By how many bits buckets shift right to go by a lattice that this one nests in.
    pub(super) fn shift_to(self, coarser: Self) -> Option<u32> {
        match (self, coarser) {
            (Self::Log { bits }, Self::Log { bits: fewer }) => bits.checked_sub(fewer).map(u32::from),
            (Self::Affine { exponent }, Self::Affine { exponent: larger }) => {
                u32::try_from(i32::from(larger) - i32::from(exponent)).ok()
            }
            _ => None,
        }
    }
}

fn log_shift(bits: u8) -> u32 {
    FRACTION_BITS - u32::from(bits.min(LOG_BITS_MAX))
}

/// A product that underflows is still below zero for a number below zero: its bucket is -1.
#[inline]
pub(super) fn affine_bucket(value: f64, inverse: f64) -> i64 {
    if value.is_infinite() {
        return if value > 0.0 { i64::MAX } else { i64::MIN };
    }
    // As `floor`, which is a call where the processor is not known to round by itself. Beyond 2^63 the cast saturates, and
    // beyond 2^52 a bucket is held anyhow.
    let scaled = value * inverse;
    let whole = scaled as i64;
    let floor = whole - i64::from(whole as f64 > scaled && whole > i64::MIN);
    let below = i64::from(value < 0.0 && scaled == 0.0);
    (floor - below).clamp(-AFFINE_BUCKET_MAX, AFFINE_BUCKET_MAX)
}

/// 2^exponent, for exponents from -1022 to 1023.
pub(super) fn power_of_two(exponent: i16) -> f64 {
    f64::from_bits(((1_023 + i64::from(exponent)) as u64) << FRACTION_BITS)
}

/// A number as an integer that sorts as the numbers do: its bits, negative for a negative one. -0.0 is taken as 0.0.
#[inline]
pub(super) fn to_key(value: f64) -> i64 {
    let magnitude = (value.to_bits() & !SIGN) as i64;
    if value.is_sign_negative() { -magnitude } else { magnitude }
}

/// The number of which [`to_key`] made this.
pub(super) fn from_key(key: i64) -> f64 {
    let magnitude = f64::from_bits(key.unsigned_abs());
    if key < 0 { -magnitude } else { magnitude }
}
