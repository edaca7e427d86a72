//! A hash of what a writer sent, by which the engine tells a repeat from another batch under the same sequence.
//!
//! It covers what the sender chose, and not what we add on the way (times of arrival, new columns), so that a batch
//! sent again has the same hash whenever it comes. Values count, not how their arrays are sliced or their dictionaries
//! numbered.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{Write, WriteTarget};
use crate::error::Result;

/// The hash of all parts: their targets, column names and values, in order.
pub(super) fn of(write: &Write) -> Result<u64> {
    let mut hash = Xxh3::new();
    for part in &write.parts {
        let (kind, name) = match &part.target {
            WriteTarget::Table(name) => (b't', name),
            WriteTarget::Labels(name) => (b'l', name),
        };
        hash.update(&[kind]);
        text(name, &mut hash);
        rows(&part.rows, &mut hash)?;
    }
    Ok(hash.digest())
}

fn rows(batch: &RecordBatch, hash: &mut Xxh3) -> Result<()> {
    number(batch.num_rows(), hash);
    number(batch.num_columns(), hash);
    for (field, values) in batch.schema().fields().iter().zip(batch.columns()) {
        text(field.name(), hash);
        text(&field.data_type().to_string(), hash);
        column(values, hash)?;
    }
    Ok(())
}

fn column(values: &ArrayRef, hash: &mut Xxh3) -> Result<()> {
    match values.data_type() {
        DataType::Dictionary(_, _) => dictionary(values, hash),
        DataType::Utf8 if values.null_count() == 0 => {
            let texts = values.as_string::<i32>();
            let offsets = texts.value_offsets();
            offsets.windows(2).for_each(|w| hash.update(&(w[1] - w[0]).to_le_bytes()));
            let ends = offsets.first().zip(offsets.last());
            let bytes = ends.and_then(|(from, to)| texts.value_data().get(*from as usize..*to as usize));
            hash.update(bytes.unwrap_or_default());
            Ok(())
        }
        ty => match ty.primitive_width().filter(|_| values.null_count() == 0) {
            Some(width) => {
                let data = values.to_data();
                let from = data.offset() * width;
                let bytes = data.buffers().first().map(|b| &b.as_slice()[from..from + data.len() * width]);
                hash.update(bytes.unwrap_or_default());
                Ok(())
            }
            None => rowwise(values, hash),
        },
    }
}

/// The hash of each distinct value once, and then for every row that of its value.
fn dictionary(values: &ArrayRef, hash: &mut Xxh3) -> Result<()> {
    let dictionary = values.as_any_dictionary();
    let each = converted(dictionary.values())?;
    let each: Vec<u64> = each.iter().map(|row| xxh3_64(row.as_ref())).collect();
    let nulls = values.logical_nulls();
    let is_null = |row: usize| nulls.as_ref().is_some_and(|n: &NullBuffer| n.is_null(row));
    if each.is_empty() {
        number(values.len(), hash);
        return Ok(());
    }
    for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
        let value = if is_null(row) { 0 } else { each.get(key).copied().unwrap_or(0) };
        hash.update(&value.to_le_bytes());
    }
    Ok(())
}

/// Any other column by its rows in Arrow's row format, which knows neither slices nor buffers.
fn rowwise(values: &ArrayRef, hash: &mut Xxh3) -> Result<()> {
    converted(values)?.iter().for_each(|row| hash.update(row.as_ref()));
    Ok(())
}

fn converted(values: &ArrayRef) -> Result<arrow::row::Rows> {
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    Ok(converter.convert_columns(std::slice::from_ref(values))?)
}

fn number(number: usize, hash: &mut Xxh3) {
    hash.update(&(number as u64).to_le_bytes());
}

fn text(text: &str, hash: &mut Xxh3) {
    number(text.len(), hash);
    hash.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Float64Array, Int64Array, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;
    use crate::write::WritePart;

    fn write(target: WriteTarget, values: ArrayRef) -> Write {
        let rows = RecordBatch::try_from_iter_with_nullable([("x", values, true)]).unwrap();
        Write { writer: None, parts: vec![WritePart { target, rows }] }
    }

    fn hash(values: ArrayRef) -> u64 {
        of(&write(WriteTarget::Table("t".into()), values)).unwrap()
    }

    #[test]
    fn the_hash_follows_the_values_and_not_their_place_in_memory() {
        let whole: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1, 2, 3])),
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
            Arc::new(Float64Array::from(vec![1.0, -0.0, 3.0])),
            Arc::new(StringArray::from(vec!["a", "bc", "d"])),
            Arc::new(StringArray::from(vec![Some("a"), None, Some("d")])),
            Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("a"), None, Some("d")])),
        ];
        for values in whole {
            let copy = arrow::compute::take(&values, &Int64Array::from(vec![1, 2]), None).unwrap();
            assert_eq!(hash(values.slice(1, 2)), hash(copy), "{values:?}");
            assert_ne!(hash(values.slice(0, 2)), hash(values.slice(1, 2)), "{values:?}");
        }
    }

    #[test]
    fn a_dictionary_may_be_numbered_as_it_likes() {
        let one = DictionaryArray::<Int32Type>::from_iter(["a", "b", "a"]);
        let other = DictionaryArray::<Int32Type>::from_iter(["b", "a", "b", "a"]).slice(1, 3);
        assert_eq!(hash(Arc::new(one)), hash(Arc::new(other)));
    }

    #[test]
    fn the_target_counts() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let rows = of(&write(WriteTarget::Table("t".into()), values.clone())).unwrap();
        assert_ne!(of(&write(WriteTarget::Labels("t".into()), values)).unwrap(), rows);
    }
}
