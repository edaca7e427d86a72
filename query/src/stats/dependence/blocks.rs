//! Means of blocks of consecutive values, whose length grows with their number.

/// Blocks that are kept; when there are so many, neighbours become one.
const BLOCKS_MAX: usize = 128;
/// Fewer say too little.
const BLOCKS_MIN: usize = 32;

#[derive(Clone, Debug)]
pub(super) struct Blocks {
    /// Sums of whole blocks.
    whole: Vec<f64>,
    /// Values a block.
    length: u64,
    /// The sum and the count of the block that is being filled.
    sum: f64,
    count: u64,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { whole: Vec::with_capacity(BLOCKS_MAX), length: 1, sum: 0.0, count: 0 }
    }
}

impl Blocks {
    /// The next value, less the mean of all.
    pub fn push(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
        if self.count < self.length {
            return;
        }
        self.whole.push(self.sum);
        (self.sum, self.count) = (0.0, 0);
        if self.whole.len() == BLOCKS_MAX {
            self.whole = self.whole.chunks(2).map(|pair| pair.iter().sum()).collect();
            self.length *= 2;
        }
    }

    /// The variance of a block's mean in terms of that of as many independent values of this variance, and its relative
    /// standard error; None of few blocks.
    pub fn inflation(&self, variance: f64) -> Option<(f64, f64)> {
        let n = self.whole.len();
        if n < BLOCKS_MIN {
            return None;
        }
        let mean = self.whole.iter().sum::<f64>() / n as f64;
        let of_sums = self.whole.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        Some((of_sums / (self.length as f64 * variance), (2.0 / (n - 1) as f64).sqrt()))
    }
}
