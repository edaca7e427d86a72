use super::*;

fn uniform(seed: u64, row: u64) -> f64 {
    let mut z = seed.wrapping_add(row.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 * 2.0_f64.powi(-53)
}

/// About normal, with deviation 1.
fn noise(seed: u64, row: u64) -> f64 {
    2.0 * ((0..3).map(|i| uniform(seed, 3 * row + i)).sum::<f64>() - 1.5)
}

#[test]
fn two_rows_worked_by_hand() {
    let smoothing = Smoothing { level: 0.5, trend: 0.5, season: 0.25, damping: 0.5 };
    let state = EtsState { level: 10.0, trend: 2.0, season: vec![1.0, -1.0] };
    let mut model = Ets::new(smoothing, state);
    assert_eq!((model.expected(), model.forecast(1, 0.9)), (12.0, None));
    // Off by 4: level 11 + 2, trend 1 + 1, season 1 + 1. Then 13 + 1 - 1 is expected, and met.
    assert_eq!((model.update(16.0), model.expected()), (4.0, 13.0));
    assert_eq!((model.update(13.0), model.squared_errors()), (0.0, 16.0));
    // Level 14, trend 1; then 14 + .5 + 2, 14 + .75 - 1.
    let found = model.forecast(2, 0.682_689_492_137_085_9).unwrap();
    assert_eq!([found[0].value, found[1].value], [16.5, 13.75]);
    // The deviation is that of a mean square of 8; an error now moves the row after next by .5 + .25 * .5.
    let half = 8.0_f64.sqrt();
    assert!((found[0].high - 16.5 - half).abs() < 1e-9 && (16.5 - half - found[0].low).abs() < 1e-9);
    assert!((found[1].high - 13.75 - half * (1.0 + 0.625_f64.powi(2)).sqrt()).abs() < 1e-9);
}

#[test]
fn a_season_on_a_line_is_carried_on() {
    let value =
        |row: u64| 100.0 + 0.5 * row as f64 + 10.0 * ((row % 12) as f64 - 5.5).abs() + 0.1 * noise(1, row);
    let values: Vec<f64> = (0..120).map(value).collect();
    let found = fit(&values, Some(12)).unwrap().forecast(12, 0.95).unwrap();
    for (step, found) in found.iter().enumerate() {
        let expected = value(120 + step as u64);
        assert!((found.value - expected).abs() < 2.0, "step {step}: {found:?}, came {expected}");
    }
}

/// 95 % intervals hold what they say, on series of the model's own kind: at least 90 of 100.
#[test]
fn intervals_hold_what_comes() {
    let (mut held, mut all) = (0, 0);
    for seed in 0..100 {
        let mut level = 0.0;
        let values: Vec<f64> = (0..210)
            .map(|row| {
                let error = noise(seed, row);
                let value = level + error;
                level += 0.3 * error;
                value
            })
            .collect();
        let (past, future) = values.split_at(200);
        let found = fit(past, None).unwrap().forecast(10, 0.95).unwrap();
        held += found
            .iter()
            .zip(future)
            .filter(|(found, value)| (found.low..=found.high).contains(value))
            .count();
        all += future.len();
    }
    let share = held as f64 / all as f64;
    assert!((0.90..0.99).contains(&share), "seeds 0 to 99: {share}");
}

#[test]
fn what_cannot_be_forecast_is_none() {
    assert!(fit(&[1.0; 9], None).is_none());
    assert!(fit(&[1.0; 23], Some(12)).is_none());
    assert!(fit(&[1.0; 23], Some(1)).is_none());
    let model = fit(&[3.0; 30], Some(7)).unwrap();
    assert!(model.forecast(1, 1.0).is_none() && model.forecast(1, f64::NAN).is_none());
    assert!(model.forecast(HORIZON_MAX + 1, 0.5).is_none());
    let found = model.forecast(3, 0.95).unwrap();
    assert!(found.iter().all(|found| (found.value - 3.0).abs() < 1e-9 && found.high - found.low < 1e-9));
    assert!(fit(&[0.0; 30], None).is_some());
}

#[test]
fn the_unit_does_not_matter() {
    let values: Vec<f64> = (0..60).map(|row| (row % 6) as f64 + noise(2, row)).collect();
    let plain = fit(&values, Some(6)).unwrap().forecast(6, 0.9).unwrap();
    for scale in [2.0_f64.powi(-900), 2.0_f64.powi(900)] {
        let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
        let found = fit(&scaled, Some(6)).unwrap().forecast(6, 0.9).unwrap();
        let back = found.iter().map(|found| found.value / scale);
        assert!(back.zip(&plain).all(|(back, plain)| (back - plain.value).abs() < 1e-9));
    }
}

#[test]
fn a_stop_does_not_show() {
    let values: Vec<f64> = (0..60).map(|row| (row % 6) as f64 + noise(3, row)).collect();
    let mut straight = fit(&values, Some(6)).unwrap();
    let mut stopped: Ets = serde_json::from_slice(&serde_json::to_vec(&straight).unwrap()).unwrap();
    assert_eq!(straight.update(1.7), stopped.update(1.7));
    assert_eq!(straight, stopped);
}
