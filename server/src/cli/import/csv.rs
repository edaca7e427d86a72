//! CSV and TSV files, read as text: what the text means is judged by [`super::infer`].

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::error::ImportError;
use super::infer::Guess;
use super::source::{Found, ROWS_MAX, Survey};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Judges every value of the file.
pub fn survey(path: &Path, delimiter: u8) -> Result<Survey, ImportError> {
    let (schema, mut rows) = (names(path, delimiter)?, 0_u64);
    let mut guesses = vec![Guess::default(); schema.fields().len()];
    for batch in batches(path, delimiter)? {
        let batch = batch?;
        rows = rows.saturating_add(batch.num_rows() as u64);
        for (column, guess) in batch.columns().iter().zip(&mut guesses) {
            column.as_string::<i32>().iter().flatten().for_each(|text| guess.see(text));
        }
    }
    let columns = schema.fields().iter().zip(guesses).map(|(field, guess)| Found {
        name: field.name().clone(),
        ty: guess.column_type(),
        greatest: guess.greatest,
    });
    Ok(Survey { columns: columns.collect(), rows })
}

/// Its rows, every column as text; what is empty is null.
pub fn batches(
    path: &Path,
    delimiter: u8,
) -> Result<impl Iterator<Item = Result<RecordBatch, ImportError>> + use<>, ImportError> {
    let schema = names(path, delimiter)?;
    let builder =
        ReaderBuilder::new(schema).with_header(true).with_delimiter(delimiter).with_batch_size(ROWS_MAX);
    let reader = builder.build_buffered(open(path)?).map_err(|e| ImportError::unreadable(path, e))?;
    let path = path.to_owned();
    Ok(reader.map(move |batch| batch.map_err(|e| ImportError::unreadable(&path, e))))
}

/// The header as a schema of text.
fn names(path: &Path, delimiter: u8) -> Result<SchemaRef, ImportError> {
    let format = Format::default().with_header(true).with_delimiter(delimiter);
    let (schema, _) =
        format.infer_schema(open(path)?, Some(0)).map_err(|e| ImportError::unreadable(path, e))?;
    let fields = schema.fields().iter().map(|field| Field::new(field.name().trim(), DataType::Utf8, true));
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// The file after its byte order mark, which spreadsheets write.
fn open(path: &Path) -> Result<BufReader<File>, ImportError> {
    let mut reader = BufReader::new(File::open(path).map_err(ImportError::io(path))?);
    let start = reader.fill_buf().map_err(ImportError::io(path))?;
    let skip = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() as i64 } else { 0 };
    reader.seek_relative(skip).map_err(ImportError::io(path))?;
    Ok(reader)
}
