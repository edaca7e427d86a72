//! Encodes row groups, several at once.

use arrow_array::{Array, ArrayRef};

use super::TimeRange;
use super::bloom::{self, Bloom};
use super::cut::{GroupRows, plain_bytes};
use super::index::{Columns, StoredColumn};
use super::statistics::{Tallies, tally};
use super::summary::{self, GroupSummaries, Plan};
use super::value_range::{ValueRange, time_range};
use crate::encoding::{self, Effort, EncodedChunk};
use crate::schema::ColumnType;

/// A row group as bytes, not yet in the file.
#[derive(Debug)]
pub(super) struct EncodedGroup {
    pub(super) time: TimeRange,
    pub(super) chunks: Vec<EncodedColumn>,
    /// Of its numeric columns.
    pub(super) tallies: Vec<Tallies>,
    pub(super) summaries: GroupSummaries,
}

/// One of its chunks.
#[derive(Debug)]
pub(super) struct EncodedColumn {
    pub(super) chunk: EncodedChunk,
    pub(super) raw_bytes: u64,
    /// Nulls and range of each page.
    pub(super) pages: Vec<(usize, Option<ValueRange>)>,
    /// Its bloom filter, where one is kept.
    pub(super) filter: Option<Vec<u8>>,
}

/// Encodes each of `groups`, all at the same time if there are several.
/// `filtered` says which columns get a bloom filter.
pub(super) fn encode_all(
    columns: &Columns,
    filtered: &[bool],
    plan: &Plan,
    groups: &[GroupRows],
    effort: Effort,
) -> Vec<EncodedGroup> {
    let one = |group| encode_group(columns, filtered, plan, group, effort);
    let [first, others @ ..] = groups else { return Vec::new() };
    if others.is_empty() {
        return vec![one(first)];
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = others.iter().map(|group| scope.spawn(move || one(group))).collect();
        let mut encoded = vec![one(first)];
        for worker in workers {
            encoded.push(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        encoded
    })
}

fn encode_group(
    columns: &Columns,
    filtered: &[bool],
    plan: &Plan,
    rows: &GroupRows,
    effort: Effort,
) -> EncodedGroup {
    let column = |((column, array), filtered): ((&StoredColumn, &ArrayRef), &bool)| EncodedColumn {
        filter: filtered.then(|| Bloom::of(bloom::hash_array(column.ty, array)).encode()),
        ..encode_column(column.ty, array, &rows.page_rows, effort)
    };
    let time = rows.columns.get(columns.time).and_then(|array| time_range(array));
    EncodedGroup {
        time: time.unwrap_or(TimeRange { min: i64::MAX, max: i64::MIN }),
        chunks: columns.list.iter().zip(&rows.columns).zip(filtered).map(column).collect(),
        tallies: tally(columns, &rows.columns, &rows.cells),
        summaries: summary::count_group(plan, &rows.columns, &rows.cells),
    }
}

fn encode_column(ty: ColumnType, array: &ArrayRef, page_rows: &[usize], effort: Effort) -> EncodedColumn {
    let raw_bytes = plain_bytes(ty, array) + array.nulls().map_or(0, |n| n.len().div_ceil(8));
    let mut start = 0;
    let page = |rows: &usize| {
        let slice = array.slice(start, *rows);
        start += rows;
        (slice.null_count(), ValueRange::of(ty, &slice))
    };
    let pages = page_rows.iter().map(page).collect();
    EncodedColumn {
        chunk: encoding::encode(ty, array, page_rows, effort),
        raw_bytes: raw_bytes as u64,
        pages,
        filter: None,
    }
}
