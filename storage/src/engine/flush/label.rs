//! Labels that have met their rows, written beside the segments that have these.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::patch::{Counted, PatchOut};
use super::write::Context;
use crate::engine::state::FrozenTable;
use crate::error::Result;
use crate::label::{Counter, Entries, Keyed, LabelBlocks, LabelView, Met, Pairs, Seekers};
use crate::overlay::{Identity, Named, SourceId, find};
use crate::patch::LabelsOf;
use crate::schema::{ColumnId, TableId};
use crate::segment::SegmentReader;

/// What a flush found out about labels.
#[derive(Debug, Default)]
pub(super) struct Labelled {
    /// What segments have then, where that changed.
    pub(super) blocks: LabelBlocks,
    /// Which labels of the table of labels, chunk by chunk, have met their row.
    pub(super) met: BTreeMap<TableId, Vec<RoaringBitmap>>,
    /// Of labels in segments that waited, by their table and segment, those that have met it now.
    pub(super) came: BTreeMap<(TableId, u64), RoaringBitmap>,
}

/// New labels of a segment's rows, by column, oldest first.
type Parts = BTreeMap<(u64, ColumnId), Vec<Entries>>;

impl Labelled {
    /// Looks for the rows of labels in the segments of a table, of which `fresh` are written by this flush, and writes down
    /// those that are found.
    pub(super) fn add(
        &mut self,
        context: &Context<'_>,
        table: &FrozenTable,
        fresh: &[Arc<SegmentReader>],
        out: &mut PatchOut<'_>,
    ) -> Result<()> {
        let Some(labels) = &table.labels else { return Ok(()) };
        let mut parts = Parts::new();
        // In the order of writing: what replaced rows had, what came before its row, what came since.
        carry(context, table, labels, fresh, &mut parts)?;
        for segment in fresh {
            self.meet_waiting(labels, segment, &mut parts)?;
        }
        let view = table.view(context);
        for segment in labels.segments.iter() {
            self.meet_frozen(labels, segment, view.in_segment(segment)?, &mut parts)?;
        }
        for segment in fresh {
            self.meet_frozen(labels, segment, None, &mut parts)?;
        }
        for ((id, column), parts) in parts {
            let Some(column) = table.schema.column(column) else { continue };
            let Some(entries) = Entries::join(&parts)? else { continue };
            let before = labels.blocks.get(&(id, column.id)).map_or(&[][..], Vec::as_slice);
            let is_it = |segment: &&Arc<SegmentReader>| segment.info().id == id;
            let Some(segment) = fresh.iter().chain(labels.segments.iter()).find(is_it) else { continue };
            let counts = Counter::new(segment, &table.schema, column)?.change(before, &entries)?;
            let of = LabelsOf { table: table.schema.id, segment: id, column: column.id };
            let blocks = out.labels(of, column.ty, before, &Counted { entries, counts })?;
            self.blocks.insert((id, column.id), blocks);
        }
        Ok(())
    }

    /// Labels that waited in segments for rows that are now in `segment`.
    fn meet_waiting(&mut self, labels: &LabelView, segment: &SegmentReader, parts: &mut Parts) -> Result<()> {
        if labels.waiting.segments.is_empty() {
            return Ok(());
        }
        let (relation, id) = (&labels.relation, segment.info().id);
        for (index, group) in segment.groups()?.iter().enumerate() {
            let rows = Keyed::of(&segment.read_whole(index, &relation.row_columns())?)?;
            // A segment has fewer rows than a u32 can count.
            let all = labels.waiting.meet(&rows, group.first_row as u32, relation)?;
            for (position, (column, _)) in relation.columns.iter().enumerate() {
                parts.entry((id, column.id)).or_default().extend(Met::entries_of(&all, position)?);
            }
            for met in all {
                let came = self.came.entry((relation.labels.id, met.segment)).or_default();
                came.extend(met.pairs.iter().map(|(_, label)| met.first + label));
            }
        }
        Ok(())
    }

    /// Labels of this flush for rows of `segment`, but for hidden ones: those were deleted before, or have others in their
    /// place.
    fn meet_frozen(
        &mut self,
        labels: &LabelView,
        segment: &SegmentReader,
        hidden: Option<Arc<RoaringBitmap>>,
        parts: &mut Parts,
    ) -> Result<()> {
        let (relation, unflushed) = (&labels.relation, &labels.unflushed);
        if unflushed.chunks.is_empty() {
            return Ok(());
        }
        let id = segment.info().id;
        let search = |seekers: &Seekers| seekers.in_segment(segment, relation);
        let mut pairs = unflushed.pairs(SourceId::Segment(id), relation, search)?;
        if let Some(hidden) = hidden {
            let is_shown = |pair: &&(u32, u64)| !hidden.contains(pair.0);
            let shown = |piece: &Pairs| Arc::new(piece.iter().filter(is_shown).copied().collect());
            pairs = pairs.iter().map(shown).collect();
        }
        for (position, (column, _)) in relation.columns.iter().enumerate() {
            let entries = unflushed.entries(&pairs, &(0..u32::MAX), relation, position)?;
            parts.entry((id, column.id)).or_default().extend(entries);
        }
        let met = self.met.entry(relation.labels.id).or_default();
        met.resize(unflushed.chunks.len(), RoaringBitmap::new());
        unflushed.mark(&pairs, met);
        Ok(())
    }
}

/// Hands the labels of rows that this flush replaces on to the rows in their place.
fn carry(
    context: &Context<'_>,
    table: &FrozenTable,
    labels: &LabelView,
    fresh: &[Arc<SegmentReader>],
    parts: &mut Parts,
) -> Result<()> {
    let Some(identity) = Identity::of(&table.schema) else { return Ok(()) };
    if labels.blocks.is_empty() || fresh.is_empty() {
        return Ok(());
    }
    let view = table.view(context);
    for segment in labels.segments.iter() {
        let id = segment.info().id;
        let of_segment = (id, 0)..=(id, ColumnId::MAX);
        if labels.blocks.range(of_segment.clone()).next().is_none() {
            continue;
        }
        let replaced = view.replaced_in(segment)?;
        if replaced.is_empty() {
            continue;
        }
        let named = Named::at(segment, &replaced, &identity)?;
        let mut written = Vec::new();
        for ((_, column), _) in labels.blocks.range(of_segment) {
            written.extend(labels.written(id, *column, &replaced)?.map(|entries| (*column, entries)));
        }
        for target in fresh {
            // The place of a row among those replaced, and the row that it has become.
            let places: BTreeMap<u32, u32> =
                find(target, &named, &identity)?.into_iter().map(|(row, at)| (at, row)).collect();
            let place = |row: u32| places.get(&((replaced.rank(row) - 1) as u32)).copied();
            for (column, written) in written.iter().filter(|_| !places.is_empty()) {
                let moved = written.moved(place)?;
                parts.entry((target.info().id, *column)).or_default().push(moved);
            }
        }
    }
    Ok(())
}
