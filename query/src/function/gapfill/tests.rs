use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, TimestampNanosecondArray,
};
use arrow::datatypes::{Float64Type, Int64Type, IntervalMonthDayNano, TimestampNanosecondType};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::fill::{interpolated, last_values, slots};
use crate::function::tests::{Random, refused, rows, with_table};
use crate::function::time::Buckets;

const SECOND: i64 = 1_000_000_000;

struct Row {
    series: Option<i64>,
    second: i64,
    x: Option<f64>,
}

fn table(random: &mut Random, n: usize, seconds: u64) -> Vec<Row> {
    let row = |random: &mut Random| Row {
        series: (random.below(4) > 0).then(|| random.below(3) as i64),
        second: random.below(seconds) as i64,
        x: (random.below(5) > 0).then(|| random.below(1_000) as f64 / 8.0),
    };
    (0..n).map(|_| row(random)).collect()
}

fn batch(table: &[Row]) -> RecordBatch {
    let times: TimestampNanosecondArray = table.iter().map(|row| Some(row.second * SECOND)).collect();
    RecordBatch::try_from_iter([
        ("time", Arc::new(times.with_timezone("UTC")) as ArrayRef),
        ("g", Arc::new(table.iter().map(|row| row.series).collect::<Int64Array>())),
        ("x", Arc::new(table.iter().map(|row| row.x).collect::<Float64Array>())),
    ])
    .unwrap()
}

/// A series' buckets as they are defined: the greatest x of each, how many rows, and what is filled in.
type Bucket = (i64, Option<f64>, Option<i64>, Option<f64>, Option<f64>);

/// Looks to both sides of each bucket anew.
fn expected(rows: &[&Row], stride: i64, range: (Option<i64>, Option<i64>)) -> Vec<Bucket> {
    let mut found: BTreeMap<i64, (Option<f64>, i64)> = BTreeMap::new();
    for row in rows {
        let (max, count) = found.entry(row.second.div_euclid(stride)).or_default();
        *max = [*max, row.x].into_iter().flatten().reduce(f64::max);
        *count += 1;
    }
    let from = range.0.map_or(*found.keys().next().unwrap(), |from| from.div_euclid(stride));
    let to = range.1.map_or(*found.keys().last().unwrap(), |to| (to - 1).div_euclid(stride));
    let value = |at: i64| found.get(&at).and_then(|(max, _)| *max);
    let filled = |at: i64| {
        let before = (from..=at).rev().find_map(|at| value(at).map(|x| (at, x)));
        let after = (at..=to).find_map(|at| value(at).map(|x| (at, x)));
        let line = before.zip(after).map(|((left, low), (right, high))| match right - left {
            0 => low,
            width => low + (high - low) * (at - left) as f64 / width as f64,
        });
        (line, before.map(|(_, x)| x))
    };
    (from..=to)
        .map(|at| {
            (at * stride, value(at), found.get(&at).map(|(_, count)| *count), filled(at).0, filled(at).1)
        })
        .collect()
}

fn check(found: &RecordBatch, place: usize, series: Option<i64>, expected: &Bucket, sql: &str) {
    let number = |column: usize| {
        let column = found.column(column).as_primitive::<Float64Type>();
        column.is_valid(place).then(|| column.value(place))
    };
    let whole = |column: usize| {
        let column = found.column(column).as_primitive::<Int64Type>();
        column.is_valid(place).then(|| column.value(place))
    };
    let time = found.column(1).as_primitive::<TimestampNanosecondType>().value(place);
    let (at, max, count, line, last) = *expected;
    let exact = (whole(0), time, number(2), whole(3), number(5));
    assert_eq!(exact, (series, at * SECOND, max, count, last), "row {place} of {sql}");
    let close = match (number(4), line) {
        (Some(found), Some(line)) => (found - line).abs() <= 1e-9 * line.abs().max(1.0),
        (found, line) => found == line,
    };
    assert!(close, "row {place} of {sql}: {:?}, not {line:?}", number(4));
}

#[tokio::test]
async fn all_series_are_what_a_plain_recomputation_makes_of_them() {
    let mut random = Random::new();
    for round in 0..30 {
        let (n, seconds) = (1 + random.below(400) as usize, 1 + random.below(4_000));
        let table = table(&mut random, n, seconds);
        let stride = 1 + random.below(120) as i64;
        let context = with_table(&batch(&table));
        let edge =
            |random: &mut Random| (random.below(3) > 0).then(|| random.below(seconds + 200) as i64 - 100);
        let (from, to) = (edge(&mut random), edge(&mut random));
        let condition = |edge: Option<i64>, op: &str| match edge {
            Some(at) => format!("time {op} to_timestamp({at})"),
            None => "true".to_owned(),
        };
        let sql = format!(
            "SELECT g, gapfill('{stride} seconds', time) AS at, max(x), sum(1), interpolate(max(x)), locf(max(x)) FROM t
             WHERE {} AND {} GROUP BY g, at ORDER BY g, at",
            condition(from, ">="),
            condition(to, "<")
        );
        let found =
            rows(&context, &sql).await.unwrap_or_else(|error| panic!("round {round}, {sql}: {error}"));
        let mut place = 0;
        let inside =
            |row: &&Row| from.is_none_or(|at| row.second >= at) && to.is_none_or(|at| row.second < at);
        for series in [Some(0), Some(1), Some(2), None] {
            let of_series: Vec<&Row> =
                table.iter().filter(|row| row.series == series).filter(inside).collect();
            if of_series.is_empty() {
                continue;
            }
            for bucket in expected(&of_series, stride, (from, to)) {
                check(&found, place, series, &bucket, &sql);
                place += 1;
            }
        }
        assert_eq!(place, found.num_rows(), "{sql}");
    }
}

fn seconds(nanos: i64) -> Buckets {
    Buckets::new("gapfill", IntervalMonthDayNano::new(0, 0, nanos), None).unwrap()
}

#[test]
fn rows_without_a_time_come_last_and_are_filled_from_nothing() {
    let slots = slots(&seconds(10), Some(0), Some(35), [Some(10), Some(20), None]).unwrap();
    assert_eq!(
        slots,
        [(Some(0), None), (Some(10), Some(0)), (Some(20), Some(1)), (Some(30), None), (None, Some(2))]
    );
    let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(9.0)]));
    let found = interpolated(&slots, &values).unwrap();
    assert_eq!(found.iter().collect::<Vec<_>>(), [None, Some(1.0), None, None, Some(9.0)]);
    let last: Vec<_> = last_values(&slots, &values).iter().collect();
    assert_eq!(last, [None, Some(0), Some(0), Some(0), Some(2)]);
}

#[test]
fn nan_is_no_value_to_draw_a_line_from_and_great_numbers_do_not_overflow() {
    let slots = slots(&seconds(10), None, None, [Some(0), Some(10), Some(40)]).unwrap();
    let line = |values: [f64; 3]| {
        let values: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        interpolated(&slots, &values).unwrap().iter().collect::<Vec<_>>()
    };
    assert_eq!(line([1.0, f64::NAN, 5.0]), [1.0, 2.0, 3.0, 4.0, 5.0].map(Some));
    let great = line([0.0, f64::MAX, -f64::MAX]);
    assert!(great.iter().all(|x| x.is_some_and(f64::is_finite)), "{great:?}");
}

#[tokio::test]
async fn now_and_parameters_bound_the_buckets_too() {
    let context = with_table(&batch(&[Row { series: None, second: 90, x: Some(1.0) }]));
    let sql = "SELECT count(*) FROM (SELECT gapfill('1 minute', time) AS at, count(*) FROM t
               WHERE time >= to_timestamp(0) AND time < least(now(), to_timestamp(300)) GROUP BY 1)";
    assert_eq!(rows(&context, sql).await.unwrap().column(0).as_primitive::<Int64Type>().value(0), 5);
    let sql =
        "SELECT gapfill('1 minute', time) AS at, count(*) FROM t WHERE time BETWEEN $1 AND $2 GROUP BY 1";
    let moment = |second: i64| {
        datafusion::scalar::ScalarValue::TimestampNanosecond(Some(second * SECOND), Some("UTC".into()))
    };
    let frame = context.sql(sql).await.unwrap().with_param_values(vec![moment(0), moment(240)]).unwrap();
    assert_eq!(frame.count().await.unwrap(), 5);
}

#[tokio::test]
async fn a_series_is_within_the_memory_of_queries() {
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(4 << 20, 1.0).build_arc().unwrap();
    let state = datafusion::execution::session_state::SessionStateBuilder::new()
        .with_config(SessionConfig::new().with_target_partitions(1).with_sort_spill_reservation_bytes(0))
        .with_runtime_env(runtime)
        .with_default_features();
    let context = SessionContext::new_with_state(crate::function::register(state).build());
    let table = batch(&[Row { series: None, second: 0, x: Some(1.0) }]);
    context.register_batch("t", table).unwrap();
    let sql = |to: i64| {
        format!(
            "SELECT gapfill('1 second', time) AS at, locf(max(x)) FROM t WHERE time < to_timestamp({to}) GROUP BY 1"
        )
    };
    assert_eq!(rows(&context, &sql(1_000)).await.unwrap().num_rows(), 1_000);
    let error = refused(&context, &sql(900_000)).await;
    assert!(error.contains("Resources exhausted") && error.contains("gapfill"), "{error}");
    assert_eq!(rows(&context, &sql(1_000)).await.unwrap().num_rows(), 1_000, "the next query is answered");
}
