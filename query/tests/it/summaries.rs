//! Questions answered three ways over random tables: from what segments say of their cells, from rows grouped by cells, and
//! by DataFusion alone, which is given all rows (a LIMIT that never ends keeps the others from being asked).

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use driftline_query::Database;

use crate::dice::{Dice, seed};
use crate::support::{batch, one, rows, strings, times, to_table};

const LIVES: u64 = 6;
const STEPS: u64 = 6;
const QUERIES: u64 = 14;
const HOUR: i64 = 3_600;
const START: i64 = 1_767_225_600;

/// Rows of the hours around `hour`, some of them of times there were before.
fn written(dice: &mut Dice, hour: i64) -> arrow::record_batch::RecordBatch {
    let count = 200 + dice.roll(3_000);
    let (mut at, mut id, mut host, mut region, mut whole, mut real, mut clean, mut status) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..count {
        // No two rows have the same time, so that it is plain which is last.
        let second = START + hour * HOUR + dice.roll(2 * HOUR as u64) as i64;
        at.push(second * 1_000_000_000 + dice.roll(1_000_000_000) as i64);
        id.push(at[at.len() - 1]);
        host.push((dice.roll(20) > 0).then(|| format!("h{}", dice.roll(3))));
        region.push(["eu", "us"][dice.roll(2) as usize]);
        whole.push((dice.roll(9) > 0).then(|| dice.roll(1_000) as i64 - 500));
        real.push(match dice.roll(400) {
            0 => Some(f64::NAN),
            1 => Some(f64::INFINITY),
            2..=20 => None,
            n => Some(n as f64 / 7.0),
        });
        // DataFusion's min and max of groups depend on the order of rows where there are NaNs.
        clean.push((dice.roll(30) > 0).then(|| dice.roll(1_000) as f64 / 3.0 - 100.0));
        status.push(["ok", "ok", "ok", "error", "late"][dice.roll(5) as usize]);
    }
    let times = arrow::array::TimestampNanosecondArray::from(at).with_timezone("UTC");
    batch([
        ("time", Arc::new(times) as ArrayRef),
        ("host", Arc::new(StringArray::from(host)) as ArrayRef),
        ("region", Arc::new(StringArray::from(region)) as ArrayRef),
        ("whole", Arc::new(Int64Array::from(whole)) as ArrayRef),
        ("real", Arc::new(Float64Array::from(real)) as ArrayRef),
        ("clean", Arc::new(Float64Array::from(clean)) as ArrayRef),
        ("status", Arc::new(StringArray::from(status)) as ArrayRef),
        ("id", Arc::new(Int64Array::from(id)) as ArrayRef),
    ])
}

/// Aggregates that the last row of each series is enough for.
const OF_LAST: [&str; 5] = [
    "max(time)",
    "last_value(id ORDER BY time)",
    "last_value(status ORDER BY time)",
    "first_value(whole ORDER BY time DESC)",
    "first_value(clean ORDER BY region, time DESC)",
];

/// A query over `{}`, the table or a stand-in for it.
fn query(dice: &mut Dice) -> String {
    let bucket = dice.pick(&[
        "date_bin('1 hour', time)",
        "date_bin('10 minutes', time)",
        "date_bin('7 minutes', time)",
        "date_bin('1 day', time)",
        "date_bin('1 hour', time, '2026-01-01T00:20:00Z')",
        "date_trunc('hour', time)",
        "date_trunc('week', time)",
    ]);
    let keys = match dice.roll(7) {
        0 => vec![],
        1 | 6 => vec![bucket],
        2 => vec!["host"],
        3 => vec![bucket, "host", "region"],
        4 => vec!["upper(host)", bucket],
        _ => vec!["region", "host"],
    };
    let aggregates = [
        "count(*)",
        "count(whole)",
        "sum(whole)",
        "min(whole)",
        "max(clean)",
        "min(clean)",
        "count(real)",
        "avg(whole)",
        "round(avg(real), 6)",
        "sum(whole) FILTER (WHERE whole > 0)",
        "count(*) FILTER (WHERE status <> 'ok')",
        "p50(whole)",
        "p99(whole)",
        "percentile(clean, 0.3)",
        "sum(whole * 2)",
        "stddev(whole) IS NULL",
        "count(DISTINCT status)",
        "last_value(whole ORDER BY time, whole, status)",
        "count(*) FILTER (WHERE status IS NULL)",
        "avg(CASE WHEN status <> 'ok' THEN 1.0 ELSE 0.0 END)",
        "sum(CASE WHEN status = 'late' THEN 2 END)",
        "count(status) FILTER (WHERE status LIKE 'l%')",
        "sum(CASE WHEN status = 'late' THEN 9007199254740993 ELSE 1 END)",
        "array_agg(id ORDER BY time DESC)",
        "max(host)",
        "max(time)",
        "last_value(id ORDER BY time)",
        "first_value(id ORDER BY region, time DESC)",
    ];
    let aggregates: &[&str] = if dice.roll(5) == 0 { &OF_LAST } else { &aggregates };
    let mut wanted: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    for _ in 0..1 + dice.roll(4) {
        let aggregate = dice.pick(aggregates).to_owned();
        if !wanted.contains(&aggregate) {
            wanted.push(aggregate);
        }
    }
    let group: Vec<String> = (1..=keys.len()).map(|at| at.to_string()).collect();
    let group = if group.is_empty() { String::new() } else { format!(" GROUP BY {}", group.join(", ")) };
    // NULLs are sorted to the end on both sides; there are none among stretches of time.
    let newest = match keys.as_slice() {
        [key] if key.contains("time") && dice.roll(3) > 0 => {
            format!(" ORDER BY 1 DESC LIMIT {}", 1 + dice.roll(5))
        }
        _ => String::new(),
    };
    format!("SELECT {} FROM {{}}{}{group}{newest}", wanted.join(", "), condition(dice))
}

fn condition(dice: &mut Dice) -> String {
    let from = START + dice.roll(5 * HOUR as u64) as i64;
    let hour = START + HOUR;
    let conditions = [
        format!("time >= to_timestamp_seconds({from})"),
        format!("time >= to_timestamp_seconds({hour}) AND time < to_timestamp_seconds({})", hour + 2 * HOUR),
        format!("time < to_timestamp_seconds({from})"),
        "host = 'h1'".to_owned(),
        "host IN ('h0', 'h2') AND region = 'eu'".to_owned(),
        "host IS NULL".to_owned(),
        "region <> 'us' OR host = 'h2'".to_owned(),
        "whole > 450".to_owned(),
        "real <= 3.0".to_owned(),
        "real = 0.0 OR whole IS NULL".to_owned(),
        "status = 'error' AND host = 'h0'".to_owned(),
        "status = 'never'".to_owned(),
        "status IN ('late', 'never')".to_owned(),
        "region = status".to_owned(),
        "host = 'nobody'".to_owned(),
    ];
    let chosen: Vec<&String> =
        (0..dice.roll(3)).map(|_| &conditions[dice.roll(conditions.len() as u64) as usize]).collect();
    let all: Vec<String> = chosen.iter().map(|condition| format!("({condition})")).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

async fn sorted(db: &Database, sql: &str) -> Vec<Vec<String>> {
    let mut found = rows(db, sql).await;
    found.sort();
    found
}

async fn check(db: &Database, dice: &mut Dice, context: &str) {
    for _ in 0..QUERIES {
        let query = query(dice);
        let ours = query.replace("{}", "t");
        let theirs = query.replace("{}", "(SELECT * FROM t LIMIT 1000000000) AS t");
        let expected = sorted(db, &theirs).await;
        for summaries in ["true", "false"] {
            db.sql(&format!("SET driftline.summaries = {summaries}")).await.unwrap();
            assert_eq!(sorted(db, &ours).await, expected, "{context}, summaries {summaries}: {ours}");
        }
    }
}

#[tokio::test]
async fn summaries_rows_and_datafusion_agree() {
    let seed = seed();
    println!("DRIFTLINE_SEED={seed}");
    for life in 0..LIVES {
        let mut dice = Dice::new(seed ^ (life << 32));
        let db = Database::open_in_memory().unwrap();
        let columns =
            "host TEXT TAG, region TEXT TAG, whole BIGINT, real DOUBLE, clean DOUBLE, status TEXT, id BIGINT";
        let dedup = ["", " WITH (dedup = 'last')"][dice.roll(2) as usize];
        db.sql(&format!("CREATE TABLE t (time TIMESTAMP TIME, {columns}){dedup}")).await.unwrap();
        for step in 0..STEPS {
            match dice.roll(6) {
                0..=3 => {
                    let hour = dice.roll(5) as i64;
                    db.write(to_table("t", written(&mut dice, hour))).await.unwrap();
                }
                4 => drop(
                    db.sql("DELETE FROM t WHERE whole BETWEEN 10 AND 20 AND region = 'eu'").await.unwrap(),
                ),
                _ => drop(db.sql("COMPACT").await.unwrap()),
            }
            if dice.roll(3) > 0 {
                db.flush().await.unwrap();
            }
            check(&db, &mut dice, &format!("DRIFTLINE_SEED={seed}, life {life}, step {step}")).await;
        }
    }
}

/// The plan says from where it answers, and how much of it came from where.
#[tokio::test]
async fn a_plan_tells_cells_from_rows() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (time TIMESTAMP TIME, host TEXT TAG, region TEXT TAG, whole BIGINT, real DOUBLE, clean DOUBLE, status TEXT, id BIGINT)")
        .await
        .unwrap();
    for hour in 0..4 {
        db.write(to_table("t", written(&mut Dice::new(7), hour))).await.unwrap();
    }
    db.flush().await.unwrap();
    let explain = async |sql: &str| rows(&db, &format!("EXPLAIN ANALYZE {sql}")).await.concat().join("\n");
    let hourly = "SELECT date_bin('1 day', time), host, sum(whole) FROM t GROUP BY 1, 2";
    let plan = explain(hourly).await;
    assert!(plan.contains("DriftlineAggregate") && plan.contains("from=cells"), "{plan}");
    assert!(!plan.contains("cells_from_summary=0,") && plan.contains("cells_from_rows=0,"), "{plan}");
    assert!(plan.contains("pages_read=0,"), "{plan}");
    db.sql("SET driftline.summaries = false").await.unwrap();
    let plan = explain(hourly).await;
    assert!(plan.contains("from=rows") && plan.contains("cells_from_summary=0,"), "{plan}");
    let plan = explain("SELECT count(whole) FROM t WHERE host = 'h1'").await;
    assert!(plan.contains("series=2"), "{plan}");
    let plan =
        explain("SELECT date_bin('1 minute', time), max(whole) FROM t GROUP BY 1 ORDER BY 1 DESC LIMIT 3")
            .await;
    assert!(plan.contains("newest=3"), "{plan}");
    db.sql("SET driftline.summaries = true").await.unwrap();
    let plan = explain("SELECT host, max(time), last_value(whole ORDER BY time) FROM t GROUP BY 1").await;
    assert!(plan.contains("from=last rows") && plan.contains("pages_read=0,"), "{plan}");
    let error = db.sql("SET driftline.nothing = true").await.unwrap_err().to_string();
    assert!(error.contains("there is summaries"), "{error}");
}

/// Distributions out of summaries are those that rows give, byte for byte, and so is all that is said of them; labels that
/// came late are seen either way.
#[tokio::test]
async fn distributions_of_cells_are_those_of_rows() {
    let seed = seed();
    println!("DRIFTLINE_SEED={seed}");
    let mut dice = Dice::new(seed);
    let db = Database::open_in_memory().unwrap();
    db.sql(
        "CREATE MODEL t (key TEXT KEY, id BIGINT, host TEXT TAG, region TEXT TAG, whole BIGINT FEATURE, real DOUBLE SCORE,
                         clean DOUBLE FEATURE, status TEXT PREDICTION, truth TEXT LABEL)",
    )
    .await
    .unwrap();
    let mut ids = 0;
    for step in 0..24 {
        let rows = written(&mut dice, step % 3);
        let id: Vec<String> = (0..rows.num_rows()).map(|at| format!("p{}", ids + at)).collect();
        ids += rows.num_rows();
        let mut columns: Vec<(String, ArrayRef)> = rows
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .zip(rows.columns().to_vec())
            .collect();
        columns.push(("key".into(), Arc::new(StringArray::from(id))));
        let rows = arrow::record_batch::RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        );
        db.write(to_table("t", rows.unwrap())).await.unwrap();
        if step % 12 == 11 {
            db.flush().await.unwrap();
        }
    }
    for at in 0..50 {
        db.sql(&format!("INSERT INTO t (key, truth) VALUES ('p{}', 'late')", at * 31)).await.unwrap();
    }
    db.flush().await.unwrap();
    let context = format!("DRIFTLINE_SEED={seed}");
    let mut from_cells = 0;
    for sql in [
        "SELECT date_bin('1 hour', time), host, distribution(clean), distribution(status) FROM t GROUP BY 1, 2",
        "SELECT host, region, distribution(whole), distribution(real), count(*) FROM t GROUP BY 1, 2",
        "SELECT date_bin('1 day', time), distribution_quantile(distribution(clean), 0.95) FROM t GROUP BY 1",
        "SELECT date_bin('1 day', time), approx_percentile(clean, 0.95), approx_percentile(clean, 0.5), distribution(clean)
         FROM t GROUP BY 1",
        "SELECT host, approx_percentile(whole, 0.9), approx_percentile(clean, 0.2) FROM t GROUP BY 1",
        "SELECT psi(distribution(clean) FILTER (WHERE host = 'h0'), distribution(clean)) FROM t",
        "SELECT region, count(truth), count(*) FILTER (WHERE truth = 'late') FROM t GROUP BY 1",
        "SELECT host, distribution(clean) FROM t WHERE time >= '2026-01-01T00:30:00Z' GROUP BY 1",
    ] {
        db.sql("SET driftline.summaries = true").await.unwrap();
        let summed = sorted(&db, sql).await;
        let plan = rows(&db, &format!("EXPLAIN ANALYZE {sql}")).await.concat().join("\n");
        from_cells += usize::from(!plan.contains("cells_from_summary=0,"));
        db.sql("SET driftline.summaries = false").await.unwrap();
        assert_eq!(summed, sorted(&db, sql).await, "{context}: {sql}");
    }
    assert!(from_cells >= 2, "{context}: {from_cells} of the queries were answered from cells");
}

/// The first and last rows of random tables, which are not all read for it.
#[tokio::test]
async fn rows_from_an_end_of_time_are_those_of_all() {
    let seed = seed();
    println!("DRIFTLINE_SEED={seed}");
    let (mut dice, db) = (Dice::new(seed), Database::open_in_memory().unwrap());
    let columns =
        "host TEXT TAG, region TEXT TAG, whole BIGINT, real DOUBLE, clean DOUBLE, status TEXT, id BIGINT";
    db.sql(&format!("CREATE TABLE t (time TIMESTAMP TIME, {columns})")).await.unwrap();
    let mut passed = false;
    for round in 0..8 {
        db.write(to_table("t", written(&mut dice, round % 5))).await.unwrap();
        if dice.roll(3) > 0 {
            db.flush().await.unwrap();
        }
        for _ in 0..6 {
            let order = dice.pick(&["time DESC", "time", "time DESC, id", "at DESC", "at, host"]);
            let limit = format!("LIMIT {} OFFSET {}", 1 + dice.roll(40), dice.roll(3) * dice.roll(50));
            let sql = format!(
                "SELECT * FROM (SELECT id, time, host, time AS at, whole + 1 AS more FROM {{}}{}) ORDER BY {order} {limit}",
                condition(&mut dice)
            );
            let expected = rows(&db, &sql.replace("{}", "(SELECT * FROM t LIMIT 1000000000) AS t")).await;
            let found = rows(&db, &sql.replace("{}", "t")).await;
            assert_eq!(found, expected, "DRIFTLINE_SEED={seed}: {sql}");
        }
        let plan =
            rows(&db, "EXPLAIN ANALYZE SELECT * FROM t ORDER BY time DESC LIMIT 3").await.concat().join("\n");
        assert!(plan.contains("newest 3"), "{plan}");
        passed |= !plan.contains("parts_passed=0");
    }
    assert!(passed, "DRIFTLINE_SEED={seed}: no part was passed by");
}

/// Shapes that look like one of those that are answered otherwise, and are not.
#[tokio::test]
async fn what_only_looks_alike_is_answered_from_rows() {
    let db = Database::open_in_memory().unwrap();
    let columns =
        "host TEXT TAG, region TEXT TAG, whole BIGINT, real DOUBLE, clean DOUBLE, status TEXT, id BIGINT";
    db.sql(&format!(
        "CREATE TABLE t (time TIMESTAMP TIME, {columns}); CREATE TABLE bare (time TIMESTAMP TIME, x BIGINT)"
    ))
    .await
    .unwrap();
    for hour in 0..4 {
        db.write(to_table("t", written(&mut Dice::new(7), hour))).await.unwrap();
        db.flush().await.unwrap();
    }
    db.sql("INSERT INTO bare SELECT time, whole FROM t").await.unwrap();
    for sql in [
        // Another column under the name of time.
        "SELECT host, max(time) FROM (SELECT host, to_timestamp_seconds(-whole) AS time FROM {}) GROUP BY 1",
        "SELECT host, last_value(id ORDER BY time, id)
         FROM (SELECT host, id, to_timestamp_seconds(-whole) AS time FROM {} WHERE whole IS NOT NULL) GROUP BY 1",
        "SELECT time, count(*) FROM (SELECT host AS time FROM {}) GROUP BY 1 ORDER BY 1 DESC LIMIT 2",
        // The newest of groups of groups need more than the newest groups.
        "SELECT date_bin('1 day', m), sum(c)
         FROM (SELECT date_bin('1 minute', time) AS m, count(*) AS c FROM {} GROUP BY 1) GROUP BY 1 ORDER BY 1 DESC LIMIT 1",
        "SELECT count(*), sum(c) FROM (SELECT date_bin('1 minute', time) AS m, count(*) AS c FROM {} GROUP BY 1)
         ORDER BY 1 DESC LIMIT 1",
        "SELECT c, m FROM (SELECT date_bin('1 minute', time) AS m, count(*) AS c FROM {} GROUP BY 1)
         ORDER BY c DESC, m LIMIT 3",
        // The same for every row.
        "SELECT 'x', count(*) FROM {} GROUP BY 1",
    ] {
        for table in ["t", "bare"] {
            if table == "bare" && (sql.contains("host") || sql.contains("id")) {
                continue;
            }
            let expected = sorted(&db, &sql.replace("{}", &format!("(SELECT * FROM {table} LIMIT 1000000000)"))).await;
            assert_eq!(sorted(&db, &sql.replace("{}", table)).await, expected, "{sql} of {table}");
        }
    }
    for table in ["t", "bare"] {
        let error = db.sql(&format!("SELECT * FROM {table} WHERE 1 = 1 / 0")).await.unwrap_err().to_string();
        assert!(error.contains("ivide by zero"), "{table}: {error}");
    }
}

/// Summaries of texts count texts: what is made of them by a cast is counted anew.
#[tokio::test]
async fn texts_read_as_numbers_are_counted_as_numbers() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE c (code TEXT)").await.unwrap();
    let codes = (0..3_000).map(|row| ["1", "2", "6"][row % 3]);
    let rows_of_cell = batch([("time", times(&[START; 3_000])), ("code", strings(codes))]);
    db.write(to_table("c", rows_of_cell)).await.unwrap();
    db.flush().await.unwrap();
    let mean = "SELECT distribution_mean(distribution(CAST(code AS DOUBLE))) FROM c";
    let texts = "SELECT distribution_count(distribution(code)) FROM c";
    for summaries in ["true", "false"] {
        db.sql(&format!("SET driftline.summaries = {summaries}")).await.unwrap();
        assert_eq!(
            (one(&db, mean).await, one(&db, texts).await),
            ("3.0".into(), "3000".into()),
            "{summaries}"
        );
    }
    db.sql("SET driftline.summaries = true").await.unwrap();
    let plan = rows(&db, &format!("EXPLAIN ANALYZE {texts}")).await.concat().join("\n");
    assert!(plan.contains("cells_from_rows=0"), "{plan}");
}
