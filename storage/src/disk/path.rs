//! Names of files below the data directory.

use std::io;

/// Refuses what would lead out of the data directory. Names come from files on disk, so they are not to be trusted.
pub(super) fn check(path: &str) -> io::Result<()> {
    let inside = path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    if path.is_empty() || inside {
        return Ok(());
    }
    let message = format!("{path:?} is not a path below the data directory");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// The directory a path lies in; `""` is the data directory.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// The path and those above it, outermost first, without the data directory itself.
pub(super) fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    let cuts = path.match_indices('/').map(|(at, _)| at);
    cuts.chain([path.len()]).filter_map(|at| path.get(..at)).filter(|dir| !dir.is_empty())
}
