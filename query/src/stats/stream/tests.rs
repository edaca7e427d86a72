//! What the golden signals do not say: refusals, bounds of the state, and the draws of our own.

use super::*;

#[test]
fn parameters_that_cannot_work_are_refused() {
    let refused = |name| StatsError::Parameter { name, allowed: "" };
    let name = |error: Option<StatsError>| match error {
        Some(StatsError::Parameter { name, .. }) => refused(name),
        other => panic!("{other:?}"),
    };
    let adwin = |parameters| name(Adwin::new(parameters).err());
    assert_eq!(adwin(AdwinParameters { delta: f64::NAN, ..Default::default() }), refused("delta"));
    assert_eq!(adwin(AdwinParameters { clock: 0, ..Default::default() }), refused("clock"));
    assert_eq!(adwin(AdwinParameters { max_buckets: 1, ..Default::default() }), refused("max_buckets"));
    let kswin = |parameters| name(Kswin::new(parameters, 1).err());
    assert_eq!(kswin(KswinParameters { stat_size: 51, ..Default::default() }), refused("stat_size"));
    assert_eq!(kswin(KswinParameters { window_size: 10_001, ..Default::default() }), refused("window_size"));
    let cusum = CusumParameters { baseline_rows: 1, ..Default::default() };
    assert_eq!(name(Cusum::new(cusum).err()), refused("baseline_rows"));
    let eddm = EddmParameters { alpha: 0.8, ..Default::default() };
    assert_eq!(name(Eddm::new(eddm).err()), refused("alpha"));
}

#[test]
fn adwin_knows_the_mean_and_the_width_of_its_window() {
    let mut adwin = Adwin::new(AdwinParameters::default()).unwrap();
    assert_eq!((adwin.width(), adwin.mean()), (0, None));
    (0..100).for_each(|i| _ = adwin.update(f64::from(i % 2)));
    assert_eq!((adwin.width(), adwin.mean()), (100, Some(0.5)));
}

#[test]
fn the_state_of_adwin_grows_with_the_logarithm_of_its_window() {
    let mut adwin = Adwin::new(AdwinParameters::default()).unwrap();
    let mut length = |rows: u64| {
        (0..rows).for_each(|row| _ = adwin.update((row % 7) as f64));
        serde_json::to_vec(&adwin).unwrap().len()
    };
    let (short, long) = (length(1_000), length(99_000));
    assert!(long < short * 3, "{short} bytes after a thousand rows, {long} after a hundred thousand");
}

#[test]
fn our_draws_are_distinct_and_the_same_again() {
    let mut draw = SplitMix::new(3);
    let first: Vec<Vec<usize>> = (0..50).map(|_| draw.draw(70, 30)).collect();
    for drawn in &first {
        let mut places = drawn.clone();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() == 30 && places.iter().all(|place| *place < 70), "seed 3: {drawn:?}");
    }
    draw.restart();
    assert_eq!(first.first(), Some(&draw.draw(70, 30)));
    assert_eq!(draw.draw(3, 9).len(), 3);
}

#[test]
fn our_draws_take_each_place_as_often() {
    let mut draw = SplitMix::new(4);
    let mut times = [0_u32; 10];
    (0..10_000).for_each(|_| draw.draw(10, 3).into_iter().for_each(|place| times[place] += 1));
    // 3,000 times each, give or take 46.
    assert!(times.iter().all(|times| times.abs_diff(3_000) < 230), "seed 4: {times:?}");
}

#[test]
fn kswin_of_our_own_draws_finds_a_step_and_goes_on_after_a_stop() {
    let mut kswin = Kswin::new(KswinParameters::default(), 5).unwrap();
    let value = |row: u64| (row * 37 % 101) as f64 + if row < 400 { 0.0 } else { 80.0 };
    let found: Vec<u64> = (0..500).filter(|row| kswin.update(value(*row)) == Signal::Drift).collect();
    let mut stopped = Kswin::new(KswinParameters::default(), 5).unwrap();
    let mut again = Vec::new();
    for row in 0..500 {
        stopped = serde_json::from_slice(&serde_json::to_vec(&stopped).unwrap()).unwrap();
        again.extend((stopped.update(value(row)) == Signal::Drift).then_some(row));
    }
    assert!(found.iter().any(|row| (405..430).contains(row)), "{found:?}");
    assert_eq!(found, again);
}

#[test]
fn a_baseline_that_does_not_vary_takes_any_other_value_for_a_change() {
    let mut cusum = Cusum::new(CusumParameters::default()).unwrap();
    assert!((0..60).all(|_| cusum.update(2.0) == Signal::None));
    assert_eq!(cusum.update(2.0000001), Signal::Drift);
}

#[test]
fn a_warning_is_less_than_a_drift() {
    assert!(Signal::None < Signal::Warning && Signal::Warning < Signal::Drift);
    assert_eq!(Signal::default(), Signal::None);
}
