//! `driftline repair`.

use std::path::PathBuf;

use driftline_query::storage;

use super::bar::Bar;
use super::{existing, text};
use crate::cli::error::Result;
use crate::cli::output;

/// What `driftline repair` takes.
#[derive(Debug, clap::Args)]
pub struct RepairArgs {
    /// The data directory; nobody may have it open.
    #[arg(long, env = "DRIFTLINE__DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub fn run(args: &RepairArgs) -> Result<()> {
    let disk = existing(&args.data_dir)?;
    let report = {
        let bar = Bar::new("repair");
        storage::repair(&disk, args.dry_run, &mut |progress| bar.show(progress))?
    };
    output::say(&text::repair(&report, args.dry_run).unwrap_or_default())
}
