//! The types in which answers leave: strings as Utf8, every timestamp in nanoseconds UTC, in schema and data alike.
//!
//! Clients disagree on views, dictionaries and units: Grafana shows a timestamp in microseconds as 1970 and a
//! string view as nothing. So answers use the one form that all of them read.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::error::Result;

/// The schema in which rows of `schema` leave. Names, nullability and metadata stay.
pub fn schema(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new_with_metadata(fields(schema.fields()), schema.metadata().clone()))
}

/// A batch as it leaves. Fails where a timestamp does not fit nanoseconds since 1970 (years 1677 to 2262).
pub fn batch(batch: &RecordBatch) -> Result<RecordBatch> {
    batch_as(batch, schema(&batch.schema()))
}

/// A stream as it leaves.
pub fn stream(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = schema(&stream.schema());
    let target = Arc::clone(&schema);
    let rows = stream.map(move |rows| Ok(batch_as(&rows?, Arc::clone(&target))?));
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// The type in which values of `ty` leave.
fn leaving(ty: &DataType) -> DataType {
    match ty {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Timestamp(_, _) => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        DataType::Dictionary(_, value) => leaving(value),
        DataType::List(inner) | DataType::ListView(inner) => DataType::List(field(inner)),
        DataType::LargeList(inner) | DataType::LargeListView(inner) => DataType::LargeList(field(inner)),
        DataType::FixedSizeList(inner, n) => DataType::FixedSizeList(field(inner), *n),
        DataType::Struct(inner) => DataType::Struct(fields(inner)),
        DataType::Map(inner, sorted) => DataType::Map(field(inner), *sorted),
        other => other.clone(),
    }
}

fn field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::clone(field).with_data_type(leaving(field.data_type())))
}

fn fields(all: &Fields) -> Fields {
    all.iter().map(field).collect()
}

fn batch_as(batch: &RecordBatch, schema: SchemaRef) -> Result<RecordBatch> {
    let columns: Result<Vec<ArrayRef>> =
        batch.columns().iter().zip(schema.fields()).map(|(c, f)| column(c, f.data_type())).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, columns?, &options)?)
}

fn column(column: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    if column.data_type() == ty {
        return Ok(Arc::clone(column));
    }
    // A value that does not fit is an error: a silent null would be a wrong answer.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(column, ty, &options)?)
}

#[cfg(test)]
mod tests;
