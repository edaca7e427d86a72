//! Fisher's exact test.

use super::law::student::stirling_error;

/// Counts of the whole table at most. Above it chi-squared is as good, and the sums grow with the root of the counts.
pub const FISHER_MAX: u64 = 1 << 40;
/// Tables whose chances are this near each other are equally likely: chances are rounded at about 1e-13.
const TIE: f64 = 1e-11;
/// A term that adds less than this share of the sum ends it.
const NEGLIGIBLE: f64 = 1e-18;

/// Fisher's exact test of a 2 × 2 table, `(hits, misses)` of the reference and of the current sample: the chance, the
/// table's margins given, of a table that is at most as likely as the one found (Fisher 1934; two-sided as
/// `scipy.stats.fisher_exact` and R have it). The same with the sides exchanged. There is no statistic.
///
/// A margin of 0 (no hits at all, hits only) leaves one table: p 1. None for an empty side, and for more than
/// [`FISHER_MAX`] counts.
pub fn fisher_exact(reference: (u64, u64), current: (u64, u64)) -> Option<f64> {
    let counts = [reference.0, reference.1, current.0, current.1];
    let all = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let (n, m) = (reference.0.saturating_add(reference.1), current.0.saturating_add(current.1));
    if n == 0 || m == 0 || all > FISHER_MAX {
        return None;
    }
    let law = Hypergeometric { hits: reference.0 + current.0, misses: reference.1 + current.1, drawn: n };
    Some(law.at_most_as_likely(reference.0))
}

/// How many hits are among values drawn without replacement.
struct Hypergeometric {
    hits: u64,
    misses: u64,
    drawn: u64,
}

impl Hypergeometric {
    fn least(&self) -> u64 {
        self.drawn.saturating_sub(self.misses)
    }

    fn most(&self) -> u64 {
        self.hits.min(self.drawn)
    }

    fn at_most_as_likely(&self, found: u64) -> f64 {
        let mode = self.mode();
        let limit = self.chance_ln(found) + TIE;
        // The likely tables are around the mode, from `first` up to but without `end`.
        let first = boundary(self.least(), mode, |x| self.chance_ln(x) > limit);
        let end = boundary(mode, self.most() + 1, |x| self.chance_ln(x) <= limit);
        if first >= end {
            return 1.0;
        }
        let below = if first > self.least() { self.lower_tail(first - 1) } else { 0.0 };
        let above = if end <= self.most() { self.upper_tail(end) } else { 0.0 };
        (below + above).min(1.0)
    }

    fn mode(&self) -> u64 {
        let (hits, drawn) = (u128::from(self.hits), u128::from(self.drawn));
        let mode = (hits + 1) * (drawn + 1) / (hits + u128::from(self.misses) + 2);
        (mode as u64).clamp(self.least(), self.most())
    }

    /// The logarithm of the chance of `x` hits: three binomial chances, each by its distance from its mode.
    fn chance_ln(&self, x: u64) -> f64 {
        let (all, drawn) = ((self.hits + self.misses) as f64, self.drawn as f64);
        let (hit, miss) = (x as f64, (self.drawn - x) as f64);
        let share = (drawn / all, (self.hits + self.misses - self.drawn) as f64 / all);
        binomial_ln(hit, self.hits as f64, share) + binomial_ln(miss, self.misses as f64, share)
            - binomial_ln(drawn, all, share)
    }

    /// The chance of at most `x` hits, for `x` below the mode: each term is a multiple of the one above it.
    fn lower_tail(&self, x: u64) -> f64 {
        let ratio = |x: u64| {
            let (misses_left, hits_left) =
                ((self.misses + x) as f64 - self.drawn as f64, (self.hits - x + 1) as f64);
            x as f64 * misses_left / (hits_left * (self.drawn - x + 1) as f64)
        };
        tail(self.chance_ln(x), (self.least() + 1..=x).rev().map(ratio))
    }

    /// The chance of at least `x` hits, for `x` above the mode.
    fn upper_tail(&self, x: u64) -> f64 {
        let ratio = |x: u64| {
            let misses_left = (self.misses + x + 1) as f64 - self.drawn as f64;
            (self.hits - x) as f64 * (self.drawn - x) as f64 / ((x + 1) as f64 * misses_left)
        };
        tail(self.chance_ln(x), (x..self.most()).map(ratio))
    }
}

/// The sum of terms of which the first and then the ratio of each to the one before it is known; ratios fall.
fn tail(first_ln: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if term < NEGLIGIBLE * sum {
            break;
        }
    }
    sum * first_ln.exp()
}

/// The first number from `low` up to but without `high` that is `reached`, else `high`. Once reached stays reached.
fn boundary(mut low: u64, mut high: u64, reached: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if reached(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The logarithm of a binomial chance of `x` among `n`, after Loader (2000). `share` is the chance of each, and of not.
fn binomial_ln(x: f64, n: f64, share: (f64, f64)) -> f64 {
    let rest = n - x;
    if x == 0.0 || rest == 0.0 {
        let power = |count: f64, share: f64| if count == 0.0 { 0.0 } else { count * share.ln() };
        return power(x, share.0) + power(rest, share.1);
    }
    let corrections = stirling_error(n) - stirling_error(x) - stirling_error(rest);
    let deviance = deviance(x, n * share.0) + deviance(rest, n * share.1);
    corrections - deviance - 0.5 * (2.0 * std::f64::consts::PI * x * (rest / n)).ln()
}

/// `x ln(x / mean) + mean - x`.
fn deviance(x: f64, mean: f64) -> f64 {
    mean * super::shares::excess((x - mean) / mean)
}
