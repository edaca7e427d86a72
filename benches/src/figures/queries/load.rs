//! A data directory with a workload in it, as somebody would have it who writes through SQL and Flight.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use driftline_query::{Database, DatabaseOptions, Write, WritePart, WriteTarget};

use crate::workload::{Rows, Workload};
use crate::{Result, engine, shim};

/// What to load.
#[derive(Debug)]
pub struct Load {
    /// A new data directory.
    pub dir: PathBuf,
    /// SQL that makes the table, or the model.
    pub create: PathBuf,
    /// SQL that is run once all rows are there.
    pub finish: Option<PathBuf>,
    /// Of a hundred rows so many, the newest, are kept back, for [`write_rest`].
    pub kept_back_percent: u64,
}

/// Rows between two flushes: less than fills the memory that an engine takes unless told otherwise.
const FLUSH_ROWS: u64 = 100 * engine::BATCH_ROWS as u64;

/// Writes all rows of a workload, in order of arrival. Nothing waits for the disk: its time is not measured.
pub fn load(workload: Workload, load: &Load) -> Result<()> {
    let engine = shim::without_background(engine::unsynced());
    let options = DatabaseOptions { engine, ..DatabaseOptions::default() };
    let database = Database::open_with(&load.dir, options)?;
    tokio::runtime::Runtime::new()?.block_on(fill(&database, workload, load))
}

async fn fill(database: &Database, workload: Workload, load: &Load) -> Result<()> {
    run_file(database, &load.create).await?;
    let mut stream = workload.stream();
    let mut left = rows_loaded(workload, load.kept_back_percent);
    while left > 0 {
        let rows = left.min(FLUSH_ROWS);
        write(database, workload, stream.as_mut(), rows).await?;
        database.flush().await?;
        left -= rows;
    }
    shim::compact(database.engine())?;
    if let Some(finish) = &load.finish {
        run_file(database, finish).await?;
    }
    Ok(database.close().await?)
}

async fn run_file(database: &Database, file: &Path) -> Result<()> {
    let sql = std::fs::read_to_string(file)?;
    database.sql(&sql).await.map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(())
}

/// Writes the rows that [`load`] kept back; they stay in memory where nothing runs in the background. Opening the
/// directory again flushes them.
pub(super) async fn write_rest(
    database: &Database,
    workload: Workload,
    kept_back_percent: u64,
) -> Result<()> {
    let mut stream = workload.stream();
    let mut skipped = rows_loaded(workload, kept_back_percent);
    let rest = workload.row_count() - skipped;
    while skipped > 0 {
        let most = skipped.min(engine::BATCH_ROWS as u64) as usize;
        skipped -= stream.next_batch(most)?.map_or(skipped, |batch| batch.num_rows() as u64);
    }
    write(database, workload, stream.as_mut(), rest).await
}

fn rows_loaded(workload: Workload, kept_back_percent: u64) -> u64 {
    workload.row_count() - workload.row_count() * kept_back_percent / 100
}

/// Writes the next `rows` rows.
async fn write(database: &Database, workload: Workload, stream: &mut dyn Rows, rows: u64) -> Result<()> {
    let mut left = rows;
    while left > 0 {
        let most = left.min(engine::BATCH_ROWS as u64) as usize;
        let Some(batch) = stream.next_batch(most)? else { return Ok(()) };
        left -= batch.num_rows() as u64;
        database.write(rows_of(workload, batch)).await?;
    }
    Ok(())
}

fn rows_of(workload: Workload, rows: RecordBatch) -> Write {
    let target = WriteTarget::Table(workload.name().to_owned());
    Write { writer: None, parts: vec![WritePart { target, rows }] }
}
