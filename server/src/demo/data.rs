//! The real predictions carried in the program. `data/README.md` says where they come from and has the byte map.

use std::collections::HashMap;
use std::ops::Range;

use super::error::{DemoError, Result};

/// The features in the order of the file. The first is a number, the others are codes.
pub const FEATURES: [&str; 16] = [
    "AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE",
    "DREM", "SEX", "RAC1P",
];

const FILE: &[u8] = include_bytes!("data/employment.bin");
const MAGIC: &[u8] = b"DLEMPL01";
/// Bytes of the file once decompressed, at most: the real file has 5.5 MiB.
const DECODED_BYTES_MAX: usize = 16 << 20;
/// Years in the file, at most.
const YEARS_MAX: usize = 100;
/// At and above it the classifier says yes.
const THRESHOLD: f64 = 0.5;

/// One row of feature codes.
pub type Codes = [u8; FEATURES.len()];

/// The rows of one year, as a range of row numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearRows {
    /// The year, such as 2015.
    pub year: i32,
    /// Its rows.
    pub rows: Range<usize>,
}

/// Every prediction with its features and what was true. A row's number is its id.
#[derive(Clone, Debug, PartialEq)]
pub struct Employment {
    codes: Vec<Codes>,
    probabilities: Vec<f64>,
    labels: Vec<u8>,
    years: Vec<YearRows>,
}

impl Employment {
    /// The data carried in the program.
    pub fn carried() -> Result<Self> {
        Self::decode(FILE)
    }

    fn decode(file: &[u8]) -> Result<Self> {
        let raw = zstd::bulk::decompress(file, DECODED_BYTES_MAX);
        decode(&mut Bytes(&raw.map_err(|_| DemoError::Data("it does not decompress"))?))
    }

    /// The years in rising order.
    pub fn years(&self) -> &[YearRows] {
        &self.years
    }

    /// Feature codes of a row, in the order of [`FEATURES`]. Panics outside the rows, as the following do.
    pub fn codes(&self, row: usize) -> &Codes {
        &self.codes[row]
    }

    /// The classifier's probability that the person is employed.
    pub fn probability(&self, row: usize) -> f64 {
        self.probabilities[row]
    }

    /// What the classifier says: 1 or 0.
    pub fn prediction(&self, row: usize) -> i64 {
        i64::from(self.probabilities[row] >= THRESHOLD)
    }

    /// What was true: 1 or 0.
    pub fn label(&self, row: usize) -> i64 {
        i64::from(self.labels[row])
    }
}

/// What is left to decode.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DemoError::Data("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn take_product(&mut self, count: usize, width: usize) -> Result<&'a [u8]> {
        self.take(count.checked_mul(width).ok_or(DemoError::Data("a count is too large"))?)
    }

    fn number(&mut self) -> Result<usize> {
        Ok(little_endian(self.take(4)?.iter().copied()) as usize)
    }

    /// Numbers whose lowest bytes come first, then all their second bytes, and so on.
    fn planes(&mut self, count: usize, width: usize) -> Result<Vec<u64>> {
        let planes = self.take_product(count, width)?;
        Ok((0..count).map(|i| little_endian(planes.iter().skip(i).step_by(count).copied())).collect())
    }
}

fn little_endian(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.take(8).enumerate().fold(0, |number, (i, byte)| number | u64::from(byte) << (8 * i))
}

fn decode(bytes: &mut Bytes) -> Result<Employment> {
    if bytes.take(MAGIC.len())? != MAGIC {
        return Err(DemoError::Data("it is not of this version"));
    }
    let (rows, distinct, places, years) =
        (bytes.number()?, bytes.number()?, bytes.number()?, bytes.number()?);
    let years = decode_years(bytes, years, rows)?;
    let codes = decode_codes(bytes.take_product(rows, FEATURES.len())?, rows);
    let labels = bytes.take(rows)?.to_vec();
    let distinct = running_sum(&bytes.planes(distinct, 8)?);
    let places = bytes.planes(places, 3)?;
    if !bytes.0.is_empty() {
        return Err(DemoError::Data("bytes are left over"));
    }
    let probabilities = probabilities(&codes, &distinct, &places)?;
    Ok(Employment { codes, probabilities, labels, years })
}

fn decode_years(bytes: &mut Bytes, count: usize, rows: usize) -> Result<Vec<YearRows>> {
    let mut years = Vec::new();
    let mut start = 0usize;
    for _ in 0..count.min(YEARS_MAX) {
        let year = i32::try_from(bytes.number()?).map_err(|_| DemoError::Data("a year is out of range"))?;
        let end = start.saturating_add(bytes.number()?);
        years.push(YearRows { year, rows: start..end });
        start = end;
    }
    if start == rows { Ok(years) } else { Err(DemoError::Data("the years do not add up to the rows")) }
}

fn decode_codes(columns: &[u8], rows: usize) -> Vec<Codes> {
    let mut codes = vec![Codes::default(); rows];
    for (feature, column) in columns.chunks_exact(rows.max(1)).enumerate() {
        for (row, code) in codes.iter_mut().zip(column) {
            row[feature] = *code;
        }
    }
    codes
}

fn running_sum(differences: &[u64]) -> Vec<f64> {
    let mut sum = 0u64;
    let mut add = |difference: &u64| {
        sum = sum.wrapping_add(*difference);
        f64::from_bits(sum)
    };
    differences.iter().map(&mut add).collect()
}

/// The n-th new row of codes has the n-th place; equal codes have equal probability.
fn probabilities(codes: &[Codes], distinct: &[f64], places: &[u64]) -> Result<Vec<f64>> {
    let mut known: HashMap<&Codes, f64> = HashMap::with_capacity(places.len());
    let mut places = places.iter();
    let mut probability_of = |row| {
        if let Some(probability) = known.get(row) {
            return Some(*probability);
        }
        let place = usize::try_from(*places.next()?).ok()?;
        let probability = *distinct.get(place)?;
        known.insert(row, probability);
        Some(probability)
    };
    let all: Option<Vec<f64>> = codes.iter().map(&mut probability_of).collect();
    all.ok_or(DemoError::Data("a row has no probability"))
}

#[cfg(test)]
mod tests;
