use super::corpus::labelled;
use super::*;

/// Files of 1,000 rows (150 are not judged) with an alarm at each of the rows.
fn alarms(rows: &[usize]) -> Vec<f64> {
    (0..1_000).map(|row| if rows.contains(&row) { 1.0 } else { 0.0 }).collect()
}

/// At the threshold of an alarm, not at the best.
fn at_one(rows: &[usize], profile: &Profile) -> f64 {
    let windows = [300..=399, 700..=799];
    score_at(&[Judged { windows: &windows, scores: &alarms(rows) }], profile, 1.0).unwrap()
}

fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, by hand {expected}");
}

/// 2 / (1 + e^5x) - 1.
fn sigmoid(x: f64) -> f64 {
    -(2.5 * x).tanh()
}

const PROFILES: [Profile; 3] = [STANDARD, LOW_FALSE_POSITIVES, LOW_FALSE_NEGATIVES];

#[test]
fn no_alarm_is_0_and_the_first_row_of_each_window_is_100() {
    for profile in &PROFILES {
        assert_near(at_one(&[], profile), 0.0);
        assert_near(at_one(&[300, 700], profile), 100.0);
    }
}

#[test]
fn worked_by_hand() {
    // One window of two is found half way (50 rows to go of 100), one is missed: -2 becomes -1 + s(-.5)/s(-1).
    let half = sigmoid(-0.5) / sigmoid(-1.0);
    assert_near(at_one(&[350], &STANDARD), 100.0 * (half - 1.0 + 2.0) / 4.0);
    assert_near(at_one(&[350], &LOW_FALSE_NEGATIVES), 100.0 * (half - 2.0 + 4.0) / 6.0);
    // The best of a window counts, whatever else is in it.
    assert_near(at_one(&[350, 351, 399], &STANDARD), at_one(&[350], &STANDARD));
    // Before any window a false alarm costs all of it; 20 rows past a window of 100 rows it costs s(20/99) of it.
    assert_near(at_one(&[200, 300, 700], &STANDARD), 100.0 * (4.0 - 0.11) / 4.0);
    assert_near(at_one(&[200, 300, 700], &LOW_FALSE_POSITIVES), 100.0 * (4.0 - 0.22) / 4.0);
    assert_near(at_one(&[300, 419, 700], &STANDARD), 100.0 * (4.0 + 0.11 * sigmoid(20.0 / 99.0)) / 4.0);
    // More than three widths past it, all again: rows 697 to 699.
    assert_near(at_one(&[300, 697, 700], &STANDARD), 100.0 * (4.0 - 0.11) / 4.0);
    // The first 150 rows are not judged.
    assert_near(at_one(&[0, 149, 300, 700], &STANDARD), 100.0);
}

#[test]
fn the_threshold_is_the_best_for_all_files_together() {
    let windows = [300..=399];
    let mut first = alarms(&[300]);
    let mut second = alarms(&[300]);
    first[200] = 2.0;
    second[300] = 0.5;
    second[600] = 0.4;
    let files = [Judged { windows: &windows, scores: &first }, Judged { windows: &windows, scores: &second }];
    let (found, threshold) = score(&files, &STANDARD).unwrap();
    assert_eq!(threshold, 0.5);
    assert_near(found, 100.0 * (4.0 - 0.11) / 4.0);
    assert_eq!(score(&[Judged { windows: &[], scores: &first }], &STANDARD), None);
    // Where every alarm costs more than it brings, the best is none.
    let wrong = alarms(&[200]);
    let (found, threshold) = score(&[Judged { windows: &windows, scores: &wrong }], &STANDARD).unwrap();
    assert_eq!((found, threshold), (0.0, f64::INFINITY));
}

#[test]
fn probation_ends_at_750_rows() {
    let mut scores = vec![0.0; 10_000];
    (scores[749], scores[750]) = (1.0, 1.0);
    let windows = [9_000..=9_999];
    let found = score_at(&[Judged { windows: &windows, scores: &scores }], &STANDARD, 1.0).unwrap();
    assert_near(found, 100.0 * -0.11 / 2.0);
}

#[test]
fn a_file_is_read_with_its_windows_and_its_day() {
    let text = "timestamp,value\n2014-04-01 23:50:00,1\n2014-04-01 23:55:00,2.5\n2014-04-02 00:00:00,-3e2\n";
    let window = ["2014-04-01 23:55:00.000000".to_string(), "2014-04-02 00:00:00.000000".to_string()];
    let found = labelled("folder/a.csv".into(), text, std::slice::from_ref(&window)).unwrap();
    let expected = Labelled {
        name: "folder/a.csv".into(),
        values: vec![1.0, 2.5, -300.0],
        windows: vec![1..=2],
        day: 288,
    };
    assert_eq!((found.folder(), &found), ("folder", &expected));
    let elsewhere = ["2014-04-03 00:00:00".to_string(), window[1].clone()];
    assert!(labelled("folder/a.csv".into(), text, &[elsewhere]).is_err());
}
