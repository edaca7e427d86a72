//! A copy of one moment in another directory, kept up to date by copying what is new.
//!
//! The copy is laid out as a data directory. A backup that is cut short leaves the one before it as it was: files get
//! their names only whole and durable, what the earlier manifest names is never changed, and the new manifest comes
//! last. A file of the name [`MARKER`] tells a backup from a data directory, so that none is ever written over.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use super::copy::{copy, list, make_dirs, sync_dirs};
use super::files::{Content, NAMED_DIRS, NamedFile, named_files};
use super::pin::Pinned;
use super::progress::{Meter, Report};
use crate::disk::{Disk, ReadFile};
use crate::engine::{LOCK_FILE, lock, put_ledger};
use crate::error::{Result, StorageError};
use crate::ledger::{LEDGER_FILE, Ledger};
use crate::manifest::{self, Manifest};
use crate::series;
use crate::wal::{self, WAL_DIR, WalWriter};

/// The file that makes a directory a backup. It holds the checksums of the manifests that a backup published there: a
/// directory with another one in force was opened as a database since.
pub(crate) const MARKER: &str = "BACKUP";
const MARKER_HEAD: &str =
    "A backup made by driftline; read it with `driftline restore`. Its manifest is one of\n";
/// Names that a directory may have and still be empty: the lock, a ledger, a marker or a ledger that a crash cut short,
/// and what file systems make themselves.
const EMPTY_ALL_THE_SAME: [&str; 5] = [LOCK_FILE, "BACKUP.tmp", LEDGER_FILE, "ledger.tmp", "lost+found"];
/// Bytes at either end of a series file by which two databases are told apart.
const COMPARED_BYTES: u64 = 64 << 10;

/// What a backup did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// The last write that is in it.
    pub seq: u64,
    /// Rows in it.
    pub rows: u64,
    /// Files of the backup, its manifest and log left out.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Files that were copied, since the directory did not have them.
    pub copied_files: u64,
    /// Bytes in those.
    pub copied_bytes: u64,
    /// Files that went, since the new backup does not need them.
    pub removed_files: u64,
}

/// Copies a moment, of which the directory behind `target` may hold an earlier one.
pub(crate) fn backup(
    pinned: &Pinned,
    ledger: &Ledger,
    target: &Arc<dyn Disk>,
    report: &mut Report<'_>,
) -> Result<BackupReport> {
    expect_whole(&pinned.manifest)?;
    let place = Place::take(target)?;
    let files = pinned.files();
    place.expect_same_database(pinned, &files)?;
    put_ledger(ledger, &**target)?;
    make_dirs(&**target, &NAMED_DIRS)?;
    make_dirs(&**target, &[WAL_DIR])?;
    let missing: Vec<&NamedFile> = files.iter().filter(|file| !file.is_there(target)).collect();
    let copied_bytes = missing.iter().map(|file| file.bytes).sum();
    let mut meter = Meter::new(report, copied_bytes);
    for file in &missing {
        take_over(pinned, file, &**target, &mut meter)?;
    }
    sync_dirs(&**target, &NAMED_DIRS)?;
    let manifest = place.publish(&pinned.manifest)?;
    Ok(BackupReport {
        seq: manifest.catalog_seq,
        rows: manifest.shown_rows(),
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.bytes).sum(),
        copied_files: missing.len() as u64,
        copied_bytes,
        removed_files: remove_unnamed(&**target, &manifest, &files)?,
    })
}

/// A moment that needs rows of the log would lack them: the backup's log is empty.
fn expect_whole(manifest: &Manifest) -> Result<()> {
    let is_flushed = |seq: &u64| *seq >= manifest.catalog_seq;
    if manifest.flushed_seq.values().all(is_flushed) {
        return Ok(());
    }
    Err(StorageError::Invalid("the moment to be backed up is not in segments; please report this".into()))
}

/// Copies a file after every checksum in it was looked at: what is damaged must not pass for a backup.
fn take_over(pinned: &Pinned, file: &NamedFile, target: &dyn Disk, meter: &mut Meter<'_>) -> Result<()> {
    let from = pinned.open(file)?;
    let damage = match &file.content {
        Content::Segments { .. } => file.damage(&pinned.disk).into_iter().next(),
        Content::Series { number } => series::check(*number, &file.read(&*from)?).err(),
        Content::Patches { blocks } => file.patch_damage(blocks, &*from).into_iter().next(),
    };
    damage.map_or(Ok(()), Err)?;
    copy(&*from, file.bytes, target, &file.path, meter)
}

/// The directory of a backup, ours until this is dropped.
struct Place<'a> {
    target: &'a Arc<dyn Disk>,
    /// The backup that is there, and the checksum of its manifest.
    before: Option<(Manifest, u32)>,
    _lock: Box<dyn Any + Send + Sync>,
}

impl<'a> Place<'a> {
    /// Takes an empty directory, or one that holds a backup and nothing else.
    fn take(target: &'a Arc<dyn Disk>) -> Result<Self> {
        // Before the lock, which makes a file: not in a directory that was named by mistake.
        look(&**target)?;
        let held = lock(&**target)?;
        Ok(Self { target, before: look(&**target)?, _lock: held })
    }

    /// Refuses to write the backup of one database over that of another, as far as they can be told apart: numbers of
    /// files are given once in the life of a database, and writes only grow.
    fn expect_same_database(&self, pinned: &Pinned, files: &[NamedFile]) -> Result<()> {
        let Some((before, _)) = &self.before else { return Ok(()) };
        let known = named_files(before);
        let mut is_same = before.catalog_seq <= pinned.manifest.catalog_seq;
        for file in files {
            let Some(old) = known.iter().find(|old| old.path == file.path) else { continue };
            is_same &= match (&old.content, &file.content) {
                (Content::Segments { infos: old, .. }, Content::Segments { infos, .. }) => {
                    infos.iter().all(|info| old.contains(info))
                }
                // Blocks that are not needed any more make the part that counts shorter.
                (Content::Patches { .. }, _) => {
                    self.has_same_ends(pinned, file, old.bytes.min(file.bytes))?
                }
                _ => old.bytes <= file.bytes && self.has_same_ends(pinned, file, old.bytes)?,
            };
        }
        if is_same {
            return Ok(());
        }
        Err(StorageError::Invalid(format!(
            "{} holds the backup of another database, or of a later moment of this one than it knows; choose an \
             empty directory",
            self.target.root()
        )))
    }

    /// Whether a file of ours begins and ends, at the length it has there, as the one there does. A file that is
    /// damaged there differs too, and is not replaced by stealth.
    fn has_same_ends(&self, pinned: &Pinned, file: &NamedFile, bytes: u64) -> Result<bool> {
        let Ok(there) = self.target.open(&file.path) else { return Ok(true) };
        let ours = pinned.open(file)?;
        let count = bytes.min(COMPARED_BYTES);
        for at in [0, bytes - count] {
            let ours = read_at(&*ours, at, count).map_err(|e| StorageError::io("read", &file.path, e))?;
            match read_at(&*there, at, count) {
                Ok(there) if there != ours => return Ok(false),
                _ => {}
            }
        }
        Ok(true)
    }

    /// Makes the files that were copied a backup: an empty log after the moment's last write, then the manifest.
    fn publish(&self, moment: &Manifest) -> Result<Manifest> {
        let after = self.before.as_ref().map_or(0, |(before, _)| before.version.saturating_add(1));
        let numbers = list(&**self.target, WAL_DIR)?;
        let greatest = numbers.iter().filter_map(|name| wal::number_of(name)).max();
        let manifest = Manifest {
            version: moment.version.max(after),
            wal_first: moment.wal_first.max(greatest.map_or(1, |number| number.saturating_add(1))),
            wal_first_seq: moment.catalog_seq.saturating_add(1),
            ..moment.clone()
        };
        WalWriter::create(self.target.clone(), manifest.wal_first, None, manifest.wal_first_seq)?;
        self.mark(&manifest)?;
        manifest::publish(&**self.target, &manifest)?;
        Ok(manifest)
    }

    /// Marks the directory as a backup of what is in force there, and of what comes next.
    fn mark(&self, next: &Manifest) -> Result<()> {
        let next = crc32fast::hash(&manifest::encode(next));
        let checksums = self.before.iter().map(|(_, checksum)| *checksum).chain([next]);
        let lines: String = checksums.map(line_of).collect();
        let text = format!("{MARKER_HEAD}{lines}");
        self.target.publish(MARKER, text.as_bytes()).map_err(|e| StorageError::io("publish", MARKER, e))
    }
}

/// Refuses a directory that holds something else than a backup.
pub(crate) fn expect_backup(target: &dyn Disk) -> Result<()> {
    look(target).map(drop)
}

fn line_of(checksum: u32) -> String {
    format!("manifest {checksum:08x}\n")
}

/// The backup that a directory holds, none where it is empty; refuses any other directory.
fn look(target: &dyn Disk) -> Result<Option<(Manifest, u32)>> {
    if list(target, "")?.iter().all(|name| EMPTY_ALL_THE_SAME.contains(&name.as_str())) {
        return Ok(None);
    }
    let marker = match target.read(MARKER) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return begun(target);
        }
        read => read.map_err(|e| StorageError::io("read", MARKER, e))?,
    };
    let Some(version) = manifest::present(target)?.pop() else { return Ok(None) };
    let (manifest, bytes) = manifest::read(target, version)?;
    let checksum = crc32fast::hash(&bytes);
    if String::from_utf8_lossy(&marker).contains(&line_of(checksum)) {
        return Ok(Some((manifest, checksum)));
    }
    Err(StorageError::Invalid(format!(
        "{} was opened as a database since it was made a backup; choose an empty directory",
        target.root()
    )))
}

/// A directory without a marker: well where a first backup was cut short, which leaves no manifest.
fn begun(target: &dyn Disk) -> Result<Option<(Manifest, u32)>> {
    let ours = |name: &String| {
        let dirs = [WAL_DIR].into_iter().chain(NAMED_DIRS);
        EMPTY_ALL_THE_SAME.into_iter().chain(dirs).any(|known| known == name)
    };
    if list(target, "")?.iter().all(ours) {
        return Ok(None);
    }
    Err(StorageError::Invalid(format!(
        "{} holds files, and no backup; choose an empty directory",
        target.root()
    )))
}

fn read_at(file: &dyn ReadFile, offset: u64, count: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(count).map_err(std::io::Error::other)?];
    file.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Removes what the backup does not name: files that were merged into others since, an earlier manifest and log,
/// remains of backups that were cut short. What cannot be removed now is removed by the next one. Gives how many files
/// went beside manifest and log.
fn remove_unnamed(target: &dyn Disk, manifest: &Manifest, files: &[NamedFile]) -> Result<u64> {
    let versions = manifest::present(target)?.into_iter().filter(|version| *version != manifest.version);
    for path in
        versions.map(manifest::path_of).chain(others(target, WAL_DIR, &[wal::path_of(manifest.wal_first)])?)
    {
        let _ = target.remove(&path);
    }
    let named: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
    let mut removed = 0;
    for dir in NAMED_DIRS {
        let others = others(target, dir, &named)?;
        removed += others.iter().filter(|path| target.remove(path).is_ok()).count() as u64;
    }
    Ok(removed)
}

/// The files of a directory that are not among these.
fn others(target: &dyn Disk, dir: &str, named: &[String]) -> Result<Vec<String>> {
    let named: HashSet<&String> = named.iter().collect();
    let paths = list(target, dir)?.into_iter().map(|name| format!("{dir}/{name}"));
    Ok(paths.filter(|path| !named.contains(path)).collect())
}
