//! The command line of the binary `driftline`.
//!
//! Exit codes: 0 done, 1 failed (standard error says what, where and what to do), 2 wrong use. Standard output has
//! answers alone. Every flag can be given as an environment variable too, flags first: `--data-dir` is
//! `DRIFTLINE__DATA_DIR`.

mod connection;
mod error;
mod export;
mod import;
mod operate;
mod output;
mod query_limits;
mod rules;
mod serve;
mod sql;
mod statements;
mod version;

use std::future::Future;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::demo::{self, DemoArgs};
use crate::error::ServerError;
use error::{CliError, Result};

/// What is logged where `DRIFTLINE__LOG` says nothing.
const LOG: &str = "info";

/// Driftline: a time-series and event database for watching machine-learning models.
#[derive(Debug, Parser)]
#[command(name = "driftline", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a data directory: ingest and SQL on one port.
    Serve(serve::ServeArgs),
    /// Replay real predictions through the whole path and show what the database says of them.
    Demo(DemoArgs),
    /// Run SQL and print the rows of its last statement.
    Sql(sql::SqlArgs),
    /// Read a CSV or Parquet file into a table, which is made where it does not exist.
    Import(import::ImportArgs),
    /// Write the rows of a table or a query to a CSV, Parquet or NDJSON file.
    Export(export::ExportArgs),
    /// Make and change tables, notifiers, continuous queries and alerts as files say.
    Apply(rules::ApplyArgs),
    /// Hold alerts that stand in files against rows that stand beside them.
    Test(rules::TestArgs),
    /// Copy the database to another directory, or bring an earlier copy up to date, while it is written to.
    Backup(operate::BackupArgs),
    /// Make a data directory of a backup.
    Restore(operate::RestoreArgs),
    /// Read every byte and check every checksum.
    Verify(operate::VerifyArgs),
    /// Bring a damaged data directory to open again, without what is damaged.
    Repair(operate::RepairArgs),
    /// Merge what was written into few, small segments now.
    Compact(operate::CompactArgs),
    /// Print the version.
    Version(version::VersionArgs),
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    log();
    let done = match cli.command {
        Command::Serve(args) => block_on(serve::run(args)),
        Command::Demo(args) => return demo::run(&args),
        Command::Sql(args) => block_on(sql::run(args)),
        Command::Import(args) => block_on(import::run(args)),
        Command::Export(args) => block_on(export::run(args)),
        Command::Apply(args) => block_on(rules::apply(args)),
        Command::Test(args) => block_on(rules::test(args)),
        Command::Backup(args) => block_on(operate::backup(args)),
        Command::Restore(args) => block_on(operate::restore(args)),
        Command::Verify(args) => block_on(operate::verify(args)),
        Command::Repair(args) => block_on(operate::repair(args)),
        Command::Compact(args) => block_on(operate::compact(args)),
        Command::Version(args) => version::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

/// Help and version are answers; everything else is wrong use, which clap exits with 2.
fn usage(error: &clap::Error) -> ExitCode {
    // Where even this cannot be printed the code still tells.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn log() {
    let filter = EnvFilter::try_from_env("DRIFTLINE__LOG").unwrap_or_else(|_| EnvFilter::new(LOG));
    // A program that embeds this may have set another subscriber; then that one counts.
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = subscriber.with_ansi(std::io::stderr().is_terminal()).try_init();
}

fn block_on(command: impl Future<Output = Result<()>>) -> Result<()> {
    let threads = |source| ServerError::System { action: "start the threads", source };
    let runtime = tokio::runtime::Runtime::new().map_err(threads)?;
    runtime.block_on(command)
}

impl CliError {
    fn report(&self) -> ExitCode {
        eprintln!("error: {self}");
        ExitCode::from(self.exit_code())
    }
}
