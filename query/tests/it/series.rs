//! Functions of time series over a database: prepared, planned, and flushed.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use datafusion::scalar::ScalarValue;
use driftline_query::{Access, Database, datafusion};
use futures::TryStreamExt;

use crate::support::{batch, rows, strings, texts, times, to_table};

/// Two devices with a row every seven minutes of six hours, but for the third of them.
async fn readings() -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE r (time TIMESTAMP TIME, device TEXT TAG, x DOUBLE, unused DOUBLE)").await.unwrap();
    let seconds: Vec<i64> = (0..360).step_by(7).filter(|minute| minute / 60 != 2).map(|m| m * 60).collect();
    for device in ["a", "b"] {
        let x: ArrayRef = Arc::new(seconds.iter().map(|s| Some(*s as f64)).collect::<Float64Array>());
        let rows =
            batch([("time", times(&seconds)), ("device", strings(vec![device; seconds.len()])), ("x", x)]);
        db.write(to_table("r", rows)).await.unwrap();
    }
    db
}

fn moment(second: i64) -> ScalarValue {
    ScalarValue::TimestampNanosecond(Some(second * 1_000_000_000), Some("UTC".into()))
}

#[tokio::test]
async fn parameters_bound_the_buckets_and_counts_are_promised_to_be_nullable() {
    let db = readings().await;
    let sql = "SELECT gapfill('1 hour', time) AS hour, count(*) AS n, interpolate(max(x)) AS x FROM r
               WHERE device = $1 AND time >= $2 AND time < $3 GROUP BY hour ORDER BY hour";
    let prepared = db.prepare(sql, Access::Network).await.unwrap();
    assert!(prepared.schema().field_with_name("n").unwrap().is_nullable());
    for (hours, empty) in [(6, 1), (4, 1), (9, 4), (2, 0)] {
        let parameters = [ScalarValue::from("b"), moment(0), moment(hours * 3_600)];
        let found =
            prepared.execute(&parameters).await.unwrap().try_collect::<Vec<RecordBatch>>().await.unwrap();
        let found = texts(&found);
        assert_eq!(found.len() as i64, hours, "{found:?}");
        assert_eq!(found.iter().filter(|row| row[1] == "null").count(), empty, "{found:?}");
    }
}

#[tokio::test]
async fn below_a_gapfill_is_an_aggregation_as_date_bin_has_it() {
    let db = readings().await;
    let sql =
        "EXPLAIN SELECT * FROM (SELECT device, gapfill('1 hour', time) AS hour, locf(avg(x)) AS x FROM r
               WHERE time >= now() - INTERVAL '1 day' GROUP BY 1, 2) WHERE device = 'a' AND x > 1";
    let plan = rows(&db, sql).await.concat().join("\n");
    for expected in ["date_bin(", "GapfillExec: time=", "SortExec", "DriftlineAggregate: table=r"] {
        assert!(plan.contains(expected), "{expected}: {plan}");
    }
    let (above, below) = plan.split_once("Gapfill:").unwrap();
    assert!(above.contains("> Float64(1)") && !above.contains("device = "), "{plan}");
    assert!(below.contains("device = "), "only its own series: {plan}");
}

#[tokio::test]
async fn flushing_changes_nothing() {
    let db = readings().await;
    let statements = [
        "SELECT device, gapfill('20 minutes', time) AS t, avg(x), interpolate(avg(x)), locf(last(x ORDER BY time)) FROM r GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT device, rate(x ORDER BY time), delta(x ORDER BY time), first(x ORDER BY time) FROM r GROUP BY device ORDER BY device",
        "SELECT a.time, b.time, b.x FROM r AS a ASOF JOIN r AS b MATCH_CONDITION (a.time > b.time) ON a.device = b.device ORDER BY a.device, a.time",
        "SELECT date_bin_tz('2 hours', time, 'Asia/Kathmandu') AS t, count(*) FROM r GROUP BY 1 ORDER BY 1",
    ];
    let mut before = Vec::new();
    for sql in statements {
        before.push(rows(&db, sql).await);
    }
    db.flush().await.unwrap();
    for (sql, before) in statements.into_iter().zip(before) {
        assert!(before.len() > 1, "{sql}");
        assert_eq!(rows(&db, sql).await, before, "{sql}");
    }
}

#[tokio::test]
async fn an_asof_join_is_a_merge_of_sorted_sides_that_yields() {
    let db = readings().await;
    let sql = "EXPLAIN SELECT a.x, b.x FROM r AS a ASOF JOIN r AS b MATCH_CONDITION (a.time >= b.time) ON a.device = b.device
               WHERE a.device = 'a' AND a.time < '1970-01-01T03:00:00Z'";
    let plan = rows(&db, sql).await.concat().join("\n");
    let physical = plan.split("physical_plan").last().unwrap();
    assert!(
        physical.contains("CooperativeExec\n") && physical.contains("AsofJoinExec: newest before or at"),
        "{plan}"
    );
    assert_eq!(physical.matches("SortExec").count(), 2, "{plan}");
    let told = "time=[-9223372036854775808, 10799999999999], series=1";
    assert_eq!(physical.matches(told).count(), 2, "both sides read one series up to three o'clock: {plan}");
}
