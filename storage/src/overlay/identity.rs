//! What makes two rows one: series, time and key.

use std::hash::Hasher;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::Schema;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::Xxh3Default;

use crate::error::{Result, StorageError};
use crate::schema::{Column, Role, SeriesId, TableSchema};
use crate::segment::{SegmentReader, hash_boolean, hash_double, hash_integer, hash_text, hash_time};

/// The option by which rows without a key are told apart by series and time.
const DEDUP_OPTION: &str = "dedup";
const DEDUP_LAST: &str = "last";
/// No rows are told apart: each stays, keys or not.
const DEDUP_NONE: &str = "none";

/// Which columns beside the series tell the rows of a table apart.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    time: Column,
    keys: Vec<Column>,
}

impl Identity {
    /// None for a table whose rows are only ever added: it has no KEY and not the option `dedup = 'last'`, or it has
    /// `dedup = 'none'`.
    pub(crate) fn of(schema: &TableSchema) -> Option<Self> {
        let keys: Vec<Column> = schema.columns.iter().filter(|c| c.role == Role::Key).cloned().collect();
        let is = |value| schema.options.get(DEDUP_OPTION).is_some_and(|o| o.eq_ignore_ascii_case(value));
        if is(DEDUP_NONE) {
            return None;
        }
        let dedup = is(DEDUP_LAST);
        let time = schema.columns.iter().find(|c| c.role == Role::Time)?.clone();
        (dedup || !keys.is_empty()).then_some(Self { time, keys })
    }

    /// The KEY columns.
    pub(crate) fn keys(&self) -> &[Column] {
        &self.keys
    }

    /// Time and KEY columns, in the order in which [`Named::of`] wants them.
    pub(crate) fn columns(&self) -> Vec<Column> {
        std::iter::once(&self.time).chain(&self.keys).cloned().collect()
    }
}

/// Rows as far as their identity goes.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) series: ScalarBuffer<SeriesId>,
    pub(crate) times: ScalarBuffer<i64>,
    keys: Vec<ArrayRef>,
}

impl Named {
    /// `rows` holds the columns of [`Identity::columns`].
    pub(crate) fn of(series: ScalarBuffer<SeriesId>, rows: &RecordBatch) -> Result<Self> {
        let [time, keys @ ..] = rows.columns() else {
            return Err(StorageError::Invalid("rows without a time have no identity".into()));
        };
        let times = time.as_primitive::<TimestampNanosecondType>().values().clone();
        Ok(Self { series, times, keys: keys.to_vec() })
    }

    /// Some rows of a segment, by their places in it.
    pub(crate) fn at(segment: &SegmentReader, rows: &RoaringBitmap, identity: &Identity) -> Result<Self> {
        let (mut series, mut batches) = (Vec::new(), Vec::new());
        for (index, group) in segment.groups()?.iter().enumerate() {
            let (first, end) = (group.first_row as u32, (group.first_row + group.rows as u64) as u32);
            let places: UInt32Array = rows.range(first..end).map(|row| row - first).collect();
            if places.is_empty() {
                continue;
            }
            let all = segment.series_of_group(index)?;
            series.extend(places.values().iter().filter_map(|row| all.get(*row as usize)));
            let read = segment.read_whole(index, &identity.columns())?;
            batches
                .push(take_record_batch(&read, &places).map_err(|e| StorageError::Invalid(e.to_string()))?);
        }
        let fields: Vec<_> = identity.columns().iter().map(Column::arrow).collect();
        let rows = concat_batches(&std::sync::Arc::new(Schema::new(fields)), &batches)
            .map_err(|e| StorageError::Invalid(e.to_string()))?;
        Self::of(series.into(), &rows)
    }

    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// A row whose keys are all null stands for itself: it replaces nothing and nothing replaces it.
    pub(crate) fn has_identity(&self, row: usize) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|key| key.is_valid(row))
    }

    /// The hash of each key of a row, as the filters of segments have it; none for a null.
    pub(crate) fn key_hash(&self, key: usize, row: usize) -> Option<u64> {
        let array = self.keys.get(key)?;
        array.is_valid(row).then(|| hash_value(array, row))
    }

    /// Equal for rows that are one.
    pub(crate) fn hash(&self, row: usize) -> u64 {
        let mut hasher = Xxh3Default::new();
        hasher.write_u32(self.series.get(row).copied().unwrap_or_default());
        hasher.write_i64(self.times.get(row).copied().unwrap_or_default());
        for key in 0..self.keys.len() {
            hasher.write_u64(self.key_hash(key, row).unwrap_or_default());
        }
        hasher.finish()
    }

    /// Whether a row is the same as one of `other`.
    pub(crate) fn is_same(&self, row: usize, other: &Self, other_row: usize) -> bool {
        self.series.get(row) == other.series.get(other_row)
            && self.times.get(row) == other.times.get(other_row)
            && self.has_same_keys(row, other, other_row)
    }

    /// The same for rows of which series and time are known to agree.
    pub(crate) fn has_same_keys(&self, row: usize, other: &Self, other_row: usize) -> bool {
        let same = |(a, b): (&ArrayRef, &ArrayRef)| same_value(a, row, b, other_row);
        self.has_identity(row)
            && self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(same)
    }

    /// The time of a row.
    pub(crate) fn time(&self, row: usize) -> i64 {
        self.times.get(row).copied().unwrap_or_default()
    }
}

/// As the filters of segments hash it.
pub(crate) fn hash_value(array: &ArrayRef, row: usize) -> u64 {
    use arrow_schema::DataType;
    match array.data_type() {
        DataType::Utf8 => hash_text(array.as_string::<i32>().value(row)),
        DataType::Int64 => hash_integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => hash_double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(..) => hash_time(array.as_primitive::<TimestampNanosecondType>().value(row)),
        DataType::Boolean => hash_boolean(array.as_boolean().value(row)),
        // Of no other type is a filter kept; all rows hash alike and are compared.
        _ => 0,
    }
}

/// Null equals null, NaN equals NaN, a BIGINT equals the DOUBLE it was widened to.
pub(crate) fn same_value(a: &ArrayRef, row: usize, b: &ArrayRef, other: usize) -> bool {
    use arrow_schema::DataType;
    match (a.is_valid(row), b.is_valid(other)) {
        (true, true) => {}
        (false, false) => return true,
        _ => return false,
    }
    match (a.data_type(), b.data_type()) {
        (DataType::Utf8, DataType::Utf8) => {
            a.as_string::<i32>().value(row) == b.as_string::<i32>().value(other)
        }
        (DataType::Int64, DataType::Int64) => {
            a.as_primitive::<Int64Type>().value(row) == b.as_primitive::<Int64Type>().value(other)
        }
        (DataType::Timestamp(..), DataType::Timestamp(..)) => {
            a.as_primitive::<TimestampNanosecondType>().value(row)
                == b.as_primitive::<TimestampNanosecondType>().value(other)
        }
        (DataType::Boolean, DataType::Boolean) => a.as_boolean().value(row) == b.as_boolean().value(other),
        (DataType::Int64 | DataType::Float64, DataType::Int64 | DataType::Float64) => {
            hash_value(a, row) == hash_value(b, other)
        }
        _ => a.slice(row, 1).to_data() == b.slice(other, 1).to_data(),
    }
}
