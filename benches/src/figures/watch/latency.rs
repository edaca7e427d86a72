//! Waiting times, and what share of them is below what.

/// Milliseconds, in order.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<f64>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, millis: f64) {
        self.0.push(millis);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The one below which a share of them lies; NaN where there are none.
    pub fn quantile(&mut self, share: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let at = (share * self.0.len().saturating_sub(1) as f64).ceil() as usize;
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }
}
