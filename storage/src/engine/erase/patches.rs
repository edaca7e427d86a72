//! Patch files that hold blocks of segments which are no more, written anew without them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{EraseReport, ErasedPlace};
use crate::engine::Inner;
use crate::engine::flush::{Context, Fresh, PatchOut};
use crate::engine::open::Files;
use crate::error::{Result, StorageError};
use crate::label::LabelBlocks;
use crate::manifest::Manifest;
use crate::overlay::Hidden;
use crate::patch::{self, LabelBlock};

impl Inner {
    /// Labels of rows that went lie in files beside those of others: files leave as a whole, so these move.
    pub(super) fn rewrite_patches(&self, report: &mut EraseReport) -> Result<()> {
        let no_flush = self.flushing.lock();
        let context = Context::new(self);
        let files = self.patches_with_remains()?;
        if files.is_empty() {
            return Ok(());
        }
        let written = self.write_patches(&context, &files).and_then(|fresh| {
            self.publish(&no_flush, |files| Ok(next_manifest(files, &fresh)), |state| state.patched(&fresh))
        });
        if written.is_err() && self.is_unnamed() {
            context.discard();
        }
        written?;
        for number in files {
            let what = "written anew".to_owned();
            let path = patch::path_of(number);
            report.places.push(ErasedPlace { place: "patches", path, what, ..ErasedPlace::default() });
        }
        Ok(())
    }

    /// What is in force in these files, written into another.
    fn write_patches(&self, context: &Context<'_>, files: &BTreeSet<u64>) -> Result<Fresh> {
        let (hidden, labels) = self.patches_in(files);
        let (mut out, mut fresh) = (PatchOut::new(context), Fresh::default());
        for hidden in hidden {
            fresh.hidden.push(out.hidden(hidden.table(), hidden.segment(), &*hidden.rows()?)?);
        }
        for (key, blocks) in labels {
            fresh.labels.insert(key, out.again(&blocks)?);
        }
        out.finish()?;
        Ok(fresh)
    }

    /// The patch files that are longer than what is in force in them.
    fn patches_with_remains(&self) -> Result<BTreeSet<u64>> {
        let manifest = self.files.lock().manifest.clone();
        let mut remains = BTreeSet::new();
        for (number, blocks) in manifest.patch_blocks() {
            let path = patch::path_of(number);
            let length = self.disk.open(&path).and_then(|file| file.len());
            let length = length.map_err(|e| StorageError::io("read", path, e))?;
            let named: u64 = blocks.iter().map(|block| block.place.bytes).sum();
            if length > named + patch::HEADER_BYTES as u64 {
                remains.insert(number);
            }
        }
        Ok(remains)
    }

    /// What is in force in these files; all labels of a segment and column where some are.
    fn patches_in(&self, files: &BTreeSet<u64>) -> (Vec<Arc<Hidden>>, LabelBlocks) {
        let state = self.state.lock();
        let (mut hidden, mut labels) = (Vec::new(), BTreeMap::new());
        for data in state.tables.values() {
            let is_there = |h: &&Arc<Hidden>| files.contains(&h.place.place.file);
            hidden.extend(data.hidden.values().filter(is_there).cloned());
            let is_there = |block: &Arc<LabelBlock>| files.contains(&block.place.place.file);
            let touched = data.labels.iter().filter(|(_, blocks)| blocks.iter().any(is_there));
            labels.extend(touched.map(|(key, blocks)| (*key, blocks.clone())));
        }
        (hidden, labels)
    }
}

fn next_manifest(files: &Files, fresh: &Fresh) -> Manifest {
    let mut next = (*files.manifest).clone();
    next.hidden.extend(fresh.hidden.iter().map(|hidden| (hidden.segment(), hidden.place)));
    let places = |blocks: &Vec<Arc<LabelBlock>>| blocks.iter().map(|block| block.place).collect();
    next.labels.extend(fresh.labels.iter().map(|(key, blocks)| (*key, places(blocks))));
    next
}
