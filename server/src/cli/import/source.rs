//! The file: what it holds, its rows, and a name for its contents.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use driftline_query::storage::ColumnType;
use xxhash_rust::xxh3::Xxh3;

use super::error::ImportError;
use super::{csv, parquet};

/// Rows read at a time. Part of what a repeated import must find unchanged: see [`Source::writer_name`].
pub const ROWS_MAX: usize = 8_192;
/// Bytes hashed at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Batches of a file, each with the number of its first row, from 1.
pub type Batches = Box<dyn Iterator<Item = Result<(u64, RecordBatch), ImportError>>>;

/// A file by its kind.
#[derive(Debug)]
pub enum Source {
    Csv { path: PathBuf, delimiter: u8 },
    Parquet { path: PathBuf },
}

/// What a file holds.
#[derive(Debug)]
pub struct Survey {
    pub columns: Vec<Found>,
    pub rows: u64,
}

/// A column of a file.
#[derive(Clone, Debug)]
pub struct Found {
    pub name: String,
    pub ty: ColumnType,
    /// The greatest magnitude of its numbers, where it may be a time.
    pub greatest: f64,
}

impl Source {
    /// The kind of a file, by its name.
    pub fn of(path: &Path) -> Result<Self, ImportError> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let path = path.to_owned();
        match extension.as_str() {
            "csv" => Ok(Self::Csv { path, delimiter: b',' }),
            "tsv" => Ok(Self::Csv { path, delimiter: b'\t' }),
            "parquet" => Ok(Self::Parquet { path }),
            _ => Err(ImportError::UnknownFormat(path)),
        }
    }

    /// Reads as much of it as tells what it holds: all of a CSV, the footer of a Parquet file.
    pub fn survey(&self) -> Result<Survey, ImportError> {
        match self {
            Self::Csv { path, delimiter } => csv::survey(path, *delimiter),
            Self::Parquet { path } => parquet::survey(path),
        }
    }

    /// Its rows in order.
    pub fn batches(&self) -> Result<Batches, ImportError> {
        let batches: Box<dyn Iterator<Item = Result<RecordBatch, ImportError>>> = match self {
            Self::Csv { path, delimiter } => Box::new(csv::batches(path, *delimiter)?),
            Self::Parquet { path } => Box::new(parquet::batches(path)?),
        };
        let mut next_row = 1_u64;
        Ok(Box::new(batches.map(move |batch| {
            let batch = batch?;
            let first = next_row;
            next_row = next_row.saturating_add(batch.num_rows() as u64);
            Ok((first, batch))
        })))
    }

    /// A writer's name that stands for the contents and the table: the same file under another name or date is the
    /// same import, and what was written of it is not written again for as long as the database remembers its writers.
    pub fn writer_name(&self, table: &str) -> Result<String, ImportError> {
        let path = match self {
            Self::Csv { path, .. } | Self::Parquet { path } => path,
        };
        let mut file = File::open(path).map_err(ImportError::io(path))?;
        let (mut hash, mut chunk) = (Xxh3::new(), vec![0; CHUNK_BYTES]);
        loop {
            let read = file.read(&mut chunk).map_err(ImportError::io(path))?;
            match chunk.get(..read) {
                Some(bytes) if read > 0 => hash.update(bytes),
                _ => break,
            }
        }
        // A long name keeps its distance from the limit by its own hash.
        hash.update(table.as_bytes());
        Ok(format!("import-{:032x}", hash.digest128()))
    }
}
