//! The tag sets behind the ids, packed: a shape (table and tag columns) and one symbol a tag.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use roaring::RoaringBitmap;

use super::symbols::{Symbol, Symbols, make_room};
use crate::error::{Result, StorageError};
use crate::limits::{SERIES_MAX, TAGS_MAX};
use crate::schema::{ColumnId, SeriesId, TableId};

/// Which tags a series has: few, since most series of a table have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) table: TableId,
    /// Ascending.
    pub(super) columns: Vec<ColumnId>,
}

/// The number of a shape, from 1.
pub(super) type ShapeId = u32;

/// One series: its shape, 0 where the id stands for none, and where its symbols begin.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    shape: ShapeId,
    start: u32,
}

/// The distinct values of one tag of a table. Symbols are given in order, so that those of a tag lie close together and
/// take about two bytes each.
#[derive(Debug, Default)]
struct Values {
    symbols: RoaringBitmap,
    /// How many: the bitmap would have to add up its parts.
    count: usize,
}

/// All tag sets by id, and the ids by tag set.
#[derive(Debug, Default)]
pub(super) struct Sets {
    pub(super) symbols: Symbols,
    shapes: Vec<Shape>,
    shape_ids: HashMap<Shape, ShapeId>,
    /// Of each shape its columns among `values`.
    columns_of_shape: Vec<Vec<u32>>,
    /// Series of each table: a look over all series would hold up writers.
    series_of_table: HashMap<TableId, usize>,
    /// The distinct values of each tag.
    values: Vec<Values>,
    values_of: HashMap<(TableId, ColumnId), u32>,
    entries: Vec<Entry>,
    tags: Vec<Symbol>,
    lookup: HashTable<SeriesId>,
    hasher: DefaultHashBuilder,
    defined: usize,
}

impl Sets {
    /// The shape and the symbols of a series.
    pub(super) fn get(&self, series: SeriesId) -> Option<(ShapeId, &[Symbol])> {
        get(&self.entries, &self.shapes, &self.tags, series)
    }

    /// The shape of this number.
    pub(super) fn shape(&self, id: ShapeId) -> Option<&Shape> {
        self.shapes.get((id as usize).checked_sub(1)?)
    }

    /// The series of a table, rising.
    pub(super) fn of_table(&self, table: TableId) -> Vec<SeriesId> {
        let is_of_table = |entry: &Entry| self.shape(entry.shape).is_some_and(|shape| shape.table == table);
        let known = self.entries.iter().zip(0..).filter(|(entry, _)| is_of_table(entry));
        known.map(|(_, series)| series).collect()
    }

    /// The number of a shape, where it has one.
    pub(super) fn find_shape(&self, shape: &Shape) -> Option<ShapeId> {
        self.shape_ids.get(shape).copied()
    }

    /// The number of a shape, new where it has none.
    pub(super) fn intern_shape(&mut self, shape: &Shape) -> ShapeId {
        if let Some(id) = self.find_shape(shape) {
            return id;
        }
        self.shapes.push(shape.clone());
        let columns = shape.columns.iter().map(|column| self.values_place(shape.table, *column)).collect();
        self.columns_of_shape.push(columns);
        // Fewer shapes than series, each of which has an id.
        let id = self.shapes.len() as ShapeId;
        self.shape_ids.insert(shape.clone(), id);
        id
    }

    /// The id of a tag set, where it has one.
    pub(super) fn find(&self, shape: ShapeId, tags: &[Symbol]) -> Option<SeriesId> {
        let hash = self.hasher.hash_one((shape, tags));
        self.lookup.find(hash, |id| self.get(*id) == Some((shape, tags))).copied()
    }

    /// The id of a tag set, the next where it has none.
    pub(super) fn intern(&mut self, shape: ShapeId, tags: &[Symbol]) -> Result<SeriesId> {
        if let Some(id) = self.find(shape, tags) {
            return Ok(id);
        }
        let id = self.entries.len().max(1) as SeriesId;
        self.insert(id, shape, tags)?;
        Ok(id)
    }

    /// Gives `id`, which stands for nothing yet, a tag set that has no id yet.
    pub(super) fn insert(&mut self, id: SeriesId, shape: ShapeId, tags: &[Symbol]) -> Result<()> {
        check_limits(id, self.tags.len() + tags.len())?;
        let wanted = (id as usize + 1).saturating_sub(self.entries.len());
        let (held, free) = (self.entries.len(), self.entries.capacity() - self.entries.len());
        make_room(free, wanted, held, |more| self.entries.reserve_exact(more));
        let (held, free) = (self.tags.len(), self.tags.capacity() - self.tags.len());
        make_room(free, tags.len(), held, |more| self.tags.reserve_exact(more));
        if wanted > 0 {
            self.entries.resize(id as usize + 1, Entry::default());
        }
        self.entries[id as usize] = Entry { shape, start: self.tags.len() as u32 };
        self.tags.extend_from_slice(tags);
        self.defined += 1;
        self.count_in(shape, tags);
        let Self { shapes, entries, tags: all, lookup, hasher, .. } = self;
        let hash = hasher.hash_one((shape, tags));
        lookup.insert_unique(hash, id, |id| match get(entries, shapes, all, *id) {
            Some(key) => hasher.hash_one(key),
            None => 0,
        });
        Ok(())
    }

    /// How many are defined.
    pub(super) fn len(&self) -> usize {
        self.defined
    }

    /// How many are defined for a table.
    pub(super) fn count(&self, table: TableId) -> usize {
        self.series_of_table.get(&table).copied().unwrap_or(0)
    }

    /// How many distinct values the series of a table have in a tag.
    pub(super) fn count_values(&self, table: TableId, column: ColumnId) -> usize {
        self.values_of(table, column).map_or(0, |values| values.count)
    }

    /// Whether a series of the table has this value in a tag.
    pub(super) fn has_value(&self, table: TableId, column: ColumnId, value: &str) -> bool {
        let symbol = self.symbols.find(value);
        let values = self.values_of(table, column);
        values.zip(symbol).is_some_and(|(values, symbol)| values.symbols.contains(symbol))
    }

    fn values_of(&self, table: TableId, column: ColumnId) -> Option<&Values> {
        self.values.get(*self.values_of.get(&(table, column))? as usize)
    }

    /// Where the values of a tag are counted. There are fewer tags than series, each of which has an id.
    fn values_place(&mut self, table: TableId, column: ColumnId) -> u32 {
        let Self { values, values_of, .. } = self;
        *values_of.entry((table, column)).or_insert_with(|| {
            values.push(Values::default());
            values.len() as u32 - 1
        })
    }

    /// Counts a new series.
    fn count_in(&mut self, shape: ShapeId, tags: &[Symbol]) {
        let Some(at) = (shape as usize).checked_sub(1) else { return };
        let Some((shape, columns)) = self.shapes.get(at).zip(self.columns_of_shape.get(at)) else { return };
        *self.series_of_table.entry(shape.table).or_default() += 1;
        for (column, tag) in columns.iter().zip(tags) {
            if let Some(values) = self.values.get_mut(*column as usize) {
                values.count += usize::from(values.symbols.insert(*tag));
            }
        }
    }

    /// The greatest id given.
    pub(super) fn last(&self) -> SeriesId {
        self.entries.len().saturating_sub(1) as SeriesId
    }

    /// Bytes it holds; shapes are few and not counted.
    pub(super) fn memory_bytes(&self) -> usize {
        self.symbols.memory_bytes()
            + self.entries.capacity() * size_of::<Entry>()
            + self.tags.capacity() * size_of::<Symbol>()
            + self.lookup.allocation_size()
            // About what a bitmap takes for values that lie close together.
            + self.values.iter().map(|values| values.count * size_of::<u16>()).sum::<usize>()
    }
}

fn get<'a>(
    entries: &[Entry],
    shapes: &[Shape],
    tags: &'a [Symbol],
    series: SeriesId,
) -> Option<(ShapeId, &'a [Symbol])> {
    let entry = entries.get(series as usize)?;
    let shape = shapes.get((entry.shape as usize).checked_sub(1)?)?;
    let start = entry.start as usize;
    Some((entry.shape, tags.get(start..start + shape.columns.len())?))
}

fn check_limits(id: SeriesId, tags: usize) -> Result<()> {
    let (what, size, limit) = if id as usize > SERIES_MAX {
        ("the number of series", id as usize, SERIES_MAX)
    } else if tags > TAGS_MAX {
        ("the number of tags of all series", tags, TAGS_MAX)
    } else {
        return Ok(());
    };
    Err(StorageError::TooLarge {
        what,
        size: size as u64,
        limit: limit as u64,
        remedy: "make columns of many values FIELDs with an index instead of TAGs",
    })
}
