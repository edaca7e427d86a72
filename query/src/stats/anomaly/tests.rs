use super::*;
use crate::stats::StatsError;

/// Whole numbers of a fixed generator, as noise.
fn noise(row: u64) -> f64 {
    let mut z = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((z ^ (z >> 27)) >> 11) as f64 * 2.0_f64.powi(-53)
}

fn robust(window: usize, season: Option<usize>) -> RobustScore {
    RobustScore::new(RobustParameters { window, rows_min: 3, season }).unwrap()
}

/// The scores of a list, none looked at twice.
fn scores(mut score: RobustScore, values: &[f64]) -> Vec<Option<f64>> {
    values.iter().map(|value| score.update(*value)).collect()
}

#[test]
fn the_robust_score_is_worked_out_by_hand() {
    let found = scores(robust(5, None), &[1.0, 2.0, 3.0, 9.0, 2.0, 0.0]);
    assert_eq!(&found[..3], [None; 3]);
    // Of 1, 2, 3: median 2, distances 1, 0, 1. Of 1, 2, 3, 9: median 2.5, distances 1.5, .5, .5, 6.5. Of 1, 2, 3, 9, 2: 2.
    let deviation = 1.482_602_218_505_602;
    let expected = [7.0 / deviation, -0.5 / deviation, -2.0 / deviation];
    for (found, expected) in found[3..].iter().zip(expected) {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?}, {expected}");
    }
}

#[test]
fn without_a_median_deviation_the_mean_one_is_taken_and_without_that_the_most() {
    let found = scores(robust(9, None), &[5.0, 5.0, 5.0, 5.0, 6.0, 7.0]);
    assert_eq!(&found[3..5], [Some(0.0), Some(1e6)]);
    // Of 5, 5, 5, 5, 6: median 5, mean distance 0.2.
    assert!((found[5].unwrap() - 2.0 / (0.2 * 1.253_314_137_315_500_1)).abs() < 1e-9);
    assert_eq!(scores(robust(9, None), &[5.0, 5.0, 5.0, 4.0])[3], Some(-1e6));
}

#[test]
fn a_season_is_taken_away() {
    let wave = |row: u64| ((row % 24) as f64 - 12.0).powi(2) + noise(row);
    let (mut seasonal, mut plain) = (robust(100, Some(24)), robust(100, None));
    let mut last = (None, None);
    for row in 0..240 {
        // What is usual at noon is not at midnight.
        let value = if row == 239 { wave(12) } else { wave(row) };
        last = (seasonal.update(value), plain.update(value));
        let quiet = row < 48 || row == 239 || last.0.unwrap().abs() < 4.0;
        assert!(quiet && (row >= 24 || last.0.is_none()), "row {row}: {last:?}");
    }
    assert!(last.0.unwrap() < -50.0 && last.1.unwrap().abs() < 2.0, "{last:?}");
}

#[test]
fn the_window_forgets() {
    let mut score = robust(10, None);
    (0..50).for_each(|row| _ = score.update(noise(row)));
    assert!(score.update(100.0).unwrap() > 50.0);
    (50..60).for_each(|row| _ = score.update(100.0 + noise(row)));
    assert!(score.update(100.5).unwrap().abs() < 4.0);
}

#[test]
fn parameters_that_cannot_work_are_refused() {
    let refused = |parameters| AnomalyDetector::new(parameters).err().map(|error| error.to_string());
    let short = AnomalyParameters { window: 19, ..Default::default() };
    assert_eq!(refused(short).as_deref(), Some("window must be 20 to 100000"));
    let none = AnomalyParameters { season: Some(0), ..Default::default() };
    assert_eq!(refused(none).as_deref(), Some("season must be 1 to 100000"));
    let nan = AnomalyParameters { threshold: f64::NAN, ..Default::default() };
    assert!(refused(nan).is_some());
    let long = RobustParameters { rows_min: 289, ..Default::default() };
    assert!(matches!(RobustScore::new(long), Err(StatsError::Parameter { name: "rows_min", .. })));
}

fn small() -> AnomalyDetector {
    let parameters = AnomalyParameters { window: 500, season: Some(24), short: 4, quiet: 48, threshold: 5.0 };
    AnomalyDetector::new(parameters).unwrap()
}

fn alarms(mut detector: AnomalyDetector, rows: u64, value: impl Fn(u64) -> f64) -> Vec<u64> {
    (0..rows).filter(|row| detector.update(value(*row)).is_alarm).collect()
}

#[test]
fn a_spike_a_step_and_a_missing_day_are_each_said_once_and_quiet_is_not() {
    let day = |row: u64| ((row % 24) as f64 - 12.0).abs() + noise(row);
    assert_eq!(alarms(small(), 2_000, day), Vec::<u64>::new());
    assert_eq!(alarms(small(), 2_000, |row| day(row) + if row == 1_500 { 40.0 } else { 0.0 }), [1_500]);
    let step = alarms(small(), 1_600, |row| day(row) + if row >= 1_500 { 40.0 } else { 0.0 });
    assert_eq!(step.first(), Some(&1_500), "{step:?}");
    assert!(step.len() <= 3, "{step:?}");
    let flat = alarms(small(), 1_530, |row| if row >= 1_500 { 12.0 } else { day(row) });
    assert!(flat.first().is_some_and(|row| (1_500..1_520).contains(row)), "{flat:?}");
}

#[test]
fn one_value_for_ever_is_never_strange_and_another_is_the_most() {
    let mut detector = small();
    assert!((0..1_000).all(|_| detector.update(3.0) == Verdict::default()));
    let verdict = detector.update(3.1);
    assert_eq!((verdict.score, verdict.is_alarm), (30.0, true));
}

#[test]
fn the_greatest_doubles_give_no_nan() {
    let mut detector = small();
    for row in 0..500 {
        let value = [f64::MAX, -f64::MAX, 0.0, f64::MIN_POSITIVE][row % 4];
        let verdict = detector.update(value);
        assert!((0.0..=30.0).contains(&verdict.score), "row {row}: {verdict:?}");
    }
}

#[test]
fn a_stop_does_not_show() {
    let value = |row: u64| noise(row) * if row % 100 < 3 { 9.0 } else { 1.0 };
    let (mut straight, mut stopped) = (small(), small());
    let (mut score, mut stopped_score) = (robust(50, Some(24)), robust(50, Some(24)));
    for row in 0..900 {
        if row % 7 == 0 {
            stopped = serde_json::from_slice(&serde_json::to_vec(&stopped).unwrap()).unwrap();
            stopped_score = serde_json::from_slice(&serde_json::to_vec(&stopped_score).unwrap()).unwrap();
        }
        assert_eq!(straight.update(value(row)), stopped.update(value(row)), "row {row}");
        assert_eq!(score.update(value(row)), stopped_score.update(value(row)), "row {row}");
    }
    assert_eq!(straight, stopped);
}

#[test]
fn the_state_does_not_grow() {
    let mut detector = small();
    let mut length = |rows: std::ops::Range<u64>| {
        rows.for_each(|row| _ = detector.update(noise(row)));
        serde_json::to_vec(&detector).unwrap().len()
    };
    let (full, later) = (length(0..2_000), length(2_000..20_000));
    assert!(later < full + full / 50, "{full} bytes, then {later}");
}
