//! What Linux says of this process, and of the files of a directory.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::{Error, Result, shim};

/// Ticks in a second of the times in /proc/PID/stat; fixed in Linux's interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// A field of /proc/self/status given in kB (`RssAnon`, `VmHWM`), in bytes.
pub fn status_bytes(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map(|n| n * 1024).ok_or_else(|| Error::from(format!("/proc/self/status has no {field}")))
}

/// Processor time of this process so far, all threads, user and system.
pub fn cpu_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in brackets, may hold spaces: fields are counted after it.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    match ticks.as_slice() {
        [user, system] => Ok(Duration::from_secs_f64((user + system) / TICKS_PER_SECOND)),
        _ => Err("/proc/self/stat has no processor times".into()),
    }
}

/// Lengths of the files of a data directory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryBytes {
    /// All that holds data.
    pub data: u64,
    /// WAL files.
    pub wal: u64,
    /// The reserve.
    pub reserve: u64,
}

/// Adds up the lengths of all files below `dir`.
pub fn directory_bytes(dir: &Path) -> Result<DirectoryBytes> {
    let mut bytes = DirectoryBytes::default();
    add_directory(dir, dir, &mut bytes)?;
    Ok(bytes)
}

fn add_directory(root: &Path, dir: &Path, bytes: &mut DirectoryBytes) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            add_directory(root, &entry.path(), bytes)?;
            continue;
        }
        let length = entry.metadata()?.len();
        let path = entry.path();
        let path = path.strip_prefix(root)?.to_string_lossy();
        match () {
            () if path.starts_with("wal/") => bytes.wal += length,
            () if shim::is_reserve(&path) => bytes.reserve += length,
            () => bytes.data += length,
        }
    }
    Ok(())
}
