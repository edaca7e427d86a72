//! Rows on standard output.

use std::io::{self, BufWriter, ErrorKind, Write};

use arrow::array::RecordBatch;
use arrow::json::writer::JsonArray;
use arrow::util::pretty::pretty_format_batches;

use super::error::{CliError, Result};

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One line a row, led by the names.
    Csv,
    /// One array of objects; nulls are written out.
    Json,
}

/// Prints rows. A reader that has seen enough (`| head`) is no error.
pub fn print(batches: &[RecordBatch], format: Format) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out, batches, format).and_then(|()| Ok(out.flush()?)) {
        Err(CliError::Print(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Prints a text that ends with its own line break.
pub fn say(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn write(out: &mut impl Write, batches: &[RecordBatch], format: Format) -> Result<()> {
    match format {
        Format::Table => writeln!(out, "{}", pretty_format_batches(batches)?)?,
        Format::Csv => {
            let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(out);
            batches.iter().try_for_each(|batch| writer.write(batch))?;
        }
        Format::Json => {
            let builder = arrow::json::WriterBuilder::new().with_explicit_nulls(true);
            let mut writer = builder.build::<_, JsonArray>(&mut *out);
            writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
            writer.finish()?;
            writeln!(out)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn printed(batches: &[RecordBatch], format: Format) -> String {
        let mut out = Vec::new();
        write(&mut out, batches, format).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn rows() -> RecordBatch {
        let n: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let s: ArrayRef = Arc::new(StringArray::from(vec![Some("a,b"), None]));
        RecordBatch::try_from_iter([("n", n), ("s", s)]).unwrap()
    }

    #[test]
    fn json_is_an_array_of_objects_with_nulls_written_out() {
        let value: serde_json::Value = serde_json::from_str(&printed(&[rows()], Format::Json)).unwrap();
        assert_eq!(value, serde_json::json!([{"n": 1, "s": "a,b"}, {"n": null, "s": null}]));
        assert_eq!(printed(&[rows().slice(0, 0)], Format::Json).trim(), "[]");
    }

    #[test]
    fn csv_has_one_header() {
        let half = rows();
        assert_eq!(printed(&[half.slice(0, 1), half.slice(1, 1)], Format::Csv), "n,s\n1,\"a,b\"\n,\n");
        assert_eq!(printed(&[rows().slice(0, 0)], Format::Csv), "n,s\n");
    }

    #[test]
    fn a_table_without_rows_shows_its_columns() {
        assert!(printed(&[rows().slice(0, 0)], Format::Table).contains("| n | s |"));
    }
}
