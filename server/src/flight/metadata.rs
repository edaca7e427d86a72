//! The tree of catalogs, schemas and tables, read through SQL like everything else, so that a client sees here
//! exactly the names it can query.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::error::FlightError;
use arrow_flight::sql::{CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables};
use driftline_query::{Access, Database, QueryError};
use futures::TryStreamExt;
use std::sync::Arc;
use tonic::Status;

use crate::status::status;

/// The kinds of table that `GetTables` names.
const TABLE_TYPES: [&str; 2] = ["BASE TABLE", "VIEW"];

/// One row a catalog.
pub async fn catalogs(database: &Database, command: CommandGetCatalogs) -> Result<RecordBatch, Status> {
    let mut builder = command.into_builder();
    let sql = "SELECT DISTINCT table_catalog FROM information_schema.tables ORDER BY 1";
    for row in strings(database, sql).await? {
        builder.append(text(&row, 0));
    }
    builder.build().map_err(failed)
}

/// One row a schema.
pub async fn schemas(database: &Database, command: CommandGetDbSchemas) -> Result<RecordBatch, Status> {
    let mut builder = command.into_builder();
    let sql = "SELECT DISTINCT catalog_name, schema_name FROM information_schema.schemata ORDER BY 1, 2";
    for row in strings(database, sql).await? {
        builder.append(text(&row, 0), text(&row, 1));
    }
    builder.build().map_err(failed)
}

/// One row a table, with its schema where that is asked for.
pub async fn tables(database: &Database, command: CommandGetTables) -> Result<RecordBatch, Status> {
    let mut builder = command.into_builder();
    let sql = "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables";
    for row in strings(database, sql).await? {
        let (catalog, schema, table) = (text(&row, 0), text(&row, 1), text(&row, 2));
        let columns =
            if builder.include_schema() { columns(database, catalog, schema, table).await } else { empty() };
        builder.append(catalog, schema, table, text(&row, 3), &columns).map_err(failed)?;
    }
    builder.build().map_err(failed)
}

/// One row a kind of table.
pub fn table_types(command: CommandGetTableTypes) -> Result<RecordBatch, Status> {
    let mut builder = command.into_builder();
    TABLE_TYPES.iter().for_each(|table_type| builder.append(table_type));
    builder.build().map_err(failed)
}

/// The columns of a table in the types in which they leave. A table that cannot be planned shows none, and must not
/// hide the others.
async fn columns(database: &Database, catalog: &str, schema: &str, table: &str) -> SchemaRef {
    let name = [catalog, schema, table].map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
    match database.prepare(&format!("SELECT * FROM {}", name.join(".")), Access::Network).await {
        Ok(prepared) => prepared.schema(),
        Err(error) => {
            tracing::warn!("the columns of {table} cannot be shown: {error}");
            empty()
        }
    }
}

fn empty() -> SchemaRef {
    Arc::new(Schema::empty())
}

/// The rows of a query over names.
async fn strings(database: &Database, sql: &str) -> Result<Vec<Vec<Option<String>>>, Status> {
    let prepared = database.prepare(sql, Access::Network).await.map_err(|e| status(&e))?;
    let rows = prepared.execute(&[]).await.map_err(|e| status(&e))?;
    let batches: Vec<RecordBatch> =
        rows.try_collect().await.map_err(|e| status(&QueryError::DataFusion(e)))?;
    let mut strings = Vec::new();
    for batch in &batches {
        let columns = batch.columns().iter().map(|column| cast(column, &DataType::Utf8));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(|e| Status::internal(e.to_string()))?;
        strings.extend(
            (0..batch.num_rows()).map(|row| columns.iter().map(|column| string(column, row)).collect()),
        );
    }
    Ok(strings)
}

fn string(column: &dyn Array, row: usize) -> Option<String> {
    let column = column.as_string::<i32>();
    column.is_valid(row).then(|| column.value(row).to_owned())
}

fn text(row: &[Option<String>], index: usize) -> &str {
    row.get(index).and_then(Option::as_deref).unwrap_or_default()
}

fn failed(error: FlightError) -> Status {
    Status::internal(error.to_string())
}

/// The (empty) answer to GetPrimaryKeys: a KEY identifies rows within its series, it is no primary key.
pub fn primary_keys() -> RecordBatch {
    let names = ["catalog_name", "db_schema_name"].map(|name| Field::new(name, DataType::Utf8, true));
    let required = ["table_name", "column_name"].map(|name| Field::new(name, DataType::Utf8, false));
    let mut fields = [names, required].concat();
    fields.push(Field::new("key_name", DataType::Utf8, true));
    fields.push(Field::new("key_sequence", DataType::Int32, false));
    RecordBatch::new_empty(Arc::new(Schema::new(fields)))
}

/// The (empty) answer to GetExportedKeys, GetImportedKeys and GetCrossReference: there are no foreign keys.
pub fn foreign_keys() -> RecordBatch {
    let mut fields = Vec::new();
    for side in ["pk", "fk"] {
        for (name, nullable) in
            [("catalog_name", true), ("db_schema_name", true), ("table_name", false), ("column_name", false)]
        {
            fields.push(Field::new(format!("{side}_{name}"), DataType::Utf8, nullable));
        }
    }
    fields.push(Field::new("key_sequence", DataType::Int32, false));
    fields.push(Field::new("fk_key_name", DataType::Utf8, true));
    fields.push(Field::new("pk_key_name", DataType::Utf8, true));
    fields.push(Field::new("update_rule", DataType::UInt8, false));
    fields.push(Field::new("delete_rule", DataType::UInt8, false));
    RecordBatch::new_empty(Arc::new(Schema::new(fields)))
}
