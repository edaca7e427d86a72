use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};

use super::{Random, assert_close, number, numbers, refused, rows, with_table};

/// Two samples in `t`: x where `side` is 'r' or 'c', and a category.
fn two_samples(n: usize) -> RecordBatch {
    let mut random = Random::new();
    let side: Vec<&str> = (0..n).map(|i| if i % 2 == 0 { "r" } else { "c" }).collect();
    let x = side.iter().map(|side| random.unit() * if *side == "r" { 1.0 } else { 1.3 });
    let x: Vec<Option<f64>> = x.map(|x| (x > 0.02).then(|| (x * 200.0).round() / 200.0)).collect();
    let kind = side.iter().map(|side| if *side == "c" && random.below(3) == 0 { "new" } else { "old" });
    let kind: Vec<&str> = kind.collect();
    RecordBatch::try_from_iter([
        ("side", Arc::new(StringArray::from(side)) as ArrayRef),
        ("x", Arc::new(Float64Array::from(x))),
        ("kind", Arc::new(StringArray::from(kind))),
    ])
    .unwrap()
}

const PAIR: &str = "distribution(x) FILTER (WHERE side = 'r'), distribution(x) FILTER (WHERE side = 'c')";
const KINDS: &str =
    "distribution(kind) FILTER (WHERE side = 'r'), distribution(kind) FILTER (WHERE side = 'c')";

/// Shares of ten bins between the deciles of the reference, by SQL that knows nothing of distributions.
const SHARES: &str = "
    WITH edges AS (SELECT percentile_cont(x, 0.1) e1, percentile_cont(x, 0.2) e2, percentile_cont(x, 0.3) e3,
                          percentile_cont(x, 0.4) e4, percentile_cont(x, 0.5) e5, percentile_cont(x, 0.6) e6,
                          percentile_cont(x, 0.7) e7, percentile_cont(x, 0.8) e8, percentile_cont(x, 0.9) e9
                   FROM t WHERE side = 'r'),
         binned AS (SELECT side, (x >= e1)::int + (x >= e2)::int + (x >= e3)::int + (x >= e4)::int + (x >= e5)::int
                           + (x >= e6)::int + (x >= e7)::int + (x >= e8)::int + (x >= e9)::int bin
                    FROM t, edges WHERE x IS NOT NULL)
    SELECT count(*) FILTER (WHERE side = 'r')::double / (SELECT count(x) FROM t WHERE side = 'r') q,
           count(*) FILTER (WHERE side = 'c')::double / (SELECT count(x) FROM t WHERE side = 'c') p
    FROM binned GROUP BY bin";

#[tokio::test]
async fn psi_and_js_are_their_formulas_over_deciles_of_the_reference() {
    let context = with_table(&two_samples(2_001));
    let psi = format!("SELECT sum((p - q) * ln(p / q)) FROM ({SHARES})");
    let js = format!(
        "SELECT sqrt(sum(p * log(2, 2 * p / (p + q)) + q * log(2, 2 * q / (p + q))) / 2) FROM ({SHARES})"
    );
    assert_close(
        number(&context, &format!("SELECT psi({PAIR}) FROM t")).await,
        number(&context, &psi).await.unwrap(),
    );
    assert_close(
        number(&context, &format!("SELECT js_distance({PAIR}) FROM t")).await,
        number(&context, &js).await.unwrap(),
    );
}

#[tokio::test]
async fn a_new_category_counts_against_a_share_of_a_ten_thousandth() {
    let context = with_table(&two_samples(400));
    let share = number(&context, "SELECT avg((kind = 'new')::int) FROM t WHERE side = 'c'").await.unwrap();
    let expected = (share - 1e-4) * (share / 1e-4).ln() + (-share) * (1.0 - share).ln();
    assert_close(number(&context, &format!("SELECT psi({KINDS}) FROM t")).await, expected);
}

#[tokio::test]
async fn bins_can_be_named_and_equal_samples_are_at_distance_0() {
    let context = with_table(&two_samples(500));
    let ten = number(&context, &format!("SELECT psi({PAIR}) FROM t")).await;
    assert_eq!(number(&context, &format!("SELECT psi({PAIR}, bins => 10) FROM t")).await, ten);
    assert_eq!(number(&context, &format!("SELECT psi({PAIR}, 5 + 5) FROM t")).await, ten);
    assert_ne!(number(&context, &format!("SELECT psi({PAIR}, bins => 4) FROM t")).await, ten);
    let named = "SELECT psi(current => distribution(x) FILTER (WHERE side = 'c'),
                            reference => distribution(x) FILTER (WHERE side = 'r')) FROM t";
    assert_eq!(number(&context, named).await, ten);
    for function in ["psi", "js_distance"] {
        let same = format!("SELECT {function}(distribution(x), distribution(x)) FROM t");
        assert_eq!(number(&context, &same).await, Some(0.0));
    }
}

#[tokio::test]
async fn an_empty_side_is_null() {
    let context = with_table(&two_samples(100));
    for function in ["psi", "js_distance"] {
        let sql = format!(
            "SELECT {function}(distribution(x), distribution(x) FILTER (WHERE side = 'none')) FROM t"
        );
        assert_eq!(number(&context, &sql).await, None);
        let sql = format!("SELECT {function}(distribution(x), lag(distribution(x)) OVER ()) FROM t");
        assert_eq!(number(&context, &sql).await, None);
    }
}

#[tokio::test]
async fn each_group_is_compared_with_one_reference() {
    let context = with_table(&two_samples(900));
    let sql = "SELECT side, psi((SELECT distribution(x) FROM t WHERE side = 'r'), distribution(x)) FROM t
               GROUP BY side ORDER BY side DESC";
    let found = rows(&context, sql).await.unwrap();
    assert_eq!(numbers(&found, 1)[0], Some(0.0));
    assert_eq!(numbers(&found, 1)[1], number(&context, &format!("SELECT psi({PAIR}) FROM t")).await);
}

#[tokio::test]
async fn a_distribution_says_what_its_column_was() {
    let context = with_table(&two_samples(701));
    for (ours, theirs) in [
        ("distribution_count(distribution(x))", "count(x)::double"),
        ("distribution_null_count(distribution(x))", "(count(*) - count(x))::double"),
        ("distribution_min(distribution(x))", "min(x)"),
        ("distribution_max(distribution(x))", "max(x)"),
        ("distribution_quantile(distribution(x), 0.25)", "percentile(x, 0.25)"),
        ("distribution_quantile(distribution(x), q => 1)", "max(x)"),
        ("distribution_mean(distribution(x))", "avg(x)"),
        ("distribution_count(distribution(kind))", "count(kind)::double"),
    ] {
        let theirs = number(&context, &format!("SELECT {theirs} FROM t")).await.unwrap();
        assert_close(number(&context, &format!("SELECT {ours} FROM t")).await, theirs);
    }
    for function in ["min", "max", "mean"] {
        let of_categories = format!("SELECT distribution_{function}(distribution(kind)) FROM t");
        assert_eq!(number(&context, &of_categories).await, None);
        let of_nothing = format!("SELECT distribution_{function}(distribution(x)) FROM t WHERE false");
        assert_eq!(number(&context, &of_nothing).await, None);
    }
}

#[tokio::test]
async fn a_cast_gives_back_the_type_that_an_expression_lost() {
    let context = with_table(&two_samples(50));
    let lost = "SELECT distribution_count(coalesce(distribution(x), distribution(x))) FROM t";
    let error = refused(&context, lost).await;
    assert!(error.contains("CAST(.. AS DISTRIBUTION)"), "{error}");
    let back = "SELECT distribution_count(CAST(coalesce(distribution(x), distribution(x)) AS DISTRIBUTION)) = count(x) FROM t";
    let found = rows(&context, back).await.unwrap();
    assert!(arrow::array::AsArray::as_boolean(found.column(0)).value(0));
}

#[tokio::test]
async fn quantiles_may_come_from_a_column() {
    let context = with_table(&two_samples(50));
    let sql = "SELECT distribution_quantile(d, q) = CASE q WHEN 0 THEN distribution_min(d) ELSE distribution_max(d) END
               FROM (SELECT distribution(x) d FROM t), (VALUES (0.0), (1.0)) v(q)";
    let found = rows(&context, sql).await.unwrap();
    assert_eq!(arrow::array::AsArray::as_boolean(found.column(0)).true_count(), 2);
}

#[tokio::test]
async fn refusals_say_what_to_write_instead() {
    let context = with_table(&two_samples(50));
    for (sql, said) in [
        ("SELECT psi(x, x) FROM t", "wrap the column in distribution(..)"),
        ("SELECT psi(x'00', x'00')", "`reference` must be a DISTRIBUTION"),
        ("SELECT psi(distribution(x)) FROM t", "psi(reference, current, [bins], [exact], [compat])"),
        ("SELECT psi(distribution(x), distribution(x), bins => 0) FROM t", "`bins` must be from 2 to"),
        ("SELECT psi(distribution(x), distribution(x), bins => 100000) FROM t", "`bins` must be from 2 to"),
        (
            "SELECT psi(distribution(x), distribution(x), bins => 'ten') FROM t",
            "`bins` must be a whole number",
        ),
        ("SELECT psi(distribution(x), distribution(x), buckets => 5) FROM t", "buckets"),
        (
            "SELECT js_distance(distribution(x), distribution(kind)) FROM t",
            "js_distance: the reference is numeric",
        ),
        ("SELECT distribution_quantile(distribution(x), 95) FROM t", "fraction from 0 to 1"),
        ("SELECT distribution_mean(x) FROM t", "`d` must be a DISTRIBUTION"),
        (
            "SELECT distribution_mean(x'00ff'::distribution)",
            "distribution_mean: these bytes are no DISTRIBUTION",
        ),
        (
            "SELECT psi(CAST(x'' AS DISTRIBUTION), distribution(x)) FROM t",
            "psi: these bytes are no DISTRIBUTION",
        ),
    ] {
        let error = refused(&context, sql).await;
        assert!(error.contains(said), "{sql}: {error}");
    }
}
