//! What the fuzz targets do: bytes of any kind go into a decoder, and whatever it accepts is read whole.
//!
//! The targets under `/fuzz` hold nothing but a call of a function here; `tests/it/fuzz.rs` calls the same functions
//! with the committed inputs and mutations of them, on stable Rust. A function returns unless something is wrong: then
//! it panics. Checksums would stop nearly every mutation before it meets a decoder, so each file is looked at twice: as
//! it came, and *sealed*, with the checksums it ought to have.

mod corpus;
mod patch;
mod seal;

use std::sync::Arc;

use crate::disk::{Disk, SimDisk};

pub use crate::distribution::fuzzing::decode as distribution_decode;
pub use crate::encoding::fuzzing::decode as page_decode;
pub use crate::manifest::fuzzing::decode as manifest_decode;
pub use crate::segment::fuzzing::open as segment_open;
pub use crate::wal::fuzzing::recover as wal_recover;
pub use corpus::{Seed, lattices, seeds};
pub use patch::decode as patch_decode;
pub(crate) use seal::put_crc;

/// A target: it panics where something is wrong.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 6] = [
    ("wal_recover", wal_recover),
    ("segment_open", segment_open),
    ("page_decode", page_decode),
    ("manifest_decode", manifest_decode),
    ("distribution_decode", distribution_decode),
    ("patch_decode", patch_decode),
];

/// A disk that holds these files. Where it does not, nothing is fuzzed, and what reads them says so.
pub(crate) fn disk_of<'a>(files: impl IntoIterator<Item = (String, &'a [u8])>) -> Arc<dyn Disk> {
    let disk = SimDisk::new(0);
    for (path, bytes) in files {
        let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        let made = disk.create_dir(dir).and_then(|()| disk.create(&path)).and_then(|file| file.append(bytes));
        assert!(made.is_ok(), "cannot make {path} in memory: {made:?}");
    }
    Arc::new(disk)
}
