//! What frozen rows and deletes do to older rows, written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::order::Chunks;
use super::patch::PatchOut;
use super::write::Context;
use crate::engine::state::FrozenTable;
use crate::error::Result;
use crate::memtable::project_stored;
use crate::overlay::{Hidden, Identity, Named, View};
use crate::schema::TableId;

impl FrozenTable {
    pub(super) fn view(&self, context: &Context<'_>) -> View {
        let (chunks, tombstones) = (self.memtable.chunks().to_vec(), self.memtable.tombstones().to_vec());
        View::new(&self.schema, chunks, tombstones, self.hidden.clone(), context.registry.clone())
    }
}

/// The rows of a frozen table, with what its own deletes and identities say of them. Labels that have `met` their row
/// leave like deleted ones.
pub(super) fn gather_chunks(
    context: &Context<'_>,
    table: &FrozenTable,
    met: &[RoaringBitmap],
) -> Result<Chunks> {
    let view = table.view(context);
    let all = table.memtable.chunks();
    let rows = all.iter().map(|chunk| project_stored(chunk, &table.schema)).collect::<Result<_>>()?;
    let deleted = all.iter().map(|chunk| view.deleted_in_chunk(chunk)).collect::<Result<Vec<_>>>()?;
    let left_out = |(at, deleted): (usize, Option<Arc<RoaringBitmap>>)| match met.get(at) {
        Some(met) => Some(Arc::new(met | deleted.as_deref().unwrap_or(&RoaringBitmap::new()))),
        None => deleted,
    };
    let deleted = deleted.into_iter().enumerate().map(left_out).collect();
    let identity = Identity::of(&table.schema);
    let named = |identity: Identity| {
        all.iter().map(|chunk| chunk.named(&identity).cloned()).collect::<Result<Vec<Named>>>()
    };
    Ok(Chunks { rows, deleted, named: identity.map(named).transpose()? })
}

/// Writes the hidden rows of older segments, of those that have more of them now; `came` are labels that have met their
/// row, by their table and segment.
pub(super) fn write_hidden(
    context: &Context<'_>,
    tables: &[FrozenTable],
    mut came: BTreeMap<(TableId, u64), RoaringBitmap>,
    out: &mut PatchOut<'_>,
) -> Result<Vec<Arc<Hidden>>> {
    let mut written = Vec::new();
    for table in tables {
        let (view, id) = (table.view(context), table.schema.id);
        for segment in table.segments.iter().filter(|segment| view.may_hide_more(segment)) {
            let Some(mut rows) = view.in_segment(segment)? else { continue };
            let segment = segment.info().id;
            if let Some(came) = came.remove(&(id, segment)) {
                *Arc::make_mut(&mut rows) |= came;
            }
            let before = table.hidden.get(&segment).map_or(0, |hidden| hidden.place.rows);
            if rows.len() > before {
                written.push(out.hidden(id, segment, &rows)?);
            }
        }
    }
    // Of tables that this flush leaves alone, or of which it hides nothing else.
    let waiting = tables.iter().filter_map(|table| table.labels.as_ref());
    let known: Vec<_> = waiting.map(|labels| (labels.relation.labels.id, &labels.waiting.hidden)).collect();
    for ((table, segment), mut rows) in came {
        let before = known.iter().find(|(id, _)| *id == table).and_then(|(_, hidden)| hidden.get(&segment));
        if let Some(before) = before {
            rows |= &*before.rows()?;
        }
        written.push(out.hidden(table, segment, &rows)?);
    }
    Ok(written)
}
