//! Rows by the combination of their tags, before anybody asks what these are called.

use std::hash::BuildHasher;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::{Result, StorageError};

/// One tag column as a code a row: 0 for null, else the place of the value in `values`, plus 1.
pub(super) struct Coded {
    pub(super) codes: Vec<u32>,
    values: StringArray,
    /// For columns that came as plain text: a row that has the value. Dictionaries index their values as they are.
    rows: Option<Vec<u32>>,
    /// Codes are below this.
    pub(super) radix: u64,
}

impl Coded {
    /// The codes of a column that is Utf8 or Dictionary(Int32, Utf8); `name` is for the message.
    pub(super) fn of(array: &ArrayRef, name: &str) -> Result<Self> {
        match array.data_type() {
            DataType::Utf8 => Ok(Self::of_text(array.as_string())),
            DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8 => {
                Ok(Self::of_dictionary(array))
            }
            other => Err(StorageError::Invalid(format!(
                "tag {name}: expected Utf8 or Dictionary(Int32, Utf8), found {other}"
            ))),
        }
    }

    fn of_dictionary(array: &ArrayRef) -> Self {
        let dictionary = array.as_dictionary::<Int32Type>();
        let values = dictionary.values().as_string::<i32>().clone();
        let keys = dictionary.keys();
        let mut codes: Vec<u32> = keys.values().iter().map(|key| (*key as u32).wrapping_add(1)).collect();
        for (row, code) in codes.iter_mut().enumerate() {
            let index = (*code as usize).wrapping_sub(1);
            // Under a null the key is anything; the value a key stands for may be null too.
            if keys.is_null(row) || index >= values.len() || values.is_null(index) {
                *code = 0;
            }
        }
        let radix = values.len() as u64 + 1;
        Self { codes, values, rows: None, radix }
    }

    fn of_text(text: &StringArray) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut table: HashTable<u32> = HashTable::new();
        let mut rows: Vec<u32> = Vec::new();
        let mut last: Option<(&str, u32)> = None;
        let codes = text.iter().enumerate().map(|(row, value)| {
            let Some(value) = value else { return 0 };
            if let Some((_, code)) = last.filter(|(before, _)| *before == value) {
                return code;
            }
            let hash = hasher.hash_one(value);
            let same = |code: &u32| text.value(rows[*code as usize - 1] as usize) == value;
            let code = match table.find(hash, same) {
                Some(code) => *code,
                None => {
                    rows.push(row as u32);
                    let code = rows.len() as u32;
                    let again = |code: &u32| hasher.hash_one(text.value(rows[*code as usize - 1] as usize));
                    table.insert_unique(hash, code, again);
                    code
                }
            };
            last = Some((value, code));
            code
        });
        let codes = codes.collect();
        let radix = rows.len() as u64 + 1;
        Self { codes, values: text.clone(), rows: Some(rows), radix }
    }

    /// The value of a code that is not 0.
    pub(super) fn value(&self, code: u32) -> &str {
        let index = (code as usize).wrapping_sub(1);
        let index = self.rows.as_ref().map_or(index, |rows| rows[index] as usize);
        self.values.value(index)
    }
}

/// The distinct combinations of codes: which one each row has, and a row for each.
pub(super) struct Combined {
    pub(super) of_row: Vec<u32>,
    pub(super) example: Vec<u32>,
}

/// Combines the codes of all columns. They are digits of one number; where it would pass 64 bits the combinations so
/// far are numbered anew, densely.
pub(super) fn combine(columns: &[Coded], rows: usize) -> Combined {
    let mut numbers = vec![0u64; rows];
    let mut bound = 1u64;
    for column in columns {
        if bound.checked_mul(column.radix).is_none() {
            let dense = number_densely(&numbers);
            bound = dense.example.len() as u64;
            numbers = dense.of_row.iter().map(|n| u64::from(*n)).collect();
        }
        bound = bound.saturating_mul(column.radix);
        for (number, code) in numbers.iter_mut().zip(&column.codes) {
            *number = *number * column.radix + u64::from(*code);
        }
    }
    number_densely(&numbers)
}

/// Numbers the distinct values in the order they come.
fn number_densely(numbers: &[u64]) -> Combined {
    let hasher = DefaultHashBuilder::default();
    let mut table: HashTable<(u64, u32)> = HashTable::with_capacity(numbers.len().min(4_096));
    let mut example: Vec<u32> = Vec::new();
    let mut last = None;
    let of_row = numbers.iter().enumerate().map(|(row, number)| {
        if let Some((_, dense)) = last.filter(|(before, _)| before == number) {
            return dense;
        }
        let hash = hasher.hash_one(number);
        let dense = match table.find(hash, |(known, _)| known == number) {
            Some((_, dense)) => *dense,
            None => {
                let dense = example.len() as u32;
                example.push(row as u32);
                table.insert_unique(hash, (*number, dense), |(known, _)| hasher.hash_one(known));
                dense
            }
        };
        last = Some((*number, dense));
        dense
    });
    Combined { of_row: of_row.collect(), example }
}
