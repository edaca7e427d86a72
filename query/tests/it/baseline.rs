//! Baselines: one distribution a column.

use driftline_query::storage::distribution::{Categorical, Distribution, Numeric};
use driftline_query::{QueryError, storage::Snapshot};

use crate::support::{error, fraud, one, rows};

fn entry(snapshot: &Snapshot, key: &str) -> String {
    String::from_utf8(snapshot.entries()[key].to_vec()).unwrap()
}

fn hex(distribution: &Distribution) -> String {
    distribution.encode().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_baseline_holds_the_distribution_of_each_feature_prediction_score_and_label() {
    let db = fraud().await;
    let made =
        one(&db, "CREATE BASELINE training FOR MODEL Fraud AS SELECT * FROM fraud WHERE id <> 'none'").await;
    assert_eq!(made, "3");
    let mut amount = Numeric::new();
    amount.push(12.5);
    amount.push(990.0);
    amount.push_null();
    let mut country = Categorical::new();
    ["DE", "FR", "FR"].into_iter().for_each(|value| country.push(value));
    let text = entry(&db.engine().snapshot(), "baseline/fraud/training");
    let entry: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(entry["columns"]["amount"], hex(&Distribution::Numeric(amount)));
    assert_eq!(entry["columns"]["country"], hex(&Distribution::Categorical(country)));
    let columns: Vec<&String> = entry["columns"].as_object().unwrap().keys().collect();
    assert_eq!(columns, ["amount", "country", "decision", "label", "score"]);
    let shown = rows(&db, "SHOW BASELINES").await;
    assert_eq!(shown[0][..5], ["fraud", "training", "3", "5", "SELECT * FROM fraud WHERE id <> 'none'"]);
}

#[tokio::test]
async fn a_baseline_is_found_by_the_names_of_its_columns() {
    let db = fraud().await;
    let sql = "CREATE BASELINE b FOR MODEL fraud AS SELECT amount * 2 AS \"AMOUNT\", 'é' AS country FROM fraud; SELECT 1";
    db.sql(sql).await.unwrap();
    assert_eq!(one(&db, "SELECT columns FROM system.baselines").await, "2");
    assert!(one(&db, "SELECT query FROM system.baselines").await.ends_with("'é' AS country FROM fraud"));
}

#[tokio::test]
async fn baselines_that_cannot_be_are_refused() {
    let db = fraud().await;
    let create = "CREATE BASELINE b FOR MODEL fraud AS SELECT * FROM fraud";
    db.sql(create).await.unwrap();
    let exists = error(&db, create).await;
    assert!(matches!(exists, QueryError::Exists(_)), "{exists:?}");
    db.sql("CREATE BASELINE IF NOT EXISTS b FOR MODEL fraud AS SELECT * FROM fraud").await.unwrap();
    let useless = error(&db, "CREATE BASELINE c FOR MODEL fraud AS SELECT 1 AS n").await;
    assert!(
        useless.to_string().contains("gives no feature, prediction or score of model fraud"),
        "{useless}"
    );
    let wrong = error(&db, "CREATE BASELINE c FOR MODEL fraud AS SELECT 'x' AS amount FROM fraud").await;
    assert!(wrong.to_string().contains("column amount"), "{wrong}");
    let missing = error(&db, "CREATE BASELINE c FOR MODEL nobody AS SELECT 1").await;
    assert!(matches!(missing, QueryError::NotFound(_)), "{missing:?}");
    let missing = error(&db, "DROP BASELINE c").await;
    assert!(matches!(missing, QueryError::NotFound(_)), "{missing:?}");
    db.sql("DROP BASELINE B FOR MODEL Fraud").await.unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM system.baselines").await, "0");
}

#[tokio::test]
async fn a_name_that_two_models_use_needs_its_model() {
    let db = fraud().await;
    db.sql(
        "CREATE MODEL other (x DOUBLE FEATURE);
         CREATE BASELINE b FOR MODEL fraud AS SELECT * FROM fraud;
         CREATE BASELINE b FOR MODEL other AS SELECT * FROM other",
    )
    .await
    .unwrap();
    let which = error(&db, "DROP BASELINE b").await;
    assert!(which.to_string().contains("DROP BASELINE b FOR MODEL"), "{which}");
    db.sql("DROP BASELINE b FOR MODEL other").await.unwrap();
    assert_eq!(rows(&db, "SELECT model FROM system.baselines").await, [["fraud"]]);
}
