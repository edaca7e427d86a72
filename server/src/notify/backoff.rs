//! When a message that did not go out is tried again, and when it is given up.

use std::time::Duration;

/// The wait after the first attempt; each later one doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait of our own.
const LONGEST: Duration = Duration::from_secs(300);
/// The longest wait that the other side can ask for: a mistyped header must not silence it for a year.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// Attempts of a message.
pub const ATTEMPTS_MAX: u32 = 30;
/// How long after its first attempt a message is still tried.
pub const AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The wait before the next attempt, after `attempt` of them (at least 1): between the half and all of a second
/// doubled each time, at most 5 minutes, so that many messages do not come back at once. Not less than what the other
/// side asked for, up to an hour.
///
/// The same seed gives the same wait.
pub fn delay(attempt: u32, retry_after: Option<Duration>, jitter_seed: u64) -> Duration {
    let doubled = FIRST.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)));
    let half = doubled.min(LONGEST) / 2;
    let own = half + half.mul_f64(fraction(jitter_seed ^ u64::from(attempt)));
    own.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
}

/// Why a message is given up after `attempts`, if it is. Times are nanoseconds since 1970.
pub fn given_up(attempts: u32, first_attempt_at: i64, now: i64) -> Option<String> {
    let age = Duration::from_nanos(now.saturating_sub(first_attempt_at).max(0).cast_unsigned());
    if attempts >= ATTEMPTS_MAX {
        return Some(format!("given up after {attempts} attempts"));
    }
    (age >= AGE_MAX).then(|| format!("given up {} hours after the first attempt", age.as_secs() / 3600))
}

/// From 0 to below 1, evenly for seeds that are not even: the mixing step of SplitMix64 (Steele, Lea, Flood 2014).
fn fraction(seed: u64) -> f64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    // 53 bits: as many as a double holds exactly.
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests;
