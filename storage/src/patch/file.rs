//! One patch file: being written, and being read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;

use super::Place;
use super::label::{LabelBuilder, LabelPlace, LabelsOf};
use crate::bytes::{Cursor, Put};
use crate::disk::{AppendFile, Disk, ReadFile};
use crate::error::{Result, StorageError};
use crate::limits::PATCH_BLOCK_BYTES_MAX;
use crate::overlay::HiddenPlace;
use crate::schema::{ColumnId, TableId};

/// Where patch files lie.
pub(crate) const PATCH_DIR: &str = "patch";
const MAGIC: [u8; 8] = *b"DRFTPCH\n";
/// The format this build writes, and the newest it reads.
const PATCH_VERSION: u16 = 1;
pub(crate) const HEADER_BYTES: usize = 16;
/// A block of hidden rows.
const KIND_HIDDEN: u32 = 1;

/// The file with this number.
pub(crate) fn path_of(number: u64) -> String {
    format!("{PATCH_DIR}/{number:016x}.pch")
}

/// The number in a file's name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(".pch")?, 16).ok()
}

/// A patch file being written.
#[derive(Debug)]
pub(crate) struct PatchWriter {
    number: u64,
    path: String,
    file: Arc<dyn AppendFile>,
    offset: u64,
}

impl PatchWriter {
    /// Creates the file and makes its name durable; the directory is made where it is missing.
    pub(crate) fn create(disk: &dyn Disk, number: u64) -> Result<Self> {
        let path = path_of(number);
        disk.create_dir(PATCH_DIR).map_err(|e| StorageError::io("create", PATCH_DIR, e))?;
        let file = disk.create(&path).map_err(|e| StorageError::io("create", &path, e))?;
        disk.sync_dir(PATCH_DIR).map_err(|e| StorageError::io("sync", PATCH_DIR, e))?;
        let mut writer = Self { number, path, file, offset: 0 };
        let mut header = MAGIC.to_vec();
        header.put_u16(PATCH_VERSION);
        header.put_u16(0);
        header.put_u32(crc32fast::hash(&header));
        writer.append(&header)?;
        Ok(writer)
    }

    /// Writes the hidden rows of a segment.
    pub(crate) fn hidden(
        &mut self,
        table: TableId,
        segment: u64,
        rows: &RoaringBitmap,
    ) -> Result<HiddenPlace> {
        let mut block = Vec::with_capacity(16 + rows.serialized_size());
        block.put_u32(KIND_HIDDEN);
        block.put_u32(table);
        block.put_u64(segment);
        rows.serialize_into(&mut block).map_err(|e| StorageError::io("write", &self.path, e))?;
        Ok(HiddenPlace { place: self.append(&block)?, rows: rows.len() })
    }

    /// Writes a block of labels; none where there are none.
    pub(crate) fn labels(&mut self, builder: LabelBuilder) -> Result<Option<LabelPlace>> {
        let Some((block, head, entries)) = builder.finish() else { return Ok(None) };
        let place = self.append(&block)?;
        // The checksum is of the head, which has those of the rest.
        let crc = crc32fast::hash(&block[..head]);
        Ok(Some(LabelPlace { place: Place { crc, ..place }, entries }))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<Place> {
        self.file.append(bytes).map_err(|e| StorageError::io("append to", &self.path, e))?;
        let (file, offset) = (self.number, self.offset);
        self.offset += bytes.len() as u64;
        Ok(Place { file, offset, bytes: bytes.len() as u64, crc: crc32fast::hash(bytes) })
    }

    /// Makes its bytes durable.
    pub(crate) fn finish(self) -> Result<()> {
        self.file.sync().map_err(|e| StorageError::io("sync", self.path, e))
    }
}

/// A patch file on disk: opened on first read, removed when the last user of an obsolete one is gone.
#[derive(Debug)]
pub(crate) struct PatchFile {
    disk: Arc<dyn Disk>,
    path: String,
    open: OnceLock<Arc<dyn ReadFile>>,
    obsolete: AtomicBool,
}

impl PatchFile {
    /// The file of this number. No I/O.
    pub(crate) fn new(disk: Arc<dyn Disk>, number: u64) -> Arc<Self> {
        let (path, obsolete) = (path_of(number), AtomicBool::new(false));
        Arc::new(Self { disk, path, open: OnceLock::new(), obsolete })
    }

    /// No manifest names it any more: it is removed when its last reader is gone.
    pub(crate) fn obsolete(&self) {
        self.obsolete.store(true, Ordering::Relaxed);
    }

    /// The hidden rows of a segment.
    pub(crate) fn read_hidden(
        &self,
        place: HiddenPlace,
        table: TableId,
        segment: u64,
    ) -> Result<RoaringBitmap> {
        self.bytes()?.hidden(place, table, segment)
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> Result<PatchBytes<'_>> {
        Ok(PatchBytes { path: &self.path, file: &**self.opened()? })
    }

    /// The file, its header checked.
    fn opened(&self) -> Result<&Arc<dyn ReadFile>> {
        if let Some(file) = self.open.get() {
            return Ok(file);
        }
        let file = self.disk.open(&self.path).map_err(|e| StorageError::io("open", &*self.path, e))?;
        check_header(&self.path, &*file)?;
        Ok(self.open.get_or_init(|| file))
    }
}

/// A block that a manifest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) table: TableId,
    pub(crate) segment: u64,
    pub(crate) place: Place,
    pub(crate) content: BlockContent,
}

/// What a block says of its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockContent {
    /// So many rows are hidden.
    Hidden { rows: u64 },
    /// So many labels of a column.
    Labels { column: ColumnId, entries: u64 },
}

/// Every place in a patch file that is not what it must be; with each damaged block, if one can be told.
pub(crate) fn check(path: &str, file: &dyn ReadFile, blocks: &[Block]) -> Vec<(Option<Block>, StorageError)> {
    if let Err(error) = check_header(path, file) {
        return vec![(None, error)];
    }
    let bytes = PatchBytes { path, file };
    let damage = |block: &Block| bytes.check(block).err().map(|error| (Some(*block), error));
    blocks.iter().filter_map(damage).collect()
}

/// The bytes of a patch file.
#[derive(Clone, Copy)]
pub(super) struct PatchBytes<'a> {
    pub(super) path: &'a str,
    file: &'a dyn ReadFile,
}

impl PatchBytes<'_> {
    fn check(&self, block: &Block) -> Result<()> {
        let Block { table, segment, place, content } = *block;
        match content {
            BlockContent::Hidden { rows } => {
                self.hidden(HiddenPlace { place, rows }, table, segment).map(drop)
            }
            BlockContent::Labels { column, entries } => {
                self.check_labels(LabelsOf { table, segment, column }, LabelPlace { place, entries })
            }
        }
    }

    fn hidden(&self, place: HiddenPlace, table: TableId, segment: u64) -> Result<RoaringBitmap> {
        decode_hidden(self.path, &self.block(place.place)?, place, table, segment)
    }

    pub(super) fn corrupt(&self, offset: u64, expected: impl Into<String>) -> StorageError {
        StorageError::corrupt(self.path, offset, expected)
    }

    /// Bytes that no checksum vouches for yet.
    pub(super) fn unchecked(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        // Before memory is taken for it.
        let held = self.file.len().map_err(|e| StorageError::io("read the length of", self.path, e))?;
        if offset.checked_add(length).is_none_or(|end| end > held) {
            return Err(read_failed(self.path, offset, length, std::io::ErrorKind::UnexpectedEof.into()));
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_at(offset, &mut bytes).map_err(|e| read_failed(self.path, offset, length, e))?;
        Ok(bytes)
    }

    /// Bytes with their checksum.
    pub(super) fn block(&self, place: Place) -> Result<Vec<u8>> {
        if place.bytes > PATCH_BLOCK_BYTES_MAX {
            let expected = format!("a block of at most {PATCH_BLOCK_BYTES_MAX} bytes, found {}", place.bytes);
            return Err(self.corrupt(place.offset, expected));
        }
        let bytes = self.unchecked(place.offset, place.bytes)?;
        match crc32fast::hash(&bytes) == place.crc {
            true => Ok(bytes),
            false => {
                let expected = format!("{} bytes with checksum {:08x}", place.bytes, place.crc);
                Err(self.corrupt(place.offset, expected))
            }
        }
    }
}

fn check_header(path: &str, file: &dyn ReadFile) -> Result<()> {
    let mut header = [0; HEADER_BYTES];
    file.read_at(0, &mut header).map_err(|e| read_failed(path, 0, HEADER_BYTES as u64, e))?;
    let found = u16::from_le_bytes([header[8], header[9]]);
    // Only a version that the checksum vouches for is a newer format; anything else is damage.
    let crc = crc32fast::hash(&header[..12]).to_le_bytes();
    if header[..8] != MAGIC || header[12..] != crc {
        return Err(StorageError::corrupt(path, 0, "the header of a patch file"));
    }
    match found > PATCH_VERSION {
        true => Err(StorageError::NewerFormat { path: path.into(), found, known: PATCH_VERSION }),
        false => Ok(()),
    }
}

fn read_failed(path: &str, offset: u64, bytes: u64, error: std::io::Error) -> StorageError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            StorageError::corrupt(path, offset, format!("{bytes} more bytes"))
        }
        _ => StorageError::io("read", path, error),
    }
}

fn decode_hidden(
    path: &str,
    block: &[u8],
    place: HiddenPlace,
    table: TableId,
    segment: u64,
) -> Result<RoaringBitmap> {
    let at = place.place.offset;
    let mut cursor = Cursor::new(block);
    let mut head = || Ok((cursor.u32("kind")?, cursor.u32("table")?, cursor.u64("segment")?));
    let found = head().map_err(|e: crate::bytes::Malformed| e.at(path, at))?;
    if found != (KIND_HIDDEN, table, segment) {
        let expected = format!("the hidden rows of segment {segment} of table {table}, found {found:?}");
        return Err(StorageError::corrupt(path, at, expected));
    }
    let rows = RoaringBitmap::deserialize_from(&block[cursor.offset() as usize..]);
    let rows = rows.ok().filter(|rows| rows.len() == place.rows);
    rows.ok_or_else(|| StorageError::corrupt(path, at + 16, format!("a set of {} rows", place.rows)))
}

impl Drop for PatchFile {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Relaxed) {
            // What cannot be removed now goes when the directory is opened.
            let _ = self.disk.remove(&self.path);
        }
    }
}
