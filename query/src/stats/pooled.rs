//! Two samples of counted values, walked through together.

/// Values that the tests of ranks take on both sides together at most: up to here their sums are exact in 128 bits.
pub const RANKED_MAX: u64 = 1 << 31;

/// A value and how often each side has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tied {
    pub value: f64,
    pub reference: u64,
    pub current: u64,
}

impl Tied {
    pub fn count(&self) -> u64 {
        self.reference.saturating_add(self.current)
    }
}

/// Both samples: distinct values, ascending.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pool {
    pub ties: Vec<Tied>,
    pub reference: u64,
    pub current: u64,
}

impl Pool {
    /// Of ascending points, in which a value may come several times; -0.0 and 0.0 are one. None when a side has no
    /// counts.
    pub fn new(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Self> {
        let (n, m) = (total(reference)?, total(current)?);
        let mut ties: Vec<Tied> = Vec::with_capacity(reference.len() + current.len());
        let (mut left, mut right) = (reference.iter().peekable(), current.iter().peekable());
        loop {
            let from_reference = match (left.peek(), right.peek()) {
                (Some((a, _)), Some((b, _))) => a <= b,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            let next = if from_reference { left.next() } else { right.next() };
            next.into_iter().for_each(|(value, count)| add(&mut ties, *value, *count, from_reference));
        }
        Some(Self { ties, reference: n, current: m })
    }

    /// The same where ranks of all values can be summed: None for more than [`RANKED_MAX`].
    pub fn ranked(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Self> {
        Self::new(reference, current).filter(|pool| pool.total() <= RANKED_MAX)
    }

    pub fn total(&self) -> u64 {
        self.reference.saturating_add(self.current)
    }

    /// The greatest distance between the two distribution functions, 0..1: Kolmogorov and Smirnov's statistic.
    pub fn greatest_distance(&self) -> f64 {
        let (n, m) = (u128::from(self.reference), u128::from(self.current));
        let (mut below_reference, mut below_current) = (0_u64, 0_u64);
        let distances = self.ties.iter().map(|tied| {
            below_reference = below_reference.saturating_add(tied.reference);
            below_current = below_current.saturating_add(tied.current);
            (u128::from(below_reference) * m).abs_diff(u128::from(below_current) * n)
        });
        distances.max().unwrap_or(0) as f64 / (n * m) as f64
    }

    /// The gaps between neighbouring values in which the two distribution functions differ: by how much, and how wide the
    /// gap is.
    pub fn gaps(&self) -> Vec<(f64, f64)> {
        let (n, m) = (u128::from(self.reference), u128::from(self.current));
        let (mut below_reference, mut below_current) = (0_u64, 0_u64);
        let gap = |(tied, next): (&Tied, &Tied)| {
            below_reference = below_reference.saturating_add(tied.reference);
            below_current = below_current.saturating_add(tied.current);
            let apart = (u128::from(below_reference) * m).abs_diff(u128::from(below_current) * n);
            (apart as f64 / (n * m) as f64, next.value - tied.value)
        };
        let gaps = self.ties.iter().zip(self.ties.iter().skip(1)).map(gap);
        gaps.filter(|(apart, _)| *apart > 0.0).collect()
    }
}

fn add(ties: &mut Vec<Tied>, value: f64, count: u64, to_reference: bool) {
    if count == 0 {
        return;
    }
    if ties.last().is_none_or(|last| last.value != value) {
        ties.push(Tied { value, reference: 0, current: 0 });
    }
    if let Some(last) = ties.last_mut() {
        let side = if to_reference { &mut last.reference } else { &mut last.current };
        *side = side.saturating_add(count);
    }
}

/// The count of all values; None for none. Counts saturate as a distribution's do.
pub(super) fn total(points: &[(f64, u64)]) -> Option<u64> {
    let total = points.iter().fold(0, |total: u64, (_, count)| total.saturating_add(*count));
    (total > 0).then_some(total)
}

/// A sum that keeps what its additions round away (Neumaier 1974): means of many values are subtracted from each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let (great, small) =
            if self.sum.abs() >= value.abs() { (self.sum, value) } else { (value, self.sum) };
        self.lost += (great - sum) + small;
        self.sum = sum;
    }

    pub fn value(&self) -> f64 {
        self.sum + self.lost
    }

    pub fn of(values: impl IntoIterator<Item = f64>) -> f64 {
        let mut sum = Self::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum.value()
    }
}
