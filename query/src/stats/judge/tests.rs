use super::*;
use crate::stats::random::Random;
use crate::stats::{Score, rank_score_test};

fn points(values: impl IntoIterator<Item = f64>) -> Vec<(f64, u64)> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.into_iter().map(|value| (value, 1)).collect()
}

fn uniform(seed: u64, n: usize, of: impl Fn(f64) -> f64) -> Vec<(f64, u64)> {
    let mut random = Random::new(seed);
    points((0..n).map(|_| of(random.unit())))
}

/// A value of the logistic law from a uniform one.
fn logit(x: f64) -> f64 {
    (x / (1.0 - x)).ln()
}

fn all_there(n: u64, m: u64) -> Rows {
    Rows { reference: (n, 0), current: (m, 0) }
}

fn numbers(current: &[(f64, u64)]) -> Judged {
    let reference = uniform(1, 10_000, |x| x);
    let rows = all_there(10_000, current.len() as u64);
    judge_numbers(&reference, current, rows, &Inflation::NONE).unwrap()
}

#[test]
fn each_change_is_found_by_the_test_that_is_made_for_it() {
    let reference = uniform(1, 10_000, logit);
    let far = |x: f64, value: f64| if (x * 1e3).fract() < 0.05 { value } else { logit(x) };
    let changed = [
        (Aspect::Location, uniform(2, 1_000, |x| logit(x) + 0.4)),
        (Aspect::Spread, uniform(3, 1_000, |x| logit(x) * 1.3)),
        // One value in twenty is far out.
        (Aspect::UpperTail, uniform(4, 1_000, |x| far(x, 9.0))),
        (Aspect::LowerTail, uniform(5, 1_000, |x| far(x, -9.0))),
        // Where they lie, how wide and the tails are as before, but the middle is empty.
        (
            Aspect::Shape,
            uniform(6, 1_000, |x| {
                if (0.35..0.65).contains(&x) { logit((x - 0.5).signum() * 0.15 + 0.5) } else { logit(x) }
            }),
        ),
    ];
    for (aspect, current) in changed {
        let rows = all_there(10_000, 1_000);
        let judged = judge_numbers(&reference, &current, rows, &Inflation::NONE).unwrap();
        assert_eq!(judged.aspect, aspect, "{judged:?}");
        assert!(judged.p_value < 1e-3, "{judged:?}");
    }
}

#[test]
fn a_window_without_change_has_small_p_values_as_seldom_as_they_say() {
    let few = (0..400).filter(|seed| numbers(&uniform(100 + seed, 500, |x| x)).p_value <= 0.05);
    // 20 are expected at most: 35 come by chance once in a thousand times.
    assert!(few.count() <= 35);
}

#[test]
fn missing_values_are_seen_where_numbers_are_the_same() {
    let same = uniform(1, 1_000, |x| x);
    let rows = Rows { reference: (10_200, 200), current: (1_075, 75) };
    let judged = judge_numbers(&same, &same, rows, &Inflation::NONE).unwrap();
    assert_eq!((judged.aspect, judged.statistic), (Aspect::Missing, Some(0.0)));
    assert!(judged.p_value < 1e-10 && judged.effect.is_large(), "{judged:?}");
    let none = judge_numbers(&same, &[], Rows { current: (50, 50), ..rows }, &Inflation::NONE).unwrap();
    assert_eq!((none.aspect, none.statistic), (Aspect::Missing, None));
}

#[test]
fn sides_without_rows_are_not_judged() {
    let same = uniform(1, 100, |x| x);
    assert_eq!(judge_numbers(&same, &[], all_there(100, 0), &Inflation::NONE), None);
    assert_eq!(judge_categories(&[1, 2], &[], all_there(3, 0), &Inflation::NONE), None);
}

#[test]
fn a_constant_reference_is_left_by_any_other_value() {
    let judged = |current: &[(f64, u64)]| {
        judge_numbers(&[(5.0, 1_000)], current, all_there(1_000, 100), &Inflation::NONE).unwrap()
    };
    let same = judged(&[(5.0, 100)]);
    assert_eq!((same.p_value, same.effect.size), (1.0, 0.0));
    let other = judged(&[(5.0, 75), (6.0, 25)]);
    assert_eq!(other.effect, Effect { size: 0.25, measure: Measure::TotalVariation });
    assert!(other.p_value < 1e-6, "{other:?}");
}

#[test]
fn rows_that_depend_on_each_other_say_less() {
    let current = uniform(2, 1_000, |x| x + 0.05);
    let reference = uniform(1, 10_000, |x| x);
    let p = |inflation: &Inflation| {
        judge_numbers(&reference, &current, all_there(10_000, 1_000), inflation).unwrap().p_value
    };
    let dependent = Inflation { scores: [19.0; 4], levels: 19.0, missing: 1.0 };
    assert!(p(&Inflation::NONE) < 1e-4 && p(&dependent) > 0.1);
}

#[test]
fn a_new_category_is_found_and_a_handful_of_rows_is_not() {
    let judged = |current: &[u64]| {
        let m = current.iter().sum();
        judge_categories(&[4_000, 3_000, 2_000, 1_000, 0], current, all_there(10_000, m), &Inflation::NONE)
            .unwrap()
    };
    let new = judged(&[380, 285, 190, 95, 50]);
    assert!(new.p_value < 1e-6 && new.effect.is_large(), "{new:?}");
    assert_eq!(new.aspect, Aspect::NewCategories);
    let few = judged(&[400, 300, 200, 98, 2]);
    assert!(few.p_value > 0.01 && !few.effect.is_large(), "{few:?}");
}

/// The values of scipy 1.17.1: `mannwhitneyu(.., use_continuity=False, method='asymptotic')` and `mood`, whose rank sums have
/// the same first two moments.
#[test]
fn location_is_wilcoxons_test_and_spread_is_moods() {
    let x = [1.0, 2.0, 2.0, 3.0, 5.0, 8.0];
    let y = [2.0, 3.0, 3.0, 4.0, 9.0, 10.0, 11.0];
    let location = rank_score_test(&points(x), &points(y), Score::Location, 1.0).unwrap();
    assert!((location.p_value - 0.14858893087037514).abs() < 1e-11, "{location:?}");
    let (x, y) = ([1.0, 2.5, 3.0, 4.0, 7.0, 9.0], [0.5, 2.0, 3.5, 5.0, 6.0, 8.0, 10.0]);
    let spread = rank_score_test(&points(x), &points(y), Score::Spread, 1.0).unwrap();
    assert!(
        (spread.statistic - 0.5168765907047376).abs() < 1e-12
            && (spread.p_value - 0.6052423099022198).abs() < 1e-11,
        "{spread:?}"
    );
}
