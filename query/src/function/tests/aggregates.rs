use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use driftline_storage::distribution::Distribution;

use super::{Random, assert_close, number, numbers, refused, rows, with_table};
use crate::function::extension::is_distribution;

/// A day of predictions: group, text label and prediction, a score, a moment.
struct Sample {
    group: Vec<i64>,
    label: Vec<Option<String>>,
    prediction: Vec<Option<String>>,
    score: Vec<Option<f64>>,
}

fn sample(n: usize) -> Sample {
    let mut random = Random::new();
    let mut made = Sample { group: vec![], label: vec![], prediction: vec![], score: vec![] };
    for _ in 0..n {
        made.group.push(random.below(3) as i64);
        let class = random.below(3);
        made.label.push((random.below(10) > 0).then(|| class.to_string()));
        let guess = if random.below(4) == 0 { random.below(3) } else { class };
        made.prediction.push((random.below(10) > 0).then(|| guess.to_string()));
        let score = (random.unit() * 50.0).round() / 100.0 + if class == 1 { 0.4 } else { 0.0 };
        made.score.push(match random.below(20) {
            0 => None,
            1 => Some(f64::NAN),
            _ => Some(score),
        });
    }
    made
}

fn batch(sample: &Sample) -> RecordBatch {
    RecordBatch::try_from_iter([
        ("i", Arc::new((0..sample.group.len() as i64).collect::<Int64Array>()) as ArrayRef),
        ("g", Arc::new(Int64Array::from(sample.group.clone()))),
        ("label", Arc::new(StringArray::from(sample.label.clone()))),
        ("prediction", Arc::new(StringArray::from(sample.prediction.clone()))),
        ("score", Arc::new(Float64Array::from(sample.score.clone()))),
    ])
    .unwrap()
}

/// Pairs of a group for which both are known.
fn judged(sample: &Sample, group: i64) -> Vec<(&str, &str)> {
    let pairs = sample.label.iter().zip(&sample.prediction).zip(&sample.group);
    pairs
        .filter(|(_, g)| **g == group)
        .filter_map(|((label, prediction), _)| Some((label.as_deref()?, prediction.as_deref()?)))
        .collect()
}

#[tokio::test]
async fn quality_by_group_is_counted_over_all_partitions() {
    let sample = sample(2_000);
    let context = with_table(&batch(&sample));
    let sql =
        "SELECT g, accuracy(label, prediction), precision(label, prediction), recall(label, prediction),
                      f1(label, prediction), recall(label, prediction, positive => '2')
               FROM t GROUP BY g ORDER BY g";
    let found = rows(&context, sql).await.unwrap();
    for group in 0..3 {
        let pairs = judged(&sample, group);
        let count = |f: fn(&&(&str, &str)) -> bool| pairs.iter().filter(f).count() as f64;
        let right = count(|(l, p)| l == p);
        let (hit, called, real) =
            (count(|(l, p)| *l == "1" && *p == "1"), count(|(_, p)| *p == "1"), count(|(l, _)| *l == "1"));
        let twos = count(|(l, p)| *l == "2" && *p == "2") / count(|(l, _)| *l == "2");
        let expected =
            [right / pairs.len() as f64, hit / called, hit / real, 2.0 * hit / (called + real), twos];
        for (column, expected) in expected.into_iter().enumerate() {
            assert_close(numbers(&found, column + 1)[group as usize], expected);
        }
    }
}

#[tokio::test]
async fn a_filter_and_a_where_give_the_same() {
    let context = with_table(&batch(&sample(500)));
    for call in [
        "accuracy(label, prediction)",
        "roc_auc(label, score)",
        "p90(score)",
        "ks_test_pvalue(score, i % 2 = 0)",
        "distribution_mean(distribution(score))",
    ] {
        let filtered = format!("SELECT {call} FILTER (WHERE g = 1) FROM t");
        let filtered = if call.starts_with("distribution_mean") {
            "SELECT distribution_mean(distribution(score) FILTER (WHERE g = 1)) FROM t".to_string()
        } else {
            filtered
        };
        let chosen = number(&context, &format!("SELECT {call} FROM t WHERE g = 1")).await;
        assert!(chosen.is_some());
        assert_eq!(number(&context, &filtered).await, chosen, "{call}");
    }
}

#[tokio::test]
async fn nothing_to_judge_is_null() {
    let context = with_table(&batch(&sample(300)));
    for call in [
        "accuracy(label, prediction)",
        "precision(label, prediction)",
        "recall(label, prediction)",
        "f1(label, prediction)",
        "roc_auc(label, score)",
        "percentile(score, 0.5)",
        "p99(score)",
        "ks_test_statistic(score, label = '1')",
        "ks_test_pvalue(score, label = '1')",
    ] {
        assert_eq!(number(&context, &format!("SELECT {call} FROM t WHERE g > 9")).await, None, "{call}");
        assert_eq!(
            number(&context, &format!("SELECT {call} FROM t WHERE label IS NULL AND score IS NULL")).await,
            None,
            "{call}"
        );
    }
}

#[tokio::test]
async fn one_class_has_no_roc_and_no_second_sample() {
    let context = with_table(&batch(&sample(300)));
    assert_eq!(number(&context, "SELECT roc_auc(label, score) FROM t WHERE label = '1'").await, None);
    assert_eq!(number(&context, "SELECT roc_auc(label, score) FROM t WHERE label = '0'").await, None);
    assert_eq!(number(&context, "SELECT ks_test_statistic(score, true) FROM t").await, None);
    // Nothing is called positive: scikit-learn's 0, not NULL.
    let precision = "SELECT precision(label, prediction) FROM t WHERE prediction = '0' AND label IS NOT NULL";
    assert_eq!(number(&context, precision).await, Some(0.0));
}

#[tokio::test]
async fn labels_compare_as_values_in_every_pair_of_types() {
    let label: ArrayRef = Arc::new(StringArray::from(vec!["1", "0", "true", "False", "1.0", "0"]));
    let prediction: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true, false, false, true]));
    let as_int = cast(&prediction, &DataType::Int32).unwrap();
    let as_float = cast(&as_int, &DataType::Float32).unwrap();
    let as_dictionary = cast(
        &cast(&as_int, &DataType::Utf8).unwrap(),
        &DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8)),
    )
    .unwrap();
    let batch = RecordBatch::try_from_iter([
        ("label", label),
        ("boolean", prediction),
        ("int", as_int),
        ("float", as_float),
        ("dictionary", as_dictionary),
    ]);
    let context = with_table(&batch.unwrap());
    for prediction in
        ["boolean", "int", "float", "dictionary", "arrow_cast(int, 'Utf8View')", "arrow_cast(int, 'UInt64')"]
    {
        for positive in ["", ", positive => '1'", ", positive => true", ", positive => 1.0", ", '1'"] {
            for (function, expected) in
                [("accuracy", 4.0 / 6.0), ("precision", 2.0 / 3.0), ("recall", 2.0 / 3.0)]
            {
                let sql = format!("SELECT {function}(label, {prediction}{positive}) FROM t");
                assert_close(number(&context, &sql).await, expected);
            }
        }
    }
}

#[tokio::test]
async fn accuracy_with_a_positive_class_tells_only_that_class_from_the_others() {
    let sql = "SELECT accuracy(l, p), accuracy(l, p, positive => 'a') FROM (VALUES ('a', 'a'), ('b', 'c'), ('c', 'a')) v(l, p)";
    let found = rows(&super::context(), sql).await.unwrap();
    assert_close(numbers(&found, 0)[0], 1.0 / 3.0);
    assert_close(numbers(&found, 1)[0], 2.0 / 3.0);
}

#[tokio::test]
async fn roc_auc_is_the_chance_that_a_positive_scores_higher() {
    let sample = sample(400);
    let known = |class: bool| -> Vec<f64> {
        let pairs = sample.label.iter().zip(&sample.score);
        pairs
            .filter_map(|(l, s)| Some((l.as_deref()? == "1", (*s)?)))
            .filter(|(l, s)| *l == class && !s.is_nan())
            .map(|(_, s)| s)
            .collect()
    };
    let (positive, negative) = (known(true), known(false));
    let won = |a: &f64, b: &f64| {
        if a > b {
            1.0
        } else if a == b {
            0.5
        } else {
            0.0
        }
    };
    let total: f64 = positive.iter().map(|a| negative.iter().map(|b| won(a, b)).sum::<f64>()).sum();
    let expected = total / (positive.len() * negative.len()) as f64;
    let context = with_table(&batch(&sample));
    assert_close(number(&context, "SELECT roc_auc(label, score) FROM t").await, expected);
    assert_close(number(&context, "SELECT roc_auc(label, score, positive => 1) FROM t").await, expected);
    assert_close(number(&context, "SELECT roc_auc(label, -score) FROM t").await, 1.0 - expected);
}

#[tokio::test]
async fn ks_is_the_greatest_difference_of_the_two_shares() {
    let sample = sample(300);
    let scores = |group: bool| -> Vec<f64> {
        let pairs = sample.group.iter().zip(&sample.score);
        pairs.filter_map(|(g, s)| s.filter(|s| !s.is_nan() && (*g == 0) == group)).collect()
    };
    let (reference, current) = (scores(false), scores(true));
    let share = |of: &[f64], x: f64| of.iter().filter(|y| **y <= x).count() as f64 / of.len() as f64;
    let all = reference.iter().chain(&current);
    let expected = all.map(|x| (share(&reference, *x) - share(&current, *x)).abs()).fold(0.0, f64::max);
    let context = with_table(&batch(&sample));
    assert_close(number(&context, "SELECT ks_test_statistic(score, g = 0) FROM t").await, expected);
    let p = number(&context, "SELECT ks_test_pvalue(score, g = 0) FROM t").await.unwrap();
    assert!((0.0..=1.0).contains(&p));
    assert_eq!(number(&context, "SELECT ks_test_pvalue(score, g <> 0) FROM t").await, Some(p));
}

#[tokio::test]
async fn percentiles_agree_with_datafusion_where_both_are_defined() {
    let context = with_table(&batch(&sample(777)));
    let clean = "FROM t WHERE NOT isnan(score) GROUP BY g ORDER BY g";
    for (call, q) in [
        ("percentile(score, 0.37)", 0.37),
        ("p50(score)", 0.5),
        ("p90(score)", 0.9),
        ("p95(score)", 0.95),
        ("p99(score)", 0.99),
    ] {
        let ours = rows(&context, &format!("SELECT {call} {clean}")).await.unwrap();
        let theirs = rows(&context, &format!("SELECT percentile_cont(score, {q}) {clean}")).await.unwrap();
        for (ours, theirs) in numbers(&ours, 0).into_iter().zip(numbers(&theirs, 0)) {
            // Theirs rounds the fraction to six digits.
            assert!((ours.unwrap() - theirs.unwrap()).abs() < 1e-6, "{call}");
        }
    }
    // NaN is no number that could be in the middle, and the ends are the ends.
    let ends = "SELECT percentile(score, 0) = min(score) AND percentile(score, 1.0) = max(score) FROM t WHERE NOT isnan(score)";
    assert!(rows(&context, ends).await.unwrap().column(0).as_boolean().value(0));
    let with_nan = number(&context, "SELECT percentile(score, q => 1) FROM t").await.unwrap();
    assert!(with_nan.is_finite());
}

#[tokio::test]
async fn a_window_slides_over_quality_and_grows_over_the_rest() {
    let sample = sample(120);
    let context = with_table(&batch(&sample));
    let sql = "SELECT accuracy(label, prediction) OVER (ORDER BY i ROWS 9 PRECEDING),
                      p50(score) OVER (ORDER BY i), roc_auc(label, score) OVER (PARTITION BY g),
                      distribution_count(distribution(score) OVER (ORDER BY i))
               FROM t ORDER BY i";
    let found = rows(&context, sql).await.unwrap();
    for row in [0, 5, 9, 10, 63, 119] {
        let pairs: Vec<_> = (row.max(9) - 9..=row)
            .filter_map(|i| Some((sample.label[i].as_deref()?, sample.prediction[i].as_deref()?)))
            .collect();
        let right = pairs.iter().filter(|(l, p)| l == p).count();
        let expected = (!pairs.is_empty()).then(|| right as f64 / pairs.len() as f64);
        assert_eq!(numbers(&found, 0)[row], expected, "row {row}");
        let mut scores: Vec<f64> =
            sample.score[..=row].iter().flatten().filter(|s| !s.is_nan()).copied().collect();
        scores.sort_by(f64::total_cmp);
        assert_eq!(numbers(&found, 3)[row], Some(scores.len() as f64));
        let middle = scores.get(scores.len() / 2).zip(scores.get((scores.len().max(1) - 1) / 2));
        let median = middle.map(|(a, b)| (a + b) / 2.0);
        assert!(median.zip(numbers(&found, 1)[row]).is_none_or(|(a, b)| (a - b).abs() < 1e-12), "row {row}");
    }
}

#[tokio::test]
async fn a_distribution_counts_every_value_wherever_it_was_merged() {
    let sample = sample(1_000);
    let context = with_table(&batch(&sample));
    let direct =
        rows(&context, "SELECT distribution(label), distribution(score), distribution(g = 1) FROM t")
            .await
            .unwrap();
    let merged = rows(
        &context,
        "SELECT merge_distributions(a), merge_distributions(b), merge_distributions(c) FROM
           (SELECT distribution(label) a, distribution(score) b, distribution(g = 1) c FROM t GROUP BY i % 7)",
    )
    .await
    .unwrap();
    assert_eq!(direct.columns(), merged.columns());
    assert!(
        direct.schema().fields().iter().chain(merged.schema().fields()).all(|field| is_distribution(field))
    );

    let decode =
        |column: usize| Distribution::decode(direct.column(column).as_binary::<i32>().value(0)).unwrap();
    let Distribution::Categorical(labels) = decode(0) else { panic!("text is counted as categories") };
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    sample.label.iter().flatten().for_each(|label| *expected.entry(label.clone()).or_default() += 1);
    assert_eq!(labels.counts(), &expected);
    assert_eq!(labels.null_count(), sample.label.iter().filter(|label| label.is_none()).count() as u64);

    let Distribution::Numeric(scores) = decode(1) else { panic!("numbers are counted as numbers") };
    let nan = sample.score.iter().flatten().filter(|score| score.is_nan()).count() as u64;
    assert_eq!(scores.nan_count(), nan);
    assert_eq!(scores.null_count(), sample.score.iter().filter(|score| score.is_none()).count() as u64);
    assert_eq!(scores.count() + scores.null_count() + nan, 1_000);

    let Distribution::Categorical(flags) = decode(2) else { panic!("booleans are counted as categories") };
    let ones = sample.group.iter().filter(|group| **group == 1).count() as u64;
    assert_eq!(
        flags.counts(),
        &BTreeMap::from([("false".to_string(), 1_000 - ones), ("true".to_string(), ones)])
    );
}

#[tokio::test]
async fn dictionaries_count_as_their_texts() {
    let context = with_table(&batch(&sample(400)));
    for dictionary in ["Dictionary(UInt32, Utf8)", "Dictionary(Int8, Utf8)", "Utf8View", "LargeUtf8"] {
        let sql =
            format!("SELECT distribution(arrow_cast(label, '{dictionary}')) = distribution(label) FROM t");
        assert!(rows(&context, &sql).await.unwrap().column(0).as_boolean().value(0), "{dictionary}");
    }
}

#[tokio::test]
async fn a_distribution_of_no_rows_is_empty_and_a_merge_of_none_is_null() {
    let context = with_table(&batch(&sample(10)));
    assert_eq!(
        number(&context, "SELECT distribution_count(distribution(score)) FROM t WHERE g > 9").await,
        Some(0.0)
    );
    let merged = "SELECT distribution_count(merge_distributions(d)) FROM
                    (SELECT distribution(score) d FROM t GROUP BY g) WHERE distribution_count(d) > 99";
    assert_eq!(number(&context, merged).await, None);
}

#[tokio::test]
async fn states_travel_through_a_second_stage() {
    let context = with_table(&batch(&sample(100)));
    let plan = "EXPLAIN SELECT g, distribution(score), p50(score), f1(label, prediction) FROM t GROUP BY g";
    let plan = rows(&context, plan).await.unwrap();
    let text: Vec<&str> = plan.column(1).as_string::<i32>().iter().flatten().collect();
    assert!(text.join("\n").contains("mode=Partial") && text.join("\n").contains("mode=FinalPartitioned"));
}

#[tokio::test]
async fn refusals_say_what_to_write_instead() {
    let context = with_table(&batch(&sample(10)));
    for (sql, said) in [
        ("SELECT distribution(DISTINCT score) FROM t", "distribution(DISTINCT ..) is refused"),
        ("SELECT p50(DISTINCT score), count(*) FROM t", "p50(DISTINCT ..) is refused"),
        ("SELECT accuracy(DISTINCT label, prediction) OVER () FROM t", "accuracy(DISTINCT ..) is refused"),
        ("SELECT p50(label) FROM t", "CAST(x AS DOUBLE)"),
        ("SELECT percentile(score) FROM t", "percentile(x, q)"),
        ("SELECT percentile(score, 95) FROM t", "the 95th percentile is 0.95"),
        ("SELECT percentile(score, -0.1) FROM t", "fraction from 0 to 1"),
        ("SELECT percentile(score, score) FROM t", "`q` must be a constant"),
        ("SELECT accuracy(label) FROM t", "accuracy(label, prediction, [positive])"),
        ("SELECT accuracy(label, [1]) FROM t", "CAST(prediction AS TEXT)"),
        ("SELECT f1(label, prediction, positive => g) FROM t", "`positive` must be a constant"),
        ("SELECT f1(label, prediction, positive => NULL) FROM t", "`positive` must name a class"),
        ("SELECT f1(label, prediction, negative => '0') FROM t", "negative"),
        ("SELECT roc_auc(label, prediction) FROM t", "CAST(score AS DOUBLE)"),
        ("SELECT ks_test_statistic(score, g) FROM t", "write a condition"),
        ("SELECT distribution(now()) FROM t", "date_part"),
        ("SELECT distribution(d) FROM (SELECT distribution(g) d FROM t)", "merge_distributions(d)"),
        ("SELECT merge_distributions(score) FROM t", "wrap the column in distribution(..)"),
        ("SELECT merge_distributions(x'00') FROM t", "must be a DISTRIBUTION"),
    ] {
        let error = refused(&context, sql).await;
        assert!(error.contains(said), "{sql}: {error}");
    }
}

#[tokio::test]
async fn distributions_of_both_kinds_do_not_mix() {
    let context = with_table(&batch(&sample(10)));
    let sql = "SELECT merge_distributions(d) FROM
                 (SELECT distribution(score) d FROM t UNION ALL SELECT distribution(label) FROM t)";
    assert!(refused(&context, sql).await.contains("cannot merge"));
}

#[tokio::test]
async fn no_function_takes_a_name_that_datafusion_has() {
    let builder = datafusion::execution::session_state::SessionStateBuilder::new().with_default_features();
    let theirs = builder.build();
    let mut builder = datafusion::execution::session_state::SessionStateBuilder::new();
    builder = crate::function::register(builder);
    let ours = builder.build();
    // These two are DataFusion's own, under shorter names beside theirs.
    let own = ["first_value", "last_value"];
    let aggregates = ours.aggregate_functions().keys().filter(|name| !own.contains(&name.as_str()));
    for name in aggregates.chain(ours.scalar_functions().keys()).chain(ours.table_functions().keys()) {
        assert!(!theirs.aggregate_functions().contains_key(name), "{name}");
        assert!(!theirs.scalar_functions().contains_key(name), "{name}");
        assert!(!theirs.window_functions().contains_key(name), "{name}");
        assert!(!theirs.table_functions().contains_key(name), "{name}");
    }
}

struct Counter {
    group: i64,
    second: Option<i64>,
    x: Option<f64>,
}

fn counters(random: &mut Random, n: usize) -> Vec<Counter> {
    let counter = |random: &mut Random| Counter {
        group: random.below(5) as i64,
        second: (random.below(15) > 0).then(|| random.below(500) as i64),
        x: match random.below(12) {
            0 => None,
            1 => Some(f64::NAN),
            _ => Some(random.below(40) as f64 / 4.0),
        },
    };
    (0..n).map(|_| counter(random)).collect()
}

/// As it is defined: the values in order of time, then of value; each rise, and after a fall all there is.
fn rate_and_delta(counters: &[Counter], group: i64) -> (Option<f64>, Option<f64>) {
    let mut values: Vec<(i64, f64)> = counters
        .iter()
        .filter(|counter| counter.group == group)
        .filter_map(|counter| Some((counter.second?, counter.x.filter(|x| !x.is_nan())?)))
        .collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return (None, None) };
    let mut rises = 0.0;
    for at in 1..values.len() {
        let (before, after) = (values[at - 1].1, values[at].1);
        rises += if after < before { after } else { after - before };
    }
    let seconds = (last.0 - first.0) as f64;
    ((seconds > 0.0).then(|| rises / seconds), Some(last.1 - first.1))
}

/// Four partitions share the rows of every series, so each state has holes that the others fill.
#[tokio::test]
async fn rates_are_those_of_the_whole_series_however_it_is_dealt() {
    let mut random = Random::new();
    for n in [0, 1, 3, 10, 2_000] {
        let counters = counters(&mut random, n);
        let times: arrow::array::TimestampNanosecondArray =
            counters.iter().map(|counter| counter.second.map(|second| second * 1_000_000_000)).collect();
        let table = RecordBatch::try_from_iter([
            ("g", Arc::new(counters.iter().map(|c| c.group).collect::<Int64Array>()) as ArrayRef),
            ("time", Arc::new(times)),
            ("x", Arc::new(counters.iter().map(|c| c.x).collect::<Float64Array>())),
        ])
        .unwrap();
        let context = with_table(&table);
        for group in 0..5 {
            let sql =
                format!("SELECT rate(x ORDER BY time), delta(x ORDER BY time) FROM t WHERE g = {group}");
            let one = rows(&context, &sql).await.unwrap();
            let grouped = format!(
                "SELECT rate(x ORDER BY time), delta(x ORDER BY time) FROM t GROUP BY g HAVING g = {group}"
            );
            let grouped = rows(&context, &grouped).await.unwrap();
            let (rate, delta) = rate_and_delta(&counters, group);
            for found in [one, grouped].iter().filter(|found| found.num_rows() > 0) {
                assert_eq!(numbers(found, 1), [delta], "group {group} of {n}");
                match (numbers(found, 0)[0], rate) {
                    (Some(found), Some(rate)) => {
                        assert!((found - rate).abs() <= 1e-12 * rate, "group {group} of {n}")
                    }
                    (found, rate) => assert_eq!(found, rate, "group {group} of {n}"),
                }
            }
        }
    }
}
