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

fn series(rows: u64, value: impl Fn(u64) -> f64) -> Vec<f64> {
    (0..rows).map(value).collect()
}

fn found(values: &[f64]) -> Option<usize> {
    period(values, 0.01).map(|found| found.rows)
}

#[test]
fn seasons_of_many_shapes_and_lengths() {
    for length in [2_u64, 3, 5, 7, 12, 24, 30, 48, 96, 168, 288] {
        for seed in 0..4 {
            let rows = length * 8 + 60;
            let phase = |row: u64| (row % length) as f64 / length as f64;
            let wave = series(rows, |row| 3.0 * (TAU * phase(row)).cos() + noise(seed, row));
            let ramp = series(rows, |row| 9.0 * phase(row) + noise(seed, row) + 0.01 * row as f64);
            let spike = series(rows, |row| if row % length == 1 { 20.0 } else { 0.0 } + noise(seed, row));
            for (shape, values) in [("wave", wave), ("ramp", ramp), ("spike", spike)] {
                if shape == "spike" && length > 48 {
                    continue; // One row of very many says too little at any one frequency.
                }
                let found = found(&values);
                // A wave's peak is flat: its top is where the noise has it.
                let near = if shape == "wave" { length / 16 } else { length / 40 };
                assert!(
                    found.is_some_and(|rows| (rows as u64).abs_diff(length) <= near),
                    "{shape} of {length} rows, seed {seed}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn the_longer_of_two_seasons_holds_the_shorter() {
    let week = series(24 * 7 * 6, |row| {
        let weekend = if row / 24 % 7 >= 5 { 0.2 } else { 1.0 };
        weekend * (4.0 + 3.0 * (TAU * row as f64 / 24.0).sin()) + 0.3 * noise(1, row)
    });
    assert_eq!(found(&week), Some(168));
}

/// Of 300 series each, at most so many of a hundred may seem to have a season.
#[test]
fn noise_has_none() {
    for (correlation, most) in [(0.0, 3), (0.5, 6), (0.9, 9), (1.0, 15)] {
        let seems = |seed: &u64| {
            let mut last = 0.0;
            let values = series(400, |row| noise(*seed, row));
            let values: Vec<f64> = values
                .into_iter()
                .map(|value| {
                    last = correlation * last + value;
                    last
                })
                .collect();
            found(&values).is_some()
        };
        let alarms = (0..300).filter(seems).count();
        assert!(alarms <= 3 * most, "correlation {correlation}, seeds 0 to 299: {alarms}");
    }
}

#[test]
fn lines_constants_and_short_series_have_none() {
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[1.0, 2.0, 1.0, 2.0]), None);
    assert_eq!(found(&[0.0; 100]), None);
    assert_eq!(found(&[7.0; 100]), None);
    assert_eq!(found(&series(100, |row| 3.0 * row as f64)), None);
    let step = series(200, |row| if row < 100 { 0.0 } else { 5.0 } + noise(2, row));
    assert_eq!(found(&step), None);
}

#[test]
fn the_unit_does_not_matter() {
    let values = series(200, |row| (row % 10) as f64 + noise(3, row));
    for scale in [1e-300, 1e-9, 1e9, 1e300] {
        let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
        assert_eq!(found(&scaled), Some(10), "{scale}");
    }
}
