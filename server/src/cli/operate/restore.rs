//! `driftline restore`.

use std::path::PathBuf;

use driftline_query::storage;

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
}

/// Runs it.
pub fn run(args: &RestoreArgs) -> Result<()> {
    let source = existing(&args.backup)?;
    let report = {
        let bar = Bar::new("restore");
        storage::restore(&source, &directory(&args.data_dir)?, &mut |progress| bar.show(progress))?
    };
    output::say(&text::restore(&report, &args.data_dir.display().to_string()))
}
