//! The laws that p values are taken from.
//!
//! From `statrs` come the complementary error function and the incomplete gamma function, which agree with scipy to
//! 1e-9 of the value, tails included. Its incomplete beta function stops after 140 terms, which is too few for samples
//! of thousands of values; that one is ours.

pub mod chi_squared;
pub mod normal;
pub mod student;
