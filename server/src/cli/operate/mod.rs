//! What an operator does: `backup`, `restore`, `verify`, `repair`, `compact`.
//!
//! With `--data-dir` the work is done in this process, with `--url` by the server, which is told so by a statement.

mod backup;
mod bar;
mod compact;
mod repair;
mod restore;
mod text;
mod verify;

pub use backup::BackupArgs;
pub use compact::CompactArgs;
pub use repair::RepairArgs;
pub use restore::RestoreArgs;
pub use verify::VerifyArgs;

use std::io;
use std::path::Path;
use std::sync::Arc;

use driftline_query::storage::{Disk, Engine, EngineOptions, OsDisk};
use tokio::task::JoinError;

use super::connection::Target;
use super::error::{CliError, Result};
use super::output::{self, Format};
use crate::error::ServerError;

pub async fn backup(args: BackupArgs) -> Result<()> {
    backup::run(args).await
}

pub async fn restore(args: RestoreArgs) -> Result<()> {
    blocking(move || restore::run(&args)).await
}

pub async fn verify(args: VerifyArgs) -> Result<()> {
    verify::run(args).await
}

pub async fn repair(args: RepairArgs) -> Result<()> {
    blocking(move || repair::run(&args)).await
}

pub async fn compact(args: CompactArgs) -> Result<()> {
    compact::run(args).await
}

/// Work on files, on a thread where waiting is allowed.
async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let stopped = |error| ServerError::System { action: "finish the work", source: io::Error::other(error) };
    match tokio::task::spawn_blocking(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(error)) => Err(stopped(error).into()),
    }
}

/// A directory that has to be there.
fn existing(path: &Path) -> Result<Arc<dyn Disk>> {
    if path.is_dir() { directory(path) } else { Err(CliError::NoDirectory { path: path.to_owned() }) }
}

/// A directory, made where it is missing.
fn directory(path: &Path) -> Result<Arc<dyn Disk>> {
    let opened = OsDisk::new(path);
    let disk = opened.map_err(|source| CliError::Directory { path: path.to_owned(), source })?;
    Ok(Arc::new(disk))
}

/// The engine of a data directory, without work of its own in the background.
fn engine(path: &Path) -> Result<Arc<Engine>> {
    if !path.is_dir() {
        return Err(CliError::NoDatabase { path: path.to_owned() });
    }
    let options =
        EngineOptions { background_flush: false, background_compaction: false, ..EngineOptions::default() };
    let opened = Engine::open(directory(path)?, options);
    opened.map_err(|source| CliError::Open { path: path.to_owned(), source: source.into() })
}

/// Has the server run a statement, and prints what it answers.
async fn ask(target: &Target, statement: &str) -> Result<()> {
    let connection = target.open(false).await?;
    let rows = connection.sql(statement).await?;
    connection.close().await?;
    output::print(&rows, Format::Table)
}

/// A text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
