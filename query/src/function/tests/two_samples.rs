use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch,
};
use arrow::datatypes::{DataType, Field};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use super::{Random, context, dealt, numbers, refused, rows, with_table};
use crate::limits::VECTORS_KEPT_MAX;

const OF_NUMBERS: [&str; 11] = [
    "anderson_darling_statistic(x, cur)",
    "anderson_darling_pvalue(x, cur)",
    "cramer_von_mises_statistic(x, cur)",
    "cramer_von_mises_pvalue(x, cur)",
    "mann_whitney_statistic(x, cur)",
    "mann_whitney_pvalue(x, cur)",
    "welch_t_statistic(x, cur)",
    "welch_t_pvalue(x, cur)",
    "levene_statistic(x, cur)",
    "levene_pvalue(x, cur, 'mean')",
    "energy_distance(x, cur)",
];

const OF_VECTORS: [&str; 6] = [
    "centroid_distance(v, cur)",
    "centroid_distance(v, cur, 'cosine')",
    "mmd_statistic(v, cur)",
    "mmd_pvalue(v, cur, 20, 7)",
    "domain_classifier_auc(v, cur, 7)",
    "drifted_component_share(v, cur, 0.2)",
];

/// Rows of three groups; some numbers and vectors are missing, NaN or infinite.
fn samples(n: usize) -> RecordBatch {
    let mut random = Random::new();
    let cur: Vec<bool> = (0..n).map(|_| random.below(2) == 0).collect();
    let x = cur.iter().map(|cur| match random.below(12) {
        0 => None,
        1 => Some(f64::NAN),
        _ => Some((random.unit() * 40.0).round() / 8.0 + if *cur { 0.5 } else { 0.0 }),
    });
    let x: Float64Array = x.collect();
    let v = cur
        .iter()
        .flat_map(|cur| [random.unit() as f32 + f32::from(u8::from(*cur)) * 0.1, random.unit() as f32]);
    let mut v: Vec<f32> = v.collect();
    v[0] = f32::NAN;
    v[5] = f32::INFINITY;
    let field = Arc::new(Field::new("item", DataType::Float32, true));
    let present = (0..n).map(|row| row % 9 != 4).collect::<Vec<bool>>();
    let v = FixedSizeListArray::new(field, 2, Arc::new(Float32Array::from(v)), Some(present.into()));
    RecordBatch::try_from_iter([
        ("g", Arc::new((0..n as i64).map(|row| row % 3).collect::<Int64Array>()) as ArrayRef),
        ("cur", Arc::new(BooleanArray::from(cur))),
        ("x", Arc::new(x)),
        ("v", Arc::new(v)),
    ])
    .unwrap()
}

fn in_one_partition(rows: &RecordBatch) -> SessionContext {
    let context = context();
    let table = MemTable::try_new(rows.schema(), dealt(rows, 1)).unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
    context
}

#[tokio::test]
async fn partitions_together_say_what_one_says() {
    let batch = samples(400);
    let (four, one) = (with_table(&batch), in_one_partition(&batch));
    let calls = [OF_NUMBERS.as_slice(), &OF_VECTORS].concat();
    for tail in ["FROM t", "FROM t GROUP BY g ORDER BY g", "FROM t WHERE g = 1"] {
        let sql = format!("SELECT {} {tail}", calls.join(", "));
        let (found, expected) = (rows(&four, &sql).await.unwrap(), rows(&one, &sql).await.unwrap());
        for (column, call) in calls.iter().enumerate() {
            for (found, expected) in numbers(&found, column).iter().zip(numbers(&expected, column)) {
                let (found, expected) = (found.unwrap(), expected.unwrap());
                // Sums of parts are rounded where they meet.
                assert!(
                    (found - expected).abs() <= 1e-12 * expected.abs(),
                    "{call}: {found}, not {expected}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_empty_side_is_null() {
    let context = with_table(&samples(100));
    let calls = [OF_NUMBERS.as_slice(), &OF_VECTORS].concat();
    for condition in ["cur", "NOT cur", "false", "cur IS NULL", "x IS NULL AND v IS NULL"] {
        let sql = format!("SELECT {} FROM t WHERE {condition}", calls.join(", "));
        let found = rows(&context, &sql).await.unwrap();
        for column in found.columns() {
            assert_eq!(column.null_count(), 1, "{condition}: {found:?}");
        }
    }
}

/// A window asks at each row, so that answering must not use up what was kept.
#[tokio::test]
async fn a_window_asks_again_and_again() {
    let context = with_table(&samples(60));
    let sql = "SELECT mann_whitney_pvalue(x, cur) OVER w, domain_classifier_auc(v, cur) OVER w, centroid_distance(v, cur) OVER w
               FROM t WINDOW w AS (ORDER BY x, g ROWS UNBOUNDED PRECEDING)";
    let whole =
        "SELECT mann_whitney_pvalue(x, cur), domain_classifier_auc(v, cur), centroid_distance(v, cur) FROM t";
    let (found, whole) = (rows(&context, sql).await.unwrap(), rows(&context, whole).await.unwrap());
    for column in 0..3 {
        let last = numbers(&found, column).last().copied().flatten().unwrap();
        assert!((last - numbers(&whole, column)[0].unwrap()).abs() < 1e-12);
    }
}

#[tokio::test]
async fn lists_are_vectors_of_one_length() {
    let context = context();
    let of_lists = |first: &str, second: &str| {
        format!(
            "SELECT centroid_distance(v, c), mmd_statistic(v, c) FROM (VALUES ({first}, false), ({second}, true)) t(v, c)"
        )
    };
    let found = rows(&context, &of_lists("make_array(0, 3)", "make_array(4, 0)")).await.unwrap();
    assert_eq!(numbers(&found, 0), [Some(5.0)]);
    // One row of a side has no pairs.
    assert_eq!(numbers(&found, 1), [None]);
    let error = refused(&context, &of_lists("make_array(0, 3)", "make_array(4, 0, 1)")).await;
    assert!(
        error.contains("vectors of 2 numbers and of 3") || error.contains("vectors of 3 numbers and of 2"),
        "{error}"
    );
    let found = rows(&context, &of_lists("make_array(0, 3)", "make_array(4, NULL, 1)")).await.unwrap();
    assert_eq!(numbers(&found, 0), [None]);
}

#[tokio::test]
async fn more_vectors_than_the_limit_are_refused() {
    let context = context();
    let of = |n: usize| {
        format!(
            "SELECT drifted_component_share(make_array(i), i % 2 = 0) FROM (SELECT unnest(range(0, {n})) AS i)"
        )
    };
    let error = refused(&context, &of(2 * VECTORS_KEPT_MAX + 2)).await;
    assert!(
        error.contains("drifted_component_share: more than 100000 vectors on one side; sample"),
        "{error}"
    );
}

#[tokio::test]
async fn refusals_say_what_is_allowed() {
    let context = with_table(&samples(30));
    for (call, said) in [
        ("levene_pvalue(x, cur, 'middle')", "`center` must be 'median' or 'mean', not 'middle'"),
        ("levene_pvalue(x, cur, CASE WHEN cur THEN 'mean' END)", "`center` must be a constant"),
        ("anderson_darling_pvalue(x, g)", "`is_current` must be a boolean"),
        ("welch_t_pvalue(v, cur)", "`x` must be a number"),
        ("welch_t_pvalue(DISTINCT x, cur)", "welch_t_pvalue(DISTINCT ..) is refused"),
        ("centroid_distance(x, cur)", "`v` must be a VECTOR, not Float64"),
        (
            "centroid_distance(v, cur, 'manhattan')",
            "`metric` must be 'euclidean' or 'cosine', not 'manhattan'",
        ),
        ("mmd_pvalue(v, cur, 0)", "`permutations` must be from 1 to 10000, not 0"),
        ("mmd_pvalue(v, cur, permutations => 20000)", "`permutations` must be from 1 to 10000, not 20000"),
        ("domain_classifier_auc(v, cur, seed => 1.5)", "`seed` must be a whole number"),
        ("drifted_component_share(v, cur, threshold => -0.1)", "`threshold` must be from 0"),
        ("mmd_statistic(v)", "mmd_statistic(v, is_current, [seed])"),
    ] {
        let error = refused(&context, &format!("SELECT {call} FROM t")).await;
        assert!(error.contains(said), "{call}: {error}");
    }
}
