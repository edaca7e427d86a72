//! What is new: an anomaly lasts many rows and is to be said once.

use std::collections::VecDeque;

use crate::stats::exact;

/// The scores of the last rows that no later one has reached, so that the first is the greatest.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct News {
    rows: u64,
    at: VecDeque<u64>,
    #[serde(with = "exact")]
    scores: VecDeque<f64>,
}

impl News {
    pub(super) fn new() -> Self {
        Self { rows: 0, at: VecDeque::new(), scores: VecDeque::new() }
    }

    /// Takes the next score: whether it is more than `margin` times the greatest of the last `quiet_rows` before it.
    pub(super) fn add(&mut self, score: f64, quiet_rows: usize, margin: f64) -> bool {
        while self.at.front().is_some_and(|at| self.rows - at > quiet_rows as u64) {
            self.at.pop_front();
            self.scores.pop_front();
        }
        let is_news = score > self.scores.front().copied().unwrap_or(0.0) * margin;
        while self.scores.back().is_some_and(|last| *last <= score) {
            self.at.pop_back();
            self.scores.pop_back();
        }
        self.at.push_back(self.rows);
        self.scores.push_back(score);
        self.rows += 1;
        is_news
    }
}
