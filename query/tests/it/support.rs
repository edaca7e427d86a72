//! What the tests share.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use driftline_query::{Database, QueryError, Write, WritePart, WriteTarget};

/// A model with a label, and two predictions in it.
pub const FRAUD: &str = "
    CREATE MODEL fraud (id TEXT KEY, amount DOUBLE FEATURE, country TEXT FEATURE CATEGORICAL, score DOUBLE SCORE,
                        decision TEXT PREDICTION, label TEXT LABEL) WITH (positive = 'fraud');
    INSERT INTO fraud (time, id, amount, country, score, decision) VALUES
        ('2026-01-01T10:00:00Z', 'a', 12.5, 'DE', 0.1, 'ok'),
        ('2026-01-01T10:00:01Z', 'b', 990, 'FR', 0.9, 'fraud'),
        ('2026-01-01T10:00:02Z', 'c', NULL, 'FR', 0.4, 'ok')";

/// A database in memory with [`FRAUD`] in it.
pub async fn fraud() -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql(FRAUD).await.unwrap();
    db
}

/// A directory of its own for a test, empty.
pub fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).unwrap();
    }
    path
}

/// The rows of a query, each value as text, nulls as `null`.
pub async fn rows(db: &Database, sql: &str) -> Vec<Vec<String>> {
    texts(&db.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
}

/// The one value of a query.
pub async fn one(db: &Database, sql: &str) -> String {
    let rows = rows(db, sql).await;
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}: {rows:?}");
    rows[0][0].clone()
}

/// The error of a statement.
pub async fn error(db: &Database, sql: &str) -> QueryError {
    match db.sql(sql).await {
        Ok(rows) => panic!("{sql} gave {:?}", texts(&rows)),
        Err(error) => error,
    }
}

/// Batches as text.
pub fn texts(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("null");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        rows.extend(
            (0..batch.num_rows()).map(|row| columns.iter().map(|c| c.value(row).to_string()).collect()),
        );
    }
    rows
}

/// A batch of named columns.
pub fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

/// Rows for a table, on their own.
pub fn to_table(table: &str, rows: RecordBatch) -> Write {
    Write { writer: None, parts: vec![WritePart { target: WriteTarget::Table(table.into()), rows }] }
}

/// Labels for a model, on their own.
pub fn to_labels(model: &str, rows: RecordBatch) -> Write {
    Write { writer: None, parts: vec![WritePart { target: WriteTarget::Labels(model.into()), rows }] }
}

/// Times in seconds since 1970.
pub fn times(seconds: &[i64]) -> ArrayRef {
    use arrow::array::TimestampNanosecondArray;
    let nanos = seconds.iter().map(|s| s * 1_000_000_000);
    Arc::new(TimestampNanosecondArray::from_iter_values(nanos).with_timezone("UTC"))
}

/// TEXT values.
pub fn strings<'a>(values: impl IntoIterator<Item = impl Into<Option<&'a str>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<arrow::array::StringArray>())
}
