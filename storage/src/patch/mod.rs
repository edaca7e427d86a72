//! Patch files: what writes did to segments after these were written. Immutable, each named by the manifest block by
//! block (`docs/format/patch.md` is the byte map).

mod file;
mod label;

pub(crate) use file::{
    Block, BlockContent, HEADER_BYTES, PATCH_DIR, PatchFile, PatchWriter, check, number_of, path_of,
};
pub(crate) use label::{LabelBlock, LabelBuilder, LabelPlace, LabelsOf, RANGE_ROWS};

/// A block of a patch file, and its checksum, which the manifest keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of the file.
    pub(crate) file: u64,
    /// Where the block begins.
    pub(crate) offset: u64,
    /// Its length.
    pub(crate) bytes: u64,
    /// CRC-32 of it.
    pub(crate) crc: u32,
}
