//! Numbers written as their bits, for `#[serde(with = "exact")]`.
//!
//! A state that goes on after a stop must go on from the same numbers. JSON has neither infinities nor NaN, and its
//! reader may be off by the last bit.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is made of numbers and can be written as whole ones.
pub trait Exact: Sized {
    /// The whole numbers.
    type Bits: Serialize + DeserializeOwned;
    /// As it is written.
    fn bits(&self) -> Self::Bits;
    /// As it was.
    fn of(bits: Self::Bits) -> Self;
}

impl Exact for f64 {
    type Bits = u64;

    fn bits(&self) -> u64 {
        self.to_bits()
    }

    fn of(bits: u64) -> Self {
        Self::from_bits(bits)
    }
}

impl Exact for Option<f64> {
    type Bits = Option<u64>;

    fn bits(&self) -> Option<u64> {
        self.map(f64::to_bits)
    }

    fn of(bits: Option<u64>) -> Self {
        bits.map(f64::from_bits)
    }
}

impl Exact for Vec<f64> {
    type Bits = Vec<u64>;

    fn bits(&self) -> Vec<u64> {
        self.iter().map(|value| value.to_bits()).collect()
    }

    fn of(bits: Vec<u64>) -> Self {
        bits.into_iter().map(f64::from_bits).collect()
    }
}

impl Exact for VecDeque<f64> {
    type Bits = Vec<u64>;

    fn bits(&self) -> Vec<u64> {
        self.iter().map(|value| value.to_bits()).collect()
    }

    fn of(bits: Vec<u64>) -> Self {
        bits.into_iter().map(f64::from_bits).collect()
    }
}

/// Writes the bits.
///
/// # Errors
/// As the serializer.
pub fn serialize<T: Exact, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.bits().serialize(serializer)
}

/// Reads the bits.
///
/// # Errors
/// As the deserializer.
pub fn deserialize<'de, T: Exact, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Bits::deserialize(deserializer).map(T::of)
}
