//! A hash of what a writer sent, by which the engine tells a repeat from another batch under the same sequence.
//!
//! It covers what the sender chose, and not what we add on the way (times of arrival, new columns), so that a batch
//! sent again has the same hash whenever it comes.

use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};

use super::{Write, WriteTarget};
use crate::error::Result;

/// The hash of all parts: their targets, column names and values, in order.
pub(super) fn of(write: &Write) -> Result<u64> {
    let mut hash = Fnv::new();
    for part in &write.parts {
        let (kind, name) = match &part.target {
            WriteTarget::Table(name) => (b't', name),
            WriteTarget::Labels(name) => (b'l', name),
        };
        hash.bytes(&[kind]);
        hash.text(name);
        rows(&part.rows, &mut hash)?;
    }
    Ok(hash.0)
}

fn rows(batch: &RecordBatch, hash: &mut Fnv) -> Result<()> {
    hash.number(batch.num_rows());
    hash.number(batch.num_columns());
    let mut sorts = Vec::with_capacity(batch.num_columns());
    for field in batch.schema().fields() {
        hash.text(field.name());
        hash.text(&field.data_type().to_string());
        sorts.push(SortField::new(field.data_type().clone()));
    }
    // Row bytes are the same however the arrays are sliced or their dictionaries are numbered.
    let rows = RowConverter::new(sorts)?.convert_columns(batch.columns())?;
    for row in &rows {
        hash.bytes(row.as_ref());
    }
    Ok(())
}

/// Fowler, Noll and Vo's hash, variant 1a, 64 bits.
struct Fnv(u64);

impl Fnv {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    fn new() -> Self {
        Self(Self::BASIS)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(Self::PRIME));
    }

    fn number(&mut self, number: usize) {
        self.bytes(&(number as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.bytes(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;
    use crate::write::WritePart;

    fn write(target: WriteTarget, values: &Int64Array) -> Write {
        let values: ArrayRef = Arc::new(values.clone());
        let rows = RecordBatch::try_from_iter([("x", values)]).unwrap();
        Write { writer: None, parts: vec![WritePart { target, rows }] }
    }

    #[test]
    fn the_hash_follows_the_values_and_not_their_place_in_memory() {
        let table = || WriteTarget::Table("t".into());
        let whole = Int64Array::from(vec![1, 2, 3]);
        let same = of(&write(table(), &Int64Array::from(vec![2, 3]))).unwrap();
        assert_eq!(of(&write(table(), &whole.slice(1, 2))).unwrap(), same);
        assert_ne!(of(&write(table(), &whole.slice(0, 2))).unwrap(), same);
        assert_ne!(of(&write(WriteTarget::Labels("t".into()), &whole.slice(1, 2))).unwrap(), same);
    }

    #[test]
    fn the_hash_is_the_published_one() {
        let mut hash = Fnv::new();
        hash.bytes(b"foobar");
        assert_eq!(hash.0, 0x8594_4171_f739_67e8);
    }
}
