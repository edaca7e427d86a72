//! Adding and taking away on every lattice: counts of parts are the counts of the whole.

use super::{Random, is_exhaustive};
use crate::distribution::numeric::Values;
use crate::distribution::{Distribution, Lattice, Numeric};
use crate::limits::{DISTRIBUTION_BUCKETS_MAX, DISTRIBUTION_EXACT_VALUES_MAX};

pub(super) const LATTICES: [Lattice; 11] = [
    Lattice::Dict,
    Lattice::Log { bits: 0 },
    Lattice::Log { bits: 5 },
    Lattice::Log { bits: 7 },
    Lattice::Log { bits: 12 },
    Lattice::Affine { exponent: -40 },
    Lattice::Affine { exponent: -9 },
    Lattice::Affine { exponent: 0 },
    Lattice::Affine { exponent: 17 },
    Lattice::Affine { exponent: 1_015 },
    Lattice::Affine { exponent: -1_015 },
];

/// Numbers of several shapes, some not finite. On affine lattices within the range that their buckets reach: beyond
/// it a coarser lattice cannot tell where numbers were.
fn numbers(random: &mut Random, lattice: Lattice, len: usize) -> Vec<f64> {
    let shape = random.below(4);
    let step = if let Lattice::Affine { exponent } = lattice { 2_f64.powi(exponent.into()) } else { 1e-3 };
    let one = |random: &mut Random| match (random.below(50), shape, lattice) {
        (0, _, _) => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][random.below(3)],
        (1, _, _) => [0.0, -0.0][random.below(2)],
        (_, 0, Lattice::Dict | Lattice::Log { .. }) => random.any_double(),
        (_, 0 | 1, _) => (step * 1e7 * random.normal()).clamp(f64::MIN, f64::MAX),
        (_, 2, _) => step * random.below(900) as f64,
        _ => step * (1e5 + 30.0 * random.normal()),
    };
    (0..len).map(|_| one(random)).collect()
}

fn of(lattice: Lattice, values: &[f64]) -> Numeric {
    let mut numeric = Numeric::on(lattice);
    numeric.push_slice(values);
    numeric
}

/// Enough numbers to make a lattice coarser, now and then.
fn sizes(random: &mut Random) -> usize {
    let most = [0, 3, 700, 3_000, 2 * DISTRIBUTION_BUCKETS_MAX];
    let kind = random.below(if is_exhaustive() { 5 } else { 4 });
    if most[kind] == 0 { 0 } else { random.below(most[kind]) }
}

fn rounds() -> usize {
    if is_exhaustive() { 40 } else { 5 }
}

#[test]
fn parts_add_up_to_the_whole_on_every_lattice() {
    let mut random = Random::of_test();
    for lattice in LATTICES.into_iter().cycle().take(LATTICES.len() * rounds()) {
        let mut parts: Vec<Vec<f64>> = (0..1 + random.below(4))
            .map(|_| {
                let len = sizes(&mut random);
                numbers(&mut random, lattice, len)
            })
            .collect();
        let whole = of(lattice, &parts.concat());
        random.shuffle(&mut parts);
        let mut sum = Numeric::on(lattice);
        parts.iter().for_each(|part| sum.merge(&of(lattice, part)).unwrap());
        assert_eq!(sum, whole, "{lattice:?}");
        let mut sum = Distribution::Numeric(Numeric::on(lattice));
        let encoded = parts.iter().map(|part| Distribution::Numeric(of(lattice, part)).encode());
        let encoded: Vec<Vec<u8>> = encoded.collect();
        sum.merge_encoded(encoded.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(sum, Distribution::Numeric(whole.clone()), "{lattice:?}, encoded");
        let mut one_by_one = Numeric::on(lattice);
        parts.iter().flatten().for_each(|value| one_by_one.push(*value));
        assert_eq!(one_by_one, whole, "{lattice:?}, one by one");
    }
}

/// More buckets than are kept: the lattice grows coarser, by what was counted in all and not by when.
#[test]
fn a_lattice_that_grows_coarser_adds_up() {
    let mut random = Random::of_test();
    for lattice in [Lattice::Log { bits: 12 }, Lattice::Affine { exponent: -9 }] {
        let values: Vec<f64> = (0..3 * DISTRIBUTION_BUCKETS_MAX).map(|_| 1e5 * random.normal()).collect();
        let whole = of(lattice, &values);
        assert!(whole.lattice() != lattice && whole.buckets().len() <= DISTRIBUTION_BUCKETS_MAX);
        let (first, second) = values.split_at(random.below(values.len()));
        for (one, other) in [(first, second), (second, first)] {
            let mut sum = of(lattice, one);
            sum.merge(&of(lattice, other)).unwrap();
            assert_eq!(sum, whole);
        }
    }
}

/// Lattices that nest: the sum is on the coarser one, as if all had been counted there.
#[test]
fn nested_lattices_add_up_to_the_coarser() {
    let mut random = Random::of_test();
    let nested = [Lattice::Log { bits: 5 }, Lattice::Log { bits: 9 }];
    let affine = [Lattice::Affine { exponent: 3 }, Lattice::Affine { exponent: -4 }];
    for [coarse, fine] in [nested, affine].into_iter().cycle().take(2 * rounds()) {
        // More than are counted one by one, so that the third part is no exact one.
        let parts = [coarse, fine, Lattice::Dict].map(|on| {
            let few = if on == Lattice::Dict { 500 } else { 2_000 };
            (on, (0..few).map(|_| 300.0 * random.normal()).collect::<Vec<_>>())
        });
        let all: Vec<f64> = parts.iter().flat_map(|(_, values)| values.iter().copied()).collect();
        let whole = of(coarse, &all);
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut sum = Numeric::new();
            let ordered = order.map(|part| of(parts[part].0, &parts[part].1));
            ordered.iter().for_each(|part| sum.merge(part).unwrap());
            assert_eq!(sum, whole);
            let encoded = ordered.map(|part| Distribution::Numeric(part).encode());
            let mut sum = Distribution::Numeric(Numeric::new());
            sum.merge_encoded(encoded.iter().map(Vec::as_slice)).unwrap();
            assert_eq!(sum, Distribution::Numeric(whole.clone()));
        }
        assert!(!whole.is_rebinned());
    }
}

/// `Log` and `Affine` do not nest: counts by bucket are near, the rest is exact.
#[test]
fn unlike_lattices_keep_count_sum_and_ends() {
    let mut random = Random::of_test();
    let values: Vec<f64> = (0..4_000).map(|_| 295.0 + 2.0 * random.normal()).collect();
    let (first, second) = values.split_at(2_000);
    let affine = Lattice::Affine { exponent: -5 };
    let whole = of(affine, &values);
    let mut sum = of(Lattice::Log { bits: 7 }, first);
    sum.merge(&of(affine, second)).unwrap();
    assert!(sum.is_rebinned() && sum.lattice() == affine);
    assert_eq!(
        (sum.count(), sum.sum(), sum.min(), sum.max()),
        (4_000, whole.sum(), whole.min(), whole.max())
    );
}

fn counts(numeric: &Numeric) -> Vec<(i64, u64)> {
    match &numeric.values {
        Values::Exact(counts) => counts.entries().to_vec(),
        Values::Binned(binned) => binned.counts.entries().to_vec(),
    }
}

/// What is left equals the rest on the lattice of the whole, but for its ends: those that the part may have had are
/// bounds in the same bucket, and say so.
#[test]
fn taking_a_part_away_leaves_the_rest() {
    let mut random = Random::of_test();
    for lattice in LATTICES.into_iter().cycle().take(LATTICES.len() * rounds()) {
        let sizes = [sizes(&mut random), sizes(&mut random)];
        let [rest, part] = sizes.map(|len| numbers(&mut random, lattice, len));
        let (mut left, part) = (of(lattice, &rest), of(lattice, &part));
        left.merge(&part).unwrap();
        let mut expected = Numeric::on(left.lattice());
        expected.merge(&of(lattice, &rest)).unwrap();
        left.subtract(&part).unwrap();
        assert_eq!(counts(&left), counts(&expected), "{lattice:?}");
        assert_eq!((left.count(), left.sum()), (expected.count(), expected.sum()));
        assert!(left.min() <= expected.min() && left.max() >= expected.max(), "{lattice:?}");
        let ends = |numeric: &Numeric| {
            [numeric.min(), numeric.max()].map(|end| numeric.lattice().bucket(end.unwrap_or(0.0)))
        };
        assert_eq!(ends(&left), ends(&expected), "{lattice:?}");
        if !left.extremes_are_bounds() {
            assert_eq!(left, expected, "{lattice:?}");
        }
    }
}

#[test]
fn what_is_no_part_cannot_be_taken_away() {
    let mut random = Random::of_test();
    for lattice in LATTICES {
        let values = numbers(&mut random, lattice, 2_000);
        let (whole, mut less) = (of(lattice, &values), of(lattice, &values[1..]));
        let before = less.clone();
        assert!(less.subtract(&whole).is_err());
        assert_eq!(less, before);
    }
}

#[test]
fn every_lattice_decodes_to_the_same() {
    let mut random = Random::of_test();
    for lattice in LATTICES.into_iter().cycle().take(LATTICES.len() * rounds()) {
        let len = sizes(&mut random);
        let mut numeric = of(lattice, &numbers(&mut random, lattice, len));
        if random.below(2) == 0 {
            let other = LATTICES[random.below(LATTICES.len())];
            numeric.merge(&of(other, &numbers(&mut random, other, 50))).unwrap();
        }
        let distribution = Distribution::Numeric(numeric);
        let bytes = distribution.encode();
        assert_eq!(Distribution::decode(&bytes).unwrap(), distribution, "{lattice:?}");
        for _ in 0..50 {
            let mut damaged = bytes.clone();
            let at = random.below(damaged.len());
            damaged[at] = random.next() as u8;
            super::check_decoding(&damaged);
        }
    }
}

/// Beyond the numbers counted one by one a `Dict` goes by the default lattice, in any order.
#[test]
fn too_many_distinct_numbers_leave_dict_in_any_order() {
    let mut random = Random::of_test();
    let values: Vec<f64> = (0..DISTRIBUTION_EXACT_VALUES_MAX * 2).map(|_| random.normal()).collect();
    let whole = of(Lattice::Dict, &values);
    let mut sum = Numeric::new();
    values.chunks(100).rev().for_each(|part| sum.merge(&of(Lattice::Dict, part)).unwrap());
    assert_eq!((sum.lattice(), &sum), (Lattice::Log { bits: 7 }, &whole));
}
