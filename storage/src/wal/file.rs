//! Writing WAL files: append, sync, rotate.

use std::sync::Arc;

use super::{Piece, WAL_DIR, frame, path_of};
use crate::bytes::{Cursor, Put};
use crate::disk::{AppendFile, Disk};
use crate::error::{Result, StorageError};
use crate::limits::WAL_FILE_BYTES_MAX;

const MAGIC: [u8; 8] = *b"DRFTWAL\n";
/// The format this build writes and the newest it reads.
pub(super) const WAL_VERSION: u16 = 1;
/// Bytes of the buffer for frames that stay allocated between two groups: 4 MiB.
const BUFFER_BYTES_KEPT: usize = 4 << 20;
/// Bytes before a file's first frame.
pub(crate) const HEADER_BYTES: usize = 72;

/// The head of a file: which it is, and which valid bytes of which file came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) first_seq: u64,
    /// 0 for a file that begins a log, which only a manifest can make part of it.
    pub(super) prev_number: u64,
    /// The sequence of the last frame before this file.
    pub(super) prev_last_seq: u64,
    /// Bytes of the previous file past this are the remains of a failed append: they are not part of the log.
    pub(super) prev_valid_len: u64,
    pub(super) salt: u64,
}

/// What the first bytes of a file say.
#[derive(Debug)]
pub(super) enum HeaderState {
    Valid(Header),
    Newer(u16),
    Invalid,
}

impl Header {
    fn encode(self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.put_u16(WAL_VERSION);
        out.extend_from_slice(&[0; 6]);
        let Self { number, first_seq, prev_number, prev_last_seq, prev_valid_len, salt } = self;
        for value in [number, first_seq, prev_number, prev_last_seq, prev_valid_len, salt] {
            out.put_u64(value);
        }
        out.put_u32(0);
        let crc = crc32fast::hash(&out);
        out.put_u32(crc);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> HeaderState {
        Self::parse(bytes).unwrap_or(HeaderState::Invalid)
    }

    fn parse(bytes: &[u8]) -> Option<HeaderState> {
        let head = bytes.get(..HEADER_BYTES)?;
        let mut cursor = Cursor::new(head);
        let magic = cursor.take(8, "magic").ok()?;
        let version = cursor.u16("version").ok()?;
        cursor.take(6, "reserved").ok()?;
        let mut next = || cursor.u64("header").ok();
        let header = Self {
            number: next()?,
            first_seq: next()?,
            prev_number: next()?,
            prev_last_seq: next()?,
            prev_valid_len: next()?,
            salt: next()?,
        };
        cursor.u32("reserved").ok()?;
        if magic != MAGIC || crc32fast::hash(&head[..HEADER_BYTES - 4]) != cursor.u32("checksum").ok()? {
            return None;
        }
        Some(if version > WAL_VERSION { HeaderState::Newer(version) } else { HeaderState::Valid(header) })
    }
}

/// The file that takes frames now.
#[derive(Debug)]
pub(crate) struct WalWriter {
    disk: Arc<dyn Disk>,
    file: Arc<dyn AppendFile>,
    header: Header,
    /// Bytes of whole frames; after a failed append the file may hold more.
    valid_len: u64,
    next_seq: u64,
    durable_seq: u64,
    /// The file may end in half a frame: it takes no further one.
    torn: bool,
    /// Frames on their way to the disk; empty between two appends.
    buffer: Vec<u8>,
}

impl WalWriter {
    /// Begins the file `number` after `previous` (its number and valid length, both durable), durable before the
    /// first frame. Without `previous` it begins a log, and takes frames only once a manifest names it.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        number: u64,
        previous: Option<(u64, u64)>,
        first_seq: u64,
    ) -> Result<Self> {
        let path = path_of(number);
        let (prev_number, prev_valid_len) = previous.unwrap_or((0, 0));
        let prev_last_seq = first_seq.saturating_sub(1);
        let salt = disk.random();
        let header = Header { number, first_seq, prev_number, prev_last_seq, prev_valid_len, salt };
        let file = disk.create(&path).map_err(|e| StorageError::io("create", &path, e))?;
        begin(&*disk, &*file, &path, &header).inspect_err(|_| {
            // On a full disk each further try would leave one. If it comes back after a crash it has no frame.
            let _ = disk.remove(&path);
        })?;
        let (next_seq, durable_seq) = (first_seq, first_seq.saturating_sub(1));
        let valid_len = HEADER_BYTES as u64;
        let (torn, buffer) = (false, Vec::new());
        Ok(Self { disk, file, header, valid_len, next_seq, durable_seq, torn, buffer })
    }

    /// The number of the file in use.
    pub(crate) fn number(&self) -> u64 {
        self.header.number
    }

    /// The sequence the next frame gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Bytes in the file in use.
    pub(crate) fn len(&self) -> u64 {
        self.valid_len
    }

    /// Whether the file in use holds no frame.
    pub(crate) fn is_empty(&self) -> bool {
        self.valid_len == HEADER_BYTES as u64 && !self.torn
    }

    /// Whether a new file must be begun before the next frame.
    pub(crate) fn must_rotate(&self, file_bytes_max: u64) -> bool {
        self.torn || self.valid_len >= file_bytes_max.min(WAL_FILE_BYTES_MAX)
    }

    /// Appends a frame for each batch and the definitions of the series it is the first to need, with sequences from
    /// `next_seq` on. After an error none of them is in the log: the next file will say that this one ended before them.
    pub(crate) fn append<'a>(&mut self, pieces: impl Iterator<Item = Piece<'a>>) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let mut seq = self.next_seq;
        for piece in pieces {
            frame::write(&mut bytes, self.header.salt, seq, self.durable_seq, piece);
            seq += 1;
        }
        self.file.append(&bytes).map_err(|e| {
            self.torn = true;
            StorageError::io("append to", path_of(self.header.number), e)
        })?;
        self.valid_len += bytes.len() as u64;
        self.next_seq = seq;
        // Kept for the next group, which is about as large; one that was very large is not.
        if bytes.capacity() <= BUFFER_BYTES_KEPT {
            self.buffer = bytes;
        }
        Ok(())
    }

    /// Makes all frames durable. After an error nobody knows what is on disk: never call it again.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.file.sync().map_err(|e| StorageError::io("sync", path_of(self.header.number), e))?;
        self.durable_seq = self.next_seq - 1;
        Ok(())
    }

    /// Seals the file and begins the next. The order is the promise: this file is durable, then the next one's
    /// head, then its name, and only then comes its first frame. `number` must be above every number used before.
    pub(crate) fn rotate(&mut self, number: u64) -> Result<(), RotateError> {
        self.sync().map_err(RotateError::Sync)?;
        let previous = Some((self.header.number, self.valid_len));
        *self =
            Self::create(self.disk.clone(), number, previous, self.next_seq).map_err(RotateError::Create)?;
        Ok(())
    }
}

/// Makes the head of a file durable, and its name.
fn begin(disk: &dyn Disk, file: &dyn AppendFile, path: &str, header: &Header) -> Result<()> {
    file.append(&header.encode()).map_err(|e| StorageError::io("append to", path, e))?;
    file.sync().map_err(|e| StorageError::io("sync", path, e))?;
    disk.sync_dir(WAL_DIR).map_err(|e| StorageError::io("sync directory", WAL_DIR, e))
}

/// Which half of a rotation failed.
#[derive(Debug)]
pub(crate) enum RotateError {
    /// The sync of the old file: what is on disk is unknown.
    Sync(StorageError),
    /// The new file: the old one is whole, and the rotation can be tried again under another number.
    Create(StorageError),
}
