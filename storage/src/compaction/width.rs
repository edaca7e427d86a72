//! How wide the intervals of a partition are: as fine as leaves a cell enough rows to be worth its summary.

use crate::partition::{Partition, Width};
use crate::schema::TableSchema;

/// Rows a cell should have where columns are summarised: below this the summaries pass 3 % of the rows.
const SUMMARISED_ROWS: u64 = 8_192;
/// Rows a cell should have elsewhere: a cell of a few rows costs three times the bits a row.
const PLAIN_ROWS: u64 = 128;
/// The table option that sets the width by hand.
pub(crate) const INTERVAL_OPTION: &str = "interval";
/// The texts of the option, finest first, as the ladder of [`Width`].
const NAMES: [&str; 7] = ["1m", "10m", "1h", "6h", "1d", "7d", "28d"];

/// How many rows a series has in how long: what the rule judges by.
///
/// The first row of a series tells nothing about its rate, so n rows in a span are n - 1 steps: one reading a series
/// is no burst but a series of unknown, hence low, rate. Spans under the finest width count as that width: nothing is
/// known about the rest of the minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    rows_median: u64,
    span: i64,
}

impl Rate {
    /// Of series with these numbers of rows (those without rows left out) within `span` nanoseconds.
    pub(crate) fn of(mut rows_per_series: Vec<u64>, span: i64) -> Self {
        let middle = rows_per_series.len() / 2;
        let rows_median = match rows_per_series.is_empty() {
            true => 0,
            false => *rows_per_series.select_nth_unstable(middle).1,
        };
        Self { rows_median, span: span.max(Width::MIN.nanos()) }
    }

    /// Rows the median series has in `nanos`, should it go on like this.
    fn rows_in(self, nanos: i64) -> u64 {
        let steps = u128::from(self.rows_median.saturating_sub(1));
        let more = steps * u128::from(nanos.unsigned_abs()) / u128::from(self.span.unsigned_abs());
        u64::try_from(more).unwrap_or(u64::MAX).saturating_add(u64::from(self.rows_median > 0))
    }
}

fn target(summarised: bool) -> u64 {
    if summarised { SUMMARISED_ROWS } else { PLAIN_ROWS }
}

/// Whether the table keeps summaries: some column has a meaning.
pub(crate) fn summarised(schema: &TableSchema) -> bool {
    schema.columns.iter().any(|column| column.meaning.is_some())
}

/// The widths that partitions of this length may have, finest first.
fn allowed(length: i64) -> impl DoubleEndedIterator<Item = Width> {
    Width::all().filter(move |width| length % width.nanos() == 0)
}

/// The finest width whose median cell has enough rows; the coarsest that divides the partition where none has.
pub(crate) fn choose(rate: Rate, summarised: bool, partition: Partition) -> Width {
    let enough = |width: &Width| rate.rows_in(width.nanos()) >= target(summarised);
    let coarsest = allowed(partition.length).next_back().unwrap_or(Width::MIN);
    allowed(partition.length).find(enough).unwrap_or(coarsest)
}

/// The same for rows of which some lie in intervals of `current` already. A rate near the border between two rungs
/// would turn the choice round with every job, and each turn sorts the rows anew: within a factor of 2 the width stays.
pub(crate) fn choose_again(rate: Rate, summarised: bool, partition: Partition, current: Width) -> Width {
    let slower = Rate { span: rate.span.saturating_mul(2), ..rate };
    let faster = Rate { span: (rate.span / 2).max(1), ..rate };
    let coarse = choose(slower, summarised, partition);
    let fine = choose(faster, summarised, partition);
    match allowed(partition.length).any(|w| w == current) && (fine..=coarse).contains(&current) {
        true => current,
        false => choose(rate, summarised, partition),
    }
}

/// The length of the partitions of rows that come at this rate: a day, or 28 days where even a cell of a day has too
/// few rows. A width set by hand that does not fit a day asks for 28 days.
pub(crate) fn partition_length(rate: Rate, schema: &TableSchema) -> i64 {
    let long = match of_option(schema) {
        Some(width) => width.nanos() > Partition::DAY,
        None => rate.rows_in(Partition::DAY) < target(summarised(schema)),
    };
    if long { Partition::LONG } else { Partition::DAY }
}

/// The partition that rows of `time` go to: one that is there already, else one of `length` that shares no time with
/// any that is there. Partitions of two lengths over the same time would hide which of two equal rows is newer.
pub(crate) fn partition_at(time: i64, length: i64, present: impl Iterator<Item = Partition>) -> Partition {
    let mut wanted = Partition::of(time, length);
    for partition in present {
        if partition.contains(time) {
            return partition;
        }
        if partition.start <= wanted.end() && wanted.start <= partition.end() {
            wanted = Partition::of(time, Partition::DAY);
        }
    }
    wanted
}

/// The width of a text such as `1h`; none where the text is no rung of the ladder.
pub(crate) fn parse_width(text: &str) -> Option<Width> {
    let wanted = text.trim();
    NAMES.iter().zip(Width::all()).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, width)| width)
}

/// The width the table's owner set; none where the option is absent or says nothing known.
pub(crate) fn of_option(schema: &TableSchema) -> Option<Width> {
    schema.options.get(INTERVAL_OPTION).and_then(|text| parse_width(text))
}

/// The width for a flush: what the owner set, where it divides the partition, else by the rule.
pub(crate) fn for_flush(rate: Rate, schema: &TableSchema, partition: Partition) -> Width {
    set_by_hand(schema, partition).unwrap_or_else(|| choose(rate, summarised(schema), partition))
}

/// The width the owner set, brought down to the coarsest that divides the partition.
pub(crate) fn set_by_hand(schema: &TableSchema, partition: Partition) -> Option<Width> {
    let wanted = of_option(schema)?;
    allowed(partition.length).rfind(|width| *width <= wanted)
}

#[cfg(test)]
mod tests;
