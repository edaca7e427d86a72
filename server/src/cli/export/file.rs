//! The file being written: under another name until it is whole.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::datatypes::SchemaRef;
use arrow::json::LineDelimitedWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::failed;
use crate::cli::error::{CliError, Result};

type Out = BufWriter<fs::File>;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Parquet,
    Ndjson,
}

impl Format {
    /// The format of a file, by its name.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err(CliError::Usage(format!(
                "cannot tell how to write {}; name it .csv, .parquet or .ndjson",
                path.display()
            ))),
        }
    }
}

/// A file that is not whole yet.
pub struct File {
    path: PathBuf,
    partial: PathBuf,
    writer: Writer,
    rows: u64,
}

enum Writer {
    Csv(Box<csv::Writer<Out>>),
    Parquet(Box<ArrowWriter<fs::File>>),
    Ndjson(LineDelimitedWriter<Out>),
}

impl File {
    /// Begins a file of this name, which must not be there.
    pub fn create(path: &Path, format: Format, schema: &SchemaRef) -> Result<Self> {
        if path.exists() {
            return Err(failed(path, "it is there already; name another file"));
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let partial = PathBuf::from(name);
        let out = fs::File::create(&partial).map_err(|e| failed(&partial, e))?;
        let writer = Writer::new(out, format, schema).map_err(|reason| failed(path, reason))?;
        Ok(Self { path: path.to_owned(), partial, writer, rows: 0 })
    }

    /// Adds rows.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows += rows.num_rows() as u64;
        let done = match &mut self.writer {
            Writer::Csv(writer) => writer.write(rows).map_err(|e| e.to_string()),
            Writer::Parquet(writer) => writer.write(rows).map_err(|e| e.to_string()),
            Writer::Ndjson(writer) => writer.write(rows).map_err(|e| e.to_string()),
        };
        done.map_err(|reason| failed(&self.path, reason))
    }

    /// Gives the file its name; the rows in it.
    pub fn finish(self) -> Result<u64> {
        let Self { path, partial, writer, rows } = self;
        writer.finish().map_err(|reason| failed(&path, reason))?;
        fs::rename(&partial, &path).map_err(|e| failed(&path, e))?;
        Ok(rows)
    }
}

impl Writer {
    fn new(out: fs::File, format: Format, schema: &SchemaRef) -> Result<Self, String> {
        Ok(match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(BufWriter::new(out));
                // The names are written with the first batch: also where there are no rows.
                writer.write(&RecordBatch::new_empty(schema.clone())).map_err(|e| e.to_string())?;
                Self::Csv(Box::new(writer))
            }
            Format::Parquet => {
                let zstd = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(zstd).build();
                let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties));
                Self::Parquet(Box::new(writer.map_err(|e| e.to_string())?))
            }
            Format::Ndjson => Self::Ndjson(LineDelimitedWriter::new(BufWriter::new(out))),
        })
    }

    /// What was written is the system's when this returns.
    fn finish(self) -> Result<(), String> {
        match self {
            Self::Csv(writer) => writer.into_inner().flush().map_err(|e| e.to_string()),
            Self::Parquet(writer) => writer.close().map(drop).map_err(|e| e.to_string()),
            Self::Ndjson(mut writer) => {
                writer.finish().map_err(|e| e.to_string())?;
                writer.into_inner().flush().map_err(|e| e.to_string())
            }
        }
    }
}
