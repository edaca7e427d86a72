//! What is known of each table, in a map whose clones share all but what has changed since.
//!
//! Each write changes a few tables and makes the moment before it one that readers may hold on to: with ten thousand
//! tables a copy of a plain map would take a millisecond a write.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::schema::TableId;

/// Tables whose ids agree in all but so many bits lie on one shelf, which is copied as a whole.
const SHELF_BITS: u32 = 6;

/// Values by table, in the order of ids.
#[derive(Clone, Debug)]
pub(crate) struct Tables<V>(BTreeMap<TableId, Arc<Shelf<V>>>);

type Shelf<V> = BTreeMap<TableId, V>;

impl<V> Default for Tables<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> Tables<V> {
    /// Of no tables.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn get(&self, table: &TableId) -> Option<&V> {
        self.0.get(&(table >> SHELF_BITS))?.get(table)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TableId, &V)> {
        self.0.values().flat_map(|shelf| shelf.iter())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &TableId> {
        self.iter().map(|(table, _)| table)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<V: Clone> Tables<V> {
    pub(crate) fn get_mut(&mut self, table: &TableId) -> Option<&mut V> {
        let shelf = self.0.get_mut(&(table >> SHELF_BITS)).filter(|shelf| shelf.contains_key(table))?;
        Arc::make_mut(shelf).get_mut(table)
    }

    pub(crate) fn entry(&mut self, table: TableId) -> Entry<'_, TableId, V> {
        Arc::make_mut(self.0.entry(table >> SHELF_BITS).or_default()).entry(table)
    }

    pub(crate) fn remove(&mut self, table: &TableId) -> Option<V> {
        let place = table >> SHELF_BITS;
        let shelf = self.0.get_mut(&place).filter(|shelf| shelf.contains_key(table))?;
        let removed = Arc::make_mut(shelf).remove(table);
        if shelf.is_empty() {
            self.0.remove(&place);
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_stays_as_it_was_and_shares_the_other_shelves() {
        let mut tables = Tables::new();
        for table in 0..1_000 {
            tables.entry(table).or_insert(table);
        }
        let before = tables.clone();
        *tables.get_mut(&70).unwrap() = 7;
        assert_eq!((tables.get(&70), before.get(&70)), (Some(&7), Some(&70)));
        let shared = tables.0.iter().filter(|(place, shelf)| Arc::ptr_eq(shelf, &before.0[place])).count();
        assert_eq!(shared, tables.0.len() - 1);
        assert!(tables.keys().copied().eq(0..1_000));
        (0..1_000).for_each(|table| assert!(tables.remove(&table).is_some()));
        assert_eq!((tables.0.len(), tables.values().count(), before.values().count()), (0, 0, 1_000));
        assert_eq!((tables.remove(&1), tables.get_mut(&1)), (None, None));
    }
}
