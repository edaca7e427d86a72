//! `driftline export`: the rows of a table or a query into a file, as they come.

mod file;

use std::path::PathBuf;

use futures::TryStreamExt;
use indicatif::{ProgressBar, ProgressStyle};

use super::connection::Target;
use super::error::{CliError, Result};
use super::output;
use file::File;

const BAR: &str = "{spinner} {human_pos} rows, {per_sec}";

/// What `driftline export` takes.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    target: Target,
    /// A table, or a query.
    #[arg(value_name = "QUERY_OR_TABLE")]
    source: String,
    /// The file: .csv, .parquet or .ndjson. It must not be there yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Runs it.
pub async fn run(args: ExportArgs) -> Result<()> {
    let format = file::Format::of(&args.to)?;
    let connection = args.target.open(false).await?;
    let (schema, mut rows) = connection.stream(&query(&args.source)).await?;
    let mut file = File::create(&args.to, format, &schema)?;
    let bar = bar();
    while let Some(batch) = rows.try_next().await? {
        bar.inc(batch.num_rows() as u64);
        file.write(&batch)?;
    }
    drop(rows);
    let written = file.finish()?;
    bar.finish_and_clear();
    connection.close().await?;
    output::say(&format!("exported {written} rows to {}\n", args.to.display()))
}

/// One word is a table.
fn query(source: &str) -> String {
    match source.trim().contains(char::is_whitespace) {
        true => source.to_owned(),
        false => format!("SELECT * FROM {source}"),
    }
}

/// Shown on a terminal only, which indicatif sees to.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::no_length().with_style(style)
}

/// The file cannot be written.
fn failed(path: &std::path::Path, reason: impl ToString) -> CliError {
    CliError::Export { path: path.to_owned(), reason: reason.to_string() }
}
