//! How many rows of a segment have which label, by what was predicted and by score: what late labels do to the counts of
//! a model's classes, written beside them so that a reader need not look at rows.

mod codec;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::distribution::Lattice;
use crate::limits::LABEL_CLASSES_MAX;
use crate::schema::ColumnId;
use crate::segment::Unit;

/// Rows by label, of all rows of a segment, those too that are hidden. Signed: it may be what one block of labels changes.
///
/// Rows without a label are nowhere. A label that is a number with fractions or a vector has no class; nor has any where
/// there are too many ([`LABEL_CLASSES_MAX`]) or one is long ([`LABEL_CLASS_BYTES_MAX`](crate::limits::LABEL_CLASS_BYTES_MAX)):
/// then only rows are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelCounts {
    /// The column with the prediction, where classes are told apart and there is one.
    pub prediction: Option<ColumnId>,
    /// The column with the score, and on which lattice it is counted; likewise.
    pub score: Option<(ColumnId, Lattice)>,
    /// Whether labels are not told apart.
    pub is_classless: bool,
    /// By unit, those of cells too that are too small for a summary; then by label as text, none where labels are not told
    /// apart.
    pub units: BTreeMap<Unit, BTreeMap<Option<String>, ClassCounts>>,
}

/// The rows of one label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// How many.
    pub rows: i64,
    /// By what was predicted, as text; none where nothing was.
    pub predictions: BTreeMap<Option<String>, i64>,
    /// By bucket of the score's lattice; rows with no finite score are in none.
    pub scores: BTreeMap<i64, i64>,
}

impl ClassCounts {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        for (prediction, rows) in &other.predictions {
            add(&mut self.predictions, prediction.clone(), *rows);
        }
        for (bucket, rows) in &other.scores {
            add(&mut self.scores, *bucket, *rows);
        }
    }

    fn is_empty(&self) -> bool {
        self.rows == 0 && self.predictions.is_empty() && self.scores.is_empty()
    }
}

/// No zeros are kept, so that equal counts are equal.
pub(super) fn add<K: Ord>(counts: &mut BTreeMap<K, i64>, key: K, rows: i64) {
    match counts.entry(key) {
        Entry::Occupied(mut known) if *known.get() != -rows => *known.get_mut() += rows,
        Entry::Occupied(known) => drop(known.remove()),
        Entry::Vacant(new) if rows != 0 => drop(new.insert(rows)),
        Entry::Vacant(_) => {}
    }
}

impl LabelCounts {
    /// Whether it counts nothing, or changes nothing.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Rows of a unit that have a label.
    pub fn labelled(&self, unit: Unit) -> i64 {
        self.units.get(&unit).map_or(0, |classes| classes.values().map(|class| class.rows).sum())
    }

    /// Labels and predictions that are told apart.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let classes = self.units.values().flatten();
        classes.flat_map(|(label, class)| label.iter().chain(class.predictions.keys().flatten()))
    }

    /// Whether both count the same rows alike, as far as both tell them apart.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let (mut own, mut theirs) = (self.clone(), other.clone());
        own.tell_apart_as(&mut theirs);
        own.settle();
        theirs.settle();
        own.units == theirs.units
    }

    /// Adds what was counted of other labels of the segment. What the two do not tell apart alike is told apart no more.
    pub(crate) fn merge(&mut self, other: Self) {
        self.absorb(other);
        self.settle();
    }

    /// The same, to be settled once all are in: that looks at every class.
    pub(super) fn absorb(&mut self, mut other: Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other;
            return;
        }
        self.tell_apart_as(&mut other);
        for (unit, classes) in other.units {
            let known = self.units.entry(unit).or_default();
            for (label, class) in classes {
                known.entry(label).or_default().add(&class);
            }
        }
    }

    /// Gives up what one of two does not tell apart, or otherwise.
    fn tell_apart_as(&mut self, other: &mut Self) {
        if self.is_empty() || other.is_empty() {
            return;
        }
        if self.is_classless || other.is_classless || self.prediction != other.prediction {
            self.forget_classes();
            other.forget_classes();
        }
        if self.score != other.score {
            self.forget_scores();
            other.forget_scores();
        }
    }

    /// Leaves out what is zero, and classes where they are too many.
    pub(super) fn settle(&mut self) {
        for classes in self.units.values_mut() {
            classes.retain(|_, class| !class.is_empty());
        }
        self.units.retain(|_, classes| !classes.is_empty());
        if !self.is_classless && self.has_too_many() {
            self.forget_classes();
            self.settle();
        }
    }

    fn has_too_many(&self) -> bool {
        let classes = || self.units.values().flatten();
        more_than_enough(classes().map(|(label, _)| label))
            || more_than_enough(classes().flat_map(|(_, class)| class.predictions.keys()))
    }

    /// Counts labels without telling them apart.
    pub(super) fn forget_classes(&mut self) {
        (self.prediction, self.score, self.is_classless) = (None, None, true);
        for classes in self.units.values_mut() {
            let rows = classes.values().map(|class| class.rows).sum();
            *classes = BTreeMap::from([(None, ClassCounts { rows, ..ClassCounts::default() })]);
        }
    }

    /// Counts nothing by score.
    pub(super) fn forget_scores(&mut self) {
        self.score = None;
        for class in self.units.values_mut().flat_map(BTreeMap::values_mut) {
            class.scores.clear();
        }
    }
}

/// Whether there are more different texts than are told apart, not counting the text that is missing.
fn more_than_enough<'a>(mut texts: impl Iterator<Item = &'a Option<String>>) -> bool {
    let mut different = BTreeSet::new();
    texts.any(|text| different.insert(text) && different.len() > LABEL_CLASSES_MAX + 1)
}
