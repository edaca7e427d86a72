//! Limits that tables set, and the list of all.

use arrow::array::ArrayRef;
use driftline_query::storage::{StorageError, limits};
use driftline_query::{Database, QueryError, Write};

use crate::support::{batch, error, one, rows, strings, times, to_table};

fn tagged(tags: &[&str]) -> Write {
    let tags: ArrayRef = strings(tags.to_vec());
    let seconds: Vec<i64> = (0..tags.len() as i64).collect();
    to_table("t", batch([("time", times(&seconds)), ("tag", tags)]))
}

#[tokio::test]
async fn series_past_the_limit_of_a_table_are_refused_and_nothing_is_written() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (tag TEXT TAG) WITH (series_max = 3)").await.unwrap();
    db.write(tagged(&["a", "b"])).await.unwrap();
    let refused = db.write(tagged(&["a", "c", "d"])).await.unwrap_err();
    assert!(matches!(refused, QueryError::Storage(StorageError::TooManySeries { .. })), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "table t would have 4 series (sets of tags), over its limit of 3; make tags that differ in nearly every row \
         FIELDs with an INDEX, or raise the table's option series_max"
    );
    assert_eq!(one(&db, "SELECT count(*) FROM t").await, "2");
    assert_eq!(one(&db, "SELECT series FROM system.tables").await, "2");
    db.sql("ALTER TABLE t SET (series_max = 4)").await.unwrap();
    db.write(tagged(&["a", "c", "d"])).await.unwrap();
    db.sql("ALTER TABLE t SET (series_max = 1)").await.unwrap();
    db.write(tagged(&["a", "b", "c", "d"])).await.unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM t").await, "9", "series that are there go on");
}

#[tokio::test]
async fn values_past_the_limit_of_a_tag_are_refused_with_its_name() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (tag TEXT TAG) WITH (tag_values_max = 2)").await.unwrap();
    let refused = db.write(tagged(&["a", "b", "c"])).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "tag tag of table t would have 3 values, over its limit of 2; make it a FIELD with an INDEX, or raise the \
         table's option tag_values_max"
    );
    db.write(tagged(&["a", "b"])).await.unwrap();
    db.sql("ALTER TABLE t RESET (tag_values_max)").await.unwrap();
    db.write(tagged(&["c"])).await.unwrap();
    for wrong in ["0", "'many'", "-1"] {
        let error = error(&db, &format!("ALTER TABLE t SET (series_max = {wrong})")).await.to_string();
        assert!(error.contains("is no whole number above 0"), "{error}");
    }
}

#[tokio::test]
async fn all_limits_are_listed() {
    let db = Database::open_in_memory().unwrap();
    let shown = rows(&db, "SELECT name, value, unit FROM system.limits").await;
    for limit in limits::LIMITS {
        let row = [limit.name.to_lowercase(), limit.value.to_string(), limit.unit.to_owned()];
        assert!(shown.contains(&row.to_vec()), "{row:?}");
    }
    assert!(shown.len() > limits::LIMITS.len(), "those of queries too");
    let series = "SELECT value, unit FROM system.limits WHERE name = 'table_series_max'";
    assert_eq!(rows(&db, series).await, [["10000000", "series"]]);
    assert_eq!(one(&db, "SELECT count(*) - count(DISTINCT name) FROM system.limits").await, "0");
}
