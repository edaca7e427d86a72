//! Rows of an answer, read by name of column.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use driftline_client::Client;

use super::error::{DemoError, Result};

/// The rows that a question was answered with.
pub struct Answer {
    question: String,
    rows: RecordBatch,
}

/// Asks over Arrow Flight.
pub async fn ask(client: &Client, question: impl Into<String>) -> Result<Answer> {
    let question = question.into();
    let answered = client.sql(&question).await;
    let batches =
        answered.map_err(|source| DemoError::Client { doing: format!("asking {question}"), source })?;
    Answer::new(question, &batches)
}

impl Answer {
    /// The rows of all batches together.
    pub fn new(question: String, batches: &[RecordBatch]) -> Result<Self> {
        let schema = batches.first().map_or_else(|| Schema::empty().into(), RecordBatch::schema);
        let rows = concat_batches(&schema, batches)?;
        Ok(Self { question, rows })
    }

    /// A column as numbers.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>> {
        Ok(self.column(name, &DataType::Float64)?.as_primitive::<Float64Type>().iter().collect())
    }

    /// A column as counts.
    pub fn counts(&self, name: &str) -> Result<Vec<Option<i64>>> {
        Ok(self.column(name, &DataType::Int64)?.as_primitive::<Int64Type>().iter().collect())
    }

    /// A column as text; nulls are empty.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        let column = self.column(name, &DataType::Utf8)?;
        Ok(column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect())
    }

    /// A column of times as dates, YYYY-MM-DD.
    pub fn dates(&self, name: &str) -> Result<Vec<String>> {
        let column = self.column(name, &DataType::Date32)?;
        let column = cast(&column, &DataType::Utf8)?;
        Ok(column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect())
    }

    /// The number in the only row.
    pub fn number(&self, name: &str) -> Result<f64> {
        self.numbers(name)?
            .into_iter()
            .next()
            .flatten()
            .ok_or_else(|| self.without(format!("a value of {name}")))
    }

    /// The count in the only row.
    pub fn count(&self, name: &str) -> Result<i64> {
        self.counts(name)?
            .into_iter()
            .next()
            .flatten()
            .ok_or_else(|| self.without(format!("a value of {name}")))
    }

    fn column(&self, name: &str, to: &DataType) -> Result<ArrayRef> {
        let column =
            self.rows.column_by_name(name).ok_or_else(|| self.without(format!("a column {name}")))?;
        let nulls = column.null_count();
        let column = cast(column, to)?;
        // A cast makes null what does not fit, which would read as absent.
        if column.null_count() == nulls {
            Ok(column)
        } else {
            Err(self.without(format!("a column {name} that reads as {to}")))
        }
    }

    fn without(&self, missing: String) -> DemoError {
        DemoError::Answer { question: self.question.clone(), missing }
    }
}
