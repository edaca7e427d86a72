//! Rows: each column a bootstrap, independent from row to row or driven by an autoregression.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_benches::Result;
use driftline_benches::workload::random::Random;

use super::columns::Column;

pub const NUMBERS: usize = 14;
pub const CATEGORIES: usize = 6;
/// Shares of the levels.
const LEVELS: [f64; 5] = [0.4, 0.3, 0.15, 0.1, 0.05];
/// The share of values that are missing everywhere.
pub const MISSING: f64 = 0.02;
/// The name of a level that no reference has.
pub const NEW_LEVEL: u8 = 5;

/// Some rows, by column.
#[derive(Clone, Debug)]
pub struct Rows {
    pub numbers: Vec<Vec<Option<f64>>>,
    pub levels: Vec<Vec<Option<u8>>>,
}

/// Where rows come from.
#[derive(Debug)]
pub struct Source<'a> {
    columns: &'a [Column],
    /// How much a row is like the one before it.
    phi: f64,
    /// The autoregression behind each column.
    states: Vec<f64>,
    pub random: Random,
}

impl<'a> Source<'a> {
    pub fn new(columns: &'a [Column], phi: f64, seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let states = (0..NUMBERS + CATEGORIES).map(|_| random.normal()).collect();
        Self { columns, phi, states, random }
    }

    /// The real column behind a number.
    pub fn column(&self, number: usize) -> Option<&'a Column> {
        self.columns.get(number % self.columns.len())
    }

    /// The next rows.
    pub fn rows(&mut self, n: usize) -> Rows {
        let mut rows = Rows { numbers: vec![Vec::new(); NUMBERS], levels: vec![Vec::new(); CATEGORIES] };
        for _ in 0..n {
            for at in 0..NUMBERS + CATEGORIES {
                let u = self.uniform(at);
                let is_there = self.random.unit() >= MISSING;
                if let Some(numbers) = rows.numbers.get_mut(at) {
                    numbers.push(self.column(at).filter(|_| is_there).map(|column| column.at(u)));
                } else if let Some(levels) = rows.levels.get_mut(at - NUMBERS) {
                    levels.push(is_there.then(|| level(u)));
                }
            }
        }
        rows
    }

    fn uniform(&mut self, at: usize) -> f64 {
        if self.phi == 0.0 {
            return self.random.unit();
        }
        let news = self.random.normal() * (1.0 - self.phi * self.phi).sqrt();
        match self.states.get_mut(at) {
            Some(state) => {
                *state = self.phi * *state + news;
                normal_cdf(*state)
            }
            None => 0.5,
        }
    }
}

fn level(u: f64) -> u8 {
    let mut below = 0.0;
    let above = LEVELS.iter().take_while(|share| {
        below += **share;
        below <= u
    });
    above.count().min(LEVELS.len() - 1) as u8
}

/// The share of normal values below this: Abramowitz and Stegun 26.2.17, off by less than 1e-7.
fn normal_cdf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let terms = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let sum = terms.iter().fold(0.0, |sum, term| (sum + term) * t);
    let above = sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x > 0.0 { 1.0 - above } else { above }
}

impl Rows {
    /// As a batch for the model, at times `step` apart.
    ///
    /// # Errors
    /// None that can happen: columns are of one length.
    pub fn batch(&self, first: i64, step: i64) -> Result<RecordBatch> {
        let n = self.numbers.first().map_or(0, Vec::len) as i64;
        let times = TimestampNanosecondArray::from_iter_values((0..n).map(|row| first + row * step));
        let mut columns: Vec<(String, ArrayRef)> =
            vec![("time".to_owned(), Arc::new(times.with_timezone("UTC")))];
        for (at, numbers) in self.numbers.iter().enumerate() {
            columns.push((format!("n{at}"), Arc::new(Float64Array::from(numbers.clone()))));
        }
        for (at, levels) in self.levels.iter().enumerate() {
            let names: StringArray =
                levels.iter().map(|level| level.map(|it| format!("level {it}"))).collect();
            columns.push((format!("c{at}"), Arc::new(names)));
        }
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}
