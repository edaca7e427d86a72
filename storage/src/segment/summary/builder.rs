//! Puts the summaries of a segment together, row group by row group.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::ArrayRef;

use super::copy::Pieces;
use super::count::{Counted, GroupSummaries, Part};
use super::piece::Piece;
use super::plan::{self, Kind, Plan, Summarised};
use super::section::{Head, HeadColumn, StoredKind};
use super::spans::{Span, SpanKind};
use crate::distribution::{Distribution, Lattice};
use crate::encoding::squeeze;
use crate::error::Result;
use crate::limits::{SECTION_BYTES_MAX, SUMMARY_COLUMN_BYTES_MAX, SUMMARY_ROWS_MIN};
use crate::partition::{CellKey, Width};
use crate::schema::{ColumnId, TableSchema};
use crate::segment::source::Extent;

/// Bytes that the length of one distribution takes at most: they are shorter than a column's limit.
const LENGTH_BYTES_MAX: usize = 5;

/// The summaries of a segment being written. Row groups come in the order of their rows.
#[derive(Debug)]
pub(in crate::segment) struct SummaryBuilder {
    pub(super) plan: Plan,
    /// What was chosen before, by column.
    given: BTreeMap<ColumnId, Lattice>,
    chosen: BTreeMap<ColumnId, Lattice>,
    /// Whether a lattice that does not fit any more is chosen anew.
    chooses_again: bool,
    started: bool,
    /// The last cell of the group before, which may go on.
    open: Option<(CellKey, Sum)>,
    /// The small cells so far of the interval that came last.
    small: Option<(i64, Sum)>,
    built: Vec<Built>,
    cells: Vec<u32>,
    intervals: Vec<i64>,
    /// Of the segment taken over from last.
    pub(super) pieces: Pieces,
}

/// Rows counted so far; for each column none once it is given up.
#[derive(Debug)]
struct Sum {
    cell: u32,
    rows: u64,
    columns: Vec<Option<Distribution>>,
}

/// The encoded summaries of one column, and its categories so far.
#[derive(Debug, Default)]
struct Built {
    names: BTreeSet<String>,
    cells: Piece,
    intervals: Piece,
}

impl SummaryBuilder {
    /// Of no rows. `level` 1 chooses a lattice anew where the one given does not fit the first row group.
    pub(in crate::segment) fn new(
        schema: &TableSchema,
        lattices: &BTreeMap<ColumnId, Lattice>,
        level: u8,
    ) -> Self {
        let plan = Plan::new(schema, lattices);
        Self {
            built: plan.columns.iter().map(|_| Built::default()).collect(),
            plan,
            given: lattices.clone(),
            chosen: BTreeMap::new(),
            chooses_again: level > 0,
            started: false,
            open: None,
            small: None,
            cells: Vec::new(),
            intervals: Vec::new(),
            pieces: Pieces::default(),
        }
    }

    /// How row groups are to be counted from here on.
    pub(in crate::segment) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Chooses lattices by the first row group of the segment; nothing with every later one.
    pub(in crate::segment) fn prepare(&mut self, columns: &[ArrayRef]) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        for column in &mut self.plan.columns {
            let (Kind::Numbers(_), Some(array)) = (column.kind, columns.get(column.at)) else { continue };
            let given = self.given.get(&column.column.id).copied();
            if let Some(lattice) = plan::choose(array, given, self.chooses_again) {
                column.kind = Kind::Numbers(lattice);
                self.chosen.insert(column.column.id, lattice);
            }
        }
    }

    /// The same where the first row group is taken over: columns without a lattice go by the one they have there.
    pub(super) fn prepare_by(&mut self, head: &Head) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        for column in &mut self.plan.columns {
            let id = column.column.id;
            if let (Kind::Numbers(_), false) = (column.kind, self.given.contains_key(&id))
                && let Some(StoredKind::Numbers(lattice)) = head.column(id).map(|column| column.kind)
            {
                column.kind = Kind::Numbers(lattice);
                self.chosen.insert(id, lattice);
            }
        }
    }

    /// Adds the next row group, whose first cell has this place in the cell table.
    pub(in crate::segment) fn add(&mut self, group: GroupSummaries, first_cell: u32) -> Result<()> {
        let mut columns: Vec<_> = group.columns.into_iter().map(Counted::into_parts).collect();
        for (at, column) in columns.iter().enumerate() {
            if column.is_none() {
                self.give_up(at);
            }
        }
        for span in &group.spans {
            let parts = columns.iter_mut().map(|parts| parts.as_mut().and_then(Iterator::next)).collect();
            self.add_span(span, parts, first_cell)?;
        }
        Ok(())
    }

    fn add_span(&mut self, span: &Span, parts: Vec<Option<Part>>, first_cell: u32) -> Result<()> {
        let goes_on = |key: &CellKey| matches!(span.kind, SpanKind::Edge(edge, _) if edge == *key);
        if !self.open.as_ref().is_some_and(|(key, _)| goes_on(key)) {
            self.close_cell()?;
        }
        if let SpanKind::Cell(at) = span.kind {
            self.push_cell(first_cell + at as u32, parts);
            return Ok(());
        }
        let columns =
            parts.into_iter().map(|part| part.map(Part::decoded).transpose()).collect::<Result<_>>()?;
        let sum = Sum { cell: first_cell, rows: span.rows, columns };
        match (span.kind, &mut self.open) {
            (SpanKind::Edge(..), Some((_, open))) => open.merge(sum),
            (SpanKind::Edge(key, at), open) => {
                *open = Some((key, Sum { cell: first_cell + at as u32, ..sum }));
                Ok(())
            }
            (SpanKind::Small(interval), _) => self.add_small(interval, sum),
            (SpanKind::Cell(_), _) => Ok(()),
        }
    }

    /// Nothing more comes of the cell that may have gone on.
    fn close_cell(&mut self) -> Result<()> {
        let Some((key, sum)) = self.open.take() else { return Ok(()) };
        if sum.rows < SUMMARY_ROWS_MIN as u64 {
            return self.add_small(key.interval, sum);
        }
        self.push_cell(sum.cell, sum.columns.into_iter().map(|column| column.map(Part::Counts)).collect());
        Ok(())
    }

    fn add_small(&mut self, interval: i64, sum: Sum) -> Result<()> {
        match &mut self.small {
            Some((same, small)) if *same == interval => small.merge(sum),
            _ => {
                self.close_interval();
                self.small = Some((interval, sum));
                Ok(())
            }
        }
    }

    fn close_interval(&mut self) {
        let Some((interval, sum)) = self.small.take() else { return };
        if sum.rows < SUMMARY_ROWS_MIN as u64 {
            return;
        }
        self.intervals.push(interval);
        for (at, distribution) in sum.columns.into_iter().enumerate() {
            self.push(at, distribution.map(Part::Counts), |built| &mut built.intervals);
        }
    }

    fn push_cell(&mut self, cell: u32, parts: Vec<Option<Part>>) {
        self.cells.push(cell);
        for (at, part) in parts.into_iter().enumerate() {
            self.push(at, part, |built| &mut built.cells);
        }
    }

    fn push(&mut self, at: usize, part: Option<Part>, piece: fn(&mut Built) -> &mut Piece) {
        let Some((column, built)) = self.plan.columns.get(at).zip(self.built.get_mut(at)) else { return };
        let Some(part) = part.filter(|_| column.kind != Kind::GivenUp) else { return self.give_up(at) };
        built.note_names(&part);
        piece(built).push(&part.encoded());
        if built.is_too_much(column, self.cells.len() + self.intervals.len()) {
            self.give_up(at);
        }
    }

    fn give_up(&mut self, at: usize) {
        if let Some((column, built)) = self.plan.columns.get_mut(at).zip(self.built.get_mut(at)) {
            column.kind = Kind::GivenUp;
            *built = Built::default();
        }
    }

    /// The lattices chosen for this segment.
    pub(in crate::segment) fn chosen(&self) -> &BTreeMap<ColumnId, Lattice> {
        &self.chosen
    }

    /// The section; none without a unit or a column.
    pub(in crate::segment) fn finish(&mut self, width: Width) -> Result<Option<Vec<u8>>> {
        self.close_cell()?;
        self.close_interval();
        if self.plan.columns.is_empty() || self.cells.len() + self.intervals.len() == 0 {
            return Ok(None);
        }
        let mut head = Head {
            cells: std::mem::take(&mut self.cells),
            intervals: std::mem::take(&mut self.intervals),
            columns: Vec::new(),
        };
        let mut pieces = Vec::new();
        for (column, built) in self.plan.columns.iter().zip(&self.built) {
            head.columns.push(put_piece(column, built, &mut pieces));
        }
        let mut section = head.encode(width);
        section.append(&mut pieces);
        Ok(Some(section))
    }
}

/// A column that would take the section over half its limit is given up; the head always fits the other half.
fn put_piece(column: &Summarised, built: &Built, pieces: &mut Vec<u8>) -> HeadColumn {
    let id = column.column.id;
    let offset = pieces.len() as u64;
    let kind = match column.kind {
        Kind::GivenUp => StoredKind::GivenUp,
        Kind::Categories(_) => StoredKind::Categories,
        Kind::Numbers(lattice) => StoredKind::Numbers(lattice),
    };
    let plain = if kind == StoredKind::GivenUp { Vec::new() } else { built.cells.encode(&built.intervals) };
    let plain_bytes = plain.len();
    let stored = squeeze(plain);
    let bytes = stored.len() as u64;
    if kind == StoredKind::GivenUp || offset + bytes > SECTION_BYTES_MAX / 2 {
        let extent = Extent { offset, ..Extent::default() };
        return HeadColumn { id, kind: StoredKind::GivenUp, plain_bytes: 0, extent };
    }
    let crc = crc32fast::hash(&stored);
    pieces.extend(stored);
    HeadColumn { id, kind, plain_bytes, extent: Extent { offset, bytes, crc } }
}

impl Sum {
    fn merge(&mut self, other: Self) -> Result<()> {
        self.rows += other.rows;
        for (mine, theirs) in self.columns.iter_mut().zip(other.columns) {
            match (mine.as_mut(), theirs) {
                (Some(mine), Some(theirs)) => mine.merge(&theirs)?,
                _ => *mine = None,
            }
        }
        Ok(())
    }
}

impl Built {
    fn note_names(&mut self, part: &Part) {
        let Part::Counts(Distribution::Categorical(categorical)) = part else { return };
        for name in categorical.counts().keys() {
            if !self.names.contains(name) {
                self.names.insert(name.clone());
            }
        }
    }

    fn is_too_much(&self, column: &Summarised, units: usize) -> bool {
        let most = if let Kind::Categories(most) = column.kind { most } else { usize::MAX };
        let bytes = self.cells.bytes() + self.intervals.bytes() + units * LENGTH_BYTES_MAX;
        self.names.len() > most || bytes > SUMMARY_COLUMN_BYTES_MAX
    }
}
