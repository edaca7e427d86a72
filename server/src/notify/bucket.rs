//! How many messages a minute a notifier sends.

const MINUTE_NS: f64 = 60e9;
/// A burst is this part of a minute's messages, and one more.
const BURST: f64 = 0.1;

/// Tokens that come back evenly; a message takes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// None before the first message: full, whatever the rate.
    tokens: Option<f64>,
    /// Nanoseconds since 1970.
    at: i64,
}

impl Bucket {
    pub(super) fn new() -> Self {
        Self { tokens: None, at: 0 }
    }

    /// Takes a token, if there is one. `rate` is messages a minute.
    pub(super) fn take(&mut self, rate: u32, now: i64) -> bool {
        let tokens = self.tokens(rate, now);
        let taken = tokens >= 1.0;
        *self = Self { tokens: Some(tokens - if taken { 1.0 } else { 0.0 }), at: now };
        taken
    }

    /// When there will be a token; `now` where there is one.
    pub(super) fn next_at(&self, rate: u32, now: i64) -> i64 {
        let missing = 1.0 - self.tokens(rate, now);
        if missing <= 0.0 {
            return now;
        }
        // Rounded up: a nanosecond early there would still be none.
        let wait = (missing * MINUTE_NS / f64::from(rate)).ceil() + 1.0;
        now.saturating_add(wait as i64)
    }

    /// Whether it is as good as new.
    pub(super) fn is_full(&self, rate: u32, now: i64) -> bool {
        self.tokens(rate, now) >= capacity(rate)
    }

    fn tokens(&self, rate: u32, now: i64) -> f64 {
        // A clock that was set back gives no tokens, and takes none.
        let since = now.saturating_sub(self.at).max(0) as f64;
        let tokens = self.tokens.unwrap_or(capacity(rate)) + since * f64::from(rate) / MINUTE_NS;
        tokens.min(capacity(rate))
    }
}

fn capacity(rate: u32) -> f64 {
    1.0 + f64::from(rate) * BURST
}

#[cfg(test)]
mod tests;
