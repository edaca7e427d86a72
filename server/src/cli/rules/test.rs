//! `driftline test`: rules held against rows that are written beside them, without a server.
//!
//! Each test has a database of its own, in memory. What an alert says at a moment is what `BACKTEST ALERT` finds for the
//! windows from the first row up to then, which is what it would have said live.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use driftline_query::Database;

use super::apply;
use super::files::{self, TESTS};
use super::fixture::{self, Expect, Instance, Step, beside, wrong};
use crate::cli::connection::Connection;
use crate::cli::error::{CliError, Result};
use crate::cli::output::say;

/// How far a value may lie from the one that is written down, as a share of it.
const TOLERANCE: f64 = 1e-6;

/// What `driftline test` takes.
#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// A test, or a directory with files *_test.sql: SQL, and ROWS, RULES and EXPECT.
    path: PathBuf,
}

/// What fires, or is pending: its labels, and its value.
type Standing = BTreeMap<BTreeMap<String, String>, Option<f64>>;

/// Runs it; fails where an expectation is not met.
pub async fn test(args: TestArgs) -> Result<()> {
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for path in files::find(&args.path, TESTS)? {
        let steps = fixture::read(&path)?;
        let unmet = run(&path, &steps).await?;
        let count = steps.iter().filter(|step| matches!(step, Step::Expect(_))).count();
        let verdict = if unmet.is_empty() { "ok    " } else { "FAILED" };
        say(&format!("{verdict}  {}  {} of {count} met\n", path.display(), count - unmet.len()))?;
        unmet.iter().try_for_each(|told| say(&format!("{told}\n")))?;
        (passed, failed) = (passed + count - unmet.len(), failed + unmet.len());
    }
    say(&format!("{passed} passed, {failed} failed\n"))?;
    if failed == 0 { Ok(()) } else { Err(CliError::Unmet { failed }) }
}

/// The expectations of a test that are not met.
async fn run(path: &Path, steps: &[Step]) -> Result<Vec<String>> {
    let of = |error: CliError| wrong(path, error.to_string());
    let connection = Connection::Local(Database::open_in_memory()?);
    let mut unmet = Vec::new();
    for step in steps {
        match step {
            Step::Sql(sql) => drop(connection.sql(sql).await.map_err(of)?),
            Step::Rows { table, file } => {
                for insert in fixture::inserts(path, table, file)? {
                    connection.sql(&insert).await.map_err(of)?;
                }
            }
            Step::Rules(rules) => {
                let statements = apply::statements(&beside(path, rules))?;
                apply::run(&connection, &statements, false).await.map_err(of)?;
            }
            Step::Expect(expect) => unmet.extend(hold(&connection, expect).await.map_err(of)?),
        }
    }
    connection.close().await?;
    Ok(unmet)
}

/// When the first row of all tables is.
async fn first_row(connection: &Connection) -> Result<Option<String>> {
    let tables =
        connection.sql("SELECT min(min_time) AS first FROM system.tables WHERE name NOT LIKE '%$%'").await?;
    let times = tables.iter().flat_map(|rows| rows.column(0).as_primitive::<TimestampNanosecondType>());
    let text = |nanos| {
        let time = chrono::DateTime::from_timestamp_nanos(nanos);
        time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
    };
    Ok(times.flatten().min().map(text))
}

/// Holds one expectation; what is to be told where it is not met.
async fn hold(connection: &Connection, expect: &Expect) -> Result<Option<String>> {
    let quoted = |text: &str| text.replace('\'', "''");
    let first = first_row(connection).await?.unwrap_or_else(|| "1970-01-01".to_owned());
    let sql = format!(
        "BACKTEST ALERT \"{}\" FROM '{first}' TO '{}'",
        expect.alert.replace('"', "\"\""),
        quoted(&expect.at)
    );
    let [firing, pending] = standing(&connection.sql(&sql).await?);
    let told = [differs("firing", &expect.firing, &firing), differs("pending", &expect.pending, &pending)];
    let told: Vec<String> = told.into_iter().flatten().collect();
    let head = format!("  {} at {}:\n", expect.alert, expect.at);
    Ok((!told.is_empty()).then(|| head + &told.join("\n")))
}

/// What fires and what is pending at the end of a backtest.
fn standing(rows: &[RecordBatch]) -> [Standing; 2] {
    let (mut firing, mut pending) = (Standing::new(), Standing::new());
    for batch in rows {
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let values =
            batch.column_by_name("value").and_then(|column| column.as_primitive_opt::<Float64Type>());
        let (Some(whats), Some(states), Some(labels), Some(values)) =
            (text("what"), text("to_state"), text("labels"), values)
        else {
            continue;
        };
        for row in (0..batch.num_rows()).filter(|row| whats.value(*row) != "total") {
            let identity: BTreeMap<String, String> =
                serde_json::from_str(labels.value(row)).unwrap_or_default();
            let value = values.is_valid(row).then(|| values.value(row));
            firing.remove(&identity);
            pending.remove(&identity);
            match states.value(row) {
                "firing" => drop(firing.insert(identity, value)),
                "pending" => drop(pending.insert(identity, value)),
                _ => {}
            }
        }
    }
    [firing, pending]
}

fn differs(what: &str, expected: &[Instance], found: &Standing) -> Option<String> {
    let meets = |instance: &Instance| match (found.get(&instance.labels), instance.value) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(value), Some(expected)) => value.is_some_and(|value| is_near(value, expected)),
    };
    if expected.len() == found.len() && expected.iter().all(meets) {
        return None;
    }
    let wanted = expected.iter().map(|it| shown(&it.labels, it.value)).collect::<Vec<_>>();
    let there = found.iter().map(|(labels, value)| shown(labels, *value)).collect::<Vec<_>>();
    let list = |all: Vec<String>| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    Some(format!("    {what}: expected {}, found {}", list(wanted), list(there)))
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * b.abs().max(f64::MIN_POSITIVE)
}

fn shown(labels: &BTreeMap<String, String>, value: Option<f64>) -> String {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let value = value.map_or(String::new(), |value| format!(" with value {value}"));
    format!("{{{}}}{value}", labels.join(", "))
}
