//! Chance that follows from a seed, so that an answer can be had again.

/// splitmix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but without 1.
    #[cfg(test)]
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `end` (at least 1): the high half of a product (Lemire 2019). What it is off by, `end` in 2^64, is
    /// nothing here.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Brings `count` values, chosen by chance, to the front, in an order of chance (Fisher and Yates, Durstenfeld 1964).
    pub fn choose<T>(&mut self, values: &mut [T], count: usize) {
        for place in 0..count.min(values.len()) {
            let chosen = place + self.below(values.len() - place);
            values.swap(place, chosen);
        }
    }
}
