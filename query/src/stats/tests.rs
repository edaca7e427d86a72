//! What the golden values do not say: refusals, empty sides, caps, and the exact law by counting every path.

use driftline_storage::distribution::{Categorical, Distribution, Numeric};
use driftline_storage::limits::DISTRIBUTION_CATEGORIES_MAX;

use super::*;

fn numeric(values: impl IntoIterator<Item = f64>) -> Distribution {
    let mut numeric = Numeric::new();
    values.into_iter().for_each(|value| numeric.push(value));
    Distribution::Numeric(numeric)
}

fn categorical(values: &[&str]) -> Distribution {
    let mut categorical = Categorical::new();
    values.iter().for_each(|value| categorical.push(value));
    Distribution::Categorical(categorical)
}

#[test]
fn kinds_that_differ_and_bins_that_are_none_are_refused() {
    let (numbers, texts) = (numeric([1.0]), categorical(&["a"]));
    let differ = StatsError::KindsDiffer { reference: "numeric", current: "categorical" };
    assert_eq!(shared_bins(&numbers, &texts, 10), Err(differ));
    assert_eq!(shared_bins(&numbers, &numbers, 0), Err(StatsError::Bins { asked: 0 }));
    let many = binning::BINS_MAX + 1;
    assert_eq!(shared_bins(&texts, &texts, many), Err(StatsError::Bins { asked: many }));
}

#[test]
fn an_empty_side_has_no_answer() {
    let (none, some) = (numeric([]), numeric([1.0, 2.0]));
    for (reference, current) in [(&none, &some), (&some, &none), (&none, &none)] {
        assert_eq!(psi_distributions(reference, current, 10), Ok(None));
    }
    assert_eq!((psi(&[], &[]), js_distance(&[0, 0], &[1, 2]), psi(&[1], &[1, 2])), (None, None, None));
    assert_eq!((ks_statistic_sorted(&[], &[1.0]), ks_pvalue(0.5, 0, 3)), (None, None));
    assert_eq!((ks_pvalue(f64::NAN, 3, 3), ks_pvalue(1.5, 3, 3)), (None, None));
    assert_eq!((percentile_sorted(&[], 0.5), percentile_sorted(&[1.0], -0.1)), (None, None));
    assert_eq!((roc_auc(&[], &[]), roc_auc(&[0.5, 0.7], &[true, true])), (None, None));
    assert_eq!((Confusion::default().accuracy(), Confusion::default().f1()), (None, None));
}

#[test]
fn numbers_that_are_not_finite_are_in_no_bin() {
    let bins = shared_bins(&numeric([1.0, f64::NAN, 2.0]), &numeric([f64::INFINITY, 1.0]), 2).unwrap();
    assert_eq!((bins.reference.iter().sum::<u64>(), bins.current.iter().sum::<u64>()), (2, 1));
}

#[test]
fn categories_new_and_vanished_are_bins() {
    let bins = shared_bins(&categorical(&["a", "b", "b"]), &categorical(&["b", "c"]), 10).unwrap();
    assert_eq!(bins, Bins { reference: vec![1, 2, 0], current: vec![0, 1, 1] });
}

/// With edges that are quantiles only, zeros and everything above them would be one bin.
#[test]
fn a_change_of_the_share_of_zeros_is_seen() {
    let zeros = |count: usize| numeric((0..1_000).map(|i| if i < count { 0.0 } else { i as f64 }));
    assert!(psi_distributions(&zeros(950), &zeros(500), 10).unwrap().unwrap() > 0.2);
    assert_eq!(psi_distributions(&zeros(950), &zeros(950), 10), Ok(Some(0.0)));
}

/// A category named on one side may be unnamed on the other, where the most categories are named: both go to one bin.
#[test]
fn categories_behind_a_full_side_are_one_bin() {
    let full: Vec<String> = (0..=DISTRIBUTION_CATEGORIES_MAX).map(|i| format!("a{i:06}")).collect();
    let full = categorical(&full.iter().map(String::as_str).collect::<Vec<_>>());
    let few = categorical(&["a000001", "z"]);
    let bins = shared_bins(&few, &full, 10).unwrap();
    assert_eq!((bins.reference.len(), bins.current.len()), (65_537, 65_537));
    assert_eq!((bins.reference.last(), bins.current.last()), (Some(&1), Some(&1)));
    assert_eq!((bins.reference.iter().sum::<u64>(), bins.current.iter().sum::<u64>()), (2, 65_537));
}

#[test]
fn psi_and_js_are_the_same_with_the_sides_exchanged() {
    let (a, b) = ([10, 0, 7, 90, 3], [4, 8, 7, 30, 0]);
    assert!((psi(&a, &b).unwrap() - psi(&b, &a).unwrap()).abs() < 1e-15);
    assert_eq!(js_distance(&a, &b), js_distance(&b, &a));
    assert_eq!((js_distance(&a, &a), js_distance(&[5, 0], &[0, 2])), (Some(0.0), Some(1.0)));
}

/// Every path of two small samples, one by one.
#[test]
fn ks_pvalue_is_the_share_of_all_paths() {
    for (n, m) in [(1, 1), (1, 4), (2, 3), (3, 3), (4, 6), (5, 5), (5, 7), (8, 6)] {
        let distances = path_distances(n, m);
        for steps in 0..=n * m {
            let reached = distances.iter().filter(|distance| **distance >= steps).count();
            let expected = reached as f64 / distances.len() as f64;
            let found = ks_pvalue(steps as f64 / (n * m) as f64, n, m).unwrap();
            // The statistic is taken to the nearest distance there is: only those that exist are asked for.
            if distances.contains(&steps) || steps == 0 {
                assert!((found - expected).abs() < 1e-12, "{n} {m} {steps}: {found} {expected}");
            }
        }
    }
}

/// For each order of `n` and `m` values, `n m` times its statistic.
fn path_distances(n: u64, m: u64) -> Vec<u64> {
    let orders = (0_u32..1 << (n + m)).filter(|order| u64::from(order.count_ones()) == n);
    let distance = |order: u32| {
        let (mut right, mut up, mut greatest) = (0, 0, 0);
        for place in 0..n + m {
            *(if order >> place & 1 == 1 { &mut right } else { &mut up }) += 1;
            greatest = greatest.max((right * m).abs_diff(up * n));
        }
        greatest
    };
    orders.map(distance).collect()
}

#[test]
fn percentiles_of_numbers_too_far_apart_are_numbers() {
    let median = percentile_sorted(&[f64::MIN, f64::MAX], 0.5);
    assert_eq!(median, Some(0.0));
    assert_eq!(percentile_sorted(&[f64::INFINITY; 3], 0.3), Some(f64::INFINITY));
}

#[test]
fn confusions_add_up() {
    let rows = [(true, true), (true, false), (false, true), (false, false), (true, true)];
    let mut whole = Confusion::default();
    rows.iter().for_each(|(label, prediction)| whole.add(*label, *prediction));
    let (mut first, mut second) = (Confusion::default(), Confusion::default());
    rows[..2].iter().for_each(|(label, prediction)| first.add(*label, *prediction));
    rows[2..].iter().for_each(|(label, prediction)| second.add(*label, *prediction));
    first.merge(&second);
    assert_eq!(first, whole);
    assert_eq!(whole, Confusion { true_positive: 2, false_positive: 1, false_negative: 1, true_negative: 1 });
    assert_eq!(whole.accuracy(), Some(0.6));
}
