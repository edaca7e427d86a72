use std::time::Duration;

use super::*;

fn governor(limits: QueryLimits) -> Arc<Governor> {
    Arc::new(Governor::new(limits, 1_767_225_600_000_000_000))
}

async fn admit(governor: &Arc<Governor>, way: Way) -> Result<Ticket> {
    governor.admit("SELECT 1", Access::Network, way, 0).await
}

fn one_place() -> QueryLimits {
    QueryLimits { running: 1, ..QueryLimits::default() }
}

#[tokio::test]
async fn the_statements_that_ended_last_are_kept_and_no_more() {
    let governor = governor(QueryLimits::default());
    for _ in 0..QUERIES_KEPT_MAX + 10 {
        admit(&governor, Way::Limited).await.unwrap().finish(1);
    }
    let records = governor.records();
    assert_eq!(records.len(), QUERIES_KEPT_MAX);
    assert!(records.iter().all(|record| record.state == State::Finished && record.rows == 1));
    assert_eq!(records[0].id, "6955b900-11");
}

#[tokio::test]
async fn time_runs_in_the_queue_too_but_not_while_somebody_writes() {
    let limits = QueryLimits { time: Duration::from_millis(50), ..one_place() };
    let governor = governor(limits);
    let writing = admit(&governor, Way::Limited).await.unwrap();
    writing.query().begin_write().unwrap();
    let error = admit(&governor, Way::Limited).await.unwrap_err();
    assert!(error.to_string().contains("the time limit of 0.05 s"), "{error}");
    assert!(!governor.time_out(writing.query()), "its time is over, and it writes on");
    writing.finish(3);
    let states: Vec<State> = governor.records().iter().map(|record| record.state).collect();
    assert_eq!(states, [State::Finished, State::Failed]);
}

#[tokio::test]
async fn what_writes_is_not_killed_and_what_was_killed_does_not_write() {
    let governor = governor(QueryLimits::default());
    let by = admit(&governor, Way::Change).await.unwrap();
    let (writes, reads) = (admit(&governor, Way::Limited).await, admit(&governor, Way::Limited).await);
    let (writes, reads) = (writes.unwrap(), reads.unwrap());
    writes.query().begin_write().unwrap();
    for unstopped in [&writes, &by] {
        let error = governor.kill(unstopped.query().id(), by.query()).unwrap_err();
        assert!(error.to_string().contains("never cut in the middle"), "{error}");
    }
    governor.kill(reads.query().id(), by.query()).unwrap();
    assert!(matches!(reads.query().begin_write(), Err(QueryError::Killed(_))));
    let error = governor.kill(reads.query().id(), by.query()).unwrap_err();
    assert!(error.to_string().contains("is killed already"), "{error}");
}

#[tokio::test]
async fn a_place_is_free_again_however_its_statement_ended() {
    let governor = governor(QueryLimits { queued: 0, ..one_place() });
    let by = admit(&governor, Way::Change).await.unwrap();
    let first = admit(&governor, Way::Limited).await.unwrap();
    assert!(matches!(admit(&governor, Way::Limited).await, Err(QueryError::Limit(_))));
    drop(first);
    let second = admit(&governor, Way::Limited).await.unwrap();
    governor.kill(second.query().id(), by.query()).unwrap();
    let third = admit(&governor, Way::Limited).await.unwrap();
    let _ = third.fail(QueryError::Invalid("no".into()));
    admit(&governor, Way::Limited).await.unwrap().finish(0);
    let states: Vec<&str> = governor.records().iter().map(|record| record.state.name()).collect();
    assert_eq!(states, ["running", "cancelled", "failed", "killed", "failed", "finished"]);
}

#[tokio::test]
async fn who_leaves_the_queue_leaves_no_place_taken_in_it() {
    let governor = governor(QueryLimits { queued: 1, ..one_place() });
    let first = admit(&governor, Way::Limited).await.unwrap();
    for _ in 0..3 {
        let mut waits = Box::pin(admit(&governor, Way::Limited));
        assert!(futures::poll!(&mut waits).is_pending());
        assert!(matches!(admit(&governor, Way::Limited).await, Err(QueryError::Limit(_))), "one may wait");
    }
    let states: Vec<&str> = governor.records().iter().map(|record| record.state.name()).collect();
    assert_eq!(states, ["running", "cancelled", "failed", "cancelled", "failed", "cancelled", "failed"]);
    drop(first);
    admit(&governor, Way::Limited).await.unwrap().finish(0);
}

#[test]
fn texts_are_bounded_and_those_of_erasures_not_kept() {
    let long = "ä".repeat(crate::limits::QUERY_TEXT_BYTES_MAX);
    let kept = text::kept(&format!("SELECT '{long}'"));
    assert!(kept.len() < crate::limits::QUERY_TEXT_BYTES_MAX + 40 && kept.contains("bytes more"), "{kept}");
    assert_eq!(&*text::kept("  SELECT 1 "), "SELECT 1");
    assert!(!text::kept("erase SUBJECT 'customer-17'").contains("customer"));
}

#[test]
fn secrets_of_notifiers_are_not_kept_with_the_statement() {
    for sql in [
        "CREATE NOTIFIER a TYPE slack WITH (url = 'https://secret')",
        "/* x */ create\n notifier a type slack with(url = 'https://secret')",
        "ALTER NOTIFIER a SET (token = 'https://secret')",
        "SELECT 1; CREATE NOTIFIER a TYPE slack WITH (url = 'https://secret')",
    ] {
        let kept = super::text::kept(sql);
        assert!(!kept.contains("secret") && kept.to_lowercase().contains("notifier"), "{kept}");
    }
}
