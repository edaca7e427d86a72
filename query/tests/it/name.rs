//! Unquoted names match without regard to case unless ambiguous.

use driftline_query::{Database, QueryError};

use crate::support::{error, one, rows};

async fn employment() -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql(
        "CREATE TABLE Employment (AGEP BIGINT, SCHL TEXT, \"Has Space\" BIGINT);
            INSERT INTO EMPLOYMENT (TIME, agep, schl, \"Has Space\")
            VALUES ('2026-01-01T00:00:00Z', 30, 'x', 1), ('2026-01-01T00:00:01Z', 50, 'y', 2)",
    )
    .await
    .unwrap();
    db
}

#[tokio::test]
async fn columns_and_tables_are_found_in_any_case() {
    let db = employment().await;
    for sql in [
        "SELECT avg(agep) FROM employment",
        "SELECT avg(AGEP) FROM Employment",
        "SELECT avg(e.Agep) FROM EMPLOYMENT AS E",
        "SELECT avg(employment.agep) FROM employment",
        "SELECT avg(agep) FROM PUBLIC.employment",
        "SELECT avg(agep) FROM driftline.public.employment WHERE Time > '2020-01-01'",
        "SELECT avg(\"AGEP\") FROM \"Employment\"",
        "SELECT avg(agep) FROM (SELECT AGEP FROM employment)",
        "WITH w AS (SELECT * FROM employment) SELECT avg(agep) FROM W",
        "WITH Employment AS (SELECT 40.0 AS agep) SELECT avg(AGEP) FROM employment",
        "SELECT avg(x) FROM (SELECT agep AS X FROM employment)",
        "SELECT avg(x) FROM (SELECT agep FROM employment) AS t(X)",
        "SELECT avg(agep) FROM employment HAVING count(SCHL) = 2",
        "SELECT avg(a.agep) FROM employment a JOIN employment b ON a.schl = b.Schl",
        "SELECT avg(agep) FROM employment a JOIN (SELECT schl FROM employment) b USING (schl)",
        "SELECT avg(agep) FROM employment WHERE schl IN (SELECT Schl FROM employment WHERE agep > 0)",
        "SELECT avg(agep) FROM employment o WHERE EXISTS (SELECT 1 FROM employment i WHERE i.schl = o.schl)",
        "SELECT avg(agep) OVER () FROM employment LIMIT 1",
        "SELECT avg(v) FROM (SELECT agep v FROM employment UNION ALL SELECT AGEP FROM employment)",
    ] {
        assert_eq!(one(&db, sql).await, "40.0", "{sql}");
    }
}

#[tokio::test]
async fn columns_keep_the_case_in_which_they_were_written() {
    let db = employment().await;
    let batches =
        db.sql("SELECT agep, schl, *  EXCLUDE (AgeP, schl), AGEP AS Years FROM employment").await.unwrap();
    let schema = batches[0].schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["AGEP", "SCHL", "time", "Has Space", "years"]);
    let listed =
        rows(&db, "SELECT column_name FROM information_schema.columns WHERE table_name = 'Employment'").await;
    assert_eq!(listed.concat(), ["time", "AGEP", "SCHL", "Has Space"]);
}

#[tokio::test]
async fn an_alias_wins_in_order_by_and_a_column_in_select() {
    let db = employment().await;
    let sql = "SELECT schl, -agep AS agep FROM employment ORDER BY agep";
    assert_eq!(rows(&db, sql).await, [["y", "-50"], ["x", "-30"]]);
    let sql = "SELECT agep AS agep FROM employment ORDER BY AGEP DESC";
    assert_eq!(rows(&db, sql).await, [["50"], ["30"]]);
    let sql = "SELECT schl AS g, count(*) FROM employment GROUP BY G ORDER BY g";
    assert_eq!(rows(&db, sql).await, [["x", "1"], ["y", "1"]]);
    let sql = "SELECT * EXCLUDE (agep, Time) FROM employment ORDER BY schl LIMIT 1";
    assert_eq!(rows(&db, sql).await, [["x", "1"]]);
}

#[tokio::test]
async fn names_that_differ_only_in_case_need_quotes() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (\"X\" BIGINT, \"x\" BIGINT); INSERT INTO t VALUES ('2026-01-01', 1, 2)")
        .await
        .unwrap();
    assert_eq!(
        rows(&db, "SELECT X, x, \"X\" + 0 FROM t").await,
        [["1", "2", "1"]],
        "written exactly is exact"
    );
    db.sql("CREATE TABLE u (\"Xy\" BIGINT, \"xY\" BIGINT)").await.unwrap();
    let ambiguous = error(&db, "SELECT XY FROM u").await;
    assert!(ambiguous.to_string().contains("Xy and xY differ only in case"), "{ambiguous}");
    let taken = error(&db, "CREATE TABLE T (y DOUBLE)").await;
    assert!(matches!(taken, QueryError::Exists(_)), "{taken:?}");
}

#[tokio::test]
async fn quoted_names_are_exact() {
    let db = employment().await;
    let table = error(&db, "SELECT 1 FROM \"employment\"").await;
    assert!(matches!(table, QueryError::NotFound(_)), "{table:?}");
    assert_eq!(table.to_string(), "table employment does not exist; did you mean Employment?");
    let column = error(&db, "SELECT \"agep\" FROM employment").await;
    assert!(matches!(column, QueryError::NotFound(_)), "{column:?}");
}

#[tokio::test]
async fn unknown_names_are_told_with_their_place() {
    let db = employment().await;
    let column = error(&db, "SELECT\n  ages FROM employment").await;
    assert!(matches!(column, QueryError::NotFound(_)), "{column:?}");
    assert!(column.to_string().contains("(line 2, column 3)"), "{column}");
    let table = error(&db, "SELECT 1 FROM employmnt").await;
    assert!(table.to_string().contains("did you mean Employment"), "{table}");
    let system = error(&db, "SELECT 1 FROM system.tabels").await;
    assert!(system.to_string().contains("did you mean tables"), "{system}");
    let schema = error(&db, "SELECT 1 FROM nowhere.t").await;
    assert!(matches!(schema, QueryError::NotFound(_)), "{schema:?}");
}

#[tokio::test]
async fn models_and_baselines_in_arguments_are_found_in_any_case() {
    let db = crate::support::fraud().await;
    db.sql("CREATE BASELINE Training FOR MODEL fraud AS SELECT * FROM fraud").await.unwrap();
    for call in
        ["drift('FRAUD', baseline => 'TRAINING')", "drift('fraud')", "drift('Fraud', baseline => 'training')"]
    {
        let call = call.replace(')', ", from => '2026-01-01', to => '2026-01-02')");
        let sql = format!("SELECT feature FROM {call} ORDER BY feature");
        let features = rows(&db, &sql).await.concat();
        assert!(features.contains(&"amount".to_owned()), "{call}: {features:?}");
    }
    let nobody = error(&db, "SELECT * FROM drift('nobody', window => INTERVAL '1 day')").await;
    assert!(matches!(nobody, QueryError::NotFound(_)), "{nobody:?}");
}
