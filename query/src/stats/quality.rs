//! Quality of two-class predictions. Values are scikit-learn's; `None` is only where there are no rows to judge.

/// Counts of (label, prediction) pairs. Counts saturate at `u64::MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Positive, predicted positive.
    pub true_positive: u64,
    /// Negative, predicted positive.
    pub false_positive: u64,
    /// Positive, predicted negative.
    pub false_negative: u64,
    /// Negative, predicted negative.
    pub true_negative: u64,
}

impl Confusion {
    /// Counts a row.
    pub fn add(&mut self, label: bool, prediction: bool) {
        let cell = match (label, prediction) {
            (true, true) => &mut self.true_positive,
            (false, true) => &mut self.false_positive,
            (true, false) => &mut self.false_negative,
            (false, false) => &mut self.true_negative,
        };
        *cell = cell.saturating_add(1);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        self.true_positive = self.true_positive.saturating_add(other.true_positive);
        self.false_positive = self.false_positive.saturating_add(other.false_positive);
        self.false_negative = self.false_negative.saturating_add(other.false_negative);
        self.true_negative = self.true_negative.saturating_add(other.true_negative);
    }

    /// The share of rows predicted right.
    pub fn accuracy(&self) -> Option<f64> {
        let right = [self.true_positive, self.true_negative];
        self.ratio(
            &right,
            &[self.true_positive, self.true_negative, self.false_positive, self.false_negative],
        )
    }

    /// The share of predicted positives that are positive; 0 where none was predicted.
    pub fn precision(&self) -> Option<f64> {
        self.ratio(&[self.true_positive], &[self.true_positive, self.false_positive])
    }

    /// The share of positives that were predicted; 0 where there is none.
    pub fn recall(&self) -> Option<f64> {
        self.ratio(&[self.true_positive], &[self.true_positive, self.false_negative])
    }

    /// The harmonic mean of precision and recall, `2 TP / (2 TP + FP + FN)`; 0 where there is neither a positive nor
    /// one predicted.
    pub fn f1(&self) -> Option<f64> {
        let hits = [self.true_positive, self.true_positive];
        self.ratio(&hits, &[hits[0], hits[1], self.false_positive, self.false_negative])
    }

    fn ratio(&self, numerator: &[u64], denominator: &[u64]) -> Option<f64> {
        let rows = [self.true_positive, self.false_positive, self.false_negative, self.true_negative];
        if rows.iter().all(|count| *count == 0) {
            return None;
        }
        let total = |counts: &[u64]| counts.iter().map(|count| u128::from(*count)).sum::<u128>();
        let (above, below) = (total(numerator), total(denominator));
        Some(if below == 0 { 0.0 } else { above as f64 / below as f64 })
    }
}

/// The area under the receiver operating characteristic: the chance that a positive's score is above a negative's,
/// where a tie counts half. 0..1.
///
/// `scores[i]` and `positives[i]` are of one row. None with one class or no rows, and where the lengths differ. A row
/// whose score is NaN or null is the caller's to leave out.
pub fn roc_auc(scores: &[f64], positives: &[bool]) -> Option<f64> {
    if scores.len() != positives.len() {
        return None;
    }
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(positives.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut negatives_below = 0_u128;
    // Twice the pairs won, so that a half is a whole number and no order of summing matters.
    let mut won_twice = 0_u128;
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let positives = tied.iter().filter(|row| row.1).count() as u128;
        let negatives = tied.len() as u128 - positives;
        won_twice += positives * (2 * negatives_below + negatives);
        negatives_below += negatives;
    }
    let pairs = (rows.len() as u128 - negatives_below) * negatives_below;
    (pairs > 0).then(|| won_twice as f64 / (2.0 * pairs as f64))
}
