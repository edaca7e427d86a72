//! Inputs for the targets, out of a data directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::disk_of;
use crate::disk::Disk;
use crate::distribution::{Distribution, Lattice, Numeric};
use crate::error::Result;
use crate::manifest::{self, Manifest};
use crate::patch::PATCH_DIR;
use crate::segment::fuzzing::{case, pages};
use crate::segment::{SegmentFile, SegmentReader};
use crate::series::SeriesRegistry;
use crate::wal::{WAL_DIR, fuzzing::pack};

/// An input: its target, its name and its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// Inputs out of the files of a closed data directory: every file there is, every segment, a page of each encoding and
/// type, the distributions of every summary.
pub fn seeds(files: &[(String, Vec<u8>)]) -> Result<Vec<Seed>> {
    let disk = disk_of(files.iter().map(|(path, bytes)| (path.clone(), bytes.as_slice())));
    let mut seeds = whole_files(files);
    let Some((manifest, _)) = manifest::load(&*disk)? else { return Ok(seeds) };
    let mut named: BTreeMap<(&'static str, String), Vec<u8>> = BTreeMap::new();
    for segment in segments(&disk, &manifest) {
        let name = format!("segment-{}-level-{}", segment.info().id, segment.info().level);
        named.extend(case(&*disk, segment.info()).map(|bytes| (("segment_open", name), bytes)));
        for (name, bytes) in pages(&segment)? {
            named.entry(("page_decode", name)).or_insert(bytes);
        }
        for (name, found) in distributions(&segment)? {
            named.entry(("distribution_decode", name)).or_insert_with(|| found.encode());
        }
    }
    seeds.extend(named.into_iter().map(|((target, name), bytes)| (target, name, bytes)));
    Ok(seeds)
}

fn whole_files(files: &[(String, Vec<u8>)]) -> Vec<Seed> {
    let within = |dir: &'static str| files.iter().filter(move |(path, _)| path.starts_with(dir));
    let log: Vec<Vec<u8>> = within(WAL_DIR).map(|(_, bytes)| bytes.clone()).collect();
    let mut seeds = vec![("wal_recover", "log".to_owned(), pack(&log))];
    for (target, dir) in [("patch_decode", PATCH_DIR), ("manifest_decode", "manifest.")] {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        seeds.extend(within(dir).map(|(path, bytes)| (target, name(path), bytes.clone())));
    }
    seeds
}

fn segments(disk: &Arc<dyn Disk>, manifest: &Manifest) -> Vec<Arc<SegmentReader>> {
    let registry = Arc::new(SeriesRegistry::new());
    let open = |info: &crate::segment::SegmentInfo| {
        SegmentReader::new(SegmentFile::new(disk.clone(), info.file), info.clone(), registry.clone())
    };
    manifest.segments.iter().map(open).collect()
}

/// One of each summarised column.
fn distributions(segment: &SegmentReader) -> Result<Vec<(String, Distribution)>> {
    let mut found = Vec::new();
    for size in segment.column_sizes()? {
        let Some(summaries) = segment.summaries(size.column)? else { continue };
        let first = summaries.units.into_iter().next();
        let name = format!("segment-{}-column-{}", segment.info().id, size.column);
        found.extend(first.map(|(_, distribution)| (name, distribution)));
    }
    Ok(found)
}

/// Numbers on each kind of lattice, with all that is counted apart.
pub fn lattices() -> Vec<Seed> {
    let kinds = [
        ("dict", Lattice::Dict),
        ("log", Lattice::Log { bits: 5 }),
        ("affine", Lattice::Affine { exponent: -3 }),
    ];
    let made = kinds.map(|(name, lattice)| {
        let mut numeric = Numeric::on(lattice);
        numeric.push_null();
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0].iter().for_each(|value| numeric.push(*value));
        (1..200).for_each(|n: i32| numeric.push_count(f64::from(n * n) / 7.0 - 900.0, n as u64));
        ("distribution_decode", name.to_owned(), Distribution::Numeric(numeric).encode())
    });
    made.into()
}
