use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::alert::{Hold, Severity};

const HOUR: i64 = 3600 * 1_000_000_000;

fn rule(hold: u32) -> Rule {
    Rule {
        name: "drift".to_owned(),
        model: None,
        severity: Severity::High,
        enabled: true,
        every: HOUR,
        delay: 0,
        by: Vec::new(),
        when: String::new(),
        resolve_when: None,
        hold: Hold::Windows(hold),
        keep_firing: 0,
        no_data_after: None,
        expire_after: 1000 * HOUR,
        repeat_every: None,
        notify: Vec::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        query: String::new(),
        metric: None,
        created_at: 0,
        altered_at: None,
        unchecked: false,
    }
}

fn past(values: &[f64]) -> Vec<Past> {
    let of = |(at, value): (usize, &f64)| Past {
        window: Window { start: at as i64 * HOUR, end: (at as i64 + 1) * HOUR },
        values: vec![(BTreeMap::new(), Some(*value))],
    };
    values.iter().enumerate().map(of).collect()
}

fn run(rule: &Rule, history: &[Past], leave_out: &[Span], comparison: Comparison, wish: Wish) -> Calibration {
    calibrate(history, leave_out, comparison, wish, |threshold| {
        firings(rule, history, leave_out, |value| (Some(comparison.is_bad(value, threshold)), None))
    })
}

/// From the definition: the means at which Poisson sums leave 2.5 % on one side, found by halving.
#[test]
fn intervals_are_those_of_garwood() {
    for (count, low, high) in
        [(0, 0.0, 3.688879), (1, 0.025318, 5.571643), (5, 1.623486, 11.668332), (10, 4.795389, 18.390356)]
    {
        let (got_low, got_high) = poisson_interval(count);
        assert!(
            (got_low - low).abs() < 1e-6 && (got_high - high).abs() < 1e-6,
            "{count}: {got_low} {got_high}"
        );
    }
}

#[test]
fn the_most_sensitive_that_keeps_to_the_wish_is_proposed() {
    // 30 days of noise from 0 to 0.3, three spikes of different heights.
    let mut values: Vec<f64> = (0..720).map(|at| f64::from(at * 37 % 100) / 333.0).collect();
    for (at, spike) in [(100, 0.5), (300, 0.7), (500, 0.9)] {
        values[at] = spike;
    }
    let history = past(&values);
    let wish = Wish { firings: 1.0, period: 240 * HOUR };
    let found = run(&rule(1), &history, &[], Comparison::Above, wish);
    assert!(!found.not_enough_history);
    let proposal = found.candidates[found.proposal.unwrap()];
    assert!((0.29..0.5).contains(&proposal.threshold) && proposal.firings == 3, "{proposal:?}");
    assert!(proposal.low < proposal.rate_per_period && proposal.rate_per_period < proposal.high);
    let incident = Span { from: 295 * HOUR, to: 305 * HOUR, weekly: false };
    let without = run(&rule(1), &history, &[incident], Comparison::Above, wish);
    assert_eq!(without.history, found.history - 10 * HOUR);
    assert!(without.not_enough_history && without.candidates.iter().all(|it| it.threshold != 0.7));
    let held = run(&rule(2), &history, &[], Comparison::Above, wish);
    assert!(held.candidates.iter().filter(|it| it.threshold > 0.3).all(|it| it.firings == 0));
}

#[test]
fn episodes_that_melt_into_one_do_not_make_a_threshold_good() {
    let history =
        past(&(0..1000).map(|at| if at < 400 { 5.0 + f64::from(at % 2) } else { 0.5 }).collect::<Vec<_>>());
    let found = run(&rule(1), &history, &[], Comparison::Above, Wish { firings: 2.0, period: 1000 * HOUR });
    let tried: Vec<_> = found.candidates.iter().map(|it| (it.threshold, it.firings)).collect();
    assert_eq!((tried, found.proposal), (vec![(6.0, 0), (5.0, 200), (0.5, 1)], Some(0)));
}

#[test]
fn what_always_fires_is_not_proposed() {
    let found =
        run(&rule(1), &past(&[1.0; 200]), &[], Comparison::AtLeast, Wish { firings: 9.0, period: HOUR });
    assert_eq!((found.candidates.len(), found.candidates[0].firings, found.proposal), (1, 1, None));
    let none = run(&rule(1), &[], &[], Comparison::Above, Wish { firings: 1.0, period: HOUR });
    assert!(none.candidates.is_empty() && none.proposal.is_none() && none.not_enough_history);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn candidates_are_distinct_and_ever_more_sensitive(values in vec(-100i32..100, 0..400), below in any::<bool>()) {
        let values: Vec<_> = values.into_iter().map(f64::from).collect();
        let comparison = if below { Comparison::Below } else { Comparison::Above };
        let found = candidates(&past(&values), &[], comparison);
        prop_assert!(found.len() <= CANDIDATES);
        prop_assert!(found.windows(2).all(|pair| comparison.is_bad(pair[0], pair[1])));
        let bad = |threshold: f64| values.iter().filter(|it| comparison.is_bad(**it, threshold)).count();
        prop_assert_eq!(found.first().map(|it| bad(*it)), (!values.is_empty()).then_some(0));
        prop_assert!(found.iter().all(|it| bad(*it) <= values.len() / 2));
    }

    #[test]
    fn a_firing_is_a_run_of_bad_windows(values in vec(0u8..4, 0..100), hold in 1u32..4) {
        let values: Vec<_> = values.into_iter().map(f64::from).collect();
        let found = firings(&rule(hold), &past(&values), &[], |value| (Some(value > 1.0), None));
        let runs = values.split(|value| *value <= 1.0).filter(|run| run.len() >= hold as usize).count();
        prop_assert_eq!(found.firings, runs as u64);
    }
}
