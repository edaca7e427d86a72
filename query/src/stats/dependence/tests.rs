use super::*;
use crate::stats::random::Random;

/// A normal value from two uniform ones.
fn normal(random: &mut Random) -> f64 {
    let (a, b) = (1.0 - random.unit(), random.unit());
    (-2.0 * a.ln()).sqrt() * (2.0 * std::f64::consts::PI * b).cos()
}

fn inflation(rows: usize, mut next: impl FnMut(usize) -> f64) -> f64 {
    let values: Vec<f64> = (0..rows).map(&mut next).collect();
    let mut stretch = Stretch::new(values.iter().sum::<f64>() / rows as f64);
    values.iter().for_each(|value| stretch.push(*value));
    stretch.inflation()
}

#[test]
fn of_an_autoregression_it_is_what_its_formula_says() {
    for (phi, tolerance) in [(0.0, 0.01), (0.3, 0.1), (0.5, 0.1), (0.9, 0.15)] {
        let (mut random, mut value) = (Random::new(7), 0.0);
        let found = inflation(20_000, |_| {
            value = phi * value + normal(&mut random);
            value
        });
        let expected = (1.0 + phi) / (1.0 - phi);
        assert!((found / expected - 1.0).abs() <= tolerance, "phi {phi}: {found}, not {expected}");
    }
}

#[test]
fn independent_values_count_in_full_whatever_the_seed() {
    let more = (0..50).filter(|seed| {
        let mut random = Random::new(*seed);
        inflation(5_000, |_| normal(&mut random)) > 1.0
    });
    // The criterion adds a parameter that is none in about one of 200.
    assert!(more.count() <= 3);
}

#[test]
fn what_changes_slowly_is_seen_in_blocks() {
    let mut random = Random::new(3);
    let found = inflation(50_000, |at| normal(&mut random) + f64::from(u8::from(at / 2_500 % 2 == 0)));
    assert!(found > 50.0, "{found}");
}

#[test]
fn few_and_constant_values_say_nothing() {
    assert_eq!(inflation(50, |at| (at / 25) as f64), 1.0);
    assert_eq!(inflation(1_000, |_| 3.0), 1.0);
}

#[test]
fn one_stretch_is_never_more_than_so_many_independent_rows() {
    assert_eq!(inflation(1_000, |at| at as f64), 50.0);
}

#[test]
fn categories_are_as_dependent_as_their_shares() {
    let mut levels = Levels::new([("a", 500), ("b", 500)], 1_000);
    (0..1_000).for_each(|at| levels.push(if at / 50 % 2 == 0 { "a" } else { "b" }));
    assert!(levels.inflation() > 10.0, "{}", levels.inflation());
    let mut levels = Levels::new([("a", 500), ("b", 500)], 1_000);
    let mut random = Random::new(1);
    (0..1_000).for_each(|_| levels.push(if random.unit() < 0.5 { "a" } else { "b" }));
    assert_eq!(levels.inflation(), 1.0);
}
