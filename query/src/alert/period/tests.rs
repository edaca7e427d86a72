use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3600 * 1_000_000_000;

/// The same by trying all weeks one by one.
fn covered(span: &Span, at: i64) -> bool {
    let weeks = if span.weekly { 60 } else { 1 };
    (0..weeks).any(|week| (span.from + week * WEEK..span.to + week * WEEK).contains(&at))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_span_covers_what_its_weeks_cover(
        from in -400i64..400, hours in -5i64..180, weekly in any::<bool>(), at in -2000i64..5000
    ) {
        let span = Span { from: from * HOUR, to: (from + hours) * HOUR, weekly };
        let at = at * HOUR;
        prop_assert_eq!(span.covers(at), covered(&span, at));
        for hours in [0, 1, 30] {
            let any = (0..hours).any(|more| covered(&span, at + more * HOUR));
            prop_assert_eq!(span.touches(at, at + hours * HOUR), any);
        }
        if let Some(end) = span.end_from(at) {
            prop_assert!(end > at && !covered(&span, end));
            prop_assert!((at..end).step_by(HOUR as usize).all(|at| covered(&span, at)));
        } else {
            prop_assert!(!covered(&span, at) || weekly && hours * HOUR >= WEEK);
        }
        if span.is_over(at) {
            prop_assert!((0..1000).all(|more| !covered(&span, at + more * HOUR)));
        }
    }
}

#[test]
fn far_times_do_not_overflow() {
    for weekly in [false, true] {
        let span = Span { from: i64::MIN, to: i64::MAX, weekly };
        assert!(span.covers(0));
        assert!(!Span { from: i64::MAX, to: i64::MIN, weekly }.covers(i64::MIN));
        let _ = (span.end_from(i64::MAX), span.is_over(i64::MIN));
    }
}
