//! How well a classifier tells two samples apart.

use super::logistic::Logistic;
use super::{Vectors, shared_dimension};
use crate::stats::random::Random;
use crate::stats::roc_auc;

/// Rows of a side that are looked at. Of more rows so many are chosen by the seed.
pub const CLASSIFIER_ROWS_MAX: usize = 2_000;

/// The area under the ROC curve of a classifier that was taught, on one half of each side, to tell the current sample
/// from the reference, judged on the other halves: .5 where it cannot, 1 where it always can. Below .5 is chance.
///
/// The classifier is a logistic regression over the components, each brought to mean 0 and deviation 1 in the taught half
/// (constant ones left out), with the ridge penalty `|w|² / 2` and an intercept without penalty: what scikit-learn's
/// `LogisticRegression(C=1)` finds. It sees shifts of the mean in any direction, also those that no component shows
/// alone; it does not see changes of spread or shape.
///
/// The halves are drawn by the seed: of one seed and the same rows the answer is the same. At most
/// [`CLASSIFIER_ROWS_MAX`] rows of a side are looked at. None for a side of fewer than two rows, and for sides of
/// different dimensions.
pub fn domain_classifier_auc(reference: &Vectors<'_>, current: &Vectors<'_>, seed: u64) -> Option<f64> {
    let dimension = shared_dimension(reference, current)?;
    let mut random = Random::new(seed);
    let mut halves = [Vec::new(), Vec::new()];
    for (side, is_current) in [(reference, false), (current, true)] {
        let mut rows: Vec<&[f32]> = side.rows().collect();
        let chosen = rows.len().min(CLASSIFIER_ROWS_MAX);
        if chosen < 2 {
            return None;
        }
        random.choose(&mut rows, chosen);
        let (taught, judged) = rows.get(..chosen)?.split_at(chosen / 2);
        halves[0].extend(taught.iter().map(|row| (*row, is_current)));
        halves[1].extend(judged.iter().map(|row| (*row, is_current)));
    }
    let [taught, judged] = halves;
    let classifier = Logistic::taught(&taught, dimension);
    let scores: Vec<f64> = judged.iter().map(|(row, _)| classifier.score(row)).collect();
    let positives: Vec<bool> = judged.iter().map(|(_, is_current)| *is_current).collect();
    roc_auc(&scores, &positives)
}
