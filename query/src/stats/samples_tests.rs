//! What the golden values of the two-sample statistics do not say: empty sides, symmetry, scaling, exact laws by
//! counting every order.

use super::vectors::{centroid_cosine, centroid_euclidean, domain_classifier_auc, drifted_components, mmd};
use super::*;

type Points = Vec<(f64, u64)>;
type Distance = fn(&[u64], &[u64]) -> Option<f64>;
type PointTest = fn(&[(f64, u64)], &[(f64, u64)]) -> Option<Outcome>;

const DISTANCES: [Distance; 6] =
    [js_distance, js_divergence, kl_divergence, hellinger_distance, total_variation, psi];
const POINT_TESTS: [PointTest; 6] = [
    anderson_darling,
    cramer_von_mises,
    mann_whitney,
    welch_t,
    |r, c| levene(r, c, Center::Median),
    |r, c| levene(r, c, Center::Mean),
];
const PLAIN: TableOptions = TableOptions { pooled: false, yates: false };

fn rows(values: impl IntoIterator<Item = f64>) -> Points {
    let mut points: Points = values.into_iter().map(|value| (value, 1)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-12 * expected.abs().max(1.0)
}

#[test]
fn an_empty_side_has_no_statistic() {
    for distance in DISTANCES {
        assert_eq!(
            (distance(&[], &[]), distance(&[0, 0], &[1, 2]), distance(&[1], &[1, 2])),
            (None, None, None)
        );
    }
    assert_eq!((chi_square(&[0], &[3], PLAIN), g_test(&[3], &[], PLAIN)), (None, None));
    assert_eq!((fisher_exact((0, 0), (1, 2)), two_proportion_z((0, 0), (1, 2))), (None, None));
    let some = rows([1.0, 2.0, 4.0]);
    for (r, c) in [(&[][..], &some[..]), (&some[..], &[][..]), (&[(1.0, 0)][..], &some[..])] {
        assert!(POINT_TESTS.iter().all(|test| test(r, c).is_none()));
        assert_eq!(
            (wasserstein_distance(r, c), energy_distance(r, c), wasserstein_scaled(r, c)),
            (None, None, None)
        );
        let (r, c) = (r.iter().map(|p| p.0).collect::<Vec<_>>(), c.iter().map(|p| p.0).collect::<Vec<_>>());
        if r.is_empty() || c.is_empty() {
            assert_eq!((compat::evidently::psi(&r, &c), compat::nannyml::js_distance(&r, &c)), (None, None));
        }
    }
}

#[test]
fn what_has_no_measure_has_no_statistic() {
    let (seven, eight) = (vec![(7.0, 5)], vec![(8.0, 9)]);
    assert_eq!((welch_t(&seven, &eight), wasserstein_scaled(&seven, &eight)), (None, None));
    assert_eq!((levene(&seven, &eight, Center::Mean), anderson_darling(&seven, &[(7.0, 9)])), (None, None));
    assert_eq!(wasserstein_distance(&seven, &eight), Some(1.0));
    assert_eq!(mann_whitney(&seven, &[(7.0, 2)]).map(|found| found.p_value), Some(1.0));
    assert_eq!(chi_square(&[5], &[9], PLAIN).map(|found| found.p_value), Some(1.0));
    assert_eq!(two_proportion_z((3, 3), (9, 9)), Outcome::of(0.0, 1.0));
    assert_eq!((two_proportion_z((4, 3), (1, 2)), fisher_exact((FISHER_MAX, 1), (1, 1))), (None, None));
    assert_eq!(
        (psi_threshold(0.0, 10, 5, 5), psi_threshold(0.05, 1, 5, 5), psi_threshold(0.05, 10, 0, 5)),
        (None, None, None)
    );
    assert_eq!(
        (holm(&[0.5, f64::NAN]), benjamini_hochberg(&[1.5]), bonferroni(&[])),
        (None, None, Some(vec![]))
    );
}

#[test]
fn infinities_are_ranked_but_not_measured() {
    let (r, c) = (rows([f64::NEG_INFINITY, 0.0, 1.0, 2.0]), rows([0.5, 3.0, f64::INFINITY, f64::INFINITY]));
    assert_eq!((wasserstein_distance(&r, &c), energy_distance(&r, &c), welch_t(&r, &c)), (None, None, None));
    assert_eq!((levene(&r, &c, Center::Median), wasserstein_scaled(&r, &c)), (None, None));
    let (low, high) = (rows([-9.0, 0.0, 1.0, 2.0]), rows([0.5, 3.0, 9.0, 9.0]));
    for test in [anderson_darling, cramer_von_mises, mann_whitney] {
        assert_eq!(test(&r, &c), test(&low, &high));
    }
    assert_eq!(
        wasserstein_distance(&[(1.0, 1), (f64::INFINITY, 1)], &[(2.0, 3), (f64::INFINITY, 3)]),
        Some(0.5)
    );
}

#[test]
fn equal_samples_are_no_distance_apart() {
    let (counts, tenfold) = ([3, 0, 8, 120], [30, 0, 80, 1_200]);
    for distance in DISTANCES {
        assert!(distance(&counts, &tenfold).unwrap().abs() < 1e-15);
    }
    for test in [chi_square, g_test] {
        let found = test(&counts, &tenfold, PLAIN).unwrap();
        assert_eq!((found.statistic, found.p_value), (0.0, 1.0));
    }
    let points = vec![(-1.0, 3), (0.5, 8), (2.0, 120)];
    let many: Points = points.iter().map(|(value, count)| (*value, 10 * count)).collect();
    assert_eq!(
        (wasserstein_distance(&points, &many), energy_distance(&points, &many)),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(
        cramer_von_mises(&points, &many).map(|found| (found.statistic, found.p_value)),
        Some((0.0, 1.0))
    );
    assert_eq!(anderson_darling(&points, &many).map(|found| found.p_value), Some(1.0));
    assert!(POINT_TESTS.iter().all(|test| test(&points, &many).unwrap().p_value > 0.1));
}

#[test]
fn distances_do_not_depend_on_the_number_of_rows() {
    let (r, c) = ([3, 0, 8, 120], [9, 4, 8, 50]);
    let (many_r, many_c) = (r.map(|count| count * 7), c.map(|count| count * 1_000));
    for distance in DISTANCES {
        assert!(near(distance(&r, &c).unwrap(), distance(&many_r, &many_c).unwrap()));
    }
    let points = |counts: [u64; 4]| {
        counts.into_iter().zip([-1.0, 0.0, 2.5, 9.0]).map(|(n, v)| (v, n)).collect::<Points>()
    };
    for distance in [wasserstein_distance, energy_distance, wasserstein_scaled] {
        let few = distance(&points(r), &points(c)).unwrap();
        assert!(near(few, distance(&points(many_r), &points(many_c)).unwrap()));
    }
}

#[test]
fn sides_can_be_exchanged() {
    let (r, c) = ([3, 0, 8, 120], [9, 4, 8, 50]);
    for distance in [js_distance, hellinger_distance, total_variation] {
        assert_eq!(distance(&r, &c), distance(&c, &r));
    }
    assert!(near(chi_square(&r, &c, PLAIN).unwrap().statistic, chi_square(&c, &r, PLAIN).unwrap().statistic));
    assert!(near(fisher_exact((3, 9), (8, 2)).unwrap(), fisher_exact((8, 2), (3, 9)).unwrap()));
    let (x, y) = (rows([1.0, 2.0, 2.0, 3.0, 5.0, 8.0]), rows([2.0, 3.0, 3.0, 4.0, 9.0, 10.0, 11.0]));
    for test in POINT_TESTS {
        let (there, back) = (test(&x, &y).unwrap(), test(&y, &x).unwrap());
        assert!(near(there.p_value, back.p_value));
    }
    assert!(near(welch_t(&x, &y).unwrap().statistic, -welch_t(&y, &x).unwrap().statistic));
    assert!(welch_t(&x, &y).unwrap().statistic > 0.0, "the current values are the greater ones");
    assert_eq!(mann_whitney(&x, &y).unwrap().statistic + mann_whitney(&y, &x).unwrap().statistic, 42.0);
}

/// Values are turned over and put elsewhere: only the order of them, or none of it, may matter.
#[test]
fn tests_do_not_depend_on_the_unit() {
    let (x, y) = (rows([1.0, 2.0, 2.0, 3.0, 5.0, 8.0]), rows([2.0, 3.0, 3.0, 4.0, 9.0, 10.0, 11.0]));
    let turned = |points: &Points| rows(points.iter().map(|(value, _)| 1_000.0 - 64.0 * value));
    for test in POINT_TESTS {
        assert!(near(test(&x, &y).unwrap().p_value, test(&turned(&x), &turned(&y)).unwrap().p_value));
    }
    let (once, again) = (wasserstein_scaled(&x, &y), wasserstein_scaled(&turned(&x), &turned(&y)));
    assert!(near(once.unwrap(), again.unwrap()));
}

/// Each order of `n` reference and `m` current values without ties, as the ranks of the current ones.
fn orders(n: u32, m: u32) -> impl Iterator<Item = (Points, Points)> {
    let of = move |order: u32| {
        let of_side = |side| rows((0..n + m).filter(|place| (order >> place & 1) == side).map(f64::from));
        (of_side(0), of_side(1))
    };
    (0_u32..1 << (n + m)).filter(move |order| order.count_ones() == m).map(of)
}

#[test]
fn exact_p_values_are_shares_of_all_orders() {
    for (n, m) in [(2, 2), (2, 5), (4, 3), (5, 5), (6, 4)] {
        let found: Vec<(Outcome, Outcome)> = orders(n, m)
            .map(|(r, c)| (cramer_von_mises(&r, &c).unwrap(), mann_whitney(&r, &c).unwrap()))
            .collect();
        let middle = f64::from(n * m) / 2.0;
        for (cramer, mann) in &found {
            let share = |reached: &dyn Fn(&(Outcome, Outcome)) -> bool| {
                found.iter().filter(|other| reached(other)).count() as f64 / found.len() as f64
            };
            let as_far = share(&|other| other.0.statistic >= cramer.statistic - 1e-12);
            assert!(near(cramer.p_value, as_far), "{n} {m} {cramer:?} {as_far}");
            let away = (mann.statistic - middle).abs();
            let one_side = share(&|other| other.1.statistic - middle >= away);
            assert!(near(mann.p_value, (2.0 * one_side).min(1.0)), "{n} {m} {mann:?} {one_side}");
        }
    }
}

#[test]
fn the_rare_bins_of_a_table_are_pooled() {
    let pooled = TableOptions { pooled: true, yates: false };
    let found = chi_square(&[100, 50, 2, 1, 1], &[90, 60, 1, 3, 2], pooled).unwrap();
    assert_eq!(
        Some(found),
        chi_square(&[100, 50, 4], &[90, 60, 6], PLAIN).map(|kept| {
            assert_eq!(kept.degrees_of_freedom, Some(2.0));
            chi_square(&[100, 54], &[90, 66], PLAIN).unwrap()
        })
    );
    let one_new_row = chi_square(&[500, 500, 0], &[499, 500, 1], pooled).unwrap();
    assert!(one_new_row.p_value > 0.9, "{one_new_row:?}");
}

#[test]
fn adjusted_p_values_keep_their_order() {
    let p_values = [0.04, 0.001, 0.03, 0.5, 0.001];
    for adjust in [benjamini_hochberg, holm, bonferroni] {
        let adjusted = adjust(&p_values).unwrap();
        assert!(adjusted.iter().zip(&p_values).all(|(adjusted, p)| adjusted >= p && *adjusted <= 1.0));
        assert!(adjusted[0] >= adjusted[2] && adjusted[2] >= adjusted[1] && adjusted[1] == adjusted[4]);
    }
    let (mild, strict) = (holm(&p_values).unwrap(), bonferroni(&p_values).unwrap());
    assert!(mild.iter().zip(&strict).all(|(holm, bonferroni)| holm <= bonferroni));
}

/// Rows of a bell, shifted.
fn bells(seed: u64, count: usize, shift: f32) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| uniform() + uniform() + uniform() - 1.5 + shift).collect()
}

#[test]
fn vectors_that_are_none_are_refused() {
    assert!(Vectors::new(&[1.0, 2.0, 3.0], 2).is_none() && Vectors::new(&[1.0], 0).is_none());
    assert!(Vectors::new(&[f32::NAN], 1).is_none() && Vectors::new(&[f32::INFINITY], 1).is_none());
    let (none, some, other) = (Vectors::new(&[], 2), Vectors::new(&[1.0; 8], 2), Vectors::new(&[1.0; 9], 3));
    let (none, some, other) = (none.unwrap(), some.unwrap(), other.unwrap());
    for (r, c) in [(&none, &some), (&some, &none), (&some, &other)] {
        assert_eq!(
            (centroid_euclidean(r, c), centroid_cosine(r, c), drifted_components(r, c, 0.1)),
            (None, None, None)
        );
        assert_eq!((mmd(r, c, 10, 1), domain_classifier_auc(r, c, 1)), (None, None));
    }
    // Constant rows: no bandwidth, and nothing to tell the sides by.
    assert_eq!((mmd(&some, &some, 10, 1), domain_classifier_auc(&some, &some, 1)), (None, Some(0.5)));
    assert_eq!(mmd(&some, &some, vectors::PERMUTATIONS_MAX + 1, 1), None);
}

/// More rows than are looked at, too: which of them are is the seed's.
#[test]
fn vectors_that_moved_are_found_and_one_seed_has_one_answer() {
    let count = 2 * (vectors::MMD_ROWS_MAX + 50);
    let (same, alike, moved) = (bells(1, count, 0.0), bells(2, count, 0.0), bells(3, count, 0.2));
    let [same, alike, moved] = [&same, &alike, &moved].map(|values| Vectors::new(values, 2).unwrap());
    let found = mmd(&same, &moved, 19, 7).unwrap();
    assert_eq!((found.p_value, Some(found)), (Some(0.05), mmd(&same, &moved, 19, 7)));
    assert!(mmd(&same, &alike, 19, 7).unwrap().p_value.unwrap() > 0.05);
    assert_eq!(mmd(&same, &alike, 0, 7).unwrap().p_value, None);
    let auc = domain_classifier_auc(&same, &moved, 7);
    assert!(auc.unwrap() > 0.6 && auc == domain_classifier_auc(&same, &moved, 7));
    assert!((domain_classifier_auc(&same, &alike, 7).unwrap() - 0.5).abs() < 0.05);
    assert_eq!(
        (drifted_components(&same, &moved, 0.1), drifted_components(&same, &same, 0.1)),
        (Some(1.0), Some(0.0))
    );
}
