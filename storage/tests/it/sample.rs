//! Which of many cases a run takes.

use std::hash::{BuildHasher, Hasher};

/// The seed of this run, printed so that a failure can be repeated with `DRIFTLINE_SEED`.
pub fn seed() -> u64 {
    let given = std::env::var("DRIFTLINE_SEED").ok().and_then(|text| text.parse().ok());
    let seed =
        given.unwrap_or_else(|| std::collections::hash_map::RandomState::new().build_hasher().finish());
    println!("DRIFTLINE_SEED={seed}");
    seed
}

/// Whether to take every case.
pub fn exhaustive() -> bool {
    std::env::var("DRIFTLINE_EXHAUSTIVE").is_ok_and(|value| value == "1")
}

/// Every `step`-th of `0..count`, from a phase that the seed gives; all of them in an exhaustive run.
pub fn cases(count: u64, step: u64, seed: u64) -> impl Iterator<Item = u64> {
    sampled(count, if exhaustive() { 1 } else { step }, seed)
}

/// Every `step`-th of `0..count`, from a phase that the seed gives, also in an exhaustive run: for cases within cases,
/// where each outer case has another phase.
pub fn sampled(count: u64, step: u64, seed: u64) -> impl Iterator<Item = u64> {
    (mix(seed) % step..count).step_by(usize::try_from(step).unwrap())
}

/// Another number for each number (the finisher of SplitMix64).
pub fn mix(seed: u64) -> u64 {
    let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
