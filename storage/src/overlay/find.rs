//! Looks for rows of given identities in a segment.

use std::collections::{HashMap, HashSet};

use arrow_buffer::ScalarBuffer;
use roaring::RoaringBitmap;

use super::identity::{Identity, Named};
use crate::error::Result;
use crate::partition::{CellKey, Width};
use crate::segment::{GroupInfo, SegmentReader, TimeRange};

/// The rows of `segment` that are the same as one of `wanted`, each with the last such row of `wanted`.
///
/// Row groups are passed by where times, filters of keys or cells tell that nothing is there; what is read of the others
/// is time and key.
pub(crate) fn find(segment: &SegmentReader, wanted: &Named, identity: &Identity) -> Result<Vec<(u32, u32)>> {
    let mut found = Vec::new();
    let in_time = rows_within(wanted, &(0..wanted.len() as u32).collect::<Vec<_>>(), segment.info().time());
    if in_time.is_empty() {
        return Ok(found);
    }
    for (index, group) in segment.groups()?.iter().enumerate() {
        let within = rows_within(wanted, &in_time, group.time);
        let candidates = likely(segment, index, group, wanted, within, identity)?;
        if !candidates.is_empty() {
            search(segment, index, group, wanted, &candidates, identity, &mut found)?;
        }
    }
    Ok(found)
}

/// Those of `rows` that have an identity and a time in the range.
fn rows_within(wanted: &Named, rows: &[u32], time: TimeRange) -> Vec<u32> {
    let is_within = |row: &u32| {
        let at = wanted.time(*row as usize);
        time.min <= at && at <= time.max && wanted.has_identity(*row as usize)
    };
    rows.iter().copied().filter(is_within).collect()
}

/// Those that the row group's filters, or without them its cells, do not rule out.
fn likely(
    segment: &SegmentReader,
    index: usize,
    group: &GroupInfo,
    wanted: &Named,
    mut rows: Vec<u32>,
    identity: &Identity,
) -> Result<Vec<u32>> {
    for (at, key) in identity.keys().iter().enumerate() {
        if rows.is_empty() {
            break;
        }
        let hashes: Vec<Option<u64>> = rows.iter().map(|row| wanted.key_hash(at, *row as usize)).collect();
        let maybe = segment.may_contain_each(index, key.id, &hashes)?;
        rows = rows.into_iter().zip(maybe).filter_map(|(row, maybe)| maybe.then_some(row)).collect();
    }
    if identity.keys().is_empty() {
        let (cells, width) = (segment.cells()?, segment.info().width);
        let own = cells.cells_of_rows(&(group.first_row..group.first_row + group.rows as u64));
        rows.retain(|row| cells.find(cell_of(wanted, *row, width)).is_some_and(|cell| own.contains(&cell)));
    }
    Ok(rows)
}

fn cell_of(wanted: &Named, row: u32, width: Width) -> CellKey {
    let series = wanted.series.get(row as usize).copied().unwrap_or_default();
    CellKey { interval: width.interval(wanted.time(row as usize)), series }
}

fn search(
    segment: &SegmentReader,
    index: usize,
    group: &GroupInfo,
    wanted: &Named,
    candidates: &[u32],
    identity: &Identity,
    found: &mut Vec<(u32, u32)>,
) -> Result<()> {
    // By hash, since many rows may share a time.
    let mut by_hash: HashMap<u64, Vec<u32>> = HashMap::new();
    for row in candidates {
        by_hash.entry(wanted.hash(*row as usize)).or_default().push(*row);
    }
    let times: HashSet<i64> = candidates.iter().map(|row| wanted.time(*row as usize)).collect();
    let named = named_group(segment, index, identity)?;
    for row in (0..named.len()).filter(|row| times.contains(&named.time(*row))) {
        let alike = by_hash.get(&named.hash(row)).into_iter().flatten();
        if let Some(newest) = alike.rev().find(|other| named.is_same(row, wanted, **other as usize)) {
            // A segment has fewer rows than a u32 can count.
            found.push((group.first_row as u32 + row as u32, *newest));
        }
    }
    Ok(())
}

/// The identities of all rows of a row group.
pub(crate) fn named_group(segment: &SegmentReader, index: usize, identity: &Identity) -> Result<Named> {
    let rows = segment.read_whole(index, &identity.columns())?;
    Named::of(ScalarBuffer::from(segment.series_of_group(index)?), &rows)
}

/// The rows as a set.
pub(crate) fn set_of(found: &[(u32, u32)]) -> RoaringBitmap {
    found.iter().map(|(row, _)| *row).collect()
}
