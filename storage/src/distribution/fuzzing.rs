//! A distribution from bytes of any kind.

use super::{Categorical, Distribution, Numeric};

const FRACTIONS: [f64; 7] = [0.0, 0.001, 0.25, 0.5, 0.75, 0.999, 1.0];
const EDGES: [f64; 6] = [f64::MIN, -1.0, 0.0, 1.0, 1e9, f64::MAX];

/// What is accepted encodes to the same bytes, answers every question, and adds up with itself.
pub fn decode(data: &[u8]) {
    let Ok(found) = Distribution::decode(data) else { return };
    assert!(found.encode() == data, "accepted bytes that are not those of {found:?}");
    match &found {
        Distribution::Numeric(numeric) => ask(numeric),
        Distribution::Categorical(categorical) => ask_categories(categorical),
    }
    add_and_take(&found);
}

fn ask(numeric: &Numeric) {
    let (min, max) = (numeric.min(), numeric.max());
    assert_eq!((min.is_some(), max.is_some()), (numeric.count() > 0, numeric.count() > 0));
    for found in FRACTIONS.iter().filter_map(|q| numeric.quantile(*q)) {
        assert!(min <= Some(found) && Some(found) <= max, "{found} is not from {min:?} to {max:?}");
    }
    let total = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
    assert_eq!(total(&mut numeric.points().iter().map(|point| point.1)), numeric.count());
    assert_eq!(total(&mut numeric.buckets().iter().map(|bucket| bucket.2)), numeric.count());
    assert_eq!(total(&mut numeric.count_between(&EDGES).into_iter()), numeric.count());
    let lattice = numeric.lattice();
    for (low, high, _) in numeric.buckets() {
        assert!(low <= high, "a bucket from {low} to {high}");
        assert!(lattice.snap_down(low) <= low && (lattice.edge_above(low) > low || low == f64::MAX));
    }
    // A sum or mean may be beyond the doubles, but nothing else.
    assert!(!numeric.sum().is_nan() && numeric.mean().is_none_or(|mean| !mean.is_nan()));
}

fn ask_categories(categorical: &Categorical) {
    let named = categorical.counts().values().copied().fold(0, u64::saturating_add);
    assert_eq!(named.saturating_add(categorical.other_count()), categorical.count());
}

fn add_and_take(found: &Distribution) {
    let mut twice = found.clone();
    assert!(twice.merge(found).is_ok());
    let mut encoded = found.clone();
    assert!(encoded.merge_encoded([found.encode().as_slice()]).is_ok());
    assert!(encoded == twice, "not added as it is decoded");
    let again = Distribution::decode(&twice.encode());
    assert!(again.is_ok_and(|again| again == twice), "a sum that does not read back");
    assert_eq!(twice.count(), found.count().saturating_mul(2));
    let other = match found {
        Distribution::Numeric(_) => Distribution::Categorical(Categorical::new()),
        Distribution::Categorical(_) => Distribution::Numeric(Numeric::new()),
    };
    assert!(twice.clone().merge(&other).is_err() && twice.clone().subtract(&other).is_err());
    // Counts that saturated are not put right, by design.
    if found.count() <= u64::MAX / 2 && twice.subtract(found).is_ok() {
        assert_eq!(twice.count(), found.count());
        let again = Distribution::decode(&twice.encode());
        assert!(again.is_ok_and(|again| again == twice), "a difference that does not read back");
    }
}
