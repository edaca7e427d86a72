//! `driftline restore`.

use std::path::{Path, PathBuf};

use driftline_query::storage::{self, Ledger, RestoreLedger, StorageError};

use super::bar::Bar;
use super::{directory, existing, text};
use crate::cli::error::Result;
use crate::cli::output;

/// What `driftline restore` takes.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup.
    backup: PathBuf,
    /// Where the database goes: an empty directory, or one that does not exist.
    #[arg(long, env = "DRIFTLINE__DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// A newer ledger of the same database, the file `ledger` of its data directory: what it says was erased since the
    /// backup is erased again. The backup's own is used in any case.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Restore a backup that has no ledger, although what was erased since then comes back.
    #[arg(long)]
    without_ledger: bool,
}

/// Runs it.
pub fn run(args: &RestoreArgs) -> Result<()> {
    let source = existing(&args.backup)?;
    let ledger = args.ledger.as_deref().map(read).transpose()?;
    let ledger = RestoreLedger { ledger, may_lack: args.without_ledger };
    let report = {
        let bar = Bar::new("restore");
        storage::restore(&source, &directory(&args.data_dir)?, &ledger, &mut |progress| bar.show(progress))?
    };
    output::say(&text::restore(&report, &args.data_dir.display().to_string()))
}

fn read(path: &Path) -> Result<Ledger> {
    let bytes = std::fs::read(path);
    let bytes = bytes.map_err(|e| StorageError::io("read", path.display().to_string(), e))?;
    Ok(Ledger::decode(&bytes)?)
}
