//! Signals that somebody meddles with what a model sees or learns from.

use driftline_query::Database;

use crate::dice::Dice;
use crate::support::{error, rows};

const HOUR: i64 = 3_600;

/// A row of a model that scores.
#[derive(Clone)]
struct Row {
    amount: f64,
    country: &'static str,
    score: f64,
    decision: &'static str,
    label: &'static str,
    plan: &'static str,
}

fn usual(dice: &mut Dice) -> Row {
    let score =
        if dice.roll(2) == 0 { dice.roll(300) as f64 / 1e3 } else { 0.7 + dice.roll(300) as f64 / 1e3 };
    let decision = if score > 0.5 { "yes" } else { "no" };
    let label = if dice.roll(10) == 0 { "yes" } else { decision };
    let (country, plan) =
        (["DE", "FR", "IT"][dice.roll(3) as usize], ["free", "paid"][dice.roll(2) as usize]);
    Row { amount: 1.0 + dice.roll(1_000_000) as f64 / 100.0, country, score, decision, label, plan }
}

/// Nine hours of 400 rows, of which the last is changed.
async fn model(seed: u64, changed: impl Fn(&mut Dice, i64) -> Row) -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql(
        "CREATE MODEL m (id TEXT KEY, amount DOUBLE FEATURE, country TEXT FEATURE CATEGORICAL, score DOUBLE SCORE,
                         decision TEXT PREDICTION, label TEXT LABEL, plan TEXT TAG)",
    )
    .await
    .unwrap();
    let mut dice = Dice::new(seed);
    for hour in 0..9 {
        let values: Vec<String> = (0..400)
            .map(|at| {
                let row = if hour == 8 { changed(&mut dice, at) } else { usual(&mut dice) };
                let nanos = (1_767_225_600 + hour * HOUR + at * 9) * 1_000_000_000;
                let Row { amount, country, score, decision, label, plan } = row;
                format!("(to_timestamp_nanos({nanos}), 'p{hour}_{at}', {amount}, '{country}', {score}, '{decision}', '{label}', '{plan}')")
            })
            .collect();
        let insert = "INSERT INTO m (time, id, amount, country, score, decision, label, plan) VALUES";
        db.sql(&format!("{insert} {}", values.join(", "))).await.unwrap();
    }
    db.sql("CREATE BASELINE b FOR MODEL m AS SELECT * FROM m WHERE time < '2026-01-01T08:00:00Z'")
        .await
        .unwrap();
    db
}

const WINDOW: &str = "window => '1 hour', at => '2026-01-01T09:00:00Z'";

async fn raised(db: &Database, more: &str) -> Vec<Vec<String>> {
    let sql =
        format!("SELECT signal, segment FROM poisoning('m', {WINDOW}{more}) WHERE raised ORDER BY 1, 2");
    rows(db, &sql).await
}

#[tokio::test]
async fn each_way_to_meddle_raises_its_signal() {
    let calm = model(1, |dice, _| usual(dice)).await;
    assert_eq!(raised(&calm, "").await, Vec::<Vec<String>>::new());
    let all = rows(
        &calm,
        &format!("SELECT signal, n_reference, n_current FROM poisoning('m', {WINDOW}) ORDER BY 1"),
    )
    .await;
    let expected = ["label_flips", "low_confidence", "near_duplicates", "out_of_distribution"];
    assert_eq!(all, expected.map(|signal| [signal, "2800", "400"]));
    let copies = model(2, |dice, at| {
        // One row in three is nearly the same one, as somebody probes where the model changes its mind.
        let row = usual(dice);
        if at % 3 == 0 { Row { amount: 5_000.0 + at as f64 / 100.0, country: "DE", ..row } } else { row }
    })
    .await;
    assert_eq!(raised(&copies, "").await, [["near_duplicates", "null"]]);
    let far = model(3, |dice, at| {
        let row = usual(dice);
        if at % 12 == 0 { Row { amount: 20_000.0 + 3_000.0 * at as f64, ..row } } else { row }
    })
    .await;
    assert_eq!(raised(&far, "").await, [["out_of_distribution", "null"]]);
    let unknown =
        model(4, |dice, at| Row { country: if at % 10 == 0 { "XX" } else { "FR" }, ..usual(dice) }).await;
    assert_eq!(raised(&unknown, "").await, [["out_of_distribution", "null"]]);
    let unsure =
        model(5, |dice, at| Row { score: if at % 10 == 0 { 0.52 } else { 0.9 }, ..usual(dice) }).await;
    assert_eq!(raised(&unsure, "").await, [["low_confidence", "null"]]);
    let flipped = model(6, |dice, at| {
        let row = usual(dice);
        let other = if row.decision == "yes" { "no" } else { "yes" };
        if at % 4 == 0 && row.plan == "paid" { Row { label: other, ..row } } else { row }
    })
    .await;
    assert_eq!(raised(&flipped, ", segment => 'plan'").await, [["label_flips", "paid"]]);
    let sql = "SELECT feature, aspect FROM drift('m', labels => true, alpha => 0.01, window => '1 hour', at => '2026-01-01T09:00:00Z') WHERE drifted";
    assert_eq!(rows(&flipped, sql).await.len(), 0);
    let all_yes = model(7, |dice, _| Row { label: "yes", ..usual(dice) }).await;
    assert_eq!(rows(&all_yes, sql).await, [["label", "categories"]]);
    assert_eq!(rows(&all_yes, &sql.replace("labels => true, ", "")).await.len(), 0);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let db = model(1, |dice, _| usual(dice)).await;
    for (call, said) in [
        ("poisoning('m')", "say which window"),
        ("poisoning('m', rows => 100)", "windows are of time"),
        ("poisoning('n', window => '1h')", "n"),
        ("poisoning('m', window => '1h', segment => 'plam')", "plan"),
        (
            "poisoning('m', window => '1h', reference => 0)",
            "argument `reference` must be a whole number from 1",
        ),
    ] {
        let error = error(&db, &format!("SELECT * FROM {call}")).await.to_string();
        assert!(error.contains(said), "{call}: {error}");
    }
}
