//! What is usual at a place of the season.

use std::collections::VecDeque;

use crate::stats::{exact, percentile};

/// Seasons that are looked back to.
const SEASONS: usize = 7;

/// The values of the last seasons.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Phases {
    season: usize,
    #[serde(with = "exact")]
    rows: VecDeque<f64>,
}

impl Phases {
    /// A season of so many rows, 1 or more.
    pub(super) fn new(season: usize) -> Self {
        Self { season, rows: VecDeque::new() }
    }

    /// Takes the next value: how far it is above the median of those at its place in the last seven seasons. None in
    /// the first season.
    pub(super) fn residual(&mut self, value: f64) -> Option<f64> {
        let places = (1..=SEASONS).map_while(|back| self.rows.len().checked_sub(back * self.season));
        let mut usual: Vec<f64> = places.filter_map(|place| self.rows.get(place).copied()).collect();
        if self.rows.len() >= SEASONS * self.season {
            self.rows.pop_front();
        }
        self.rows.push_back(value);
        percentile(&mut usual, 0.5).map(|median| value - median)
    }
}
