//! `driftline compact`.

use std::path::Path;

use super::{ask, blocking, engine};
use crate::cli::connection::Target;
use crate::cli::error::Result;
use crate::cli::output;

/// What `driftline compact` takes.
#[derive(Debug, clap::Args)]
pub struct CompactArgs {
    #[command(flatten)]
    target: Target,
    /// The table; all of them without it.
    table: Option<String>,
}

/// Runs it.
pub async fn run(args: CompactArgs) -> Result<()> {
    let table = args.table;
    match args.target.directory()? {
        None => ask(&args.target, &statement(table.as_deref())).await,
        Some(path) => blocking(move || compact(&path, table.as_deref())).await,
    }
}

fn statement(table: Option<&str>) -> String {
    let quoted = |name: &str| format!("COMPACT TABLE \"{}\"", name.replace('"', "\"\""));
    table.map_or_else(|| "COMPACT".to_owned(), quoted)
}

fn compact(path: &Path, table: Option<&str>) -> Result<()> {
    let engine = engine(path)?;
    match table {
        Some(table) => engine.compact_table(table)?,
        None => engine.compact()?,
    }
    let status = engine.status()?;
    engine.close()?;
    let mib = status.disk.segments as f64 / f64::from(1 << 20);
    output::say(&format!(
        "{} compactions wrote {:.1} MiB; segments take {mib:.1} MiB now\n",
        status.compactions,
        status.compacted_bytes as f64 / f64::from(1 << 20),
    ))
}
