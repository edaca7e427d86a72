use super::*;

/// A number of a fixed generator in 0..1.
fn uniform(seed: u64, row: u64) -> f64 {
    let mut z = seed.wrapping_add(row.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 * 2.0_f64.powi(-53)
}

/// Noise about the level and with the spread of each segment of 20 rows.
fn segments(seed: u64, levels: &[(f64, f64)]) -> Vec<f64> {
    let noise = |row: u64| uniform(seed, 2 * row) + uniform(seed, 2 * row + 1) - 1.0;
    let of = |(place, (level, spread)): (usize, &(f64, f64))| {
        let rows = place as u64 * 20..(place as u64 + 1) * 20;
        rows.map(|row| level + spread * noise(row)).collect::<Vec<_>>()
    };
    levels.iter().enumerate().flat_map(of).collect()
}

/// The least total by trying every last segment, without dropping any.
fn least_total(costs: &Costs, rows: usize, rows_min: usize, penalty: f64) -> f64 {
    let mut least = vec![f64::INFINITY; rows + 1];
    least[0] = -penalty;
    for end in rows_min..=rows {
        least[end] = (0..=end - rows_min)
            .map(|start| least[start] + costs.cost(start, end) + penalty)
            .fold(f64::INFINITY, f64::min);
    }
    least[rows]
}

fn total(costs: &Costs, rows: usize, starts: &[usize], penalty: f64) -> f64 {
    let edges: Vec<usize> = [0].iter().chain(starts).chain([&rows]).copied().collect();
    edges.windows(2).map(|edge| costs.cost(edge[0], edge[1]) + penalty).sum::<f64>() - penalty
}

#[test]
fn no_cut_is_cheaper_than_the_one_found() {
    for seed in 0..60 {
        let level = |place: u64| {
            ((uniform(seed + 900, place) * 4.0).floor(), 0.2 + uniform(seed + 500, place / 2) * 2.0)
        };
        let levels: Vec<(f64, f64)> = (0..seed % 8 + 1).map(level).collect();
        let mut values = segments(seed, &levels);
        if seed % 5 == 0 {
            values.iter_mut().for_each(|value| *value = (*value * 2.0).round());
        }
        for (cost, rows_min, penalty) in [
            (ChangeCost::Mean, 1, 4.0),
            (ChangeCost::Mean, 7, 0.5),
            (ChangeCost::MeanVariance, 2, 15.0),
            (ChangeCost::MeanVariance, 5, 1.0),
        ] {
            let parameters = ChangeParameters { cost, rows_min, penalty: Some(penalty) };
            let starts = changepoints(&values, &parameters).unwrap();
            let Some(costs) = Costs::of(&values, cost) else { continue };
            let found = total(&costs, values.len(), &starts, penalty);
            let least = least_total(&costs, values.len(), rows_min, penalty);
            assert!(
                (found - least).abs() < 1e-6,
                "seed {seed}, {parameters:?}: {found} of {starts:?}, least {least}"
            );
            let edges: Vec<usize> = [0].iter().chain(&starts).chain([&values.len()]).copied().collect();
            assert!(edges.windows(2).all(|edge| edge[1] - edge[0] >= rows_min), "seed {seed}: {starts:?}");
        }
    }
}

#[test]
fn changes_of_the_mean_are_found_and_none_in_noise() {
    let values = segments(3, &[(0.0, 1.0), (3.0, 1.0), (3.0, 1.0), (-1.0, 1.0)]);
    assert_eq!(changepoints(&values, &ChangeParameters::default()).unwrap(), [20, 60]);
    // The same far from zero and in another unit.
    let moved: Vec<f64> = values.iter().map(|value| value * 1e-5 + 1e3).collect();
    assert_eq!(changepoints(&moved, &ChangeParameters::default()).unwrap(), [20, 60]);
    let alarms = (0..200).filter(|seed| {
        !changepoints(&segments(*seed, &[(0.0, 1.0); 10]), &ChangeParameters::default()).unwrap().is_empty()
    });
    assert!(alarms.count() < 30);
}

#[test]
fn changes_of_the_variance_are_found_only_where_asked_for() {
    let values = segments(5, &[(0.0, 1.0), (0.0, 1.0), (0.0, 20.0), (0.0, 20.0), (0.0, 1.0), (0.0, 1.0)]);
    let parameters = ChangeParameters { cost: ChangeCost::MeanVariance, rows_min: 5, penalty: None };
    let found = changepoints(&values, &parameters).unwrap();
    assert!(matches!(found[..], [a, b] if a.abs_diff(40) < 4 && b.abs_diff(80) < 4), "{found:?}");
}

#[test]
fn series_without_noise_and_short_ones() {
    let of = |values: &[f64]| changepoints(values, &ChangeParameters::default()).unwrap();
    assert_eq!(of(&[]), [0; 0]);
    assert_eq!(of(&[1.0]), [0; 0]);
    assert_eq!(of(&[1.0, 2.0, 1.0]), [0; 0]);
    assert_eq!(of(&[5.0; 50]), [0; 0]);
    let step: Vec<f64> = (0..50).map(|row| if row < 30 { 1.0 } else { 2.0 }).collect();
    assert_eq!(of(&step), [30]);
    let huge: Vec<f64> = step.iter().map(|value| value * 1e300).collect();
    assert_eq!(of(&huge), [30]);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let refused = |values: &[f64], parameters| changepoints(values, &parameters).is_err();
    let rows_min = |cost, rows_min| ChangeParameters { cost, rows_min, penalty: None };
    assert!(refused(&[0.0; CHANGEPOINT_ROWS_MAX + 1], ChangeParameters::default()));
    assert!(refused(&[0.0], rows_min(ChangeCost::Mean, 0)));
    assert!(refused(&[0.0], rows_min(ChangeCost::MeanVariance, 1)));
    assert!(refused(&[0.0], ChangeParameters { penalty: Some(f64::NAN), ..Default::default() }));
}
