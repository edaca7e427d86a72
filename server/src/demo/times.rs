//! When each prediction is said to have been made. The source knows only the year, and is sorted within it, which
//! would be drift by accident; so a year's rows are spread evenly over it in an order shuffled with a fixed seed.

use super::data::YearRows;

/// Nanoseconds in a day.
pub const DAY_NS: i64 = 86_400_000_000_000;
/// Nanoseconds in a week.
pub const WEEK_NS: i64 = 7 * DAY_NS;
/// The seed of every run, so that every run is the same.
const SEED: u64 = 20_151_231;

/// A prediction's row and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Nanoseconds UTC.
    pub time: i64,
    /// The row in the data.
    pub row: usize,
}

/// Every row of every year, in order of time, no two at the same time within a year.
pub fn schedule(years: &[YearRows]) -> Vec<Event> {
    let mut random = SplitMix64(SEED);
    years.iter().flat_map(|year| schedule_year(year, &mut random)).collect()
}

fn schedule_year(year: &YearRows, random: &mut SplitMix64) -> Vec<Event> {
    let mut rows: Vec<usize> = year.rows.clone().collect();
    shuffle(&mut rows, random);
    let (start, end) = (year_start(year.year), year_start(year.year.saturating_add(1)));
    let step = (end - start) / i64::try_from(rows.len().max(1)).unwrap_or(i64::MAX);
    let times = (0i64..).map(|i| start + i * step);
    rows.into_iter().zip(times).map(|(row, time)| Event { time, row }).collect()
}

/// The first nanosecond of a day, from 1970 to 2261.
pub fn date(year: i32, day_of_year: i64) -> i64 {
    year_start(year) + (day_of_year - 1) * DAY_NS
}

fn year_start(year: i32) -> i64 {
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let year = i64::from(year);
    let days = 365 * (year - 1970) + leap_days(year - 1) - leap_days(1969);
    days * DAY_NS
}

/// Fisher and Yates, from the end.
fn shuffle<T>(items: &mut [T], random: &mut SplitMix64) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last + 1));
    }
}

/// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators". A generator of our own keeps the
/// order the same whatever a library changes.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`. Uneven by less than bound / 2^64, which no test could see.
    fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.next()) * bound as u128;
        (wide >> 64) as usize
    }
}

#[cfg(test)]
mod tests;
