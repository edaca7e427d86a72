//! The rows that are to go, looked for in every segment: also among rows that no query shows any more.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use roaring::RoaringBitmap;

use crate::change::{Filter, Value};
use crate::error::Result;
use crate::ledger::{Hash, Ledger, write_cell};
use crate::schema::{Column, ColumnId, TableId};
use crate::segment::{
    GroupInfo, SegmentReader, hash_boolean, hash_double, hash_integer, hash_text, hash_time,
};

/// Rows of one table to look for.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) table: TableId,
    /// What has to be read of each row.
    pub(super) columns: Vec<Column>,
    pub(super) rule: Rule,
    /// What goes with the rows found.
    pub(super) linked: Vec<Link>,
}

/// Which rows.
#[derive(Debug)]
pub(super) enum Rule {
    /// Those for which a condition is true, which says that these columns have these values.
    Condition(Filter, Vec<(ColumnId, Value)>),
    /// Those whose columns together have one of these hashes.
    Hashes(Ledger, HashSet<Hash>),
    /// Those whose column is one of these texts.
    Texts(HashSet<String>),
    /// Those whose texts hold one of the spellings of each value. The first column says what they are about: not one of
    /// `others`.
    Mentions { others: HashSet<String>, values: Vec<Vec<String>> },
}

/// Rows of another table.
#[derive(Debug)]
pub(super) enum Link {
    /// Those whose column `theirs` has what a row found has in `own`.
    Keys { own: Column, table: TableId, theirs: Column },
    /// Those of a search of its own.
    Rows(Search),
}

/// Rows found, by segment.
pub(super) type Found = BTreeMap<u64, RoaringBitmap>;

/// The segments to look through, by table.
pub(super) type Segments = BTreeMap<TableId, Arc<Vec<Arc<SegmentReader>>>>;

/// Adds what a search and all that is linked to it find; how many rows.
pub(super) fn run(search: &Search, segments: &Segments, found: &mut Found) -> Result<u64> {
    let none = Arc::default();
    let mut count = 0;
    let mut keys: Vec<HashSet<String>> = search.linked.iter().map(|_| HashSet::new()).collect();
    for segment in segments.get(&search.table).unwrap_or(&none).iter() {
        let rows = search.places(segment)?;
        if rows.is_empty() {
            continue;
        }
        for (link, keys) in search.linked.iter().zip(&mut keys) {
            if let Link::Keys { own, .. } = link {
                gather(segment, own, &rows, keys)?;
            }
        }
        count += rows.len();
        *found.entry(segment.info().id).or_default() |= rows;
    }
    for (link, keys) in search.linked.iter().zip(keys) {
        match link {
            Link::Rows(search) => count += run(search, segments, found)?,
            Link::Keys { .. } if keys.is_empty() => {}
            Link::Keys { table, theirs, .. } => {
                let rule = Rule::Texts(keys);
                let search =
                    Search { table: *table, columns: vec![theirs.clone()], rule, linked: Vec::new() };
                count += run(&search, segments, found)?;
            }
        }
    }
    Ok(count)
}

/// What the rows have in a column.
fn gather(
    segment: &SegmentReader,
    own: &Column,
    rows: &RoaringBitmap,
    keys: &mut HashSet<String>,
) -> Result<()> {
    let mut text = String::new();
    for (index, group) in segment.groups()?.iter().enumerate() {
        let (first, end) = (group.first_row as u32, (group.first_row + group.rows as u64) as u32);
        let mut places = rows.range(first..end).peekable();
        if places.peek().is_none() {
            continue;
        }
        let read = segment.read_whole(index, std::slice::from_ref(own))?;
        for place in places {
            if write_cell(read.column(0), (place - first) as usize, &mut text) && !keys.contains(&text) {
                keys.insert(text.clone());
            }
        }
    }
    Ok(())
}

impl Search {
    fn places(&self, segment: &SegmentReader) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        for (index, group) in segment.groups()?.iter().enumerate() {
            if self.may_be_in(segment, index)? {
                self.search(segment, index, group, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Whether the filters of a row group let its rows be worth a look.
    fn may_be_in(&self, segment: &SegmentReader, group: usize) -> Result<bool> {
        let Rule::Condition(_, values) = &self.rule else { return Ok(true) };
        for (column, value) in values {
            if !segment.may_contain(group, *column, hash_of(value))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn search(
        &self,
        segment: &SegmentReader,
        index: usize,
        group: &GroupInfo,
        found: &mut RoaringBitmap,
    ) -> Result<()> {
        let rows = segment.read_whole(index, &self.columns)?;
        let mut texts: Vec<String> = self.columns.iter().map(|_| String::new()).collect();
        let first = group.first_row as u32;
        match &self.rule {
            Rule::Condition(filter, _) => {
                found.extend(filter.matches(&rows)?.values().set_indices().map(|row| first + row as u32));
            }
            rule => {
                let is_wanted = |row: &usize| rule.takes(&rows, *row, &mut texts);
                found.extend((0..rows.num_rows()).filter(is_wanted).map(|row| first + row as u32));
            }
        }
        Ok(())
    }
}

impl Rule {
    /// Whether a row is meant, by what its cells are as texts.
    fn takes(&self, rows: &RecordBatch, row: usize, texts: &mut [String]) -> bool {
        match self {
            Self::Condition(..) => false,
            Self::Hashes(ledger, hashes) => {
                let mut cells = rows.columns().iter().zip(texts.iter_mut());
                cells.all(|(array, text)| write_cell(array, row, text))
                    && hashes.contains(&ledger.hash(texts.iter().map(String::as_str)))
            }
            Self::Texts(wanted) => {
                let cell = rows.columns().first().zip(texts.first_mut());
                cell.is_some_and(|(array, text)| write_cell(array, row, text) && wanted.contains(text))
            }
            Self::Mentions { others: unwanted, values } => {
                let text = |at: usize| {
                    let array = rows.columns().get(at)?.as_string_opt::<i32>()?;
                    array.is_valid(row).then(|| array.value(row))
                };
                let others = || (1..rows.num_columns()).filter_map(text);
                let is_spelled = |spelling: &String| others().any(|text| mentions(text, spelling));
                text(0).is_some_and(|about| !unwanted.contains(about))
                    && values.iter().all(|value| value.iter().any(is_spelled))
            }
        }
    }
}

/// Whether a text holds a value: a number only where it is not part of a longer one, and nothing is in no text.
pub fn mentions(text: &str, value: &str) -> bool {
    let is_number = value.parse::<f64>().is_ok();
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_digit() && c != '.' && c != '-');
    !value.is_empty()
        && text.match_indices(value).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + value.len()..]);
            !is_number || (is_edge(before.chars().next_back()) && is_edge(after.chars().next()))
        })
}

/// As the filters of segments have it.
fn hash_of(value: &Value) -> u64 {
    match value {
        Value::Boolean(value) => hash_boolean(*value),
        Value::BigInt(value) => hash_integer(*value),
        Value::Double(value) => hash_double(*value),
        Value::Text(value) => hash_text(value),
        Value::Timestamp(value) => hash_time(*value),
    }
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_number_is_mentioned_where_it_stands_alone() {
        assert!(mentions(r#"{"n":42}"#, "42"));
        assert!(mentions("42", "42"));
        assert!(!mentions("42", ""));
        assert!(!mentions(r#"{"n":421}"#, "42"));
        assert!(!mentions(r#"{"n":-42,"m":4.42}"#, "42"));
        assert!(mentions(r#"{"who":"ann-marie"}"#, "ann"), "a text may be part of another one");
    }
}
