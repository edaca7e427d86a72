//! Round trips, and damage that is no panic.

use std::collections::BTreeMap;

use super::*;

/// A number that looks random and depends on `i` alone.
fn mix(i: u64) -> u64 {
    let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}

type Model = BTreeMap<SeriesId, Vec<(ColumnId, Arc<str>)>>;

fn model(seed: u64, series: u64) -> Model {
    let tag = |n: u64, column: u64| {
        let value: Arc<str> = match column {
            1 => format!("host-{n}").into(),
            2 => "é".repeat((mix(n + seed) % 50) as usize).into(),
            _ => format!("{:x}", mix(n * column + seed) % 9).into(),
        };
        (column as ColumnId, value)
    };
    let tags = |n: u64| (1..6).filter(|c| !mix(n + c * seed).is_multiple_of(3)).map(|c| tag(n, c)).collect();
    (0..series)
        .map(|n| ((n * 3 + mix(n) % 3) as SeriesId + 1, tags(n)))
        .chain([(u32::MAX, tags(0))])
        .collect()
}

fn build(model: &Model) -> SegmentTags {
    SegmentTags::build(model.keys().copied().collect(), |id| model.get(&id).cloned()).unwrap()
}

fn assert_is(tags: &SegmentTags, model: &Model, what: &str) {
    let found: Model =
        tags.iter().map(|(id, tags)| (id, tags.map(|(c, v)| (c, Arc::from(v))).collect())).collect();
    assert_eq!(&found, model, "{what}");
}

#[test]
fn series_and_tags_come_back() {
    for seed in 0..20 {
        let model = model(seed, mix(seed) % 3_000);
        let built = build(&model);
        let found = SegmentTags::decode(&built.encode().unwrap(), u64::MAX).unwrap();
        assert_eq!(found, built, "seed {seed}");
        assert_is(&found, &model, &format!("seed {seed}"));
        assert!(found.ordinal(0).is_none());
        for (ordinal, tags) in model.values().enumerate() {
            for (column, value) in tags {
                assert_eq!(found.value(ordinal, *column), Some(value.as_ref()), "seed {seed}");
                assert!(found.code(*column, value).is_some());
            }
        }
    }
}

#[test]
fn no_series_and_none_with_tags_come_back() {
    for model in [Model::new(), Model::from([(0, Vec::new())])] {
        let bytes = build(&model).encode().unwrap();
        assert_is(&SegmentTags::decode(&bytes, 1).unwrap(), &model, "few");
        assert!(bytes.len() < 20);
    }
}

#[test]
fn a_series_without_a_definition_is_an_error() {
    assert!(SegmentTags::build(vec![1, 2], |id| (id == 1).then(Vec::new)).is_err());
}

#[test]
fn more_series_than_rows_are_refused() {
    let bytes = build(&model(1, 10)).encode().unwrap();
    assert!(SegmentTags::decode(&bytes, 11).is_ok());
    assert!(SegmentTags::decode(&bytes, 10).is_err());
}

#[test]
fn a_million_series_take_few_bytes() {
    let tags = |id: SeriesId| {
        let host: Arc<str> = format!("host_{}", id / 10).into();
        Some(vec![(1, host), (2, format!("metric_{}", mix(u64::from(id)) % 100).into())])
    };
    let bytes = SegmentTags::build((1..=1_000_000).collect(), tags).unwrap().encode().unwrap();
    println!("1 M series of 100 k hosts and 100 metrics: {} bytes", bytes.len());
    assert!(bytes.len() < 2_500_000);
}

#[test]
fn damage_is_no_panic() {
    let bytes = build(&model(3, 12)).encode().unwrap();
    for at in 0..bytes.len() {
        assert!(SegmentTags::decode(&bytes[..at], 100).is_err());
        for byte in 0..=255 {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            let _ = SegmentTags::decode(&damaged, 100);
        }
    }
}
