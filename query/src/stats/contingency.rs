//! Whether two samples counted in the same bins can be of one law: tests on the 2 × k table of counts.

use super::shares::{excess, total};
use super::{Outcome, law::chi_squared};

/// Expected counts below this are pooled by [`Options::pooled`]: Cochran's rule (1954).
const EXPECTED_LEAST: f64 = 5.0;

/// How the tests on a table of counts treat it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Bins of which a side expects fewer than 5 become one. If they still expect fewer together, the least of the
    /// others joins them. The law of the statistic is a limit, which holds badly for rare bins; without pooling a new
    /// category of a few rows can alarm.
    pub pooled: bool,
    /// Yates' correction (1934): each count is moved towards what is expected, by 1/2 but not beyond it. It applies
    /// where two bins are left, and to no other table.
    pub yates: bool,
}

/// Pearson's chi-squared test of homogeneity: the sum of `(observed - expected)² / expected` over both sides of all
/// bins, where a bin's counts are expected in the proportion of the sides' totals. Both sides are samples; neither is
/// taken for the truth. The same with the sides exchanged. The p value is of chi-squared with `bins - 1` degrees of
/// freedom, as `scipy.stats.chi2_contingency` has it.
///
/// A bin without counts on both sides is left out; a new or vanished category is a bin like others. One bin alone
/// cannot differ: statistic 0, p 1, no degrees of freedom. None when a side has no counts, or the sides have not the
/// same number of bins.
pub fn chi_square(reference: &[u64], current: &[u64], options: Options) -> Option<Outcome> {
    let table = Table::new(reference, current, options)?;
    let corrected =
        |bin: &Bin| table.yates.map_or(bin.apart, |most| bin.apart.abs() - bin.apart.abs().min(most));
    let term = |bin: &Bin| corrected(bin).powi(2) * (1.0 / bin.reference + 1.0 / bin.current);
    table.outcome(table.bins.iter().map(term).sum())
}

/// The G test of homogeneity, or likelihood ratio test (Wilks 1935): twice the sum of `observed ln(observed /
/// expected)` over both sides of all bins, everything else as for [`chi_square`]. It is `2 N ln 2` times a
/// Jensen-Shannon divergence weighted by the sides' sizes, and what
/// `scipy.stats.chi2_contingency(lambda_='log-likelihood')` gives.
pub fn g_test(reference: &[u64], current: &[u64], options: Options) -> Option<Outcome> {
    let table = Table::new(reference, current, options)?;
    let term = |bin: &Bin| {
        let apart =
            table.yates.map_or(bin.apart, |most| bin.apart - most.min(bin.apart.abs()).copysign(bin.apart));
        bin.reference * excess(-apart / bin.reference) + bin.current * excess(apart / bin.current)
    };
    table.outcome(2.0 * table.bins.iter().map(term).sum::<f64>())
}

/// What each side is expected to count in a bin, and by how much the current sample's count is above that; the
/// reference's is as far below.
#[derive(Clone, Copy, Debug)]
struct Bin {
    reference: f64,
    current: f64,
    apart: f64,
}

struct Table {
    bins: Vec<Bin>,
    /// By how much Yates' correction moves a count at most; None without it.
    yates: Option<f64>,
}

impl Table {
    fn new(reference: &[u64], current: &[u64], options: Options) -> Option<Self> {
        if reference.len() != current.len() {
            return None;
        }
        let (n, m) = (total(reference)?, total(current)?);
        let counts = reference.iter().copied().zip(current.iter().copied());
        let mut counts: Vec<(u64, u64)> = counts.filter(|(r, c)| *r > 0 || *c > 0).collect();
        if options.pooled {
            counts = pool(counts, n, m);
        }
        let bins: Vec<Bin> = counts.into_iter().map(|(r, c)| Bin::new(r, c, n, m)).collect();
        let yates = (options.yates && bins.len() == 2).then_some(0.5);
        Some(Self { bins, yates })
    }

    fn outcome(&self, statistic: f64) -> Option<Outcome> {
        let degrees = self.bins.len().checked_sub(1)? as f64;
        let p_value = if degrees == 0.0 { 1.0 } else { chi_squared::survival(statistic, degrees)? };
        Some(Outcome::of(statistic, p_value)?.with_degrees(degrees))
    }
}

impl Bin {
    fn new(reference: u64, current: u64, n: u64, m: u64) -> Self {
        let (both, all) = (reference as f64 + current as f64, n as f64 + m as f64);
        // The current count less its expectation is (c n - r m) / (n + m): products of two u64 fit u128.
        let (above, below) = (u128::from(current) * u128::from(n), u128::from(reference) * u128::from(m));
        let apart = above.abs_diff(below) as f64 / all;
        Self {
            reference: both * (n as f64 / all),
            current: both * (m as f64 / all),
            apart: if above < below { -apart } else { apart },
        }
    }

    /// The lesser of the two expected counts.
    fn least(&self) -> f64 {
        self.reference.min(self.current)
    }
}

/// Rare bins become one, the last.
fn pool(counts: Vec<(u64, u64)>, n: u64, m: u64) -> Vec<(u64, u64)> {
    let least = |(r, c): &(u64, u64)| Bin::new(*r, *c, n, m).least();
    let (mut common, rare): (Vec<_>, Vec<_>) =
        counts.into_iter().partition(|bin| least(bin) >= EXPECTED_LEAST);
    let join = |a: (u64, u64), b: &(u64, u64)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1));
    if rare.is_empty() {
        return common;
    }
    let mut rest = rare.iter().fold((0, 0), join);
    if least(&rest) < EXPECTED_LEAST {
        let smallest = common.iter().enumerate().min_by(|a, b| least(a.1).total_cmp(&least(b.1)));
        if let Some(smallest) = smallest.map(|(place, _)| place) {
            rest = join(rest, &common.remove(smallest));
        }
    }
    common.push(rest);
    common
}
