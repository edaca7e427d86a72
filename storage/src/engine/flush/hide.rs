//! What frozen rows and deletes do to older rows, written down.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::order::Chunks;
use super::write::Context;
use crate::engine::state::FrozenTable;
use crate::error::Result;
use crate::memtable::project_stored;
use crate::overlay::{Hidden, Identity, Named, View};
use crate::patch::{PatchFile, PatchWriter};
use crate::schema::TableId;

impl FrozenTable {
    fn view(&self, context: &Context<'_>) -> View {
        let (chunks, tombstones) = (self.memtable.chunks().to_vec(), self.memtable.tombstones().to_vec());
        View::new(&self.schema, chunks, tombstones, self.hidden.clone(), context.registry.clone())
    }
}

/// The rows of a frozen table, with what its own deletes and identities say of them.
pub(super) fn gather_chunks(context: &Context<'_>, table: &FrozenTable) -> Result<Chunks> {
    let view = table.view(context);
    let all = table.memtable.chunks();
    let rows = all.iter().map(|chunk| project_stored(chunk, &table.schema)).collect::<Result<_>>()?;
    let deleted = all.iter().map(|chunk| view.deleted_in_chunk(chunk)).collect::<Result<_>>()?;
    let identity = Identity::of(&table.schema);
    let named = |identity: Identity| {
        all.iter().map(|chunk| chunk.named(&identity).cloned()).collect::<Result<Vec<Named>>>()
    };
    Ok(Chunks { rows, deleted, named: identity.map(named).transpose()? })
}

/// Writes the hidden rows of older segments, of those that have more of them now, into one patch file.
pub(super) fn write_hidden(context: &Context<'_>, tables: &[FrozenTable]) -> Result<Vec<Arc<Hidden>>> {
    let mut found = Vec::new();
    for table in tables {
        let view = table.view(context);
        for segment in table.segments.iter().filter(|segment| view.may_hide_more(segment)) {
            let Some(rows) = view.in_segment(segment)? else { continue };
            let id = segment.info().id;
            let before = table.hidden.get(&id).map_or(0, |hidden| hidden.place.rows);
            if rows.len() > before {
                found.push((table.schema.id, id, rows));
            }
        }
    }
    write_sets(context, &found)
}

/// Writes hidden rows, each with its table and segment; nothing where there are none.
pub(in crate::engine) fn write_sets(
    context: &Context<'_>,
    sets: &[(TableId, u64, Arc<RoaringBitmap>)],
) -> Result<Vec<Arc<Hidden>>> {
    if sets.is_empty() {
        return Ok(Vec::new());
    }
    let number = context.take_id();
    let mut writer = PatchWriter::create(&**context.disk, number)?;
    let file = PatchFile::new(context.disk.clone(), number);
    let mut hidden = Vec::with_capacity(sets.len());
    for (table, segment, rows) in sets {
        let place = writer.hidden(*table, *segment, rows)?;
        hidden.push(Hidden::new(*table, *segment, place, file.clone()));
    }
    writer.finish()?;
    Ok(hidden)
}
