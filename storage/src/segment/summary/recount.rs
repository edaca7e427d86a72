//! Summaries against the rows that they count (C7).

use std::collections::BTreeMap;
use std::ops::Range;
use std::slice;

use super::Unit;
use super::count::count;
use super::plan::Kind;
use super::read::EncodedSummaries;
use super::spans::{Span, SpanKind};
use crate::distribution::Distribution;
use crate::error::{Result, StorageError};
use crate::schema::{Column, Role};
use crate::segment::{CellTable, SegmentReader};

impl SegmentReader {
    /// Reads all rows of the summarised columns and counts them anew; each unit whose summary says something else.
    /// Takes as long as reading the columns does, and more.
    ///
    /// # Errors
    /// Damage of another kind, as [`SegmentReader::verify`] finds it.
    pub(crate) fn recount(&self) -> Result<Vec<StorageError>> {
        let mut wrong = Vec::new();
        for stored in &self.footer()?.columns.list {
            let column = Column { id: stored.id, ..Column::new(stored.name.clone(), stored.ty, Role::Field) };
            if let Some(summaries) = self.encoded_summaries(stored.id)? {
                self.compare(&column, &summaries, &mut wrong)?;
            }
        }
        Ok(wrong)
    }

    fn compare(
        &self,
        column: &Column,
        summaries: &EncodedSummaries<'_>,
        wrong: &mut Vec<StorageError>,
    ) -> Result<()> {
        let counted =
            self.count_rows(column, summaries.lattice().map_or(Kind::Categories(usize::MAX), Kind::Numbers))?;
        for unit in summaries.units() {
            let found = summaries.get(unit)?;
            // Counts that were taken to another lattice depend on the order of merging.
            let is_rebinned = matches!(&found, Some(Distribution::Numeric(numeric)) if numeric.is_rebinned());
            if !is_rebinned && found.as_ref() != counted.get(&unit) {
                let expected = format!("the counts of column {} that its rows give in {unit:?}", column.name);
                wrong.push(self.source().corrupt(summaries.offset(), expected));
            }
        }
        Ok(())
    }

    fn count_rows(&self, column: &Column, kind: Kind) -> Result<BTreeMap<Unit, Distribution>> {
        let mut counted: BTreeMap<Unit, Distribution> = BTreeMap::new();
        for (at, group) in self.groups()?.iter().enumerate() {
            let rows = self.read_whole(at, slice::from_ref(column))?;
            let (units, spans) = units(self.cells()?, group.first_row..group.first_row + group.rows as u64);
            let parts = rows.columns().first().and_then(|array| count(array, kind, &spans));
            for (unit, part) in units.into_iter().zip(parts.into_iter().flatten()) {
                match counted.get_mut(&unit) {
                    Some(sum) => sum.merge(&part)?,
                    None => drop(counted.insert(unit, part)),
                }
            }
        }
        Ok(counted)
    }
}

/// The units that rows belong to, each with where its rows lie among them.
fn units(cells: &CellTable, rows: Range<u64>) -> (Vec<Unit>, Vec<Span>) {
    let mut units: BTreeMap<Unit, Vec<Range<usize>>> = BTreeMap::new();
    for cell in cells.cells_of_rows(&rows) {
        let all = cells.rows(cell);
        let (from, to) = (all.start.max(rows.start) - rows.start, all.end.min(rows.end) - rows.start);
        let Some(unit) = cells.unit(cell) else { continue };
        units.entry(unit).or_default().push(from as usize..to as usize);
    }
    let span = |ranges: Vec<Range<usize>>| Span {
        kind: SpanKind::Cell(0),
        rows: ranges.iter().map(|range| range.len() as u64).sum(),
        ranges,
    };
    units.into_iter().map(|(unit, ranges)| (unit, span(ranges))).unzip()
}
