//! Which manifest to go by.

use std::sync::Arc;

use super::log::replay;
use super::report::RepairedPlace;
use super::{is_damage, place_of};
use crate::disk::Disk;
use crate::error::Result;
use crate::manifest::{self, Manifest};
use crate::operations::files::{Content, named_files, newest_version};
use crate::series::{self, SeriesRegistry};

/// The manifest in force. Where that is damaged an older one takes its place if nothing is lost by that: all its files
/// are there, and the log since then is whole.
///
/// # Errors
/// The damage of the newest, where no older one will do: what counts is known to nobody then.
pub(super) fn choose(disk: &Arc<dyn Disk>) -> Result<(Manifest, Option<RepairedPlace>)> {
    let newest = newest_version(&**disk)?;
    let damage = match manifest::read(&**disk, newest) {
        Ok((manifest, _)) => return Ok((manifest, None)),
        Err(error) if is_damage(&error) => error,
        Err(error) => return Err(error),
    };
    for version in manifest::present(&**disk)?.into_iter().rev().filter(|version| *version < newest) {
        if let Ok((manifest, _)) = manifest::read(&**disk, version)
            && stands_in(disk, &manifest)
        {
            let done = format!(
                "manifest {version} takes its place: its files are all there and the log since then is whole, so \
                 nothing is lost"
            );
            return Ok((manifest, Some(place_of(damage, done, Vec::new()))));
        }
    }
    Err(damage)
}

/// Whether a directory can be read from this manifest on without a gap.
fn stands_in(disk: &Arc<dyn Disk>, manifest: &Manifest) -> bool {
    let registry = SeriesRegistry::new();
    let is_there = named_files(manifest).iter().all(|file| match &file.content {
        Content::Segments { .. } | Content::Patches { .. } => file.is_there(disk),
        Content::Series { number } => {
            let bytes = file.open(&**disk).and_then(|open| file.read(&*open));
            bytes.is_ok_and(|bytes| series::survey(*number, &bytes, &registry).is_empty())
        }
    });
    is_there && replay(&**disk, manifest, &registry).is_ok_and(|log| log.last_seq >= manifest.catalog_seq)
}
