//! Which older rows the rows of a chunk take the place of.

use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;

use super::{Identity, Named, Resolved, SourceId, find, set_of};
use crate::error::Result;
use crate::memtable::Chunk;
use crate::segment::SegmentReader;

/// What a chunk remembers of the rows it hides. It never outgrows the rows themselves by much: 16 bytes a row, made when
/// a query first asks.
#[derive(Debug, Default)]
pub(crate) struct Supersede {
    named: OnceLock<Named>,
    /// Hash and place of each row that has an identity, sorted.
    hashes: OnceLock<Vec<(u64, u32)>>,
    resolved: Resolved,
}

impl Supersede {
    fn hashes(&self, named: &Named) -> &[(u64, u32)] {
        self.hashes.get_or_init(|| {
            let rows = (0..named.len()).filter(|row| named.has_identity(*row));
            let mut hashes: Vec<_> = rows.map(|row| (named.hash(row), row as u32)).collect();
            hashes.sort_unstable();
            hashes
        })
    }
}

impl Chunk {
    /// The identities of its rows.
    pub(crate) fn named(&self, identity: &Identity) -> Result<&Named> {
        let own = &self.supersede.named;
        if let Some(named) = own.get() {
            return Ok(named);
        }
        let named = Named::of(self.rows.series.clone(), &self.stored_columns(&identity.columns())?)?;
        Ok(own.get_or_init(|| named))
    }

    /// The rows of a segment, which is older, that are hidden by rows of this chunk; none where there are none.
    pub(crate) fn hides_in_segment(
        &self,
        segment: &SegmentReader,
        identity: &Identity,
    ) -> Result<Option<Arc<RoaringBitmap>>> {
        if !self.time.overlaps(segment.info().time()) {
            return Ok(None);
        }
        let work = || Ok(set_of(&find(segment, self.named(identity)?, identity)?));
        self.supersede.resolved.of(SourceId::Segment(segment.info().id), work).map(Some)
    }

    /// The rows of a chunk, an older one or itself, that are hidden by rows of this one; none where there are none.
    pub(crate) fn hides_in_chunk(
        &self,
        older: &Self,
        identity: &Identity,
    ) -> Result<Option<Arc<RoaringBitmap>>> {
        if !self.time.overlaps(older.time) {
            return Ok(None);
        }
        let work = || {
            let (newer_named, older_named) = (self.named(identity)?, older.named(identity)?);
            let newer = self.supersede.hashes(newer_named);
            let hidden = match self.id() == older.id() {
                true => repeated(newer, newer_named),
                false => common(older.supersede.hashes(older_named), older_named, newer, newer_named),
            };
            Ok(hidden)
        };
        self.supersede.resolved.of(SourceId::Chunk(older.id()), work).map(Some)
    }
}

/// The rows that come again later in the same chunk.
fn repeated(hashes: &[(u64, u32)], named: &Named) -> RoaringBitmap {
    let mut hidden = RoaringBitmap::new();
    for alike in hashes.chunk_by(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1) {
        for (at, (_, row)) in alike.iter().enumerate() {
            let again = |later: &(u64, u32)| named.is_same(*row as usize, named, later.1 as usize);
            if alike[at + 1..].iter().any(again) {
                hidden.insert(*row);
            }
        }
    }
    hidden
}

/// The rows of `older` that are in `newer` too; both sorted by hash.
fn common(
    older: &[(u64, u32)],
    older_named: &Named,
    newer: &[(u64, u32)],
    newer_named: &Named,
) -> RoaringBitmap {
    let mut hidden = RoaringBitmap::new();
    let mut rest = newer;
    for (hash, row) in older {
        rest = &rest[rest.partition_point_near(*hash)..];
        let mut alike = rest.iter().take_while(|(other, _)| other == hash);
        if alike.any(|(_, other)| older_named.is_same(*row as usize, newer_named, *other as usize)) {
            hidden.insert(*row);
        }
    }
    hidden
}

/// Steps along a sorted list.
trait Near {
    /// The first place with a hash of at least this; near the start most often.
    fn partition_point_near(&self, hash: u64) -> usize;
}

impl Near for [(u64, u32)] {
    fn partition_point_near(&self, hash: u64) -> usize {
        let (mut low, mut step) = (0, 1);
        while self.get(low + step).is_some_and(|(other, _)| *other < hash) {
            low += step;
            step *= 2;
        }
        let end = (low + step).min(self.len());
        low + self[low..end].partition_point(|(other, _)| *other < hash)
    }
}
