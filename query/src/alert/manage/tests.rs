use std::sync::Arc;

use driftline_storage::{CatalogChange, EngineOptions, ManualClock, StorageError, WriteBatch};

use super::rule::install;
use crate::alert::registry::Registry;
use crate::alert::shipped;
use crate::{Database, DatabaseOptions, QueryError};

fn database() -> Database {
    let engine =
        EngineOptions { clock: Arc::new(ManualClock::at(1_000_000_007)), ..EngineOptions::default() };
    let options = DatabaseOptions { engine, settle_by_hand: true, ..DatabaseOptions::default() };
    Database::open_in_memory_with(options).unwrap()
}

fn registry(db: &Database) -> Registry {
    Registry::of(&db.engine().snapshot()).unwrap()
}

#[tokio::test]
async fn alerts_that_ship_lie_there_before_their_tables_and_are_not_put_there_twice() {
    let db = database();
    assert!(Registry::is_empty_in(&db.engine().snapshot()));
    let shipped: Vec<&str> = shipped::SYSTEM_ALERTS.into_iter().chain(shipped::MODEL_ALERTS).collect();
    install(&db, &shipped, &[]).await.unwrap();
    assert!(!Registry::is_empty_in(&db.engine().snapshot()));
    let first = registry(&db);
    assert_eq!(first.rules.len(), shipped.len());
    assert!(first.rules.iter().all(|rule| rule.created_at == 1_000_000_007));
    db.sql("ALTER ALERT high_cpu SET (severity = low)").await.unwrap();
    db.sql("DROP ALERT high_memory").await.unwrap();
    let changed = registry(&db);
    install(&db, &shipped, &[]).await.unwrap();
    let again = registry(&db);
    assert_eq!(again.rules.len(), shipped.len());
    assert!(changed.rules.iter().all(|rule| again.rules.contains(rule)));
    let error = install(&db, &["SELECT 1"], &[]).await.unwrap_err().to_string();
    assert!(error.contains("is not CREATE ALERT"), "{error}");
}

#[tokio::test]
async fn an_entry_of_each_kind_alone_is_something_to_look_after_and_damage_names_it() {
    for prefix in ["alert/", "notifier/", "silence/", "route/", "inhibition/"] {
        let db = database();
        let key = format!("{prefix}x");
        let change = CatalogChange::PutEntry { key: key.clone(), value: b"{".to_vec() };
        db.blocking(move |ingest| {
            ingest.change(|_| Ok(Some(WriteBatch { catalog: vec![change], ..WriteBatch::default() })))
        })
        .await
        .unwrap();
        let snapshot = db.engine().snapshot();
        assert!(!Registry::is_empty_in(&snapshot), "{prefix}");
        let error = Registry::of(&snapshot).unwrap_err();
        assert!(matches!(error, QueryError::Storage(StorageError::Corrupt { .. })), "{error:?}");
        assert!(error.to_string().contains(&key), "{error}");
    }
}
