//! Drift reports: what they are compared with, how they are corrected, and that it does not matter where rows lie.

use driftline_query::Database;

use crate::dice::Dice;
use crate::support::{error, one, rows};

const HOUR: i64 = 3_600;

/// A normal value from dice, by the sum of uniform ones.
fn normal(dice: &mut Dice) -> f64 {
    (0..12).map(|_| dice.roll(1_000_000) as f64 / 1e6).sum::<f64>() - 6.0
}

/// A row of an hour of the model.
struct Row {
    amount: Option<f64>,
    country: &'static str,
    plan: &'static str,
}

fn usual(dice: &mut Dice) -> Row {
    let amount = (dice.roll(50) > 0).then(|| 100.0 + 10.0 * normal(dice));
    let country = ["DE", "DE", "DE", "FR", "FR", "IT"][dice.roll(6) as usize];
    Row { amount, country, plan: ["free", "paid"][dice.roll(2) as usize] }
}

/// Rows of one hour after 2026-01-01, in order of time.
async fn hour(db: &Database, hour: i64, n: i64, mut row: impl FnMut(i64) -> Row) {
    let values = (0..n).map(|at| {
        let Row { amount, country, plan } = row(at);
        let amount = amount.map_or("NULL".to_owned(), |amount| amount.to_string());
        let nanos = (1_767_225_600 + hour * HOUR) * 1_000_000_000 + at * HOUR * 1_000_000_000 / n;
        format!("(to_timestamp_nanos({nanos}), {amount}, '{country}', '{plan}')")
    });
    let values: Vec<String> = values.collect();
    db.sql(&format!("INSERT INTO m (time, amount, country, plan) VALUES {}", values.join(", ")))
        .await
        .unwrap();
}

/// Ten hours of a baseline, then an hour as before, and one in which `changed` changed.
async fn model(seed: u64, changed: impl Fn(&mut Dice, i64) -> Row) -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (amount DOUBLE FEATURE, country TEXT FEATURE CATEGORICAL, plan TEXT TAG)")
        .await
        .unwrap();
    let mut dice = Dice::new(seed);
    for at in 0..11 {
        hour(&db, at, 500, |_| usual(&mut dice)).await;
    }
    hour(&db, 11, 500, |at| changed(&mut dice, at)).await;
    db.sql("CREATE BASELINE b FOR MODEL m AS SELECT * FROM m WHERE time < '2026-01-01T10:00:00Z'")
        .await
        .unwrap();
    db
}

const CALM: &str = "window => '1 hour', at => '2026-01-01T11:00:00Z', alpha => 0.01";
const CHANGED: &str = "window => '1 hour', at => '2026-01-01T12:00:00Z', alpha => 0.01";

async fn drifted(db: &Database, arguments: &str) -> Vec<Vec<String>> {
    let sql = format!("SELECT feature, aspect FROM drift('m', {arguments}) WHERE drifted ORDER BY feature");
    rows(db, &sql).await
}

/// A row of an hour that changed, by its place.
type Change = fn(&mut Dice, i64) -> Row;

#[tokio::test]
async fn what_changed_is_named_with_what_changed_of_it() {
    let cases: [(&str, &str, Change); 5] = [
        ("amount", "location", |dice, _| {
            let row = usual(dice);
            Row { amount: row.amount.map(|x| x + 5.0), ..row }
        }),
        ("amount", "spread", |dice, _| {
            let row = usual(dice);
            Row { amount: row.amount.map(|x| 100.0 + 1.6 * (x - 100.0)), ..row }
        }),
        ("amount", "missing", |dice, at| {
            let row = usual(dice);
            Row { amount: row.amount.filter(|_| at % 8 > 0), ..row }
        }),
        ("country", "categories", |dice, at| {
            let row = usual(dice);
            Row { country: if at % 5 == 0 { "IT" } else { row.country }, ..row }
        }),
        ("country", "new_categories", |dice, at| {
            let row = usual(dice);
            Row { country: if at % 20 == 0 { "XX" } else { row.country }, ..row }
        }),
    ];
    for (feature, aspect, changed) in cases {
        let db = model(7, changed).await;
        assert_eq!(drifted(&db, CALM).await, Vec::<Vec<String>>::new(), "{aspect}");
        assert_eq!(drifted(&db, CHANGED).await, [[feature, aspect]]);
        // An hour like all others before it says the same of it.
        assert_eq!(drifted(&db, &format!("baseline => 'previous', {CHANGED}")).await, [[feature, aspect]]);
        let verdict =
            "SELECT drifted, worst_feature, worst_aspect, features, features_drifted, share_drifted,
                         drift_score BETWEEN 0.03 AND 1, n_current FROM drift_summary";
        let found = rows(&db, &format!("{verdict}('m', {CHANGED})")).await;
        assert_eq!(found[0][..7], ["true", feature, aspect, "2", "1", "0.5", "true"]);
        let calm =
            rows(&db, &format!("SELECT drifted, drift_score, threshold FROM drift_summary('m', {CALM})"))
                .await;
        assert_eq!(calm, [["false", "0.0", "0.01"]]);
    }
}

#[tokio::test]
async fn the_level_goes_by_the_length_of_the_window_and_is_shown() {
    let db = model(1, |dice, _| usual(dice)).await;
    let threshold = |window: &str| format!("SELECT DISTINCT threshold FROM drift('m', {window})");
    let hourly = one(&db, &threshold("window => '1 hour', at => '2026-01-01T12:00:00Z'")).await;
    assert_eq!(hourly.parse::<f64>().unwrap(), 1.0 / 720.0);
    assert_eq!(one(&db, &threshold("window => '7 days', at => '2026-01-02'")).await, "0.05");
    assert_eq!(one(&db, &threshold("rows => 100, at => '2026-01-02'")).await, "0.025");
    assert_eq!(one(&db, &threshold("rows => 100, at => '2026-01-02', alpha => 0.2")).await, "0.2");
}

#[tokio::test]
async fn p_values_of_all_columns_are_corrected_whichever_are_shown() {
    let db = model(3, |dice, _| usual(dice)).await;
    let all = rows(&db, &format!("SELECT p_adjusted FROM drift('m', {CHANGED}) ORDER BY feature")).await;
    let one_of_two = format!("SELECT p_adjusted FROM drift('m', {CHANGED}) WHERE feature = 'amount'");
    assert_eq!(one(&db, &one_of_two).await, all[0][0]);
    let alone = "SELECT p_adjusted = p_value FROM drift('m', features => 'AMOUNT', window => '1 hour', at => '2026-01-01T12:00:00Z')";
    assert_eq!(rows(&db, alone).await, [["true"]]);
    let unknown =
        error(&db, "SELECT * FROM drift('m', features => 'amount, colour', rows => 5)").await.to_string();
    assert!(unknown.contains("names colour") && unknown.contains("it has amount, country"), "{unknown}");
}

#[tokio::test]
async fn windows_of_rows_are_in_order_of_time() {
    let db = model(5, |dice, _| {
        let row = usual(dice);
        Row { amount: row.amount.map(|x| x + 5.0), ..row }
    })
    .await;
    let sql = "SELECT CAST(window_start AS TEXT) AS at, n_current + CAST(round(missing_current * 600) AS BIGINT), drifted
               FROM drift_over_time('m', rows => 600) WHERE feature = 'amount' ORDER BY at";
    let found = rows(&db, sql).await;
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|row| row[1] == "600"), "{found:?}");
    // Its last hundred rows are those of the changed hour.
    assert_eq!(found[1][0], "2026-01-01T01:12:00Z");
    let last = "SELECT CAST(window_start AS TEXT) AS at, CAST(window_end AS TEXT), drifted FROM drift('m', rows => 500, at => '2026-01-02') WHERE feature = 'amount'";
    assert_eq!(rows(&db, last).await, [["2026-01-01T11:00:00Z", "2026-01-01T11:59:52.800000001Z", "true"]]);
    let before = "baseline => 'previous', rows => 500, at => '2026-01-02'";
    assert_eq!(drifted(&db, before).await, [["amount", "location"]]);
    assert_eq!(
        drifted(&db, "baseline => 'previous', rows => 500, at => '2026-01-01T11:00:00Z'").await.len(),
        0
    );
}

#[tokio::test]
async fn another_mix_of_segments_is_told_from_a_change_within_them() {
    // Who pays has greater amounts; in the last hour more pay, and nobody changed.
    let of = |dice: &mut Dice, paid: u64| {
        let plan = if dice.roll(10) < paid { "paid" } else { "free" };
        let shift = if plan == "paid" { 20.0 } else { 0.0 };
        let row = usual(dice);
        Row { amount: row.amount.map(|x| x + shift), country: row.country, plan }
    };
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (amount DOUBLE FEATURE, country TEXT FEATURE CATEGORICAL, plan TEXT TAG)")
        .await
        .unwrap();
    let mut dice = Dice::new(11);
    for at in 0..11 {
        hour(&db, at, 500, |_| of(&mut dice, 5)).await;
    }
    hour(&db, 11, 500, |_| of(&mut dice, 8)).await;
    db.sql("CREATE BASELINE b FOR MODEL m AS SELECT * FROM m WHERE time < '2026-01-01T10:00:00Z'")
        .await
        .unwrap();
    assert_eq!(drifted(&db, CHANGED).await, [["amount", "location"]]);
    for baseline in ["b", "previous"] {
        let call = format!("baseline => '{baseline}', segment => 'plan', {CHANGED}");
        assert_eq!(drifted(&db, &call).await, [["plan", "categories"]], "{baseline}");
    }
    let sql = format!(
        "SELECT segment, feature, kind, n_current > 50 FROM drift('m', segment => 'plan', {CHANGED}) ORDER BY 1 NULLS FIRST, 2"
    );
    let found = rows(&db, &sql).await;
    let expected = [
        ["null", "plan", "segment", "true"],
        ["free", "amount", "numeric", "true"],
        ["free", "country", "categorical", "true"],
        ["paid", "amount", "numeric", "true"],
        ["paid", "country", "categorical", "true"],
    ];
    assert_eq!(found, expected);
    // Any expression, and segments of few rows are shown without a verdict.
    let few = format!(
        "SELECT count(*) FROM drift('m', segment => 'amount > 140', min_rows => 200, {CHANGED}) WHERE drifted IS NULL AND segment = 'true'"
    );
    assert_eq!(one(&db, &few).await, "2");
    for (segment, said) in [
        ("plam", "plan"),
        ("avg(amount)", "of the columns of one row"),
        ("amount >", "must be a column of m or an expression"),
    ] {
        let error = error(&db, &format!("SELECT * FROM drift('m', segment => '{segment}', rows => 5)"))
            .await
            .to_string();
        assert!(error.contains("argument `segment`") && error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_baseline_in_order_of_time_knows_how_its_rows_depend_on_each_other() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (amount DOUBLE FEATURE, country TEXT FEATURE CATEGORICAL, plan TEXT TAG)")
        .await
        .unwrap();
    let (mut dice, mut last) = (Dice::new(2), 0.0);
    for at in 0..30 {
        hour(&db, at, 500, |_| {
            last = 0.95 * last + normal(&mut dice);
            Row { amount: Some(last), ..usual(&mut dice) }
        })
        .await;
    }
    let rows_of = "* FROM m WHERE time < '2026-01-01T20:00:00Z'";
    db.sql(&format!("CREATE BASELINE ordered FOR MODEL m AS SELECT {rows_of}")).await.unwrap();
    let without = rows_of.replace('*', "amount, country");
    db.sql(&format!("CREATE BASELINE unordered FOR MODEL m AS SELECT {without}")).await.unwrap();
    let alarms = |baseline: &str| {
        format!("SELECT count(*) FILTER (WHERE drifted), min(method) FROM drift_over_time('m', window => '1 hour', baseline => '{baseline}',
                 from => '2026-01-01T20:00:00Z', to => '2026-01-02T06:00:00Z', alpha => 0.05) WHERE feature = 'amount'")
    };
    // Nothing changed: rows that are like those before them only look as if.
    assert_eq!(rows(&db, &alarms("ordered")).await, [["0", "rank+ks/binned"]]);
    let found = rows(&db, &alarms("unordered")).await;
    assert!(found[0][0].parse::<u64>().unwrap() >= 5, "{found:?}");
    assert_eq!(found[0][1], "rank+ks,iid/binned");
}

#[tokio::test]
async fn where_rows_lie_changes_no_verdict() {
    let db = model(13, |dice, _| {
        let row = usual(dice);
        Row { amount: row.amount.map(|x| x + 2.0), ..row }
    })
    .await;
    let calls = [
        "drift_over_time('m', window => '1 hour')",
        "drift_over_time('m', window => '1 hour', baseline => 'previous')",
        "drift_over_time('m', rows => 400)",
        "drift('m', window => '2 hours', at => '2026-01-01T12:00:00Z', segment => 'plan')",
    ];
    let mut found: Vec<Vec<Vec<Vec<String>>>> = Vec::new();
    for step in ["", "flush", "COMPACT"] {
        match step {
            "flush" => db.flush().await.unwrap(),
            "COMPACT" => drop(db.sql("COMPACT").await.unwrap()),
            _ => {}
        }
        let mut answers = Vec::new();
        for call in calls {
            answers.push(
                rows(&db, &format!("SELECT * FROM {call} ORDER BY window_start, segment, feature")).await,
            );
        }
        found.push(answers);
    }
    assert!(found[0].iter().all(|answer| answer.len() >= 5));
    for (state, other) in found.iter().enumerate().skip(1) {
        for (call, (before, after)) in calls.iter().zip(found[0].iter().zip(other)) {
            for (before, after) in before.iter().zip(after) {
                assert_eq!(before, after, "state {state}, {call}");
            }
            assert_eq!(before.len(), after.len(), "state {state}, {call}");
        }
    }
}

#[tokio::test]
async fn weights_are_refused_unless_they_shall_be_left_out() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL w (x DOUBLE FEATURE, n DOUBLE WEIGHT)").await.unwrap();
    db.sql("INSERT INTO w (time, x, n) VALUES ('2026-01-01', 1, 10)").await.unwrap();
    db.sql("CREATE BASELINE b FOR MODEL w AS SELECT * FROM w").await.unwrap();
    let call = "SELECT n_current FROM drift('w', window => '1 day', at => '2026-01-02'";
    let error = error(&db, &format!("{call})")).await.to_string();
    assert!(error.contains("weights => 'ignore'"), "{error}");
    assert_eq!(one(&db, &format!("{call}, weights => 'ignore')")).await, "1");
}

#[tokio::test]
async fn a_shift_is_explained_by_the_rows_that_carry_it() {
    // In the last hour those who pay have greater amounts, and nobody else.
    let db = model(17, |dice, _| {
        let row = usual(dice);
        let shift = if row.plan == "paid" { 30.0 } else { 0.0 };
        Row { amount: row.amount.map(|x| x + shift), ..row }
    })
    .await;
    let found =
        rows(&db, "EXPLAIN DRIFT M FEATURE AMOUNT FROM '2026-01-01T10:00:00Z' TO '2026-01-01T12:00:00Z'")
            .await;
    let number = |row: usize, column: usize| found[row][column].parse::<f64>().unwrap();
    let names: Vec<[&str; 2]> = found.iter().map(|row| [row[0].as_str(), row[1].as_str()]).collect();
    let expected = [
        ["all", "null"],
        ["plan", "paid"],
        ["hour", "2026-01-01T11:00:00Z"],
        ["hour", "2026-01-01T10:00:00Z"],
        ["plan", "free"],
    ];
    assert_eq!(names, expected);
    assert!(number(1, 5) > 0.8 && number(4, 5) < 0.0, "{found:?}");
    assert!(number(1, 4) > 1.0 && number(4, 4) < 0.2, "{found:?}");
    assert_eq!(number(0, 2), number(1, 2) + number(4, 2));
    assert_eq!(found[0][6], "wasserstein_scaled");
    // The newest day where none is asked for; categories too.
    let country = rows(&db, "EXPLAIN DRIFT m FEATURE country BASELINE b").await;
    assert_eq!((country.len(), country[0][6].as_str()), (1 + 12 + 2, "total_variation"));
    let error = error(&db, "EXPLAIN DRIFT m FEATURE colour").await.to_string();
    assert!(error.contains("no column colour; it has amount, country"), "{error}");
}
