//! Where the rows of an output come from, in their order.

use crate::encoding::{Cursor, put_signed, put_varint};

/// Rows of an input that follow each other in an output as they do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The place of the input among those of the job.
    pub(crate) source: u32,
    /// The place of the first row in it.
    pub(crate) first: u32,
    pub(crate) rows: u32,
}

/// Runs, in about three bytes each: inputs may interleave row by row, and a merge has many millions of rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    bytes: Vec<u8>,
    /// By input the row that follows the last run of it.
    next: Vec<u32>,
    last: Option<Run>,
}

impl Origins {
    /// Adds rows behind the others.
    pub(crate) fn push(&mut self, run: Run) {
        match &mut self.last {
            Some(last) if last.source == run.source && last.first + last.rows == run.first => {
                last.rows += run.rows;
            }
            last => {
                let before = last.replace(run);
                before.into_iter().for_each(|run| self.write(run));
            }
        }
    }

    fn write(&mut self, run: Run) {
        put_varint(&mut self.bytes, u64::from(run.source));
        put_signed(&mut self.bytes, i64::from(run.first) - i64::from(expected(&mut self.next, run)));
        put_varint(&mut self.bytes, u64::from(run.rows));
    }

    /// The runs.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> {
        let (mut cursor, mut next) = (Cursor::new(&self.bytes), Vec::new());
        let written = std::iter::from_fn(move || {
            let source = u32::try_from(cursor.varint().ok()?).ok()?;
            let (step, rows) = (cursor.signed().ok()?, cursor.varint().ok()? as u32);
            let first = i64::from(next.get(source as usize).copied().unwrap_or(0)) + step;
            let run = Run { source, first: first as u32, rows };
            expected(&mut next, run);
            Some(run)
        });
        written.chain(self.last)
    }
}

/// The row of the run's input that would have come next; notes the one after the run.
fn expected(next: &mut Vec<u32>, run: Run) -> u32 {
    let source = run.source as usize;
    if next.len() <= source {
        next.resize(source + 1, 0);
    }
    let before = next.get(source).copied().unwrap_or(0);
    next.iter_mut().skip(source).take(1).for_each(|next| *next = run.first + run.rows);
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_read_back_and_those_that_follow_each_other_are_one() {
        let run = |source, first, rows| Run { source, first, rows };
        let pushed =
            [run(2, 5, 3), run(2, 8, 1), run(0, 0, 1), run(2, 9, 1), run(0, 4_000_000_000, 7), run(0, 1, 1)];
        let mut origins = Origins::default();
        assert_eq!(origins.runs().count(), 0);
        pushed.into_iter().for_each(|run| origins.push(run));
        let expected = [run(2, 5, 4), run(0, 0, 1), run(2, 9, 1), run(0, 4_000_000_000, 7), run(0, 1, 1)];
        assert_eq!(origins.runs().collect::<Vec<_>>(), expected);
    }
}
