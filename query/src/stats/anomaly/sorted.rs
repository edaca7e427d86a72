//! The last values of a series, in order of time and of size.

use std::collections::VecDeque;

use crate::stats::{exact, percentile_sorted};

/// A window that keeps its values sorted. A value costs a search and a move of what is above it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(super) struct SortedWindow {
    rows_max: usize,
    rows: VecDeque<f64>,
    sorted: Vec<f64>,
}

/// What is written of it: the order of size follows.
#[derive(serde::Serialize, serde::Deserialize)]
struct Written {
    rows_max: usize,
    #[serde(with = "exact")]
    rows: VecDeque<f64>,
}

impl From<Written> for SortedWindow {
    fn from(written: Written) -> Self {
        let mut sorted: Vec<f64> = written.rows.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        Self { rows_max: written.rows_max, rows: written.rows, sorted }
    }
}

impl From<SortedWindow> for Written {
    fn from(window: SortedWindow) -> Self {
        Self { rows_max: window.rows_max, rows: window.rows }
    }
}

impl SortedWindow {
    pub(super) fn new(rows_max: usize) -> Self {
        Self { rows_max, rows: VecDeque::new(), sorted: Vec::new() }
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.rows.len() >= self.rows_max
            && let Some(oldest) = self.rows.pop_front()
            && let Ok(place) = self.sorted.binary_search_by(|sorted| sorted.total_cmp(&oldest))
        {
            self.sorted.remove(place);
        }
        let place = self.sorted.partition_point(|sorted| sorted.total_cmp(&value).is_lt());
        self.sorted.insert(place, value);
        self.rows.push_back(value);
    }

    pub(super) fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        percentile_sorted(&self.sorted, q)
    }
}
