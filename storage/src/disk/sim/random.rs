//! The simulator's dice.

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast and the same on every machine.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Other dice that depend on these and on a seed, without moving these.
    pub(super) fn mixed(&self, seed: u64) -> Self {
        let mut other = Self(self.0 ^ Self(seed).next());
        other.next();
        other
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0 where `end` is 0. The bias of the remainder does not matter here.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        (self.next() % end) as usize
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

/// Whether the single events of a power cut share one fate. Independent events alone would almost never give the two
/// plainest outcomes, all and nothing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    All,
    Nothing,
    Each,
}

impl Fate {
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::All,
            1 => Self::Nothing,
            _ => Self::Each,
        }
    }
}
