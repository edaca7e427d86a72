//! The score (Lavin and Ahmad 2015, "Evaluating Real-time Anomaly Detection Algorithms").
//!
//! Anomalies are windows of rows. An alarm in a window is worth more the earlier it is, and only the best of a window
//! counts; a window without alarm costs; each alarm outside of all windows costs, less shortly after a window. The first
//! rows of a file (15 % of them, 750 at most) are not judged. The threshold above which a row is an alarm is the best
//! one for all files together.

use std::ops::RangeInclusive;

/// The share of a file that is not judged.
const PROBATION_SHARE: f64 = 0.15;
/// The length of file above which that share does not grow.
const PROBATION_FILE_ROWS: usize = 5_000;

/// What errors cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What the earliest alarm in a window is worth.
    pub true_positive: f64,
    /// What an alarm far from all windows costs.
    pub false_positive: f64,
    /// What a window without alarm costs.
    pub false_negative: f64,
}

/// The benchmark's first profile.
pub const STANDARD: Profile =
    Profile { name: "standard", true_positive: 1.0, false_positive: 0.11, false_negative: 1.0 };
/// False alarms cost twice as much.
pub const LOW_FALSE_POSITIVES: Profile =
    Profile { name: "low FP", true_positive: 1.0, false_positive: 0.22, false_negative: 1.0 };
/// Missed windows cost twice as much.
pub const LOW_FALSE_NEGATIVES: Profile =
    Profile { name: "low FN", true_positive: 1.0, false_positive: 0.11, false_negative: 2.0 };

/// A file with what a detector said of its rows.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The rows that are anomalies, in their order.
    pub windows: &'a [RangeInclusive<usize>],
    /// The detector's score of each row.
    pub scores: &'a [f64],
}

/// A row at which an alarm would count: for what, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    score: f64,
    worth: f64,
    /// Which of all windows it is in.
    window: Option<usize>,
}

/// The score of a detector, 0 for one without alarms, 100 for one that finds each window at its first row and nothing
/// else, and the threshold it was reached at (a row is an alarm where its score is no less). None where there is no
/// window to find.
pub fn score(files: &[Judged], profile: &Profile) -> Option<(f64, f64)> {
    let (mut rows, windows) = rows(files, profile);
    rows.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut tally = Tally::new(windows, profile);
    let mut best = (tally.total, f64::INFINITY);
    for tied in rows.chunk_by(|a, b| a.score == b.score) {
        tied.iter().for_each(|row| tally.add(row));
        if let Some(row) = tied.first().filter(|_| tally.total > best.0) {
            best = (tally.total, row.score);
        }
    }
    normalised(best.0, windows, profile).map(|score| (score, best.1))
}

/// The score at a threshold, of files that are a part of those that the threshold was found for.
pub fn score_at(files: &[Judged], profile: &Profile, threshold: f64) -> Option<f64> {
    let (rows, windows) = rows(files, profile);
    let mut tally = Tally::new(windows, profile);
    rows.iter().filter(|row| row.score >= threshold).for_each(|row| tally.add(row));
    normalised(tally.total, windows, profile)
}

/// On the scale from no alarm (0) to the perfect detector (100).
fn normalised(total: f64, windows: usize, profile: &Profile) -> Option<f64> {
    let (none, perfect) = (-profile.false_negative * windows as f64, profile.true_positive * windows as f64);
    (windows > 0).then(|| 100.0 * (total - none) / (perfect - none))
}

/// The alarms so far.
struct Tally {
    total: f64,
    /// The best alarm of each window; before there is one, what its lack costs.
    best: Vec<f64>,
}

impl Tally {
    fn new(windows: usize, profile: &Profile) -> Self {
        let missed = -profile.false_negative;
        Self { total: missed * windows as f64, best: vec![missed; windows] }
    }

    fn add(&mut self, row: &Row) {
        let Some(best) = row.window.and_then(|window| self.best.get_mut(window)) else {
            self.total += row.worth;
            return;
        };
        if row.worth > *best {
            self.total += row.worth - *best;
            *best = row.worth;
        }
    }
}

/// All rows that are judged, and the number of windows that have any.
fn rows(files: &[Judged], profile: &Profile) -> (Vec<Row>, usize) {
    let (mut rows, mut windows) = (Vec::new(), 0);
    for file in files {
        let length = file.scores.len();
        let probation = (length.min(PROBATION_FILE_ROWS) as f64 * PROBATION_SHARE).floor() as usize;
        let judged: Vec<_> = file.windows.iter().filter(|window| *window.end() >= probation).collect();
        for (at, score) in file.scores.iter().enumerate().skip(probation) {
            let inside = judged.iter().position(|window| window.contains(&at));
            let worth = match inside.and_then(|window| judged.get(window)) {
                Some(window) => profile.true_positive * worth_inside(window, at),
                None => profile.false_positive * worth_outside(file.windows, at),
            };
            rows.push(Row { score: *score, worth, window: inside.map(|window| windows + window) });
        }
        windows += judged.len();
    }
    (rows, windows)
}

/// 1 at the first row of a window, little above 0 at its last.
fn worth_inside(window: &RangeInclusive<usize>, at: usize) -> f64 {
    let width = (window.end() - window.start() + 1) as f64;
    let to_go = (window.end() - at + 1) as f64;
    sigmoid(-to_go / width) / sigmoid(-1.0)
}

/// From about 0 just after a window down to -1.
fn worth_outside(windows: &[RangeInclusive<usize>], at: usize) -> f64 {
    let Some(before) = windows.iter().rev().find(|window| *window.end() < at) else { return -1.0 };
    let past = (at - before.end()) as f64 / (before.end() - before.start()) as f64;
    sigmoid(past)
}

/// From 1 through 0 to -1: the position in widths of a window, 0 at its end.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}
