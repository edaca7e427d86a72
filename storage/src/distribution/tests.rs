//! Properties of distributions. Every random test prints its seed; `DRIFTLINE_SEED` repeats one.

mod algebra;
mod choose;
mod psi;

use super::sum::ExactSum;
use super::{Categorical, Distribution, Numeric, lattice};
use crate::limits::{DISTRIBUTION_CATEGORIES_MAX, DISTRIBUTION_EXACT_VALUES_MAX};

/// splitmix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn of_test() -> Self {
        let chosen = std::env::var("DRIFTLINE_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = chosen.unwrap_or_else(|| {
            use std::hash::{BuildHasher, Hasher};
            std::hash::RandomState::new().build_hasher().finish()
        });
        println!("DRIFTLINE_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Uniform, within 0..1 and neither.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Of mean 0 and deviation 1, after Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Any double: all bit patterns are equally likely, with the awkward ones thrown in.
    fn any_double(&mut self) -> f64 {
        let awkward = [0.0, -0.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 5e-324, -5e-324, 1.0, -1.0];
        match self.below(10) {
            0 => awkward[self.below(awkward.len())],
            1 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][self.below(3)],
            2 => self.below(300) as f64,
            _ => f64::from_bits(self.next()),
        }
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        (1..items.len()).for_each(|i| items.swap(i, self.below(i + 1)));
    }
}

/// Whether to run every case, not a part chosen by chance.
fn is_exhaustive() -> bool {
    std::env::var_os("DRIFTLINE_EXHAUSTIVE").is_some()
}

fn numeric_of(values: &[Option<f64>]) -> Numeric {
    let mut numeric = Numeric::new();
    for value in values {
        match value {
            Some(value) => numeric.push(*value),
            None => numeric.push_null(),
        }
    }
    numeric
}

fn categorical_of(values: &[String]) -> Categorical {
    let mut categorical = Categorical::new();
    values.iter().for_each(|value| categorical.push(value));
    categorical
}

/// Cuts the items at random places, makes a distribution of each piece and merges them in random order.
fn merged_in_pieces<T>(random: &mut Random, items: &[T], of: impl Fn(&[T]) -> Distribution) -> Distribution {
    let mut rest = items;
    let mut pieces = vec![of(&[])];
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + random.below(rest.len()));
        pieces.push(of(piece));
        rest = after;
    }
    while pieces.len() > 1 {
        let one = pieces.swap_remove(random.below(pieces.len()));
        let into = random.below(pieces.len());
        pieces[into].merge(&one).unwrap();
    }
    pieces.remove(0)
}

#[test]
fn order_of_pushes_and_merges_changes_nothing_numeric() {
    let mut random = Random::of_test();
    for size in [0, 1, 2, 10, 1_000, 1_024, 1_025, 1_030, 3_000] {
        let mut values: Vec<Option<f64>> = (0..size).map(|_| Some(random.any_double())).collect();
        values.extend((0..random.below(3)).map(|_| None));
        let whole = Distribution::Numeric(numeric_of(&values));
        for _ in 0..5 {
            random.shuffle(&mut values);
            let pieces =
                merged_in_pieces(&mut random, &values, |piece| Distribution::Numeric(numeric_of(piece)));
            assert_eq!(pieces, whole);
            assert_eq!(pieces.encode(), whole.encode());
        }
    }
}

#[test]
fn order_of_pushes_and_merges_changes_nothing_categorical() {
    let mut random = Random::of_test();
    let distinct = DISTRIBUTION_CATEGORIES_MAX + 500;
    let mut values: Vec<String> =
        (0..2 * distinct).map(|i| format!("{:x}", (i % distinct) * 7_919 % 1_000_003)).collect();
    let whole = Distribution::Categorical(categorical_of(&values));
    random.shuffle(&mut values);
    let pieces =
        merged_in_pieces(&mut random, &values, |piece| Distribution::Categorical(categorical_of(piece)));
    assert_eq!(pieces, whole);
    let Distribution::Categorical(categorical) = whole else { unreachable!() };
    assert_eq!(categorical.counts().len(), DISTRIBUTION_CATEGORIES_MAX);
    assert_eq!((categorical.count(), categorical.other_count()), (2 * distinct as u64, 1_000));
}

#[test]
fn each_kind_of_number_has_its_counter() {
    let values = [Some(1.5), None, Some(f64::NAN), Some(-0.0), Some(0.0), Some(f64::INFINITY), None];
    let mut numeric = numeric_of(&values);
    numeric.push_count(f64::NEG_INFINITY, 3);
    numeric.push_count(2.0, 0);
    assert_eq!((numeric.count(), numeric.null_count(), numeric.nan_count()), (3, 2, 1));
    assert_eq!(numeric.infinity_counts(), (3, 1));
    assert_eq!(numeric.points(), [(0.0, 2), (1.5, 1)]);
    assert_eq!((numeric.min(), numeric.max(), numeric.mean()), (Some(0.0), Some(1.5), Some(0.5)));
}

#[test]
fn of_nothing_there_is_nothing() {
    let none = Numeric::new();
    assert_eq!((none.min(), none.max(), none.mean(), none.quantile(0.5)), (None, None, None, None));
    assert_eq!((none.sum(), none.count_between(&[1.0]), none.points()), (0.0, vec![0, 0], vec![]));
    assert_eq!(numeric_of(&[Some(1.0)]).quantile(1.5), None);
    assert_eq!(numeric_of(&[Some(1.0)]).quantile(f64::NAN), None);
}

#[test]
fn numbers_are_exact_up_to_the_limit_and_on_the_lattice_above() {
    let numbers = |count: usize| numeric_of(&(0..count).map(|i| Some(i as f64)).collect::<Vec<_>>());
    let (exact, lattice) =
        (numbers(DISTRIBUTION_EXACT_VALUES_MAX), numbers(DISTRIBUTION_EXACT_VALUES_MAX + 1));
    assert!(exact.is_exact() && !lattice.is_exact());
    assert_eq!(exact.quantile(0.25), Some(255.75));
    assert_eq!((lattice.min(), lattice.max(), lattice.mean()), (Some(0.0), Some(1_024.0), Some(512.0)));
    assert_eq!(lattice.points().iter().map(|point| point.1).sum::<u64>(), 1_025);
}

#[test]
fn bins_by_lattice_edges_are_those_of_the_rows() {
    let mut random = Random::of_test();
    let values: Vec<f64> = (0..5_000).map(|_| random.any_double()).filter(|v| v.is_finite()).collect();
    let numeric = numeric_of(&values.iter().copied().map(Some).collect::<Vec<_>>());
    assert!(!numeric.is_exact());
    let mut edges: Vec<f64> =
        (0..20).map(|_| lattice::DEFAULT.snap_down(values[random.below(values.len())])).collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    let mut bins = vec![0; edges.len() + 1];
    values.iter().for_each(|value| bins[edges.partition_point(|edge| edge <= value)] += 1);
    assert_eq!(numeric.count_between(&edges), bins);
}

#[test]
fn an_edge_is_taken_down_to_its_bucket() {
    let mut random = Random::of_test();
    for _ in 0..10_000 {
        let value = random.any_double();
        let (low, above) = (lattice::DEFAULT.snap_down(value), lattice::DEFAULT.edge_above(value));
        if value.is_finite() {
            assert!(low <= value && value < above, "{low} {value} {above}");
            if low.is_finite() {
                assert_eq!((lattice::DEFAULT.snap_down(low), lattice::DEFAULT.edge_above(low)), (low, above));
            }
            assert!(
                value.abs() < f64::MIN_POSITIVE
                    || above - low <= value.abs() / 127.0
                    || above.is_infinite()
                    || low.is_infinite()
            );
        } else {
            assert!(low.to_bits() == value.to_bits() && above.to_bits() == value.to_bits());
        }
    }
}

#[test]
fn ordered_bits_sort_as_numbers_and_come_back() {
    let mut random = Random::of_test();
    let mut values: Vec<f64> = (0..2_000).map(|_| random.any_double()).filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let ordered: Vec<i64> = values.iter().map(|value| lattice::to_key(*value)).collect();
    assert!(ordered.is_sorted());
    assert!(values.iter().zip(&ordered).all(|(value, bits)| *value == lattice::from_key(*bits)));
}

#[test]
fn quantiles_rise_and_stay_within_a_bucket() {
    let mut random = Random::of_test();
    let mut values: Vec<f64> = (0..20_001).map(|_| (random.below(1 << 20) as f64).powi(3)).collect();
    let numeric = numeric_of(&values.iter().copied().map(Some).collect::<Vec<_>>());
    values.sort_by(f64::total_cmp);
    let mut before = f64::NEG_INFINITY;
    for (rank, exact) in values.iter().enumerate().step_by(20) {
        let found = numeric.quantile(rank as f64 / 20_000.0).unwrap();
        assert!(found >= before, "{found} after {before}");
        assert!((found - exact).abs() <= exact / 128.0, "{rank}: {found}, rows have {exact}");
        before = found;
    }
    assert_eq!(numeric.quantile(0.0), values.first().copied());
    assert_eq!(numeric.quantile(1.0), values.last().copied());
}

/// The oracle is i128 arithmetic over numbers that are whole multiples of 2^-20.
#[test]
fn sums_are_exact_and_rounded_once() {
    let mut random = Random::of_test();
    for _ in 0..200 {
        let (mut sum, mut exact) = (ExactSum::default(), 0_i128);
        for _ in 0..random.below(50) {
            let units = (random.next() as i64) >> random.below(60) >> 11;
            let count = random.next() >> 20 >> random.below(44);
            sum.add(units as f64 / 1_048_576.0, count);
            exact += i128::from(units) * i128::from(count);
        }
        assert_eq!(sum.to_f64(), exact as f64 / 1_048_576.0);
        assert_eq!(ExactSum::from_magnitude(&sum.magnitude()), sum);
    }
}

#[test]
fn sums_at_the_ends_of_the_range() {
    let sum = |values: &[(f64, u64)]| {
        let mut sum = ExactSum::default();
        values.iter().for_each(|(value, count)| sum.add(*value, *count));
        sum
    };
    assert_eq!(sum(&[(1e300, 1), (1.0, 1), (-1e300, 1)]).to_f64(), 1.0);
    assert_eq!(sum(&[(5e-324, 3)]).to_f64(), 1.5e-323);
    assert_eq!(sum(&[(f64::MAX, 2)]).to_f64(), f64::INFINITY);
    assert_eq!(sum(&[(f64::MAX, 2)]).mean(2), f64::MAX);
    assert_eq!(sum(&[(f64::MIN, u64::MAX)]).mean(u64::MAX), f64::MIN);
    assert_eq!(sum(&[(f64::MAX, 5), (f64::MIN, 5)]), ExactSum::default());
    // A half-way case: the bit that decides it is far below.
    assert_eq!(sum(&[(9_007_199_254_740_992.0, 1), (1.0, 1)]).to_f64(), 9_007_199_254_740_992.0);
    let above = sum(&[(9_007_199_254_740_992.0, 1), (1.0, 1), (1e-200, 1)]).to_f64();
    assert_eq!(above, 9_007_199_254_740_994.0);
}

#[test]
fn counts_saturate() {
    let mut numeric = Numeric::new();
    numeric.push_count(1.0, u64::MAX);
    numeric.push_count(1.0, 5);
    numeric.merge(&numeric.clone()).unwrap();
    assert_eq!((numeric.count(), numeric.points()), (u64::MAX, vec![(1.0, u64::MAX)]));
    let back = Distribution::decode(&Distribution::Numeric(numeric.clone()).encode()).unwrap();
    assert_eq!(back, Distribution::Numeric(numeric));
}

#[test]
fn kinds_do_not_merge() {
    let mut numeric = Distribution::Numeric(numeric_of(&[Some(1.0)]));
    let before = numeric.clone();
    let error = numeric.merge(&Distribution::Categorical(Categorical::new())).unwrap_err();
    assert_eq!(numeric, before);
    assert!(error.to_string().contains("declare the column's meaning"), "{error}");
}

fn samples(random: &mut Random) -> Vec<Distribution> {
    let texts = ["", "a", "b", "ümlaut", "a longer category"].map(str::to_owned);
    let mut categorical = categorical_of(&texts);
    categorical.push_count("often", 1 << 40);
    categorical.push_null();
    let mut made: Vec<Distribution> = [0, 1, 30, 1_024, 2_000]
        .map(|size| {
            let values: Vec<Option<f64>> = (0..size).map(|_| Some(random.any_double())).collect();
            Distribution::Numeric(numeric_of(&values))
        })
        .into();
    made.extend([Distribution::Categorical(categorical), Distribution::Categorical(Categorical::new())]);
    made
}

#[test]
fn what_is_encoded_decodes_to_the_same() {
    let mut random = Random::of_test();
    for distribution in samples(&mut random) {
        assert_eq!(Distribution::decode(&distribution.encode()).unwrap(), distribution);
    }
}

/// The distance of two keys may be more than an `i64` holds.
#[test]
fn numbers_far_apart_across_zero_decode_to_the_same() {
    for values in [[-3.0, 3.0], [f64::MIN, f64::MAX], [-5e-324, f64::MAX], [f64::MIN, 5e-324]] {
        let distribution = Distribution::Numeric(numeric_of(&values.map(Some)));
        assert_eq!(Distribution::decode(&distribution.encode()).unwrap(), distribution);
    }
}

/// Cut, flipped and random bytes: an error, or a distribution that encodes to exactly these bytes. Never a panic.
#[test]
fn damage_is_an_error_or_another_distribution() {
    let mut random = Random::of_test();
    for distribution in samples(&mut random) {
        let bytes = distribution.encode();
        (0..bytes.len()).for_each(|end| assert!(Distribution::decode(&bytes[..end]).is_err()));
        for _ in 0..500 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(damaged.len());
                damaged[at] = random.next() as u8;
            }
            check_decoding(&damaged);
        }
    }
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> =
            (0..random.below(40)).map(|_| random.next() as u8 >> random.below(8)).collect();
        bytes.splice(0..0, [2, random.below(2) as u8]);
        check_decoding(&bytes);
    }
}

/// What is added without being decoded is what is decoded and then added.
fn check_adding(to: &Distribution, bytes: &[u8]) {
    let (mut at_once, mut decoded) = (to.clone(), to.clone());
    decoded.merge(&Distribution::decode(bytes).unwrap()).unwrap();
    at_once.merge_encoded([bytes]).unwrap();
    assert_eq!(at_once, decoded);
    assert_eq!(at_once.encode(), decoded.encode());
}

fn check_decoding(bytes: &[u8]) {
    let decoded = Distribution::decode(bytes);
    let on_lattices = algebra::LATTICES.map(|lattice| Distribution::Numeric(Numeric::on(lattice)));
    for mut sum in on_lattices.into_iter().chain([Distribution::Categorical(Categorical::new())]) {
        let expected = decoded.as_ref().ok().filter(|decoded| decoded.kind_name() == sum.kind_name());
        assert_eq!(sum.merge_encoded([bytes]).is_ok(), expected.is_some());
    }
    let Ok(mut decoded) = decoded else { return };
    assert_eq!(decoded.encode(), bytes);
    check_adding(&decoded.clone(), bytes);
    // What was accepted must be usable as well.
    decoded.merge(&decoded.clone()).unwrap();
    if let Distribution::Numeric(numeric) = &decoded {
        let _used = (numeric.quantile(0.3), numeric.mean(), numeric.points(), numeric.count_between(&[0.0]));
    }
}

/// A length that promises more than is there must not be believed before it is allocated for.
#[test]
fn a_false_length_allocates_nothing() {
    let huge = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    let numeric = [&[2, 0, 0, 0, 0][..], &huge].concat();
    let categories = [&[2, 1, 0, 0][..], &huge].concat();
    let text = [&[2, 1, 0, 0, 1][..], &huge].concat();
    for bytes in [numeric, categories, text] {
        assert!(Distribution::decode(&bytes).is_err());
    }
    let newer = Distribution::decode(&[3, 0]).unwrap_err();
    assert!(newer.to_string().contains("newer"), "{newer}");
}
