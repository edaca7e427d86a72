//! Hidden rows of a segment as a manifest names them.

use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;

use crate::error::Result;
use crate::patch::{PatchFile, Place};
use crate::schema::TableId;

/// Hidden rows of one segment, read when they are first wanted.
#[derive(Debug)]
pub(crate) struct Hidden {
    /// What the manifest says.
    pub(crate) place: HiddenPlace,
    table: TableId,
    segment: u64,
    file: Arc<PatchFile>,
    rows: OnceLock<Arc<RoaringBitmap>>,
}

/// Where they lie, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HiddenPlace {
    /// The block that holds them.
    pub(crate) place: Place,
    /// How many.
    pub(crate) rows: u64,
}

impl Hidden {
    /// No I/O.
    pub(crate) fn new(table: TableId, segment: u64, place: HiddenPlace, file: Arc<PatchFile>) -> Arc<Self> {
        Arc::new(Self { place, table, segment, file, rows: OnceLock::new() })
    }

    /// The table whose rows they are.
    pub(crate) fn table(&self) -> TableId {
        self.table
    }

    /// The file that holds them.
    pub(crate) fn file(&self) -> &Arc<PatchFile> {
        &self.file
    }

    /// The segment whose rows they are.
    pub(crate) fn segment(&self) -> u64 {
        self.segment
    }

    /// The rows, by their places in the segment.
    pub(crate) fn rows(&self) -> Result<Arc<RoaringBitmap>> {
        if let Some(rows) = self.rows.get() {
            return Ok(rows.clone());
        }
        let rows = self.file.read_hidden(self.place, self.table, self.segment)?;
        Ok(self.rows.get_or_init(|| Arc::new(rows)).clone())
    }
}
