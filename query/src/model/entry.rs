//! Models and baselines as entries of the storage catalog: a key, and JSON as value.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use driftline_storage::StorageError;
use driftline_storage::distribution::Distribution;

use super::{Baseline, Model};
use crate::error::Result;
use crate::stats::judge::Inflation;

/// What the keys of models begin with.
pub(crate) const MODEL_PREFIX: &str = "model/";
/// What the keys of baselines begin with.
pub(crate) const BASELINE_PREFIX: &str = "baseline/";

/// A baseline with each distribution as the hexadecimal digits of its bytes.
#[derive(serde::Serialize, serde::Deserialize)]
struct BaselineEntry {
    name: String,
    model: String,
    query: String,
    rows: u64,
    columns: BTreeMap<String, String>,
    #[serde(default)]
    dependence: Option<BTreeMap<String, Inflation>>,
    created_at: i64,
}

/// The key of a model.
pub(crate) fn model_key(name: &str) -> String {
    format!("{MODEL_PREFIX}{name}")
}

/// The key of a baseline. Names hold no `/`, see [`crate::statement`], so keys are never ambiguous.
pub(crate) fn baseline_key(model: &str, name: &str) -> String {
    format!("{BASELINE_PREFIX}{model}/{name}")
}

/// A model as bytes.
pub(crate) fn encode_model(model: &Model) -> Result<Vec<u8>> {
    serde_json::to_vec(model).map_err(|error| unwritable(&model_key(&model.name), &error))
}

/// A model from bytes.
pub(crate) fn decode_model(key: &str, bytes: &[u8]) -> Result<Model> {
    serde_json::from_slice(bytes).map_err(|error| damaged(key, &error.to_string()))
}

/// A baseline as bytes.
pub(crate) fn encode_baseline(baseline: &Baseline) -> Result<Vec<u8>> {
    let entry = BaselineEntry {
        name: baseline.name.clone(),
        model: baseline.model.clone(),
        query: baseline.query.clone(),
        rows: baseline.rows,
        columns: baseline.columns.iter().map(|(name, d)| (name.clone(), to_hex(&d.encode()))).collect(),
        dependence: baseline.dependence.clone(),
        created_at: baseline.created_at,
    };
    let key = baseline_key(&baseline.model, &baseline.name);
    serde_json::to_vec(&entry).map_err(|error| unwritable(&key, &error))
}

/// A baseline from bytes.
pub(crate) fn decode_baseline(key: &str, bytes: &[u8]) -> Result<Baseline> {
    let entry: BaselineEntry =
        serde_json::from_slice(bytes).map_err(|error| damaged(key, &error.to_string()))?;
    let mut columns = BTreeMap::new();
    for (column, digits) in entry.columns {
        let bytes = from_hex(&digits).ok_or_else(|| damaged(key, "pairs of hexadecimal digits"))?;
        columns.insert(column, Distribution::decode(&bytes)?);
    }
    let BaselineEntry { name, model, query, rows, dependence, created_at, .. } = entry;
    Ok(Baseline { name, model, query, rows, columns, dependence, created_at })
}

fn damaged(key: &str, expected: &str) -> crate::QueryError {
    StorageError::corrupt(format!("catalog entry {key}"), 0, expected).into()
}

fn unwritable(key: &str, error: &serde_json::Error) -> crate::QueryError {
    crate::QueryError::Invalid(format!("catalog entry {key} cannot be written as JSON: {error}"))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_through_hexadecimal_digits() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
    }

    #[test]
    fn damage_in_an_entry_is_an_error_that_names_it() {
        assert_eq!(from_hex("0g"), None);
        assert_eq!(from_hex("012"), None);
        let error = decode_model("model/fraud", b"{").unwrap_err().to_string();
        assert!(error.contains("model/fraud"), "{error}");
    }
}
