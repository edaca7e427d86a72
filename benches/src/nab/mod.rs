//! The Numenta Anomaly Benchmark: its files, and its score of a detector.
//!
//! The files are read where they lie and are no part of this repository.

mod corpus;
mod score;
#[cfg(test)]
mod tests;

pub use corpus::{Labelled, read_corpus};
pub use score::{Judged, LOW_FALSE_NEGATIVES, LOW_FALSE_POSITIVES, Profile, STANDARD, score, score_at};
