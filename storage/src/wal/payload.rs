//! A write batch as the payload of a frame.
//!
//! Plain and fast: fixed-width values as they lie in memory, columns that hold only nulls left out. Columns go by
//! id, so that a later version of the schema still reads them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    AnyDictionaryArray, Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float32Array,
    Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, TimeUnit};
use arrow_select::take::take;

use super::Logged;
use crate::batch::{CatalogChange, WriterSequence};
use crate::bytes::{Cursor, Malformed, Put};
use crate::change::{self, Change};
use crate::error::{Result, StorageError};
use crate::limits::{BATCH_BYTES_MAX, BATCH_ROWS_MAX};
use crate::memtable::widen;
use crate::rows::Rows;
use crate::schema::{ColumnId, ColumnType, NO_TAGS, SeriesId, TableId, TableSchema};
use crate::schema_codec;

/// A batch as the log keeps it.
#[derive(Debug)]
pub(crate) struct LoggedBatch {
    pub(crate) writer: Option<(WriterSequence, u64)>,
    /// When it was written, for the expiry of writers.
    pub(crate) written_at: i64,
    pub(crate) catalog: Vec<CatalogChange>,
    pub(crate) changes: Vec<Change>,
    pub(crate) rows: Vec<LoggedRows>,
}

/// Rows of one table: their series, and the columns that were not all null, by id.
#[derive(Clone, Debug)]
pub(crate) struct LoggedRows {
    pub(crate) table: TableId,
    pub(crate) series: ScalarBuffer<SeriesId>,
    pub(crate) columns: Vec<(ColumnId, ColumnType, ArrayRef)>,
}

impl LoggedRows {
    /// Rows in the order of `schema`; a column that is not there is null.
    pub(crate) fn to_rows(&self, schema: &TableSchema) -> Result<Rows> {
        let columns = schema.stored_columns().map(|column| {
            let found = self.columns.iter().find(|(id, _, _)| *id == column.id);
            found.map_or_else(
                || arrow_array::new_null_array(&column.ty.arrow(), self.series.len()),
                |(_, ty, array)| widen(array, *ty, column.ty),
            )
        });
        let batch = RecordBatch::try_new(schema.stored_arrow(), columns.collect())
            .map_err(|e| StorageError::Invalid(format!("rows of table {}: {e}", schema.name)))?;
        Ok(Rows { series: self.series.clone(), batch })
    }
}

/// The parts of a batch, each table's rows with the schema they have.
pub(crate) fn encode_batch(
    writer: Option<(&WriterSequence, u64)>,
    written_at: i64,
    catalog: &[CatalogChange],
    rows: &[(Arc<TableSchema>, Rows)],
    changes: &[Change],
) -> Vec<u8> {
    let sizes = rows.iter().flat_map(|(_, rows)| rows.batch.columns()).map(|c| c.get_buffer_memory_size());
    let series: usize = rows.iter().map(|(_, rows)| size_of_val(&*rows.series)).sum();
    // About: slices take less than the buffers they lie in, and no batch may be larger than this.
    let mut out = Vec::with_capacity((sizes.sum::<usize>() + series + 1_024).min(BATCH_BYTES_MAX));
    out.put_i64(written_at);
    out.put_u8(u8::from(writer.is_some()));
    if let Some((id, fingerprint)) = writer {
        out.put_str(&id.writer);
        out.put_u64(id.sequence);
        out.put_u64(fingerprint);
    }
    out.put_u32(catalog.len() as u32);
    for change in catalog {
        encode_change(change, &mut out);
    }
    out.put_u32(rows.len() as u32);
    for (schema, batch) in rows {
        encode_rows(schema, batch, &mut out);
    }
    if !changes.is_empty() {
        change::encode(changes, &mut out);
    }
    out
}

/// A hash of a batch as it came, for callers that give none of their own. It does not ask the catalog, so that a
/// repeat is known although its table was altered or dropped meanwhile; columns that hold only nulls do not count, so
/// that rows padded for a new column are known too.
pub(crate) fn fingerprint(
    catalog: &[CatalogChange],
    changes: &[Change],
    rows: &[(TableId, RecordBatch)],
) -> u64 {
    let mut bytes = encode_batch(None, 0, catalog, &[], changes);
    for (table, batch) in rows {
        bytes.put_u32(*table);
        bytes.put_u32(batch.num_rows() as u32);
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if array.null_count() < array.len() {
                bytes.put_str(field.name());
                fingerprint_array(array, &mut bytes);
            }
        }
    }
    // Two independent 32-bit checksums over the same bytes, one of them seeded.
    let mut second = crc32fast::Hasher::new_with_initial(0x9e37_79b9);
    second.update(&(bytes.len() as u64).to_le_bytes());
    second.update(&bytes);
    (u64::from(crc32fast::hash(&bytes)) << 32) | u64::from(second.finalize())
}

/// The type, and the values where it is one that the engine admits: rows are not checked yet.
fn fingerprint_array(array: &ArrayRef, out: &mut Vec<u8>) {
    let ty = array.data_type();
    if let Some(texts) = array.as_any_dictionary_opt() {
        return fingerprint_dictionary(texts, out);
    }
    out.put_str(&ty.to_string());
    let vector = matches!(ty, DataType::FixedSizeList(item, _) if item.data_type() == &DataType::Float32);
    let nanos = matches!(ty, DataType::Timestamp(TimeUnit::Nanosecond, _));
    let plain = matches!(
        ty,
        DataType::Boolean | DataType::Int64 | DataType::Float64 | DataType::Utf8 | DataType::Binary
    );
    if vector || nanos || plain {
        encode_array(array, out);
    }
}

/// A dictionary is hashed as the values it stands for: a repeat may come with another numbering, or with none.
fn fingerprint_dictionary(texts: &dyn AnyDictionaryArray, out: &mut Vec<u8>) {
    if let Ok(plain) = take(texts.values(), texts.keys(), None) {
        fingerprint_array(&plain, out);
    }
}

fn encode_change(change: &CatalogChange, out: &mut Vec<u8>) {
    match change {
        CatalogChange::CreateTable(schema) => {
            out.put_u8(1);
            schema_codec::encode(schema, out);
        }
        CatalogChange::AlterTable(schema) => {
            out.put_u8(2);
            schema_codec::encode(schema, out);
        }
        CatalogChange::DropTable(id) => {
            out.put_u8(3);
            out.put_u32(*id);
        }
        CatalogChange::PutEntry { key, value } => {
            out.put_u8(4);
            out.put_str(key);
            out.put_bytes(value);
        }
        CatalogChange::RemoveEntry { key } => {
            out.put_u8(5);
            out.put_str(key);
        }
    }
}

fn encode_rows(schema: &TableSchema, rows: &Rows, out: &mut Vec<u8>) {
    let present = || {
        let columns = schema.stored_columns().zip(rows.batch.columns());
        columns.filter(|(_, array)| array.null_count() < array.len())
    };
    out.put_u32(schema.id);
    out.put_u32(rows.len() as u32);
    encode_series(&rows.series, out);
    out.put_u32(present().count() as u32);
    for (column, array) in present() {
        let (code, length) = schema_codec::type_code(column.ty);
        out.put_u32(column.id);
        out.put_u8(code);
        out.put_u32(length);
        encode_array(array, out);
    }
}

/// One for all rows where they agree, as in a table without tags.
fn encode_series(series: &ScalarBuffer<SeriesId>, out: &mut Vec<u8>) {
    let first = series.first().copied().unwrap_or(NO_TAGS);
    let differ = series.iter().any(|id| *id != first);
    out.put_u8(u8::from(differ));
    if differ {
        put_values(series, out);
    } else {
        out.put_u32(first);
    }
}

fn encode_array(array: &ArrayRef, out: &mut Vec<u8>) {
    let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
    out.put_u8(u8::from(nulls.is_some()));
    if let Some(nulls) = nulls {
        put_bits(nulls.inner(), out);
    }
    match array.data_type() {
        DataType::Boolean => put_bits(array.as_boolean().values(), out),
        DataType::Int64 => put_values(array.as_primitive::<Int64Type>().values(), out),
        DataType::Float64 => put_values(array.as_primitive::<Float64Type>().values(), out),
        DataType::Timestamp(..) => {
            put_values(array.as_primitive::<TimestampNanosecondType>().values(), out);
        }
        DataType::Utf8 => {
            let text = array.as_string::<i32>();
            put_texts((0..text.len()).map(|i| text.value(i).as_bytes()), out);
        }
        DataType::Binary => {
            let binary = array.as_binary::<i32>();
            put_texts((0..binary.len()).map(|i| binary.value(i)), out);
        }
        // The engine admits no other type than vectors of f32 beside those above.
        _ => {
            let list = array.as_fixed_size_list();
            let values = list.values().as_primitive::<Float32Type>();
            let width = list.value_length() as usize;
            let start = list.offset() * width;
            put_values(&values.values().slice(start, list.len() * width), out);
        }
    }
}

fn put_bits(bits: &BooleanBuffer, out: &mut Vec<u8>) {
    // Without a copy where the first bit begins a byte.
    let bytes = bits.sliced();
    out.extend_from_slice(&bytes.as_slice()[..bits.len().div_ceil(8)]);
    // Bits behind the last may be anything, and must not count in a fingerprint.
    let rest = bits.len() % 8;
    if let Some(last) = out.last_mut().filter(|_| rest > 0) {
        *last &= (1 << rest) - 1;
    }
}

/// The log and the arrays of this machine have the same order of bytes.
const _: () =
    assert!(cfg!(target_endian = "little"), "the log is little-endian, and values are copied as they lie");

fn put_values<T: ArrowNativeType>(values: &ScalarBuffer<T>, out: &mut Vec<u8>) {
    out.extend_from_slice(values.inner().as_slice());
}

/// Lengths first, then all bytes, so that offsets are a running sum.
fn put_texts<'a>(texts: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    for text in texts.clone() {
        out.put_u32(text.len() as u32);
    }
    for text in texts {
        out.extend_from_slice(text);
    }
}

/// Reads a payload; damage names where it lies.
pub(crate) fn decode_batch(logged: Logged<'_>) -> Result<LoggedBatch> {
    let Logged { payload, has_changes, path, offset: base, .. } = logged;
    let mut cursor = Cursor::new(payload);
    let mut batch = decode(&mut cursor).map_err(|e| e.at(path, base))?;
    if has_changes {
        batch.changes = change::decode(&mut cursor).map_err(|e| e.at(path, base))?;
    }
    cursor.end("the batch").map_err(|e| e.at(path, base))?;
    Ok(batch)
}

fn decode(cursor: &mut Cursor<'_>) -> Result<LoggedBatch, Malformed> {
    let written_at = cursor.i64("when the batch was written")?;
    let writer = match cursor.u8("whether there is a writer")? {
        0 => None,
        _ => {
            let writer = cursor.str("the writer's name")?.to_owned();
            let sequence = cursor.u64("the writer's sequence")?;
            Some((WriterSequence { writer, sequence }, cursor.u64("the writer's fingerprint")?))
        }
    };
    let catalog =
        (0..cursor.count(5, "catalog changes")?).map(|_| decode_change(cursor)).collect::<Result<_, _>>()?;
    let rows = (0..cursor.count(12, "tables")?).map(|_| decode_rows(cursor)).collect::<Result<_, _>>()?;
    Ok(LoggedBatch { writer, written_at, catalog, changes: Vec::new(), rows })
}

fn decode_change(cursor: &mut Cursor<'_>) -> Result<CatalogChange, Malformed> {
    Ok(match cursor.u8("a catalog change")? {
        1 => CatalogChange::CreateTable(schema_codec::decode(cursor)?),
        2 => CatalogChange::AlterTable(schema_codec::decode(cursor)?),
        3 => CatalogChange::DropTable(cursor.u32("a table's id")?),
        4 => CatalogChange::PutEntry {
            key: cursor.str("an entry's key")?.to_owned(),
            value: cursor.bytes("an entry's value")?.to_vec(),
        },
        5 => CatalogChange::RemoveEntry { key: cursor.str("an entry's key")?.to_owned() },
        other => return cursor.fail(format!("a catalog change from 1 to 5, found {other}")),
    })
}

fn decode_rows(cursor: &mut Cursor<'_>) -> Result<LoggedRows, Malformed> {
    let table = cursor.u32("a table's id")?;
    let rows = cursor.u32("a number of rows")? as usize;
    let series = decode_series(cursor, rows)?;
    let count = cursor.count(10, "columns")?;
    // Without a column the rows have no bytes that could bound them.
    if count == 0 && rows > 0 {
        return cursor.fail("a time column beside rows");
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let id = cursor.u32("a column's id")?;
        let (code, length) = (cursor.u8("a column's type")?, cursor.u32("a vector's length")?);
        let Some(ty) = schema_codec::type_of(code, length) else {
            return cursor.fail(format!("a known column type, found {code}"));
        };
        columns.push((id, ty, decode_array(cursor, ty, rows)?));
    }
    Ok(LoggedRows { table, series, columns })
}

fn decode_series(cursor: &mut Cursor<'_>, rows: usize) -> Result<ScalarBuffer<SeriesId>, Malformed> {
    if cursor.u8("whether series differ")? != 0 {
        return take_values(cursor, rows);
    }
    let one = cursor.u32("a series")?;
    if rows > BATCH_ROWS_MAX {
        return cursor.fail(format!("at most {BATCH_ROWS_MAX} rows, found {rows}"));
    }
    Ok(vec![one; rows].into())
}

fn decode_array(cursor: &mut Cursor<'_>, ty: ColumnType, rows: usize) -> Result<ArrayRef, Malformed> {
    let nulls = match cursor.u8("whether there are nulls")? {
        0 => None,
        _ => Some(NullBuffer::new(take_bits(cursor, rows)?)),
    };
    Ok(match ty {
        ColumnType::Boolean => Arc::new(BooleanArray::new(take_bits(cursor, rows)?, nulls)),
        ColumnType::BigInt => Arc::new(Int64Array::new(take_values(cursor, rows)?, nulls)),
        ColumnType::Double => Arc::new(Float64Array::new(take_values(cursor, rows)?, nulls)),
        ColumnType::Timestamp => {
            let values = take_values(cursor, rows)?;
            Arc::new(TimestampNanosecondArray::new(values, nulls).with_timezone("UTC"))
        }
        ColumnType::Text | ColumnType::Json => {
            let at = cursor.offset();
            let (offsets, bytes) = take_texts(cursor, rows)?;
            let text = StringArray::try_new(offsets, bytes, nulls);
            Arc::new(text.map_err(|_| Malformed { offset: at, expected: "text in UTF-8".into() })?)
        }
        ColumnType::Distribution => {
            let (offsets, bytes) = take_texts(cursor, rows)?;
            Arc::new(BinaryArray::new(offsets, bytes, nulls))
        }
        ColumnType::Vector(n) => {
            let values = take_values(cursor, rows.saturating_mul(n as usize))?;
            let field = Arc::new(Field::new("item", DataType::Float32, true));
            Arc::new(FixedSizeListArray::new(
                field,
                n as i32,
                Arc::new(Float32Array::new(values, None)),
                nulls,
            ))
        }
    })
}

fn take_bits(cursor: &mut Cursor<'_>, rows: usize) -> Result<BooleanBuffer, Malformed> {
    let bytes = cursor.take(rows.div_ceil(8), "bits")?;
    Ok(BooleanBuffer::new(Buffer::from(bytes), 0, rows))
}

fn take_values<T: ArrowNativeType>(
    cursor: &mut Cursor<'_>,
    count: usize,
) -> Result<ScalarBuffer<T>, Malformed> {
    let bytes = cursor.take(count.saturating_mul(size_of::<T>()), "values")?;
    Ok(ScalarBuffer::new(Buffer::from_slice_ref(bytes), 0, count))
}

fn take_texts(cursor: &mut Cursor<'_>, rows: usize) -> Result<(OffsetBuffer<i32>, Buffer), Malformed> {
    let lengths = cursor.take(rows.saturating_mul(4), "lengths of texts")?;
    let (lengths, _) = lengths.as_chunks::<4>();
    let mut offsets = Vec::with_capacity(rows + 1);
    let mut end = 0i32;
    offsets.push(end);
    for length in lengths {
        let next = i32::try_from(u32::from_le_bytes(*length)).ok().and_then(|length| end.checked_add(length));
        let Some(next) = next else {
            return cursor.fail("texts of less than 2 GiB together");
        };
        end = next;
        offsets.push(end);
    }
    let bytes = cursor.take(end as usize, "texts")?;
    Ok((OffsetBuffer::new(offsets.into()), Buffer::from(bytes)))
}
