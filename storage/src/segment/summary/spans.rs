//! The units that the rows of a row group belong to.

use std::ops::Range;

use crate::limits::SUMMARY_ROWS_MIN;
use crate::partition::CellKey;

/// Rows of a row group that are counted together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) kind: SpanKind,
    /// Ascending and disjoint.
    pub(super) ranges: Vec<Range<usize>>,
    pub(super) rows: u64,
}

/// What they are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpanKind {
    /// The group's part of a cell that may go on before or behind it; its key and place among the group's cells.
    Edge(CellKey, usize),
    /// A cell with a summary of its own, by its place among the group's cells.
    Cell(usize),
    /// The smaller cells of an interval.
    Small(i64),
}

/// The spans of a row group of these cells, by interval; within one the cells in order, then the small ones. The part
/// of the last cell comes at the very end, because it is the one that may go on.
///
/// `whole`: the cells at the group's ends are all in it. Small cells whose interval lies within the group and has too
/// few of their rows for a summary are left out.
pub(super) fn spans(cells: &[(CellKey, usize)], whole: bool) -> Vec<Span> {
    let (mut all, mut tail, mut row) = (Vec::new(), None, 0);
    let ends = [cells.first(), cells.last()].map(|cell| cell.map_or(0, |(key, _)| key.interval));
    let mut at = 0;
    for cells_of_interval in cells.chunk_by(|(a, _), (b, _)| a.interval == b.interval) {
        let interval = cells_of_interval.first().map_or(0, |(key, _)| key.interval);
        let mut small = Span { kind: SpanKind::Small(interval), ranges: Vec::new(), rows: 0 };
        for (key, rows) in cells_of_interval {
            let range = row..row + rows;
            match kind(*key, at, *rows, (!whole).then_some(cells.len())) {
                SpanKind::Small(_) => small.add(range),
                kind @ SpanKind::Edge(..) if at > 0 => tail = Some(Span::of(kind, range)),
                kind => all.push(Span::of(kind, range)),
            }
            (row, at) = (row + rows, at + 1);
        }
        let enough = if ends.contains(&interval) { 1 } else { SUMMARY_ROWS_MIN as u64 };
        all.extend(Some(small).filter(|small| small.rows >= enough));
    }
    all.extend(tail);
    all
}

/// `edges`: the number of the group's cells, of which the first and the last may go on elsewhere.
fn kind(key: CellKey, at: usize, rows: usize, edges: Option<usize>) -> SpanKind {
    if edges.is_some_and(|cells| at == 0 || at + 1 == cells) {
        SpanKind::Edge(key, at)
    } else if rows >= SUMMARY_ROWS_MIN {
        SpanKind::Cell(at)
    } else {
        SpanKind::Small(key.interval)
    }
}

impl Span {
    fn of(kind: SpanKind, range: Range<usize>) -> Self {
        Self { kind, rows: range.len() as u64, ranges: vec![range] }
    }

    fn add(&mut self, range: Range<usize>) {
        self.rows += range.len() as u64;
        match self.ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.ranges.push(range),
        }
    }
}
