//! A test of alerts as it is written: a file of TOML.

use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use super::files;
use crate::cli::error::{CliError, Result};

/// Rows of one INSERT.
const ROWS_AT_ONCE: usize = 500;

/// A test.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// Files of statements to apply, or directories of them, named from where the test lies.
    pub rules: Vec<PathBuf>,
    /// SQL that is run before: the tables and models that the rules read.
    #[serde(default)]
    pub setup: String,
    /// SQL that is run once the rows are there, such as CREATE BASELINE.
    #[serde(default)]
    pub then: String,
    /// What is written.
    #[serde(default)]
    pub rows: Vec<Rows>,
    /// What there must be.
    pub expect: Vec<Expect>,
}

/// Rows of one table.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// The table.
    pub table: String,
    /// The rows, led by the names of the columns; what is empty is NULL.
    pub csv: Option<String>,
    /// A file of them instead.
    pub file: Option<PathBuf>,
}

/// What one alert must say at a moment.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The moment: the windows that ended up to then are judged.
    pub at: String,
    /// The alert.
    pub alert: String,
    /// All that fires then, no more and no less.
    #[serde(default)]
    pub firing: Vec<Instance>,
    /// All that is pending then, where that is asked.
    pub pending: Option<Vec<Instance>>,
}

/// One instance of an alert.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The columns that tell it from others.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The value that was judged, where that is asked.
    pub value: Option<f64>,
}

impl Fixture {
    /// Reads one.
    pub fn read(path: &Path) -> Result<Self> {
        toml::from_str(&files::read(path)?).map_err(|error| wrong(path, error.to_string()))
    }
}

impl Rows {
    /// The statements that write them.
    pub fn inserts(&self, test: &Path) -> Result<Vec<String>> {
        let text = match (&self.csv, &self.file) {
            (Some(text), None) => text.trim_start().to_owned(),
            (None, Some(file)) => files::read(&beside(test, file))?,
            _ => return Err(wrong(test, format!("rows of {}: give csv or file", self.table))),
        };
        let batches = read(&text).map_err(|error| wrong(test, format!("rows of {}: {error}", self.table)))?;
        Ok(batches.iter().filter(|rows| rows.num_rows() > 0).map(|rows| self.insert(rows)).collect())
    }

    fn insert(&self, rows: &RecordBatch) -> String {
        let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
        let value = |column: &dyn Array, row: usize| match column.is_null(row) {
            true => "NULL".to_owned(),
            false => format!("'{}'", column.as_string::<i32>().value(row).replace('\'', "''")),
        };
        let row = |row: usize| {
            let values: Vec<String> = rows.columns().iter().map(|column| value(&**column, row)).collect();
            format!("({})", values.join(", "))
        };
        let all: Vec<String> = (0..rows.num_rows()).map(row).collect();
        format!("INSERT INTO {} ({}) VALUES {}", self.table, names.join(", "), all.join(", "))
    }
}

/// A path that a test names.
pub fn beside(test: &Path, path: &Path) -> PathBuf {
    test.parent().unwrap_or(Path::new(".")).join(path)
}

fn read(text: &str) -> Result<Vec<RecordBatch>, arrow::error::ArrowError> {
    let format = Format::default().with_header(true);
    let (found, _) = format.infer_schema(Cursor::new(text), Some(0))?;
    let field = |name: &str| Field::new(name.trim(), DataType::Utf8, true);
    let schema = Schema::new(found.fields().iter().map(|it| field(it.name())).collect::<Vec<_>>());
    let builder = ReaderBuilder::new(Arc::new(schema)).with_header(true).with_batch_size(ROWS_AT_ONCE);
    builder.build(Cursor::new(text))?.collect()
}

/// What is wrong with a test.
pub fn wrong(path: &Path, reason: String) -> CliError {
    CliError::Rules { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_they_stand() {
        let rows = Rows {
            table: "t".into(),
            csv: Some("\ntime, name,n\n2026-01-01T00:00:00Z,o'x,\n".into()),
            file: None,
        };
        let expected = "INSERT INTO t (time, name, n) VALUES ('2026-01-01T00:00:00Z', 'o''x', NULL)";
        assert_eq!(rows.inserts(Path::new("a_test.toml")).unwrap(), [expected]);
    }

    #[test]
    fn a_slip_in_a_test_is_told_with_its_place() {
        let error = toml::from_str::<Fixture>("rules = []\nexpect = []\nrow = []").unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("row"), "{error}");
    }
}
