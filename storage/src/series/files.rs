//! The series files: append-only, checksummed blocks of definitions.

use std::sync::Arc;

use super::SeriesRegistry;
use crate::disk::Disk;
use crate::error::Result;

/// What the manifest says of the series files: number and bytes that count, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SeriesPlaces(pub(crate) Vec<(u64, u64)>);

/// The series files of a directory, one of them being appended to.
#[derive(Debug)]
pub(crate) struct SeriesFiles {}

impl SeriesFiles {
    /// Reads the files' counted bytes into the registry, which then counts these series as durable. Bytes past the
    /// counted length are remains of a crash: then later appends go to a new file.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        places: &SeriesPlaces,
        registry: &SeriesRegistry,
    ) -> Result<Self> {
        todo!()
    }

    /// Appends every series not yet stored and syncs the file (and the directory where it is new); gives the places
    /// the next manifest must name. After an error the file is not appended to again: the next call begins a new one.
    pub(crate) fn store(&mut self, registry: &SeriesRegistry) -> Result<SeriesPlaces> {
        todo!()
    }

    /// To be called once a manifest that names [`Self::places`] is durable: frames of the log need not define these
    /// series any more. Leaving it out costs bytes in the log, nothing else.
    pub(crate) fn published(&self, registry: &SeriesRegistry) {
        todo!()
    }

    /// What the last successful `store` gave, or what was opened.
    pub(crate) fn places(&self) -> &SeriesPlaces {
        todo!()
    }
}

/// Removes the series files that no durable manifest names.
pub(crate) fn remove_unnamed(disk: &dyn Disk, places: &SeriesPlaces) -> Result<()> {
    todo!()
}
