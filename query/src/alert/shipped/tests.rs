use super::*;
use crate::Database;
use crate::alert::Rule;
use crate::alert::metric::Metric;
use crate::statement::watch::Watch;
use crate::statement::{Statement, parse_one};

fn rule(sql: &str) -> Rule {
    match parse_one(sql).unwrap_or_else(|error| panic!("{sql}: {error}")) {
        Statement::Watch(watch) => match *watch {
            Watch::CreateAlert(create) => create.rule,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_is_an_alert_that_says_what_to_do() {
    let rules: Vec<Rule> = SYSTEM_ALERTS.into_iter().chain(MODEL_ALERTS).map(rule).collect();
    for (at, rule) in rules.iter().enumerate() {
        for text in ["summary", "description", "action", "action_url"] {
            assert!(rule.annotations.contains_key(text), "{}: {text}", rule.name);
        }
        assert!(
            rules.iter().skip(at + 1).all(|other| other.name != rule.name),
            "{} is there twice",
            rule.name
        );
    }
}

#[test]
fn the_examples_are_of_all_models_with_the_thresholds_that_people_know() {
    let wanted = [
        (Metric::Accuracy, "<", 0.85, "high"),
        (Metric::LatencyP95, ">", 500.0, "medium"),
        (Metric::ErrorRate, ">", 0.05, "critical"),
        (Metric::DriftScore, ">", 0.3, "high"),
    ];
    for (sql, (metric, condition, threshold, severity)) in MODEL_ALERTS.into_iter().zip(wanted) {
        let rule = rule(sql);
        let of = rule.metric.unwrap();
        assert_eq!((of.metric.as_str(), of.condition.as_str()), (metric.name(), condition));
        assert_eq!((of.threshold, rule.severity.name(), rule.model), (threshold, severity, None));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn those_of_machines_judge_the_tables_they_come_with() {
    let db = Database::open_in_memory().unwrap();
    for table in TABLES {
        db.sql(table).await.unwrap();
    }
    let at = "'2026-01-01T11:59:30Z'";
    let inferences: Vec<String> = [("slow", 5001, 3), ("well", 5000, 2)]
        .into_iter()
        .flat_map(|(model, took, failed)| {
            (0..20).map(move |id| format!("({at}, '{model}', '{id}', {took}, 1, {})", id >= failed))
        })
        .collect();
    db.sql(&format!(
        "INSERT INTO system_metrics (time, host, cpu_percent, memory_percent, queue_pending)
           VALUES ({at}, 'a', 81, 86, 101), ({at}, 'b', 80, 85, 100);
         INSERT INTO gpu_metrics (time, host, gpu_id, temperature) VALUES ({at}, 'a', '0', 85.5), ({at}, 'a', '1', 85);
         INSERT INTO inferences (time, model_name, request_id, response_time_ms, queue_time_ms, success)
           VALUES {}",
        inferences.join(", ")
    ))
    .await
    .unwrap();
    for sql in SYSTEM_ALERTS.into_iter().filter(|sql| !sql.contains("system.activity")) {
        let rule = rule(sql);
        let query = rule.query.replace("now()", "TIMESTAMP '2026-01-01T12:00:00Z'");
        let judged =
            format!("SELECT count(*) FILTER (WHERE {}) AS bad, count(*) AS n FROM ({query})", rule.when);
        let rows = db.sql(&judged).await.unwrap_or_else(|error| panic!("{}: {error}", rule.name));
        let counted = arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
        assert!(counted.contains("| 1   | 2 |"), "{}:\n{counted}", rule.name);
        for by in &rule.by {
            db.sql(&format!("SELECT {by} FROM ({query})")).await.unwrap();
        }
        if let Some(well) = rule.resolve_when {
            db.sql(&format!("SELECT {well} FROM ({query})")).await.unwrap();
        }
    }
}
