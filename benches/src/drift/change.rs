//! What is done to one column of a window.

use driftline_benches::workload::random::Random;

use super::columns::Column;
use super::sample::{CATEGORIES, MISSING, NEW_LEVEL, NUMBERS, Rows, Source};

/// A change of one column.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// So many standard deviations more.
    Mean(f64),
    /// So many times as wide around the mean.
    Scale(f64),
    /// This share of rows from a normal law three deviations above the mean.
    Mixture(f64),
    /// This share of rows from the commonest level to the rarest.
    Prior(f64),
    /// This share of rows of a level that was not there.
    NewLevel(f64),
    /// This share of values missing that were not.
    Missing(f64),
}

/// Those of the cell that is judged.
pub const JUDGED: [Change; 6] = [
    Change::Mean(0.25),
    Change::Scale(1.25),
    Change::Mixture(0.05),
    Change::Prior(0.05),
    Change::NewLevel(0.05),
    Change::Missing(0.05),
];

/// Smaller and larger ones, shown beside.
pub const SHOWN: [Change; 12] = [
    Change::Mean(0.1),
    Change::Mean(0.2),
    Change::Mean(0.5),
    Change::Scale(1.1),
    Change::Scale(1.5),
    Change::Mixture(0.1),
    Change::Prior(0.025),
    Change::Prior(0.1),
    Change::NewLevel(0.01),
    Change::Missing(0.02),
    Change::Missing(0.1),
    Change::Missing(0.01),
];

impl Change {
    /// Changes one column of these rows, drawn by the seed.
    pub fn apply(self, rows: &mut Rows, source: &mut Source<'_>) {
        let of = if matches!(self, Self::Prior(_) | Self::NewLevel(_)) { CATEGORIES } else { NUMBERS };
        let at = source.random.below(of as u64) as usize;
        let column = source.column(at);
        match (rows.numbers.get_mut(at), rows.levels.get_mut(at), column) {
            (_, Some(levels), _) if of == CATEGORIES => self.of_levels(levels, &mut source.random),
            (Some(numbers), _, Some(column)) => self.of_numbers(numbers, column, &mut source.random),
            _ => {}
        }
    }

    fn of_numbers(self, numbers: &mut [Option<f64>], column: &Column, random: &mut Random) {
        let Column { mean, deviation, .. } = *column;
        for value in numbers.iter_mut() {
            let Some(x) = *value else { continue };
            *value = match self {
                Self::Mean(by) => Some(x + by * deviation),
                Self::Scale(by) => Some(mean + (x - mean) * by),
                Self::Mixture(share) if random.unit() < share => {
                    Some(mean + deviation * (3.0 + random.normal()))
                }
                Self::Missing(share) if random.unit() < share / (1.0 - MISSING) => None,
                _ => Some(x),
            };
        }
    }

    fn of_levels(self, levels: &mut [Option<u8>], random: &mut Random) {
        for level in levels.iter_mut() {
            let Some(known) = *level else { continue };
            *level = Some(match self {
                Self::Prior(mass) if known == 0 && random.unit() < mass / 0.4 => NEW_LEVEL - 1,
                Self::NewLevel(share) if random.unit() < share => NEW_LEVEL,
                _ => known,
            });
        }
    }

    /// As it is printed.
    pub fn name(self) -> String {
        match self {
            Self::Mean(by) => format!("mean {by} sd"),
            Self::Scale(by) => format!("scale {by}"),
            Self::Mixture(share) => format!("{share} far out"),
            Self::Prior(mass) => format!("{mass} of mass moved"),
            Self::NewLevel(share) => format!("{share} a new level"),
            Self::Missing(share) => format!("{share} more missing"),
        }
    }
}
