//! Batches from the network: nothing in them is believed. What is decoded is bounded before it is decoded, in bytes
//! and in rows, also where a few bytes stand for many.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema};
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{Message, root_as_message};
use driftline_client::wire::{Batch, Kind, Part};
use driftline_query::storage::WriterSequence;
use driftline_query::storage::limits::{BATCH_BYTES_MAX, NAME_BYTES_MAX};
use driftline_query::{Write, WritePart, WriteTarget};
use tonic::Status;

use crate::limits::{BATCH_ROWS_MAX, EXPANDED_BYTES_MAX, PARTS_MAX};

/// The batch as the database takes it.
pub fn write(writer: &str, batch: Batch) -> Result<Write, Status> {
    check_sizes(&batch)?;
    let writer = writer_sequence(writer, batch.sequence)?;
    let mut parts = Vec::new();
    let mut budget = Budget { rows: BATCH_ROWS_MAX, expanded: EXPANDED_BYTES_MAX };
    for part in batch.parts {
        let target = target(&part)?;
        for rows in batches(part, &mut budget)? {
            parts.push(WritePart { target: target.clone(), rows });
        }
    }
    Ok(Write { writer, parts })
}

/// What the rest of a batch may still hold.
struct Budget {
    rows: u64,
    expanded: u64,
}

impl Budget {
    fn take_rows(&mut self, rows: u64) -> Result<(), Status> {
        self.rows = self.rows.checked_sub(rows).ok_or_else(|| {
            Status::resource_exhausted(format!(
                "the batch has more than {BATCH_ROWS_MAX} rows; send them in smaller batches"
            ))
        })?;
        Ok(())
    }

    fn take_expanded(&mut self, bytes: u64) -> Result<(), Status> {
        self.expanded = self.expanded.checked_sub(bytes).ok_or_else(|| {
            Status::resource_exhausted(format!(
                "written out, the batch has more than {EXPANDED_BYTES_MAX} bytes; send its rows in smaller batches"
            ))
        })?;
        Ok(())
    }
}

fn check_sizes(batch: &Batch) -> Result<(), Status> {
    if batch.parts.len() > PARTS_MAX {
        let count = batch.parts.len();
        return Err(Status::resource_exhausted(format!(
            "the batch has {count} parts, over the limit of {PARTS_MAX}; send them in smaller batches"
        )));
    }
    let bytes: usize = batch.parts.iter().map(|part| part.arrow_ipc.len()).sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(Status::resource_exhausted(format!(
            "the batch has {bytes} bytes, over the limit of {BATCH_BYTES_MAX}; send its rows in smaller batches"
        )));
    }
    Ok(())
}

fn writer_sequence(writer: &str, sequence: u64) -> Result<Option<WriterSequence>, Status> {
    if writer.is_empty() {
        return Ok(None);
    }
    if sequence == 0 {
        return Err(Status::invalid_argument("sequences of a named writer count from 1"));
    }
    Ok(Some(WriterSequence { writer: writer.to_owned(), sequence }))
}

fn target(part: &Part) -> Result<WriteTarget, Status> {
    if part.target.is_empty() || part.target.len() > NAME_BYTES_MAX {
        return Err(Status::invalid_argument("a part needs the name of its table or model as target"));
    }
    match part.kind() {
        Kind::Rows => Ok(WriteTarget::Table(part.target.clone())),
        Kind::Labels => Ok(WriteTarget::Labels(part.target.clone())),
        Kind::Unspecified => Err(Status::invalid_argument("a part needs a kind: KIND_ROWS or KIND_LABELS")),
    }
}

fn batches(part: Part, budget: &mut Budget) -> Result<Vec<RecordBatch>, Status> {
    check_messages(&part.arrow_ipc, budget)?;
    let mut bytes = Buffer::from(part.arrow_ipc);
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut bytes).map_err(|e| unreadable(&e))? {
        budget.take_expanded(expanded_bytes(&batch)?)?;
        batches.push(batch);
    }
    decoder.finish().map_err(|e| unreadable(&e))?;
    if batches.is_empty() && decoder.schema().is_none() {
        return Err(Status::invalid_argument("a part's arrow_ipc holds no schema and no rows"));
    }
    check_names(decoder.schema().as_deref())?;
    Ok(batches)
}

/// Walks over the messages without decoding them: counts the rows, and refuses compressed buffers, whose size once
/// decompressed nobody knows. What is cut short is left for the decoder to name.
fn check_messages(mut bytes: &[u8], budget: &mut Budget) -> Result<(), Status> {
    while let Some((message, rest)) = next_message(bytes) {
        let message = root_as_message(message).map_err(|e| unreadable(&e))?;
        if is_compressed(&message) {
            return Err(Status::invalid_argument(
                "a part's arrow_ipc is compressed; send its buffers uncompressed",
            ));
        }
        if let Some(batch) = message.header_as_record_batch() {
            budget.take_rows(u64::try_from(batch.length()).map_err(|e| unreadable(&e))?)?;
        }
        let body = usize::try_from(message.bodyLength()).map_err(|e| unreadable(&e))?;
        let Some(next) = rest.get(body..) else { break };
        bytes = next;
    }
    Ok(())
}

/// The metadata of the first message, and what follows it. None at the end, or where it is cut short.
fn next_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut length, mut rest) = bytes.split_first_chunk::<4>()?;
    if length == &[0xff; 4] {
        (length, rest) = rest.split_first_chunk::<4>()?;
    }
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length == 0 { None } else { rest.split_at_checked(length) }
}

fn is_compressed(message: &Message<'_>) -> bool {
    let rows = message.header_as_record_batch().is_some_and(|batch| batch.compression().is_some());
    let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    rows || dictionary.is_some_and(|data| data.compression().is_some())
}

fn check_names(schema: Option<&Schema>) -> Result<(), Status> {
    let mut names: Vec<&str> =
        schema.map_or(vec![], |s| s.fields().iter().map(|f| f.name().as_str()).collect());
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Status::invalid_argument(format!("column {} is there twice", pair[0]))),
        None => Ok(()),
    }
}

/// Bytes of the strings of a batch where one stored string may stand for many rows.
fn expanded_bytes(batch: &RecordBatch) -> Result<u64, Status> {
    let schema = batch.schema();
    let columns = batch.columns().iter().zip(schema.fields());
    columns.map(|(column, field)| column_bytes(column).ok_or_else(|| untakeable(field.name(), column))).sum()
}

/// None for types that no column can hold and whose size is not bounded by their bytes.
fn column_bytes(column: &dyn Array) -> Option<u64> {
    match column.data_type() {
        DataType::Utf8View => Some(column.as_string_view().views().iter().map(view_bytes).sum()),
        DataType::BinaryView => Some(column.as_binary_view().views().iter().map(view_bytes).sum()),
        DataType::Dictionary(_, _) => dictionary_bytes(column),
        DataType::RunEndEncoded(_, _)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(_, _) => None,
        _ => Some(0),
    }
}

/// The low half of a view is its length.
fn view_bytes(view: &u128) -> u64 {
    u64::from(*view as u32)
}

fn dictionary_bytes(column: &dyn Array) -> Option<u64> {
    let dictionary = column.as_any_dictionary();
    let values = dictionary.values();
    let lengths: Vec<u64> = match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().iter().map(text_bytes).collect(),
        DataType::LargeUtf8 => values.as_string::<i64>().iter().map(text_bytes).collect(),
        DataType::Utf8View => values.as_string_view().iter().map(text_bytes).collect(),
        other => {
            return other.primitive_width().map(|width| (width as u64).saturating_mul(column.len() as u64));
        }
    };
    if lengths.is_empty() {
        return Some(0);
    }
    // A key that stands for null counts as the first value; that is more than it takes, never less.
    Some(dictionary.normalized_keys().iter().filter_map(|key| lengths.get(*key)).sum())
}

fn text_bytes(text: Option<&str>) -> u64 {
    text.map_or(0, |text| text.len() as u64)
}

fn untakeable(name: &str, column: &dyn Array) -> Status {
    Status::invalid_argument(format!(
        "column {name} has the Arrow type {}, which no column can hold; convert it first",
        column.data_type()
    ))
}

fn unreadable(error: &dyn std::fmt::Display) -> Status {
    Status::invalid_argument(format!("a part's arrow_ipc is not a readable Arrow IPC stream: {error}"))
}

#[cfg(test)]
mod tests;
