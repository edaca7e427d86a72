//! What is known of rows that a compaction has moved: which are hidden by now, and their labels.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::flush::{Context, Counted, PatchOut};
use crate::compaction::{Origins, Run, Source};
use crate::error::Result;
use crate::label::{Counter, Entries, LabelBlocks};
use crate::overlay::Hidden;
use crate::patch::{LabelBlock, LabelsOf, RANGE_ROWS};
use crate::schema::{Column, ColumnId, TableSchema};
use crate::segment::SegmentReader;

/// What was written down of the outputs of a compaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved {
    pub(super) hidden: Vec<Arc<Hidden>>,
    pub(super) labels: LabelBlocks,
}

/// An output, and where its rows come from.
#[derive(Clone, Debug)]
pub(super) struct Output<'a> {
    pub(super) segment: Arc<SegmentReader>,
    pub(super) origins: &'a Origins,
}

/// The inputs of a compaction when it began, and what is known of them at its end.
pub(super) struct Inputs<'a> {
    pub(super) then: &'a [Source],
    pub(super) now: &'a [Source],
    pub(super) labels: &'a LabelBlocks,
}

impl Moved {
    /// Writes down what is known of the outputs.
    pub(super) fn write(
        context: &Context<'_>,
        schema: &TableSchema,
        inputs: &Inputs<'_>,
        outputs: &[Output<'_>],
    ) -> Result<Self> {
        let (mut moved, mut out) = (Self::default(), PatchOut::new(context));
        let fresh = inputs.newly_hidden();
        let columns = inputs.labelled_columns();
        for output in outputs {
            let id = output.segment.info().id;
            let hidden = output.hidden(&fresh);
            if !hidden.is_empty() {
                moved.hidden.push(out.hidden(schema.id, id, &hidden)?);
            }
            for column in columns.iter().filter_map(|column| schema.column(*column)) {
                let blocks = output.labels(inputs, schema, column, &mut out)?;
                if !blocks.is_empty() {
                    moved.labels.insert((id, column.id), blocks);
                }
            }
        }
        out.finish()?;
        Ok(moved)
    }
}

impl Inputs<'_> {
    /// The rows of each input that are hidden now and were not when they were merged.
    fn newly_hidden(&self) -> Vec<RoaringBitmap> {
        let none = RoaringBitmap::new();
        let newly = |(now, then): (&Source, &Source)| {
            now.hidden.as_deref().unwrap_or(&none) - then.hidden.as_deref().unwrap_or(&none)
        };
        self.now.iter().zip(self.then).map(newly).collect()
    }

    fn labelled_columns(&self) -> BTreeSet<ColumnId> {
        let ids: BTreeSet<u64> = self.then.iter().map(|source| source.segment.info().id).collect();
        self.labels.keys().filter(|(segment, _)| ids.contains(segment)).map(|(_, column)| *column).collect()
    }

    /// All labels of a range of rows of an input.
    fn range(&self, source: u32, column: ColumnId, number: u32) -> Result<Option<Entries>> {
        let Some(source) = self.then.get(source as usize) else { return Ok(None) };
        let blocks = self.labels.get(&(source.segment.info().id, column));
        let rows = number * RANGE_ROWS..(number * RANGE_ROWS).saturating_add(RANGE_ROWS);
        let mut parts = Vec::new();
        for block in blocks.into_iter().flatten() {
            parts.extend(block.read(&rows, true)?);
        }
        Entries::join(&parts)
    }
}

impl Output<'_> {
    /// The rows that are hidden, of those of each input.
    fn hidden(&self, inputs: &[RoaringBitmap]) -> RoaringBitmap {
        let mut hidden = RoaringBitmap::new();
        let mut first = 0;
        for run in self.origins.runs() {
            let of_run =
                inputs.get(run.source as usize).map(|rows| rows.range(run.first..run.first + run.rows));
            hidden.extend(of_run.into_iter().flatten().map(|row| first + (row - run.first)));
            first += run.rows;
        }
        hidden
    }

    /// Writes the labels of a column, range by range.
    fn labels(
        &self,
        inputs: &Inputs<'_>,
        schema: &TableSchema,
        column: &Column,
        out: &mut PatchOut<'_>,
    ) -> Result<Vec<Arc<LabelBlock>>> {
        let of = LabelsOf { table: schema.id, segment: self.segment.info().id, column: column.id };
        let mut ranges = Ranges::new(inputs, column.id);
        let mut runs = Runs { runs: self.origins.runs(), rest: None };
        let ends = (1..=self.segment.info().rows.div_ceil(u64::from(RANGE_ROWS))).map(|n| n as u32 - 1);
        let counter = Counter::new(&self.segment, schema, column)?;
        let of_range = ends.map(|number| {
            let Some(entries) = ranges.gather(number, &mut runs)? else { return Ok(None) };
            let counts = counter.change(&[], &entries)?;
            Ok(Some((number, Counted { entries, counts })))
        });
        out.blocks(of, column.ty, of_range)
    }
}

/// Runs that are taken piece by piece.
struct Runs<I> {
    runs: I,
    /// What is left of the one begun.
    rest: Option<Run>,
}

impl<I: Iterator<Item = Run>> Runs<I> {
    /// The next rows of one source and one range of it, at most so many.
    fn take(&mut self, most: u32) -> Option<Run> {
        let run = self.rest.take().or_else(|| self.runs.next())?;
        let in_range = RANGE_ROWS - run.first % RANGE_ROWS;
        let rows = run.rows.min(most).min(in_range);
        let rest = Run { first: run.first + rows, rows: run.rows - rows, ..run };
        self.rest = (rest.rows > 0).then_some(rest);
        Some(Run { rows, ..run })
    }
}

/// Ranges of labels of the inputs, those of one range of an output at a time.
struct Ranges<'a> {
    inputs: &'a Inputs<'a>,
    column: ColumnId,
    /// By source and number, the place among `read`.
    places: HashMap<(u32, u32), Option<usize>>,
    read: Vec<Entries>,
}

impl<'a> Ranges<'a> {
    fn new(inputs: &'a Inputs<'a>, column: ColumnId) -> Self {
        Self { inputs, column, places: HashMap::new(), read: Vec::new() }
    }

    /// The labels of a range of the output, whose rows are the next of `runs`.
    fn gather(&mut self, number: u32, runs: &mut Runs<impl Iterator<Item = Run>>) -> Result<Option<Entries>> {
        self.places.clear();
        self.read.clear();
        let (mut picks, mut taken) = (Vec::new(), 0);
        while let Some(run) = runs.take(RANGE_ROWS - taken) {
            if let Some(at) = self.place(run.source, run.first / RANGE_ROWS)? {
                let rows = &self.read[at].rows;
                let start = rows.partition_point(|row| *row < run.first);
                let of_run = rows[start..].iter().take_while(|row| **row < run.first + run.rows);
                let first = number * RANGE_ROWS + taken;
                picks.extend(of_run.zip(start..).map(|(row, place)| (first + (row - run.first), at, place)));
            }
            taken += run.rows;
            if taken == RANGE_ROWS {
                break;
            }
        }
        Entries::pick(&self.read, &picks)
    }

    fn place(&mut self, source: u32, number: u32) -> Result<Option<usize>> {
        if let Some(known) = self.places.get(&(source, number)) {
            return Ok(*known);
        }
        let place = self.inputs.range(source, self.column, number)?.map(|entries| {
            self.read.push(entries);
            self.read.len() - 1
        });
        self.places.insert((source, number), place);
        Ok(place)
    }
}
