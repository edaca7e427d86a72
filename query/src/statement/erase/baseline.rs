//! Baselines that name what is erased: as a category, or in the query that they were made with.

use driftline_storage::distribution::{Categorical, Distribution};
use driftline_storage::{CatalogChange, ErasedPlace, PlaceState, Snapshot, Value};

use super::target::Target;
use crate::error::Result;
use crate::model::{BASELINE_PREFIX, Baseline, decode_baseline, encode_baseline};

/// What stands in the place of a query that held the value.
const ERASED: &str = "(its text held a value that was erased)";

/// The baselines as they shall be, and what was found in them. A category goes with its count; counts of numbers stay,
/// which name nobody.
pub(super) fn clean(
    snapshot: &Snapshot,
    targets: &[Target],
) -> Result<(Vec<CatalogChange>, Vec<ErasedPlace>)> {
    let (mut changes, mut places) = (Vec::new(), Vec::new());
    let entries = snapshot.entries().range(BASELINE_PREFIX.to_owned()..);
    for (key, bytes) in entries.take_while(|(key, _)| key.starts_with(BASELINE_PREFIX)) {
        let mut baseline = decode_baseline(key, bytes)?;
        let mut done = Vec::new();
        for target in targets {
            for (column, value) in &target.values {
                if target.name == baseline.model {
                    done.extend(drop_category(&mut baseline, column, value));
                }
                done.extend(drop_query(&mut baseline, value));
            }
        }
        if done.is_empty() {
            continue;
        }
        let path = key.clone();
        let is_changed = done.iter().any(|(_, state)| *state == PlaceState::Done);
        for (what, state) in done {
            let path = path.clone();
            places.push(ErasedPlace { place: "baseline", path, what, state, ..ErasedPlace::default() });
        }
        if is_changed {
            changes.push(CatalogChange::PutEntry { key: path, value: encode_baseline(&baseline)? });
        }
    }
    Ok((changes, places))
}

fn drop_category(baseline: &mut Baseline, column: &str, value: &Value) -> Option<(String, PlaceState)> {
    let counts = match baseline.columns.get_mut(column)? {
        Distribution::Categorical(counts) => counts,
        Distribution::Numeric(_) => {
            let what = format!("counts of the numbers of {column} stay: they name nobody");
            return Some((what, PlaceState::Kept));
        }
    };
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::BigInt(value) | Value::Timestamp(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
    };
    let mut part = Categorical::new();
    part.push_count(&text, *counts.counts().get(&text)?);
    if counts.subtract(&part).is_ok() {
        return Some((format!("the category went from {column}, with its count"), PlaceState::Done));
    }
    // There are more categories than are named: nobody knows which of them would be named in its place.
    baseline.columns.remove(column);
    Some((format!("column {column} went: it has too many categories to take one away"), PlaceState::Done))
}

/// A query names a text in quotes.
fn drop_query(baseline: &mut Baseline, value: &Value) -> Option<(String, PlaceState)> {
    let Value::Text(text) = value else { return None };
    let quoted = format!("'{}'", text.replace('\'', "''"));
    if !baseline.query.contains(&quoted) {
        return None;
    }
    ERASED.clone_into(&mut baseline.query);
    Some(("the text of its query went".into(), PlaceState::Done))
}
