//! The patch file of a flush or a compaction, begun with the first block that goes into it.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::write::Context;
use crate::error::Result;
use crate::label::{Entries, LabelCounts};
use crate::limits::LABEL_BLOCK_BYTES_MIN;
use crate::overlay::Hidden;
use crate::patch::{LabelBlock, LabelBuilder, LabelsOf, PatchFile, PatchWriter, RANGE_ROWS};
use crate::schema::{ColumnType, TableId};

/// A block is rewritten with newer labels once these are so many of its own: what is stacked on a block is less than
/// that, so that a label is read from few blocks and written a few times.
const FOLD_SHARE: f64 = 0.25;

/// Labels, and what they change of the counts of their segment's rows.
#[derive(Debug)]
pub(in crate::engine) struct Counted {
    pub(in crate::engine) entries: Entries,
    pub(in crate::engine) counts: LabelCounts,
}

/// A patch file, if there is anything to write.
pub(in crate::engine) struct PatchOut<'a> {
    context: &'a Context<'a>,
    open: Option<(PatchWriter, Arc<PatchFile>)>,
}

impl<'a> PatchOut<'a> {
    pub(in crate::engine) fn new(context: &'a Context<'a>) -> Self {
        Self { context, open: None }
    }

    fn opened(&mut self) -> Result<&mut (PatchWriter, Arc<PatchFile>)> {
        let begun = match self.open.take() {
            Some(begun) => begun,
            None => {
                let number = self.context.take_id();
                let writer = PatchWriter::create(&**self.context.disk, number)?;
                (writer, PatchFile::new(self.context.disk.clone(), number))
            }
        };
        Ok(self.open.insert(begun))
    }

    /// Writes hidden rows of a segment.
    pub(in crate::engine) fn hidden(
        &mut self,
        table: TableId,
        segment: u64,
        rows: &RoaringBitmap,
    ) -> Result<Arc<Hidden>> {
        let (writer, file) = self.opened()?;
        let place = writer.hidden(table, segment, rows)?;
        Ok(Hidden::new(table, segment, place, file.clone()))
    }

    /// Writes labels behind those that a segment has: alone, or together with the last blocks where these are not much
    /// larger. What the segment has then.
    pub(in crate::engine) fn labels(
        &mut self,
        of: LabelsOf,
        ty: ColumnType,
        before: &[Arc<LabelBlock>],
        fresh: &Counted,
    ) -> Result<Vec<Arc<LabelBlock>>> {
        let (mut entries, mut kept) = (fresh.entries.rows.len() as f64, before.len());
        while let Some(last) = kept.checked_sub(1).and_then(|at| before.get(at))
            && entries >= FOLD_SHARE * last.place.entries as f64
        {
            entries += last.place.entries as f64;
            kept -= 1;
        }
        let (kept, folded) = before.split_at(kept);
        let mut all = kept.to_vec();
        all.extend(self.fold(of, ty, folded, fresh)?);
        Ok(all)
    }

    /// Writes labels of blocks and newer ones as one block, or several where that grows large.
    fn fold(
        &mut self,
        of: LabelsOf,
        ty: ColumnType,
        folded: &[Arc<LabelBlock>],
        fresh: &Counted,
    ) -> Result<Vec<Arc<LabelBlock>>> {
        let Counted { entries: fresh, counts } = fresh;
        // The first block has what all of them change.
        let mut counts = counts.clone();
        for block in folded {
            counts.merge(block.counts()?);
        }
        let mut numbers: Vec<u32> = fresh.rows.iter().map(|row| row / RANGE_ROWS).collect();
        for block in folded {
            numbers.extend(block.ranges()?);
        }
        numbers.sort_unstable();
        numbers.dedup();
        let range = |number: u32| {
            let rows = number * RANGE_ROWS..(number * RANGE_ROWS).saturating_add(RANGE_ROWS);
            let mut parts = Vec::new();
            for block in folded {
                parts.extend(block.read(&rows, true)?);
            }
            parts.push(fresh.within(&rows));
            let mut counted = |entries| Counted { entries, counts: std::mem::take(&mut counts) };
            Ok(Entries::join(&parts)?.map(|entries| (number, counted(entries))))
        };
        self.blocks(of, ty, numbers.into_iter().map(range))
    }

    /// Writes the labels of all blocks of a segment and column as one.
    pub(in crate::engine) fn again(&mut self, blocks: &[Arc<LabelBlock>]) -> Result<Vec<Arc<LabelBlock>>> {
        let Some(newest) = blocks.last() else { return Ok(Vec::new()) };
        let ty = newest.ty()?;
        let nothing = Counted { entries: Entries::none(ty), counts: LabelCounts::default() };
        self.fold(newest.of, ty, blocks, &nothing)
    }

    /// Writes labels, given by rising numbers of ranges.
    pub(in crate::engine) fn blocks(
        &mut self,
        of: LabelsOf,
        ty: ColumnType,
        ranges: impl Iterator<Item = Result<Option<(u32, Counted)>>>,
    ) -> Result<Vec<Arc<LabelBlock>>> {
        let (mut builder, mut written) = (LabelBuilder::new(of, ty), Vec::new());
        for range in ranges {
            let Some((number, Counted { entries, counts })) = range? else { continue };
            builder.push(number, &entries.widened(ty));
            builder.count(counts);
            if builder.bytes() >= LABEL_BLOCK_BYTES_MIN {
                let full = std::mem::replace(&mut builder, LabelBuilder::new(of, ty));
                written.extend(self.block(of, full)?);
            }
        }
        written.extend(self.block(of, builder)?);
        Ok(written)
    }

    fn block(&mut self, of: LabelsOf, builder: LabelBuilder) -> Result<Option<Arc<LabelBlock>>> {
        if builder.bytes() == 0 {
            return Ok(None);
        }
        let (writer, file) = self.opened()?;
        let place = writer.labels(builder)?;
        Ok(place.map(|place| LabelBlock::new(of, place, file.clone())))
    }

    /// Makes what was written durable.
    pub(in crate::engine) fn finish(self) -> Result<()> {
        self.open.map_or(Ok(()), |(writer, _)| writer.finish())
    }
}
