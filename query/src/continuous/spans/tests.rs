use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn times(spans: &Spans) -> BTreeSet<i64> {
    spans.iter().flat_map(|span| span.start..span.end).collect()
}

proptest! {
    #[test]
    fn a_set_of_stretches_is_the_set_of_its_times(
        steps in prop::collection::vec((any::<bool>(), 0i64..60, 0i64..12), 0..40),
        from in 0i64..60, length in 0i64..30,
    ) {
        let (mut spans, mut plain) = (Spans::default(), BTreeSet::new());
        for (adds, start, length) in steps {
            let span = Span { start, end: start + length };
            if adds {
                spans.add(span);
                plain.extend(start..start + length);
            } else {
                spans.remove(span);
                plain.retain(|time| !(start..start + length).contains(time));
            }
            prop_assert_eq!(times(&spans), plain.clone());
            let ends: Vec<_> = spans.iter().collect();
            prop_assert!(ends.windows(2).all(|pair| pair[0].end < pair[1].start), "{:?}", ends);
        }
        let within: BTreeSet<i64> = plain.range(from..from + length).copied().collect();
        prop_assert_eq!(times(&spans.within(Span { start: from, end: from + length })), within);
        let text = serde_json::to_string(&spans).unwrap();
        prop_assert_eq!(serde_json::from_str::<Spans>(&text).unwrap(), spans);
    }
}

#[test]
fn too_many_stretches_become_fewer_that_hold_them_all() {
    let mut spans = Spans::default();
    let count = SPANS_MAX as i64 + 10;
    spans.extend((0..count).map(|n| Span { start: n * n, end: n * n + 1 }));
    assert_eq!(spans.iter().count(), SPANS_MAX);
    let held = times(&spans);
    assert!((0..count).all(|n| held.contains(&(n * n))));
}
