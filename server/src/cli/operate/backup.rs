//! `driftline backup`.

use std::path::{Path, PathBuf};

use super::bar::Bar;
use super::{ask, blocking, directory, engine, quoted, text};
use crate::cli::connection::Target;
use crate::cli::error::Result;
use crate::cli::output;

/// What `driftline backup` takes.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// Where the backup goes: an empty directory, one that does not exist, or one that holds an earlier backup of the
    /// same database, of which only what is new is copied then. With --url it is a directory of the server.
    dir: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// Runs it.
pub async fn run(args: BackupArgs) -> Result<()> {
    match args.target.directory()? {
        None => ask(&args.target, &format!("BACKUP TO {}", quoted(&args.dir.to_string_lossy()))).await,
        Some(from) => blocking(move || copy(&from, &args.dir)).await,
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let engine = engine(from)?;
    let report = {
        let bar = Bar::new("backup");
        engine.backup(&directory(to)?, &mut |progress| bar.show(progress))?
    };
    engine.close()?;
    output::say(&text::backup(&report, &to.display().to_string()))
}
