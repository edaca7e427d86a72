//! Files as memory.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

/// The bytes of a whole file, read-only, brought in by the system as they are touched. The name may go and the handle
/// be closed while it lives.
///
/// The file must never change. One that somebody else cuts short while it is mapped kills the process (SIGBUS) at the
/// next look at what is gone, and so does a drive that cannot read what it holds: no error can be returned for either.
/// Driftline itself maps segment files only, which are sealed before a manifest names them, and removed whole.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// None for a file without bytes.
    pub(super) fn of(file: &File) -> io::Result<Option<Self>> {
        if file.metadata()?.len() == 0 {
            return Ok(None);
        }
        map(file).map(|map| Some(Self(map)))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[expect(unsafe_code, reason = "nothing safe maps a file")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes behind a slice must not change while it lives. Segment files are written once and synced before
    // they are mapped, never written again, and removed by name only, which leaves their bytes to those who map them.
    // What others do to the files of a directory that we hold the lock of cannot be ruled out: the docs of the type say so.
    unsafe { Mmap::map(file) }
}
