//! Counts what labels change: which rows of a segment had which label before, and which they have then.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use hashbrown::HashMap;

use super::counts::{ClassCounts, LabelCounts, add};
use super::{Entries, Laid};
use crate::distribution::Lattice;
use crate::error::Result;
use crate::ledger::write_cell;
use crate::limits::{LABEL_CLASS_BYTES_MAX, LABEL_CLASSES_MAX};
use crate::patch::LabelBlock;
use crate::schema::{Column, ColumnType, Meaning, TableSchema};
use crate::segment::{SegmentReader, Unit};

/// Nothing: no label, or a prediction that is null.
const NONE: u32 = u32::MAX;
/// Something that is not told apart.
const SOME: u32 = u32::MAX - 1;

/// A label column of a segment, and what its labels are counted by.
pub(crate) struct Counter<'a> {
    segment: &'a SegmentReader,
    /// Label, then prediction and score where there are.
    columns: Vec<Column>,
    prediction: Option<usize>,
    score: Option<(usize, Lattice)>,
    has_classes: bool,
}

impl<'a> Counter<'a> {
    /// Of a column of the schema; by the first prediction and the first score of those with that meaning.
    pub(crate) fn new(segment: &'a SegmentReader, schema: &TableSchema, label: &Column) -> Result<Self> {
        let has_classes = is_class(label.ty);
        let (columns, prediction, score) = (vec![label.clone()], None, None);
        let mut counter = Self { segment, columns, prediction, score, has_classes };
        let means = |meaning| schema.stored_columns().find(|column| column.meaning == Some(meaning));
        if let Some(column) = means(Meaning::Prediction).filter(|column| has_classes && is_class(column.ty)) {
            counter.prediction = Some(counter.columns.len());
            counter.columns.push(column.clone());
        }
        let is_number = |column: &&Column| has_classes && column.ty == ColumnType::Double;
        if let Some(column) = means(Meaning::Score).filter(is_number) {
            let lattice = segment.encoded_summaries(column.id)?.and_then(|summaries| summaries.lattice());
            counter.score = lattice.map(|lattice| (counter.columns.len(), lattice));
            counter.columns.push(column.clone());
        }
        Ok(counter)
    }

    /// What `fresh` changes over those of `before`, which were written earlier.
    pub(crate) fn change(&self, before: &[Arc<LabelBlock>], fresh: &Entries) -> Result<LabelCounts> {
        let mut counts = LabelCounts::default();
        for (index, group) in self.segment.groups()?.iter().enumerate() {
            // A segment has fewer rows than a u32 can count.
            let rows = group.first_row as u32..(group.first_row + group.rows as u64) as u32;
            let fresh = fresh.within(&rows);
            if !fresh.rows.is_empty() {
                counts.absorb(self.change_in_group(index, rows, before, fresh)?);
            }
        }
        counts.settle();
        Ok(counts)
    }

    fn change_in_group(
        &self,
        group: usize,
        rows: Range<u32>,
        before: &[Arc<LabelBlock>],
        fresh: Entries,
    ) -> Result<LabelCounts> {
        let batch = self.segment.read_whole(group, &self.columns)?;
        let mut touched = fresh.rows.clone();
        touched.dedup();
        let mut parts = Vec::new();
        for block in before {
            parts.extend(block.read(&rows, false)?);
        }
        let own = batch.column(0);
        let laid = |parts: &[Entries]| match Laid::of(parts, None)? {
            Some(laid) => laid.over(own, rows.start),
            None => Ok(own.clone()),
        };
        let old = laid(&parts)?;
        parts.push(fresh);
        let new = laid(&parts)?;
        let mut tally = Tally::new(self, &batch);
        for (unit, rows) in self.units(&touched, rows.start)? {
            tally.add(unit, &rows, &old, -1);
            tally.add(unit, &rows, &new, 1);
        }
        Ok(tally.finish(self))
    }

    /// Rows by the unit they belong to, counted from `first`.
    fn units(&self, rows: &[u32], first: u32) -> Result<Vec<(Unit, Vec<usize>)>> {
        let cells = self.segment.cells()?;
        let cell = |row: &u32| cells.cell_of_row(u64::from(*row));
        let of_cell = |rows: &[u32]| {
            let unit = cells.unit(cell(rows.first()?)?)?;
            Some((unit, rows.iter().map(|row| (row - first) as usize).collect()))
        };
        Ok(rows.chunk_by(|a, b| cell(a) == cell(b)).filter_map(of_cell).collect())
    }
}

/// Whether values of this type are told apart.
fn is_class(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::Text | ColumnType::Boolean | ColumnType::BigInt)
}

/// What was counted in one row group, by numbers for texts.
struct Tally<'a> {
    prediction: Option<&'a ArrayRef>,
    score: Option<(&'a ArrayRef, Lattice)>,
    has_classes: bool,
    texts: Texts,
    rows: HashMap<(Unit, u32, u32), i64>,
    scores: HashMap<(Unit, u32, i64), i64>,
}

/// Texts by number.
#[derive(Default)]
struct Texts {
    numbers: HashMap<String, u32>,
    text: String,
    /// One was longer than a class may be.
    is_exceeded: bool,
}

impl Texts {
    fn number(&mut self, array: &ArrayRef, row: usize) -> u32 {
        if !write_cell(array, row, &mut self.text) {
            return NONE;
        }
        if let Some(number) = self.numbers.get(self.text.as_str()) {
            return *number;
        }
        self.is_exceeded |= self.text.len() > LABEL_CLASS_BYTES_MAX;
        // Once there are too many to be told apart, the rest need no numbers.
        if self.is_exceeded {
            return SOME;
        }
        let number = self.numbers.len() as u32;
        self.is_exceeded |= number as usize > 2 * LABEL_CLASSES_MAX;
        self.numbers.insert(self.text.clone(), number);
        number
    }
}

impl<'a> Tally<'a> {
    fn new(counter: &Counter<'_>, batch: &'a RecordBatch) -> Self {
        let prediction = counter.prediction.map(|at| batch.column(at));
        let score = counter.score.map(|(at, lattice)| (batch.column(at), lattice));
        let has_classes = counter.has_classes;
        let (texts, rows, scores) = (Texts::default(), HashMap::new(), HashMap::new());
        Self { prediction, score, has_classes, texts, rows, scores }
    }

    /// Counts each of `rows` `by` its label in `labels`, if it has one.
    fn add(&mut self, unit: Unit, rows: &[usize], labels: &ArrayRef, by: i64) {
        for row in rows.iter().copied().filter(|row| labels.is_valid(*row)) {
            let label = if self.has_classes { self.texts.number(labels, row) } else { SOME };
            let prediction = self.prediction.map_or(NONE, |array| self.texts.number(array, row));
            *self.rows.entry((unit, label, prediction)).or_default() += by;
            if let Some((scores, lattice)) = self.score
                && let Some(value) = finite(scores, row)
            {
                *self.scores.entry((unit, label, lattice.bucket(value))).or_default() += by;
            }
        }
    }

    fn finish(self, counter: &Counter<'_>) -> LabelCounts {
        let id = |at: usize| counter.columns.get(at).map(|column| column.id);
        let is_classless = !self.has_classes || self.texts.is_exceeded;
        let mut counts = LabelCounts {
            prediction: counter.prediction.and_then(id),
            score: counter.score.and_then(|(at, lattice)| Some((id(at)?, lattice))),
            is_classless,
            units: BTreeMap::new(),
        };
        let names: HashMap<u32, String> =
            self.texts.numbers.into_iter().map(|(text, number)| (number, text)).collect();
        let name = |number: u32| names.get(&number).cloned();
        let mut class = |unit: Unit, label: u32, change: &mut dyn FnMut(&mut ClassCounts)| {
            change(counts.units.entry(unit).or_default().entry(name(label)).or_default());
        };
        for ((unit, label, prediction), rows) in self.rows {
            class(unit, label, &mut |class| {
                class.rows += rows;
                if counter.prediction.is_some() {
                    add(&mut class.predictions, name(prediction), rows);
                }
            });
        }
        for ((unit, label, bucket), rows) in self.scores {
            class(unit, label, &mut |class| add(&mut class.scores, bucket, rows));
        }
        if is_classless {
            counts.forget_classes();
        }
        counts.settle();
        counts
    }
}

fn finite(scores: &ArrayRef, row: usize) -> Option<f64> {
    let scores = scores.as_primitive_opt::<Float64Type>()?;
    (scores.is_valid(row)).then(|| scores.value(row)).filter(|value| value.is_finite())
}
