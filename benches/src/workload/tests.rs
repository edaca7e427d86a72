use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};

use super::*;
use crate::check::Check;

fn small(kind: Kind) -> Workload {
    Workload { kind, scale: Scale::over(1_000), seed: SEED }
}

fn batches(mut rows: Box<dyn Rows>, rows_max: usize) -> Vec<RecordBatch> {
    std::iter::from_fn(|| rows.next_batch(rows_max).unwrap()).collect()
}

fn check_of(streams: Vec<Box<dyn Rows>>, rows_max: usize) -> Check {
    let mut check = Check::default();
    for batch in streams.into_iter().flat_map(|stream| batches(stream, rows_max)) {
        check.add(&batch).unwrap();
    }
    check
}

/// Sums of doubles depend on the order of adding.
fn assert_close(a: &Check, b: &Check) {
    assert_eq!((a.rows, a.time, &a.counts), (b.rows, b.time, &b.counts));
    for (name, sum) in &a.sums {
        assert!((sum - b.sums[name]).abs() <= 1e-9 * sum.abs(), "{name}: {sum} and {}", b.sums[name]);
    }
}

/// Mean and standard deviation of 200,000 draws.
fn moments(draw: impl Fn(&mut Random) -> f64) -> (f64, f64) {
    let mut random = Random::new(SEED, 0);
    let draws: Vec<f64> = (0..200_000).map(|_| draw(&mut random)).collect();
    let mean = draws.iter().sum::<f64>() / draws.len() as f64;
    let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
    (mean, variance.sqrt())
}

#[test]
fn distributions_have_their_means_and_spreads() {
    type Draw = fn(&mut Random) -> f64;
    let lognormal =
        |mu: f64, s: f64| ((mu + s * s / 2.0).exp(), ((s * s).exp_m1()).sqrt() * (mu + s * s / 2.0).exp());
    let beta = |a: f64, b: f64| (a / (a + b), (a * b / ((a + b).powi(2) * (a + b + 1.0))).sqrt());
    let cases: [(&str, Draw, (f64, f64)); 8] = [
        ("unit", Random::unit, (0.5, (1.0_f64 / 12.0).sqrt())),
        ("below", |r| r.below(10) as f64, (4.5, (99.0_f64 / 12.0).sqrt())),
        ("normal", Random::normal, (0.0, 1.0)),
        ("lognormal", |r| r.lognormal(3.2, 0.5), lognormal(3.2, 0.5)),
        ("exponential", |r| r.exponential(12.0), (12.0, 12.0)),
        ("gamma", |r| r.gamma(2.0, 200.0), (400.0, 200.0 * 2.0_f64.sqrt())),
        ("beta", |r| r.beta(2.0, 5.0), beta(2.0, 5.0)),
        ("poisson", |r| r.poisson(3.0) as f64, (3.0, 3.0_f64.sqrt())),
    ];
    for (name, draw, (mean, deviation)) in cases {
        let (found_mean, found_deviation) = moments(draw);
        // Five standard errors of the mean; 3 % of the spread, whose error is greater for skewed ones.
        let error = 5.0 * deviation / 200_000_f64.sqrt();
        assert!((found_mean - mean).abs() < error, "{name}: mean {found_mean}, not {mean}");
        assert!(
            (found_deviation / deviation - 1.0).abs() < 0.03,
            "{name}: deviation {found_deviation}, not {deviation}"
        );
    }
}

#[test]
fn a_weight_is_picked_in_proportion() {
    let mut random = Random::new(SEED, 0);
    let mut counts = [0_u32; 3];
    (0..100_000).for_each(|_| counts[random.pick(&[0.985, 0.01, 0.005])] += 1);
    assert!(counts[0].abs_diff(98_500) < 250 && counts[1].abs_diff(1_000) < 200, "{counts:?}");
    assert!(counts[2].abs_diff(500) < 150, "{counts:?}");
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_gives_others() {
    for kind in [Kind::Tsbs, Kind::Predictions, Kind::Series] {
        let workload = small(kind);
        let rows = batches(workload.stream(), 1_000);
        assert_eq!(rows, batches(workload.stream(), 1_000));
        assert_ne!(rows, batches(Workload { seed: 7, ..workload }.stream(), 1_000));
    }
}

#[test]
fn rows_are_the_same_however_they_are_cut_and_dealt() {
    for kind in [Kind::Tsbs, Kind::Predictions, Kind::Series] {
        let workload = small(kind);
        let whole = check_of(vec![workload.stream()], usize::MAX >> 1);
        assert_eq!(whole.rows, workload.row_count());
        assert_close(&whole, &check_of(vec![workload.stream()], 777));
        assert_close(&whole, &check_of(workload.writer_streams(3), 1_000));
    }
}

#[test]
fn every_batch_has_the_columns_of_its_table() {
    for kind in [Kind::Tsbs, Kind::Predictions, Kind::Series] {
        let workload = small(kind);
        let batch = workload.stream().next_batch(100).unwrap().unwrap();
        let names: Vec<String> = workload.table().columns.into_iter().map(|c| c.name).collect();
        let found: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, found);
        crate::shim::plain_tags(&workload.table(), &batch).unwrap();
    }
}

#[test]
fn times_never_go_back() {
    for kind in [Kind::Tsbs, Kind::Predictions, Kind::Series] {
        let all = batches(small(kind).stream(), 1_000);
        let times = all.iter().flat_map(|b| b.column(0).as_primitive::<TimestampNanosecondType>().values());
        assert!(times.is_sorted(), "{kind:?}");
    }
}

#[test]
fn walks_stay_in_their_range_and_move() {
    let batch = small(Kind::Tsbs).stream().next_batch(usize::MAX >> 1).unwrap().unwrap();
    let values = batch.column(11).as_primitive::<Int64Type>().values();
    assert!(values.iter().all(|value| (0..=100).contains(value)));
    assert!(values.windows(8).any(|w| w[0] != w[4]));
}

#[test]
fn the_last_quarter_of_the_predictions_drifts() {
    let workload = Workload { scale: Scale::over(100), ..small(Kind::Predictions) };
    let batch = workload.stream().next_batch(usize::MAX >> 1).unwrap().unwrap();
    let credit = batch.column_by_name("credit").unwrap().as_primitive::<Int64Type>().values();
    let mean = |values: &[i64]| values.iter().sum::<i64>() as f64 / values.len() as f64;
    let drift = mean(&credit[..75_000]) - mean(&credit[75_000..]);
    assert!((12.0..18.0).contains(&drift), "{drift}");
    let label = batch.column_by_name("label").unwrap();
    let nulls = label.null_count() as f64 / batch.num_rows() as f64;
    assert!((0.29..0.31).contains(&nulls), "{nulls}");
    let amount = batch.column_by_name("amount").unwrap().as_primitive::<Float64Type>();
    assert!(amount.values().iter().all(|x| (x * 100.0).round() / 100.0 == *x));
}

#[test]
fn a_later_round_has_later_times_and_new_ids() {
    let workload = small(Kind::Predictions);
    let batch = workload.stream().next_batch(10).unwrap().unwrap();
    let moved = workload.moved(&batch, 2, 100).unwrap();
    assert_eq!(moved.column_by_name("id").unwrap().as_string::<i32>().value(3), "p203");
    let time = |b: &RecordBatch| b.column(0).as_primitive::<TimestampNanosecondType>().value(0);
    assert_eq!(time(&moved) - time(&batch), 200 * predictions::spacing(Scale::over(1_000)));
    assert_eq!(moved.column(4), batch.column(4));
}

#[test]
fn ids_of_a_log_embed_its_times_and_no_two_are_the_same() {
    let log = late::Log::new(START, SECOND / 100, 1_000, SEED).unwrap();
    let rows: Vec<u64> = log.rows_of(150).collect();
    let batch = log.predictions(150).unwrap();
    let ids = batch.column_by_name("id").unwrap().as_string::<i32>();
    let times = batch.column(0).as_primitive::<TimestampNanosecondType>();
    let embedded = ids.iter().map(|id| driftline_storage::embedded_time(id.unwrap()).unwrap());
    assert!(embedded.zip(times.values()).all(|(id, time)| (0..1_000_000).contains(&(time - id))));
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 1_000);
    let labels = log.labels(&rows, (START, 10), true).unwrap();
    assert_eq!((labels.column(0), labels.column(1)), (batch.column(0), batch.column(3)));
    let arrivals = labels.column(3).as_primitive::<TimestampNanosecondType>().values();
    assert!(arrivals.windows(2).all(|pair| pair[0] < pair[1]));
}
