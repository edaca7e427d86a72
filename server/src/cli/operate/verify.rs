//! `driftline verify`.

use std::path::Path;

use driftline_query::storage;

use super::bar::Bar;
use super::{blocking, existing, text};
use crate::cli::connection::Target;
use crate::cli::error::{CliError, Result};
use crate::cli::output::{self, Format};

/// What `driftline verify` takes.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    target: Target,
    /// Count all summarised rows anew too, and compare.
    #[arg(long)]
    deep: bool,
}

/// Runs it.
pub async fn run(args: VerifyArgs) -> Result<()> {
    match args.target.directory()? {
        None => ask(&args.target, args.deep).await,
        Some(path) => blocking(move || look(&path, args.deep)).await,
    }
}

fn look(path: &Path, deep: bool) -> Result<()> {
    let disk = existing(path)?;
    let found = {
        let bar = Bar::new("verify");
        storage::verify(&disk, deep, &mut |progress| bar.show(progress))?
    };
    output::say(&text::verification(&found).unwrap_or_default())?;
    expect_whole(found.damage.len() as u64 + found.more_damage, &path.display().to_string())
}

/// The server answers a row for each damaged place.
async fn ask(target: &Target, deep: bool) -> Result<()> {
    let connection = target.open(false).await?;
    let rows = connection.sql(if deep { "VERIFY DEEP" } else { "VERIFY" }).await?;
    connection.close().await?;
    output::print(&rows, Format::Table)?;
    let damaged = |batch: &arrow::array::RecordBatch| {
        let kinds = batch
            .column_by_name("kind")
            .and_then(|column| column.as_any().downcast_ref::<arrow::array::StringArray>().cloned());
        kinds.map_or(0, |kinds| kinds.iter().filter(|kind| *kind == Some("damage")).count() as u64)
    };
    expect_whole(rows.iter().map(damaged).sum(), "the served directory")
}

fn expect_whole(places: u64, directory: &str) -> Result<()> {
    if places == 0 { Ok(()) } else { Err(CliError::Damaged { places, directory: directory.to_owned() }) }
}
