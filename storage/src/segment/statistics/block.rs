//! Statistics of one column and up to 65,536 cells as bytes.

use super::tally::{DoubleTally, IntegerTally, Tallies};
use super::{CellStatistics, CellValues};
use crate::encoding::{
    Cursor, Effort, Malformed, decode_doubles, decode_integers, encode_doubles, encode_integers,
};
use crate::limits::CELL_BLOCK_MAX;
use crate::segment::CellTable;

/// Some rows are null.
const NULLS: u8 = 1;
/// Some sums need more than 64 bits.
const WIDE: u8 = 2;
/// Some values are NaN.
const NANS: u8 = 4;
/// Some values are infinite.
const INFINITIES: u8 = 8;

/// Appends the tallies of the cells from `first` on.
pub(super) fn encode(out: &mut Vec<u8>, tallies: &Tallies, cells: &CellTable, first: usize, effort: Effort) {
    match tallies {
        Tallies::Integer(tallies) => encode_integer_cells(out, tallies, cells, first, effort),
        Tallies::Double(tallies) => encode_double_cells(out, tallies, cells, first, effort),
    }
}

fn encode_integer_cells(
    out: &mut Vec<u8>,
    tallies: &[IntegerTally],
    cells: &CellTable,
    first: usize,
    effort: Effort,
) {
    let nulls = nulls(tallies.iter().map(|t| t.count), cells, first);
    let over = |t: &IntegerTally| t.sum.wrapping_sub(middle(t.count, t.min, t.max));
    let wide = tallies.iter().any(|t| i64::try_from(over(t)).is_err());
    let optional = [(NULLS, nulls)];
    put_flags(out, &optional, if wide { WIDE } else { 0 }, effort);
    let mut put = |value: &dyn Fn(&IntegerTally) -> i64| {
        out.extend(encode_integers(&tallies.iter().map(value).collect::<Vec<_>>(), effort));
    };
    put(&|t| t.min);
    put(&|t| t.max.wrapping_sub(t.min));
    put(&|t| over(t) as i64);
    if wide {
        put(&|t| (over(t) >> 64) as i64);
    }
}

fn encode_double_cells(
    out: &mut Vec<u8>,
    tallies: &[DoubleTally],
    cells: &CellTable,
    first: usize,
    effort: Effort,
) {
    let nulls = nulls(tallies.iter().map(|t| t.count), cells, first);
    let nans = tallies.iter().map(|t| t.nans as i64).collect();
    let infinities = tallies.iter().map(|t| t.infinities as i64).collect();
    put_flags(out, &[(NULLS, nulls), (NANS, nans), (INFINITIES, infinities)], 0, effort);
    let mut put = |value: &dyn Fn(&DoubleTally) -> f64| {
        out.extend(encode_doubles(&tallies.iter().map(value).collect::<Vec<_>>(), effort));
    };
    put(&|t| t.min);
    put(&|t| t.max);
    put(&|t| t.sum());
}

/// Flags, and those columns of small numbers that are not all 0.
fn put_flags(out: &mut Vec<u8>, optional: &[(u8, Vec<i64>)], others: u8, effort: Effort) {
    let there = |numbers: &[i64]| numbers.iter().any(|n| *n != 0);
    out.push(optional.iter().filter(|(_, numbers)| there(numbers)).fold(others, |all, (flag, _)| all | flag));
    for (_, numbers) in optional.iter().filter(|(_, numbers)| there(numbers)) {
        out.extend(encode_integers(numbers, effort));
    }
}

fn nulls(counts: impl Iterator<Item = u64>, cells: &CellTable, first: usize) -> Vec<i64> {
    let rows = (first..).map(|cell| cells.rows(cell)).map(|rows| rows.end - rows.start);
    rows.zip(counts).map(|(rows, count)| rows.saturating_sub(count) as i64).collect()
}

/// What the sum would be if the values lay around the middle of their range: the rest has fewer bits.
fn middle(count: u64, min: i64, max: i64) -> i128 {
    i128::from(count).wrapping_mul(i128::from(min) + i128::from(max)) >> 1
}

/// Reads the next block onto what was read before.
pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    cells: &CellTable,
    to: &mut CellStatistics,
) -> Result<(), Malformed> {
    let first = to.counts.len();
    let length = CELL_BLOCK_MAX.min(cells.len() - first);
    let flags = cursor.u8()?;
    let known = if matches!(to.values, CellValues::Integer { .. }) {
        NULLS | WIDE
    } else {
        NULLS | NANS | INFINITIES
    };
    if flags & !known != 0 {
        return Err(Malformed("known flags of statistics"));
    }
    let mut block = Block { cursor, flags, length };
    let nulls = block.counts(NULLS)?;
    for (nulls, cell) in nulls.into_iter().zip(first..) {
        let rows = cells.rows(cell);
        let count = (rows.end - rows.start).checked_sub(nulls);
        to.counts.push(count.ok_or(Malformed("no more nulls than rows"))?);
    }
    let counts = to.counts.get(first..).unwrap_or(&[]);
    match &mut to.values {
        CellValues::Integer { sums, mins, maxs } => block.integers(counts, sums, mins, maxs),
        CellValues::Double { sums, mins, maxs, nans, infinities } => {
            block.special(counts, nans, infinities)?;
            mins.append(&mut block.doubles()?);
            maxs.append(&mut block.doubles()?);
            sums.append(&mut block.doubles()?);
            Ok(())
        }
    }
}

/// A block being read.
struct Block<'a, 'b> {
    cursor: &'a mut Cursor<'b>,
    flags: u8,
    length: usize,
}

impl Block<'_, '_> {
    fn numbers(&mut self) -> Result<Vec<i64>, Malformed> {
        let numbers = decode_integers(self.cursor, self.length)?;
        if numbers.len() == self.length { Ok(numbers) } else { Err(Malformed("a number for each cell")) }
    }

    fn doubles(&mut self) -> Result<Vec<f64>, Malformed> {
        let numbers = decode_doubles(self.cursor, self.length)?;
        if numbers.len() == self.length { Ok(numbers) } else { Err(Malformed("a double for each cell")) }
    }

    /// Counts that are all 0 unless the flag is set.
    fn counts(&mut self, flag: u8) -> Result<Vec<u64>, Malformed> {
        if self.flags & flag == 0 {
            return Ok(vec![0; self.length]);
        }
        let count = |n| u64::try_from(n).map_err(|_| Malformed("a count of at least 0"));
        self.numbers()?.into_iter().map(count).collect()
    }

    fn special(
        &mut self,
        counts: &[u64],
        nans: &mut Vec<u64>,
        infinities: &mut Vec<u64>,
    ) -> Result<(), Malformed> {
        let (mut some_nans, mut some_infinities) = (self.counts(NANS)?, self.counts(INFINITIES)?);
        let all = counts.iter().zip(&some_nans).zip(&some_infinities);
        for ((count, nans), infinities) in all {
            if nans.checked_add(*infinities).is_none_or(|special| special > *count) {
                return Err(Malformed("no more NaNs and infinities than values"));
            }
        }
        nans.append(&mut some_nans);
        infinities.append(&mut some_infinities);
        Ok(())
    }

    fn integers(
        &mut self,
        counts: &[u64],
        sums: &mut Vec<i128>,
        mins: &mut Vec<i64>,
        maxs: &mut Vec<i64>,
    ) -> Result<(), Malformed> {
        let (mut least, spreads, low) = (self.numbers()?, self.numbers()?, self.numbers()?);
        let high =
            if self.flags & WIDE == 0 { low.iter().map(|low| low >> 63).collect() } else { self.numbers()? };
        for (min, spread) in least.iter().zip(spreads) {
            let max = min.checked_add_unsigned(spread as u64);
            maxs.push(max.ok_or(Malformed("a greatest value of 64 bits"))?);
        }
        let ends = least.iter().zip(maxs.iter().skip(mins.len()));
        for (((count, (min, max)), low), high) in counts.iter().zip(ends).zip(low).zip(high) {
            let over = i128::from(high) << 64 | i128::from(low as u64);
            sums.push(over.wrapping_add(middle(*count, *min, *max)));
        }
        mins.append(&mut least);
        Ok(())
    }
}
