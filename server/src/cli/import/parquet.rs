//! Parquet files.

use std::fs::File;
use std::path::Path;

use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Field, Float64Type};
use driftline_query::storage::ColumnType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::error::ImportError;
use super::source::{Found, ROWS_MAX, Survey};

/// Reads the footer, and the columns of numbers for their magnitude.
pub fn survey(path: &Path) -> Result<Survey, ImportError> {
    let builder = open(path)?;
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let fields = builder.schema().fields().clone();
    let mut columns = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let ty = column_type(field).ok_or_else(|| ImportError::Type {
            path: path.to_owned(),
            column: field.name().clone(),
            found: field.data_type().to_string(),
        })?;
        let is_number = matches!(ty, ColumnType::BigInt | ColumnType::Double);
        let greatest = if is_number { greatest(path, index)? } else { 0.0 };
        columns.push(Found { name: field.name().clone(), ty, greatest });
    }
    Ok(Survey { columns, rows })
}

/// Its rows as they are.
pub fn batches(
    path: &Path,
) -> Result<impl Iterator<Item = Result<RecordBatch, ImportError>> + use<>, ImportError> {
    let reader = open(path)?.with_batch_size(ROWS_MAX).build();
    let reader = reader.map_err(|e| ImportError::unreadable(path, e))?;
    let path = path.to_owned();
    Ok(reader.map(move |batch| batch.map_err(|e| ImportError::unreadable(&path, e))))
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, ImportError> {
    let file = File::open(path).map_err(ImportError::io(path))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| ImportError::unreadable(path, e))
}

/// The greatest magnitude of one column of numbers.
fn greatest(path: &Path, column: usize) -> Result<f64, ImportError> {
    let builder = open(path)?;
    let only = ProjectionMask::roots(builder.parquet_schema(), [column]);
    let reader = builder.with_projection(only).with_batch_size(ROWS_MAX).build();
    let mut greatest = 0.0_f64;
    for batch in reader.map_err(|e| ImportError::unreadable(path, e))? {
        let batch = batch.map_err(|e| ImportError::unreadable(path, e))?;
        let Some(numbers) = batch.columns().first() else { continue };
        let numbers = cast(numbers, &DataType::Float64).map_err(|e| ImportError::unreadable(path, e))?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let ends = [min(numbers), max(numbers)].into_iter().flatten().filter(|n| n.is_finite());
        greatest = ends.fold(greatest, |greatest, end| greatest.max(end.abs()));
    }
    Ok(greatest)
}

/// The column type that holds a Parquet column; None where none does.
fn column_type(field: &Field) -> Option<ColumnType> {
    Some(match field.data_type() {
        DataType::Boolean => ColumnType::Boolean,
        ty if ty.is_integer() => ColumnType::BigInt,
        ty if ty.is_floating() || ty.is_decimal() => ColumnType::Double,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => ColumnType::Text,
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => ColumnType::Timestamp,
        DataType::Dictionary(_, value) => {
            return column_type(&Field::new(field.name(), value.as_ref().clone(), true));
        }
        DataType::FixedSizeList(inner, n) if inner.data_type().is_floating() => {
            ColumnType::Vector(u32::try_from(*n).ok()?)
        }
        _ => return None,
    })
}
