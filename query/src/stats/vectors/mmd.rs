//! The maximum mean discrepancy.

use super::{Vectors, shared_dimension};
use crate::stats::random::Random;

/// Rows of a side that are compared: the work grows with the square, the memory is that of all pairs (16 MiB). Of more
/// rows so many are chosen by the seed.
pub const MMD_ROWS_MAX: usize = 1_000;
/// Permutations that may be asked for.
pub const PERMUTATIONS_MAX: usize = 10_000;

/// What [`mmd`] finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mmd {
    /// The squared discrepancy, unbiased: about 0 without change, and then below 0 as often as above.
    pub squared: f64,
    /// The share of permutations that reach it, the one found being one of them. None where none were asked for.
    pub p_value: Option<f64>,
}

/// The unbiased estimate of the squared maximum mean discrepancy of two samples of vectors (Gretton et al. 2012): the
/// mean kernel of pairs within the reference, plus that within the current sample, less twice that of pairs across.
///
/// The kernel is Gaussian, `exp(-d² / w)`, with `w` the median of the squared distances within the reference (the lower
/// one of two): the bandwidth that alibi-detect infers. The p value is `(k + 1) / (permutations + 1)`, with k the
/// permutations of all rows whose discrepancy is at least the one found: never 0, and right at any number of
/// permutations (alibi-detect's `k / permutations` is too small). Of one seed and the same rows the answer is the same.
///
/// At most [`MMD_ROWS_MAX`] rows of a side are compared, chosen by the seed. None for a side of fewer than two rows,
/// sides of different dimensions, a reference of which half the pairs are equal (it gives no bandwidth), and more
/// than [`PERMUTATIONS_MAX`] permutations.
pub fn mmd(reference: &Vectors<'_>, current: &Vectors<'_>, permutations: usize, seed: u64) -> Option<Mmd> {
    shared_dimension(reference, current)?;
    let mut random = Random::new(seed);
    let mut rows = reference.some_rows(MMD_ROWS_MAX, &mut random);
    let n = rows.len();
    rows.extend(current.some_rows(MMD_ROWS_MAX, &mut random));
    if n < 2 || rows.len() - n < 2 || permutations > PERMUTATIONS_MAX {
        return None;
    }
    let pairs = Pairs::new(&rows, n)?;
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let squared = pairs.discrepancy(&order, n);
    // An equal order of other rounding counts as reached.
    let limit = squared - 1e-12;
    let mut permuted = || {
        random.choose(&mut order, n);
        pairs.discrepancy(&order, n)
    };
    let reached = (0..permutations).filter(|_| permuted() >= limit).count();
    let p_value = (permutations > 0).then(|| (reached + 1) as f64 / (permutations + 1) as f64);
    Some(Mmd { squared, p_value })
}

/// The kernel of each pair of rows, the second before the first.
struct Pairs {
    kernel: Vec<Vec<f64>>,
    total: f64,
}

impl Pairs {
    fn new(rows: &[&[f32]], n: usize) -> Option<Self> {
        let before =
            |row: usize| rows.iter().take(row).map(move |other| squared_distance(rows[row], other)).collect();
        let mut kernel: Vec<Vec<f64>> = (0..rows.len()).map(before).collect();
        let mut within: Vec<f64> = kernel.iter().take(n).flatten().copied().collect();
        let middle = (within.len().checked_sub(1)?) / 2;
        let (_, median, _) = within.select_nth_unstable_by(middle, f64::total_cmp);
        if *median <= 0.0 {
            return None;
        }
        kernel.iter_mut().flatten().for_each(|distance| *distance = (-*distance / *median).exp());
        let total = kernel.iter().flatten().sum();
        Some(Self { kernel, total })
    }

    /// The discrepancy if the first `n` rows of an order are the reference.
    fn discrepancy(&self, order: &[usize], n: usize) -> f64 {
        let m = order.len() - n;
        let (first, second) = order.split_at(n);
        let (first, second) = (self.within(first), self.within(second));
        let across = self.total - first - second;
        let (n, m) = (n as f64, m as f64);
        2.0 * first / (n * (n - 1.0)) + 2.0 * second / (m * (m - 1.0)) - 2.0 * across / (n * m)
    }

    /// The sum over the pairs of some rows.
    fn within(&self, rows: &[usize]) -> f64 {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        let of_row = |(place, row): (usize, &usize)| {
            let kernel = self.kernel.get(*row).map_or(&[][..], Vec::as_slice);
            rows.iter().take(place).filter_map(|other| kernel.get(*other)).sum::<f64>()
        };
        rows.iter().enumerate().map(of_row).sum()
    }
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}
