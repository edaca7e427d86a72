//! Every byte read and every checksum looked at.

use std::collections::HashSet;
use std::sync::Arc;

use super::copy::list;
use super::counts::recount_labels;
use super::files::{Content, NAMED_DIRS, NamedFile, named_files, newest_version};
use super::log::{self, LogPiece};
use super::pin::Pinned;
use super::progress::{Meter, Report};
use super::restore::lock_to_read;
use crate::disk::Disk;
use crate::engine::TRASH_DIR;
use crate::error::{Result, StorageError};
use crate::ledger::{LEDGER_FILE, Ledger};
use crate::limits::DAMAGE_NAMED_MAX;
use crate::manifest::{self, Manifest};
use crate::series::{self, SeriesRegistry};
use crate::wal::{self, WAL_DIR};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Files that the manifest names, the log and the manifest itself.
    pub files: u64,
    /// Bytes in them that count.
    pub bytes: u64,
    /// Rows in segments.
    pub rows: u64,
    /// Every damaged place, up to [`DAMAGE_NAMED_MAX`].
    pub damage: Vec<Damage>,
    /// Damaged places beyond those.
    pub more_damage: u64,
    /// What no manifest names, so that nobody reads it: no error.
    pub garbage: Vec<Garbage>,
}

/// A place that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, relative to the data directory.
    pub path: String,
    /// Where in it.
    pub offset: u64,
    /// What should be there.
    pub expected: String,
}

/// A file that nothing names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage {
    /// The file, relative to the data directory.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

/// Looks at a directory that nobody has open, and changes nothing in it: no log is replayed. With `deep` summaries are
/// compared with a count of the rows too, which reads all columns that have some.
///
/// # Errors
/// [`StorageError::InUse`] where somebody has it open, [`StorageError::Invalid`] where it is no database. Damage is no
/// error but the answer.
pub fn verify(disk: &Arc<dyn Disk>, deep: bool, report: &mut Report<'_>) -> Result<Verification> {
    newest_version(&**disk)?;
    let _lock = lock_to_read(&**disk)?;
    let version = newest_version(&**disk)?;
    let mut found = Verification::default();
    let (manifest, bytes) = match manifest::read(&**disk, version) {
        Ok(read) => read,
        Err(error) => {
            // Which other files count nobody can say.
            found.add([error]);
            return Ok(found);
        }
    };
    let (files, pieces) = (named_files(&manifest), log::log_pieces(&**disk, &manifest)?);
    let mut meter = Meter::new(report, total(&files, &pieces)?);
    found.look_at(&files, &mut meter, |file| or_recount(file.damage(disk), deep, file, disk));
    found.recount_labels(deep, &manifest, disk);
    found.add(contradictions(&**disk, &files));
    found.look_at_log(&pieces, &mut meter)?;
    found.add(log::check_log(&**disk, &manifest).err());
    found.look_at_ledger(&**disk, &manifest);
    found.count(&manifest, bytes.len() as u64);
    found.garbage = garbage(&**disk, &manifest, &files)?;
    Ok(found)
}

/// The same for a moment of a database that is open.
pub(crate) fn verify_open(
    pinned: &Pinned,
    pieces: &[LogPiece],
    deep: bool,
    report: &mut Report<'_>,
) -> Result<Verification> {
    let (files, mut found) = (pinned.files(), Verification::default());
    let mut meter = Meter::new(report, total(&files, pieces)?);
    let damage = |file: &NamedFile| or_recount(damage_of(pinned, file), deep, file, &pinned.disk);
    found.look_at(&files, &mut meter, damage);
    found.recount_labels(deep, &pinned.manifest, &pinned.disk);
    found.look_at_log(pieces, &mut meter)?;
    let mut manifest_bytes = 0;
    match manifest::read(&*pinned.disk, pinned.manifest.version) {
        Ok((_, bytes)) => manifest_bytes = bytes.len() as u64,
        // Others have taken its place meanwhile.
        Err(StorageError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => found.add([error]),
    }
    found.look_at_ledger(&*pinned.disk, &pinned.manifest);
    found.count(&pinned.manifest, manifest_bytes);
    found.garbage = paths(&*pinned.disk, TRASH_DIR)?;
    Ok(found)
}

/// Damage of a file; where there is none, what else can be wrong.
fn or_recount(
    damage: Vec<StorageError>,
    deep: bool,
    file: &NamedFile,
    disk: &Arc<dyn Disk>,
) -> Vec<StorageError> {
    if deep && damage.is_empty() { file.recount(disk) } else { damage }
}

fn damage_of(pinned: &Pinned, file: &NamedFile) -> Vec<StorageError> {
    let open = match pinned.open(file) {
        Ok(open) => open,
        Err(error) => return vec![error],
    };
    match &file.content {
        Content::Segments { .. } => file.damage(&pinned.disk),
        Content::Patches { blocks } => file.patch_damage(blocks, &*open),
        Content::Series { number } => {
            let bytes = file.read(&*open);
            bytes.and_then(|bytes| series::check(*number, &bytes)).err().into_iter().collect()
        }
    }
}

fn total(files: &[NamedFile], pieces: &[LogPiece]) -> Result<u64> {
    let log = pieces.iter().map(LogPiece::len).sum::<Result<u64>>()?;
    Ok(files.iter().map(|file| file.bytes).sum::<u64>() + log)
}

impl Verification {
    /// Whether nothing is damaged.
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty()
    }

    fn look_at(
        &mut self,
        files: &[NamedFile],
        meter: &mut Meter<'_>,
        damage: impl Fn(&NamedFile) -> Vec<StorageError>,
    ) {
        for file in files {
            self.add(damage(file));
            self.bytes += file.bytes;
            meter.add(&file.path, file.bytes);
        }
        self.files += files.len() as u64;
    }

    fn recount_labels(&mut self, deep: bool, manifest: &Manifest, disk: &Arc<dyn Disk>) {
        if deep && self.damage.is_empty() {
            self.add(recount_labels(manifest, disk));
        }
    }

    fn look_at_log(&mut self, pieces: &[LogPiece], meter: &mut Meter<'_>) -> Result<()> {
        self.add(log::damage(pieces, meter)?);
        self.files += pieces.len() as u64;
        for piece in pieces {
            self.bytes += piece.len()?;
        }
        Ok(())
    }

    /// The ledger, which has at least the entries that the manifest knows of.
    fn look_at_ledger(&mut self, disk: &dyn Disk, manifest: &Manifest) {
        let least = manifest.erasures.entries;
        let entries = match Ledger::load(disk) {
            Ok(Some(ledger)) => {
                self.files += 1;
                self.bytes += disk.open(LEDGER_FILE).and_then(|file| file.len()).unwrap_or(0);
                ledger.len() as u64
            }
            Ok(None) => 0,
            Err(error) => return self.add([error]),
        };
        if entries < least {
            let expected = format!("{least} entries at least, found {entries}");
            self.add([StorageError::corrupt(LEDGER_FILE, 0, expected)]);
        }
    }

    fn count(&mut self, manifest: &Manifest, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
        self.rows = manifest.shown_rows();
    }

    /// Adds what is not known yet.
    fn add(&mut self, errors: impl IntoIterator<Item = StorageError>) {
        for damage in errors.into_iter().map(Damage::from) {
            let is_known = |known: &Damage| known.path == damage.path && known.offset == damage.offset;
            if self.damage.iter().any(is_known) {
                continue;
            }
            match self.damage.len() {
                DAMAGE_NAMED_MAX.. => self.more_damage += 1,
                _ => self.damage.push(damage),
            }
        }
    }
}

impl From<StorageError> for Damage {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Corrupt { path, offset, expected } => Self { path, offset, expected },
            StorageError::Io { path, source, .. } => {
                Self { path, offset: 0, expected: format!("bytes that can be read ({source})") }
            }
            StorageError::NewerFormat { path, found, .. } => {
                let expected = format!("a format that this build reads, found version {found}");
                Self { path, offset: 0, expected }
            }
            other => Self { path: String::new(), offset: 0, expected: other.to_string() },
        }
    }
}

/// Definitions of series that contradict each other, each well by itself.
fn contradictions(disk: &dyn Disk, files: &[NamedFile]) -> Vec<StorageError> {
    let registry = SeriesRegistry::new();
    let mut found = Vec::new();
    for file in files {
        let Content::Series { number } = &file.content else { continue };
        // What cannot be read is reported already.
        let Ok(bytes) = file.open(disk).and_then(|open| file.read(&*open)) else { continue };
        found.extend(series::survey(*number, &bytes, &registry));
    }
    found
}

/// What no manifest names: segments and series of merges and flushes that were cut short, what waits in the trash, and
/// logs that are not needed any more.
fn garbage(disk: &dyn Disk, manifest: &Manifest, files: &[NamedFile]) -> Result<Vec<Garbage>> {
    let named: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut garbage = paths(disk, TRASH_DIR)?;
    for dir in NAMED_DIRS {
        garbage.extend(paths(disk, dir)?.into_iter().filter(|file| !named.contains(file.path.as_str())));
    }
    let is_needed = |file: &Garbage| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        wal::number_of(name).is_some_and(|number| number >= manifest.wal_first)
    };
    garbage.extend(paths(disk, WAL_DIR)?.into_iter().filter(|file| !is_needed(file)));
    Ok(garbage)
}

/// The files of a directory. One that goes meanwhile is none.
fn paths(disk: &dyn Disk, dir: &str) -> Result<Vec<Garbage>> {
    let length = |name: String| {
        let path = format!("{dir}/{name}");
        let bytes = disk.open(&path).and_then(|file| file.len()).ok()?;
        Some(Garbage { path, bytes })
    };
    Ok(list(disk, dir)?.into_iter().filter_map(length).collect())
}
