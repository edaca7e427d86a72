//! The SQL logic tests of `tests/slt`: each file runs in a database in memory of its own.
//!
//! With `DRIFTLINE_SLT_UPDATE=1` the answers in the files are replaced by those given: read the difference.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use async_trait::async_trait;
use driftline_query::{Access, Database, QueryError};
use futures::TryStreamExt;
use sqllogictest::{
    AsyncDB, DBOutput, DefaultColumnType, Runner, default_normalizer, default_validator,
    strict_column_validator,
};

use crate::support::texts;

/// How a value is written that is text without a letter.
const EMPTY: &str = "(empty)";

struct InMemory(Database);

#[async_trait]
impl AsyncDB for InMemory {
    type Error = QueryError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, QueryError> {
        let prepared = self.0.prepare(sql, Access::Embedded).await?;
        let batches: Vec<RecordBatch> = prepared.execute(&[]).await?.try_collect().await?;
        if !prepared.is_query() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let schema = prepared.schema();
        // What was promised before the query ran is what came.
        batches.iter().for_each(|batch| check_promise(&schema, &batch.schema(), sql));
        Ok(DBOutput::Rows { types: types(&schema), rows: rows(&batches) })
    }

    async fn shutdown(&mut self) {
        self.0.close().await.unwrap();
    }

    fn engine_name(&self) -> &str {
        "driftline"
    }
}

/// Names and types are those that were promised; a column may turn out never to be NULL, not the other way about.
fn check_promise(promised: &Schema, given: &Schema, sql: &str) {
    assert_eq!(promised.fields().len(), given.fields().len(), "{sql}");
    for (promised, given) in promised.fields().iter().zip(given.fields()) {
        let same = promised.name() == given.name() && promised.data_type() == given.data_type();
        assert!(
            same && (promised.is_nullable() || !given.is_nullable()),
            "{sql}: {promised:?}, not {given:?}"
        );
    }
}

fn types(schema: &Schema) -> Vec<DefaultColumnType> {
    let ty = |field: &arrow::datatypes::FieldRef| match field.data_type() {
        DataType::Utf8 => DefaultColumnType::Text,
        ty if ty.is_integer() => DefaultColumnType::Integer,
        ty if ty.is_floating() => DefaultColumnType::FloatingPoint,
        DataType::Dictionary(_, value) if value.as_ref() == &DataType::Utf8 => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    };
    schema.fields().iter().map(ty).collect()
}

fn rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let shown = |text: String| if text.is_empty() { EMPTY.to_owned() } else { text };
    texts(batches).into_iter().map(|row| row.into_iter().map(shown).collect()).collect()
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    files
}

async fn run(file: &Path) -> Result<(), String> {
    let open = || async { Ok(InMemory(Database::open_in_memory().unwrap())) };
    let mut runner = Runner::new(open);
    runner.with_column_validator(strict_column_validator);
    let result = if std::env::var_os("DRIFTLINE_SLT_UPDATE").is_some() {
        let (validate, normalize) = (default_validator, default_normalizer);
        let updated = runner.update_test_file(file, " ", validate, normalize, strict_column_validator).await;
        updated.map_err(|error| error.to_string())
    } else {
        runner.run_file_async(file).await.map_err(|error| error.display(false).to_string())
    };
    runner.shutdown_async().await;
    result
}

#[tokio::test]
async fn sql_logic() {
    let files = files();
    assert!(files.len() >= 15, "only {} files", files.len());
    let mut failures = Vec::new();
    for file in &files {
        if let Err(failure) = run(file).await {
            failures.push(failure);
        }
    }
    assert!(failures.is_empty(), "{} of {} files:\n{}", failures.len(), files.len(), failures.join("\n\n"));
}
