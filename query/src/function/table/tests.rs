use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::TimestampNanosecondType;
use datafusion::datasource::MemTable;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::SessionContext;
use driftline_storage::distribution::Distribution;

use super::counted::{counted, last_row};
use super::definition::DEFINITIONS;
use super::drift::When;
use super::exec::{DriftExec, Inputs};
use super::provider::{Answer, Compared, Job, Judging};
use super::report;
use super::windows::Windows;
use crate::function::counting::Counter;
use crate::function::tests::{Random, context, dealt, numbers, refused, rows};
use crate::stats::judge::Inflation;

const DAY: i64 = 86_400_000_000_000;

/// Thirty days of rows, more of them at the end, in order of time: time, a number, a category.
fn month(n: usize) -> RecordBatch {
    let mut random = Random::new();
    let mut times: Vec<i64> = (0..n).map(|_| (random.unit().sqrt() * 30.0 * DAY as f64) as i64).collect();
    times.sort_unstable();
    let numbers = times.iter().map(|time| {
        let shift = if *time > 20 * DAY { 0.4 } else { 0.0 };
        (random.below(9) > 0).then(|| ((random.unit() + shift) * 300.0).round())
    });
    let numbers: Float64Array = numbers.collect();
    let texts = times.iter().map(|time| match random.below(8) {
        0 => None,
        1 if *time > 10 * DAY => Some("late"),
        2..5 => Some("b"),
        _ => Some("a"),
    });
    let texts: StringArray = texts.collect();
    let times = TimestampNanosecondArray::from(times).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 3] =
        [("time", Arc::new(times)), ("x", Arc::new(numbers)), ("c", Arc::new(texts))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn distribution(column: &dyn Array) -> Distribution {
    let mut counter = Counter::for_type(column.data_type());
    counter.add(column).unwrap();
    counter.distribution().clone()
}

/// A job whose baseline is a part of the rows.
fn job(windows: Windows, baseline: &RecordBatch) -> Job {
    let compared = |name: &str| Compared {
        name: name.into(),
        reference: distribution(baseline.column_by_name(name).unwrap().as_ref()),
        is_label: false,
        inflation: Inflation::NONE,
        is_ordered: false,
    };
    Job {
        function: "drift_over_time",
        model: "m".into(),
        baseline: "b".into(),
        is_previous: false,
        query: String::new(),
        bins: 10,
        windows,
        columns: vec![compared("x"), compared("c")],
        segment: None,
        judging: Judging { rows_min: 1, is_exact: true, ..Judging::default() },
        answer: Answer::Columns,
    }
}

fn register(context: &SessionContext, rows: &RecordBatch) {
    let table = MemTable::try_new(rows.schema(), dealt(rows, 3)).unwrap();
    context.deregister_table("t").unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
}

/// The job's node over rows in three partitions.
async fn planned(
    context: &SessionContext,
    job: Job,
    rows: &RecordBatch,
    projection: Option<Vec<usize>>,
) -> DriftExec {
    register(context, rows);
    let rows = context.table("t").await.unwrap().into_unoptimized_plan();
    let state = context.state();
    let distribution = state.aggregate_functions().get("distribution").unwrap();
    let plan = counted(&job, rows.clone(), distribution).unwrap();
    let counts = state.create_physical_plan(&plan).await.unwrap();
    let last_row = match last_row(&job, rows).unwrap() {
        Some(plan) => Some(state.create_physical_plan(&plan).await.unwrap()),
        None => None,
    };
    DriftExec::try_new(Arc::new(job), Inputs { counts, last_row, reference: None }, projection).unwrap()
}

async fn run(job: Job, rows: &RecordBatch, projection: Option<Vec<usize>>) -> RecordBatch {
    let context = context();
    let plan = planned(&context, job, rows, projection).await;
    let schema = plan.schema();
    let batches = collect(Arc::new(plan), context.task_ctx()).await.unwrap();
    concat_batches(&schema, &batches).unwrap()
}

fn column<'a>(report: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    report.column_by_name(name).unwrap()
}

fn values(report: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    numbers(report, report.schema().index_of(name).unwrap())
}

fn weeks() -> Windows {
    Windows::Every { width: 7 * DAY, from: None, to: None }
}

#[tokio::test]
async fn each_window_is_compared_as_sql_would_compare_it() {
    let all = month(3_000);
    let baseline = all.slice(0, 700);
    let found = run(job(weeks(), &baseline), &all, None).await;
    let context = context();
    register(&context, &all);
    context.register_batch("baseline", baseline).unwrap();
    let sql = "
        WITH w AS (SELECT date_bin(INTERVAL '7 days', time) s, * FROM t)
        SELECT s, psi((SELECT distribution(x) FROM baseline), distribution(x)),
               js_distance((SELECT distribution(x) FROM baseline), distribution(x)),
               psi((SELECT distribution(c) FROM baseline), distribution(c)),
               count(x), 1 - count(c) / count(*)::double
        FROM w WHERE s + INTERVAL '7 days' <= (SELECT max(time) FROM t) GROUP BY s ORDER BY s";
    let expected = rows(&context, sql).await.unwrap();
    assert_eq!(expected.num_rows(), 4);
    assert_eq!(found.num_rows(), 8);
    let starts = column(&found, "window_start").as_primitive::<TimestampNanosecondType>();
    for week in 0..4 {
        let (x, c) = (2 * week, 2 * week + 1);
        assert_eq!(starts.value(x), week as i64 * 7 * DAY);
        assert_eq!(values(&found, "psi")[x], numbers(&expected, 1)[week]);
        assert_eq!(values(&found, "js_distance")[x], numbers(&expected, 2)[week]);
        assert_eq!(values(&found, "psi")[c], numbers(&expected, 3)[week]);
        assert_eq!(values(&found, "n_current")[x], numbers(&expected, 4)[week]);
        let missing = values(&found, "missing_current")[c].unwrap();
        assert!((missing - numbers(&expected, 5)[week].unwrap()).abs() < 1e-12);
        let ks = format!(
            "SELECT ks_test_statistic(x, cur) FROM (SELECT x, false cur FROM baseline UNION ALL
             SELECT x, true FROM t WHERE date_bin(INTERVAL '7 days', time) = to_timestamp_nanos({}))",
            starts.value(x)
        );
        assert_eq!(values(&found, "statistic")[x], numbers(&rows(&context, &ks).await.unwrap(), 0)[0]);
    }
}

#[tokio::test]
async fn rows_in_any_order_give_the_same() {
    let all = month(2_000);
    let mut random = Random::new();
    let mut places: Vec<(u64, u32)> = (0..2_000).map(|place| (random.below(u64::MAX), place)).collect();
    places.sort_unstable();
    let places: UInt32Array = places.into_iter().map(|(_, place)| place).collect();
    let shuffled = take_record_batch(&all, &places).unwrap();
    let days = Windows::Every { width: DAY, from: Some(3 * DAY + 1), to: Some(20 * DAY - 1) };
    let (in_order, found) =
        (run(job(days, &all), &all, None).await, run(job(days, &all), &shuffled, None).await);
    assert_eq!(in_order, found);
    assert!(column(&found, "window_start").as_primitive::<TimestampNanosecondType>().value(0) >= 4 * DAY);
}

#[tokio::test]
async fn one_window_is_reported_even_without_rows() {
    let all = month(500);
    let found = run(job(Windows::One { start: 0, end: DAY }, &all), &all.slice(0, 0), None).await;
    assert_eq!(values(&found, "n_current"), [Some(0.0), Some(0.0)]);
    for name in ["psi", "js_distance", "statistic", "p_value", "missing_current"] {
        assert_eq!(values(&found, name), [None, None], "{name}");
    }
    assert_eq!(column(&found, "drifted").null_count(), 2);
    assert_eq!(run(job(weeks(), &all), &all.slice(0, 0), None).await.num_rows(), 0);
}

#[tokio::test]
async fn drifted_is_an_adjusted_p_value_and_an_effect_and_new_categories_are_counted() {
    let all = month(3_000);
    let baseline = all.slice(0, 300);
    let found = run(job(Windows::Every { width: DAY, from: None, to: None }, &baseline), &all, None).await;
    let drifted = column(&found, "drifted").as_boolean();
    let [p, adjusted, effects] = ["p_value", "p_adjusted", "effect"].map(|name| values(&found, name));
    let names = column(&found, "effect_name").as_string::<i32>();
    for row in 0..found.num_rows() {
        let floor = if names.value(row) == "wasserstein_scaled" { 0.05 } else { 0.02 };
        let is_it = adjusted[row].unwrap() <= 1.0 / 30.0 && effects[row].unwrap() >= floor;
        assert_eq!(drifted.value(row), is_it, "{row}");
        assert!(adjusted[row] >= p[row] && adjusted[row].unwrap() <= 2.0 * p[row].unwrap());
    }
    assert!(drifted.true_count() > 0 && drifted.false_count() > 0);
    let kinds = column(&found, "kind").as_string::<i32>();
    for (row, new) in values(&found, "new_categories").into_iter().enumerate() {
        match kinds.value(row) {
            "numeric" => assert_eq!(new, None),
            _ => assert!(new == Some(0.0) || new == Some(1.0)),
        }
    }
    assert_eq!(values(&found, "new_categories").pop(), Some(Some(1.0)));
}

#[tokio::test]
async fn numbers_beyond_the_exact_limit_say_that_they_are_binned() {
    let mut random = Random::new();
    let mut all = month(9_000);
    let many: Float64Array = (0..9_000).map(|_| Some(random.unit())).collect();
    all = RecordBatch::try_new(
        all.schema(),
        vec![all.column(0).clone(), Arc::new(many), all.column(2).clone()],
    )
    .unwrap();
    let mut job = job(Windows::One { start: 0, end: 30 * DAY }, &all);
    let context = context();
    let plan = planned(&context, job.clone(), &all, None).await;
    let error = collect(Arc::new(plan), context.task_ctx()).await.unwrap_err();
    assert!(error.to_string().contains("`exact` cannot be had of x"), "{error}");
    job.judging.is_exact = false;
    let found = run(job, &all, None).await;
    let methods: Vec<_> = column(&found, "method").as_string::<i32>().iter().flatten().collect();
    assert_eq!(methods, ["rank+ks,iid/binned", "chi2,iid/exact"]);
    assert_eq!(values(&found, "psi"), [Some(0.0), Some(0.0)]);
}

#[tokio::test]
async fn only_the_columns_asked_for_are_made_in_their_order() {
    let all = month(400);
    let whole = run(job(weeks(), &all), &all, None).await;
    let psi = report::schema().index_of("psi").unwrap();
    let some = run(job(weeks(), &all), &all, Some(vec![psi, 3])).await;
    assert_eq!(some, whole.project(&[psi, 3]).unwrap());
    assert_eq!(run(job(weeks(), &all), &all, Some(vec![])).await.num_rows(), whole.num_rows());
}

#[tokio::test]
async fn the_scan_below_is_shown() {
    let all = month(50);
    let context = context();
    let plan = planned(&context, job(weeks(), &all), &all, None).await;
    let shown = displayable(&plan).indent(false).to_string();
    assert!(
        shown.contains("DriftExec: model=m, baseline=b, windows=every 604800s, columns=[x, c]"),
        "{shown}"
    );
    assert!(shown.contains("DataSourceExec"), "{shown}");
}

#[tokio::test]
async fn windows_without_end_are_refused() {
    let all = month(150_000);
    let job = job(Windows::Every { width: 1, from: None, to: None }, &all.slice(0, 10));
    let context = context();
    let plan = planned(&context, job, &all, None).await;
    let error = collect(Arc::new(plan), context.task_ctx()).await.unwrap_err();
    assert!(error.to_string().contains("make `window` longer"), "{error}");
}

#[test]
fn a_span_ends_now_unless_told_otherwise() {
    use super::arguments::Arguments;
    use super::windows::Span;
    use datafusion::logical_expr::{Expr, lit};
    use datafusion::scalar::ScalarValue;

    let windows = |given: [&str; 4]| {
        let [from, to, window, at] =
            given.map(|text| lit(if text.is_empty() { ScalarValue::Null } else { ScalarValue::from(text) }));
        let null = || lit(ScalarValue::Null);
        let rest = std::iter::repeat_with(null).take(10);
        let exprs: Vec<Expr> = [lit("m"), null(), from, to, window, at].into_iter().chain(rest).collect();
        let arguments = Arguments::new(DEFINITIONS[0], &exprs)?;
        Span::new(&arguments, "drift").and_then(|span| When::Span(span).at(100 * DAY))
    };
    let one = |start: i64, end: i64| Windows::One { start: start * DAY, end: end * DAY };
    assert_eq!(windows(["", "", "7 days", ""]).unwrap(), one(93, 100));
    assert_eq!(windows(["", "", "1d", "1970-01-11"]).unwrap(), one(9, 10));
    assert_eq!(windows(["", "1970-01-11", "1d", ""]).unwrap(), one(9, 10));
    assert_eq!(windows(["1970-01-02", "1970-01-03", "", ""]).unwrap(), one(1, 2));
    assert_eq!(windows(["1970-01-02", "", "", ""]).unwrap(), one(1, 100));
    for (given, said) in [
        (["", "", "", ""], "say which window"),
        (["1970-01-02", "", "1 day", ""], "give one of them"),
        (["", "1970-01-02", "1 day", "1970-01-02"], "give one of them"),
        (["1970-01-03", "1970-01-03", "", ""], "the window is empty"),
        (["", "", "100000 days", "1700-01-01"], "before 1677"),
        (["", "", "1 month", ""], "not months"),
        (["", "", "0 days", ""], "more than 0"),
        (["", "", "often", ""], "INTERVAL '7 days'"),
        (["long ago", "", "", ""], "'2026-01-31'"),
    ] {
        let error = windows(given).unwrap_err().strip_backtrace();
        assert!(error.contains(said), "{given:?}: {error}");
    }
}

#[tokio::test]
async fn calls_are_refused_with_the_argument_and_those_accepted() {
    let context = context();
    let accepted = "drift takes model, baseline, from, to, window, at, rows, bins, features, segment, alpha";
    for (call, said) in [
        ("drift('m', basline => 'b')", "there is no argument basline"),
        ("drift('m', basline => 'b')", accepted),
        ("drift('m', bins => 5, bins => 6)", "argument `bins` is given twice"),
        ("drift('m', model => 'n')", "argument `model` is given twice"),
        ("drift('m', 'training')", "`'training'` must be written as name => value"),
        ("drift()", "argument `model` is missing"),
        ("drift(m)", "argument `model` must be a constant, not m (a name is written in single quotes)"),
        ("drift(7)", "argument `model` must be a text in single quotes, not 7"),
        ("drift('m', bins => 1)", "argument `bins` must be a whole number from 2 to 1024, not 1"),
        ("drift('m', bins => 'ten')", "argument `bins` must be a whole number"),
        ("drift('m', window => '7')", "argument `window` must be a duration"),
        ("drift('m', window => 7)", "argument `window` must be a duration"),
        (
            "drift('m', window => '1h', alpha => 5)",
            "argument `alpha` must be a number between 0 and 1, not 5",
        ),
        ("drift('m', window => '1h', effect => 'big')", "argument `effect` must be a number of at least 0"),
        (
            "drift('m', window => '1h', features => 'a,,b')",
            "argument `features` must be names with commas between them",
        ),
        ("drift('m', window => '1h', weights => 'no')", "argument `weights` must be 'ignore'"),
        ("drift('m', window => '1h', rows => 5)", "give one of them"),
        ("drift('m', rows => 0)", "argument `rows` must be a whole number from 1"),
        ("drift_over_time('m', window => '1h', rows => 5)", "give one of them"),
        ("drift('m', from => 12)", "argument `from` must be a time"),
        ("drift('m', at => $1)", "argument `at` must be a constant"),
        ("LATERAL drift('m', bins => 5, nobins => 6)", "there is no argument nobins"),
        ("drift('m') TABLESAMPLE (10)", "without TABLE(..), TABLESAMPLE"),
        ("drift_over_time('m')", "argument `window` is missing"),
        ("drift_over_time('m', window => INTERVAL '1 month')", "write days"),
        ("drift_over_time('m', window => '1h', at => now())", "there is no argument at"),
        (
            "drift_over_time('m', window => '1h', from => '2026-02-01', to => '2026-01-01')",
            "the range is empty",
        ),
        // Everything is in order: all that is missing is a database.
        ("drift('m', WINDOW => INTERVAL '7 days', at => now() - INTERVAL '1 day')", "no database open"),
        ("DRIFT('m', from => '2026-01-01', to => date '2026-02-01', bins => 5 + 5) d", "no database open"),
        ("drift_over_time(model => 'm', window => '7 days', baseline => 'b' || '1')", "no database open"),
        ("LATERAL drift('m', bins => 5, window => '1h')", "no database open"),
    ] {
        let error = refused(&context, &format!("SELECT * FROM {call}")).await;
        assert!(error.contains(said), "{call}: {error}");
    }
}
