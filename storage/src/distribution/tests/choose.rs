//! Lattices that are chosen fit, and keep fitting.

use super::psi::{Draw, NONE, continuous, features, normals};
use super::{Random, is_exhaustive};
use crate::distribution::{Lattice, Numeric};

const ROWS: usize = 10_000;

fn rows(random: &mut Random, draw: &Draw) -> Vec<f64> {
    let mut rows: Vec<f64> = (0..ROWS).map(|_| draw(random, NONE)).collect();
    rows.sort_by(f64::total_cmp);
    rows
}

fn summary(lattice: Lattice, rows: &[f64]) -> Numeric {
    let mut numeric = Numeric::on(lattice);
    numeric.push_slice(rows);
    numeric
}

#[test]
fn sixty_four_buckets_lie_between_the_first_and_the_last_percentile() {
    let mut random = Random::of_test();
    for (name, draw) in continuous().into_iter().chain(normals()) {
        let rows = rows(&mut random, &draw);
        let lattice = Lattice::choose(&rows);
        if lattice == Lattice::Dict {
            // Doubles of this size are too far apart to be many.
            assert!(summary(lattice, &rows).is_exact(), "{name}");
            continue;
        }
        let buckets = lattice.bucket(rows[ROWS * 99 / 100]) - lattice.bucket(rows[ROWS / 100]);
        assert!(buckets >= 64, "{name}: {buckets} on {lattice:?}");
    }
}

#[test]
fn what_is_chosen_fits_the_rows_it_was_chosen_for_and_others_like_them() {
    let mut random = Random::of_test();
    for (name, draw) in features() {
        if is_exhaustive() || random.below(4) == 0 {
            let lattice = Lattice::choose(&rows(&mut random, &draw));
            let others = summary(lattice, &rows(&mut random, &draw));
            assert!(lattice.fits(&others), "{name} on {lattice:?}");
        }
    }
}

#[test]
fn a_column_that_changed_no_longer_fits() {
    let mut random = Random::of_test();
    let mut of = |mean: f64, deviation: f64| -> Vec<f64> {
        (0..ROWS).map(|_| mean + deviation * random.normal()).collect()
    };
    let lattice = Lattice::choose(&of(0.0, 1.0));
    assert!(lattice.fits(&summary(lattice, &of(3.0, 1.0))));
    let narrow = of(295.0, 0.01);
    assert!(!lattice.fits(&summary(lattice, &narrow)), "{lattice:?}");
    let again = Lattice::choose(&narrow);
    assert!(again.fits(&summary(again, &narrow)), "{again:?}");
    assert!(!again.fits(&summary(again, &of(0.0, 100.0))), "{again:?}");
    assert!(!Lattice::Dict.fits(&summary(Lattice::Dict, &narrow)));
}

#[test]
fn the_order_of_a_sample_and_what_is_not_finite_change_nothing() {
    let mut random = Random::of_test();
    let mut sample: Vec<f64> = (0..5_000).map(|_| 295.0 + 2.0 * random.normal()).collect();
    let lattice = Lattice::choose(&sample);
    assert!(matches!(lattice, Lattice::Affine { .. }), "{lattice:?}");
    sample.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    random.shuffle(&mut sample);
    assert_eq!(Lattice::choose(&sample), lattice);
}

#[test]
fn of_few_numbers_each_is_counted() {
    for sample in [&[][..], &[7.0], &[1.5; 100], &[f64::NAN], &[0.0, -0.0]] {
        assert_eq!(Lattice::choose(sample), Lattice::Dict, "{sample:?}");
    }
    let ages: Vec<f64> = (0..4_000).map(|row| f64::from(18 + row % 72)).collect();
    assert_eq!(Lattice::choose(&ages), Lattice::Dict);
}
