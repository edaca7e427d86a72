//! Dependence of categories: that of each one's share, as the test of all of them takes it.

use std::collections::HashMap;

use super::Stretch;

/// Levels that are looked at, the most frequent ones.
const LEVELS_MAX: usize = 8;

/// Categories in order of time.
#[derive(Clone, Debug)]
pub struct Levels {
    /// By category.
    places: HashMap<String, usize>,
    /// The share and what is seen of the level in each place.
    seen: Vec<(f64, Stretch)>,
}

impl Levels {
    /// Of categories with these counts.
    pub fn new<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>, total: u64) -> Self {
        let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        counts.truncate(LEVELS_MAX);
        let places =
            counts.iter().enumerate().map(|(place, (name, _))| ((*name).to_owned(), place)).collect();
        let share = |count: u64| count as f64 / total.max(1) as f64;
        let seen = counts.iter().map(|(_, count)| (share(*count), Stretch::new(share(*count)))).collect();
        Self { places, seen }
    }

    /// The next value.
    pub fn push(&mut self, category: &str) {
        let place = self.places.get(category).copied();
        for (at, (_, stretch)) in self.seen.iter_mut().enumerate() {
            stretch.push(f64::from(u8::from(place == Some(at))));
        }
    }

    /// By what a chi-squared statistic of homogeneity is too large on average: the mean of the levels' inflations, each
    /// weighted by the share of the other levels (Rao and Scott 1981, their first-order correction). 1 or more.
    pub fn inflation(&self) -> f64 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (share, stretch) in &self.seen {
            sum += (1.0 - share) * stretch.inflation();
            weight += 1.0 - share;
        }
        if weight > 0.0 { (sum / weight).max(1.0) } else { 1.0 }
    }
}
