use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use crate::function::tests::{Random, context, dealt, rows};

struct Row {
    key: Option<u64>,
    second: Option<i64>,
}

fn side(random: &mut Random, n: usize, keys: u64, seconds: u64) -> Vec<Row> {
    let row = |random: &mut Random| Row {
        key: (random.below(12) > 0).then(|| random.below(keys)),
        second: (random.below(12) > 0).then(|| random.below(seconds) as i64),
    };
    (0..n).map(|_| row(random)).collect()
}

/// Keys of one side are dictionaries, as tags are.
fn batch(side: &[Row], dictionary: bool) -> RecordBatch {
    let keys: StringArray = side.iter().map(|row| row.key.map(|key| format!("k{key}"))).collect();
    let ty = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    let keys: ArrayRef = if dictionary { cast(&keys, &ty).unwrap() } else { Arc::new(keys) };
    let times: TimestampNanosecondArray =
        side.iter().map(|row| row.second.map(|second| second * 1_000_000_000)).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new((0..side.len() as i64).collect::<Int64Array>()) as ArrayRef, false),
        ("k", keys, true),
        ("time", Arc::new(times), true),
    ])
    .unwrap()
}

fn register(context: &SessionContext, name: &str, rows: &RecordBatch, partitions: usize) {
    let table = MemTable::try_new(rows.schema(), dealt(rows, partitions)).unwrap();
    context.register_table(name, Arc::new(table)).unwrap();
}

/// The time that the row found for a row of the left must have: every pair is looked at.
fn expected(left: &Row, right: &[Row], op: &str, keyed: bool) -> Option<i64> {
    let at = left.second?;
    let key = |row: &&Row| !keyed || (left.key.is_some() && left.key == row.key);
    let times = right.iter().filter(key).filter_map(|row| row.second);
    match op {
        ">=" => times.filter(|time| at >= *time).max(),
        ">" => times.filter(|time| at > *time).max(),
        "<=" => times.filter(|time| at <= *time).min(),
        _ => times.filter(|time| at < *time).min(),
    }
}

async fn check(random: &mut Random, sizes: (usize, usize), keyed: bool, op: &str) {
    let (keys, seconds) = (1 + random.below(6), 1 + random.below(600));
    let (left, right) = (side(random, sizes.0, keys, seconds), side(random, sizes.1, keys, seconds));
    let context = context();
    register(&context, "l", &batch(&left, true), 1 + random.below(4) as usize);
    register(&context, "r", &batch(&right, false), 1 + random.below(4) as usize);
    let on = if keyed { "ON l.k = r.k" } else { "" };
    let condition = condition(random, keyed);
    let sql = format!(
        "SELECT l.id, r.id FROM (l ASOF JOIN r MATCH_CONDITION (l.time {op} r.time) {on}) WHERE {} ORDER BY l.id",
        condition.sql
    );
    let found = rows(&context, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let ids = [0, 1].map(|column| found.column(column).as_primitive::<Int64Type>().clone());
    let stay = (0..left.len()).filter(|at| (condition.holds)(&left[*at])).collect::<Vec<_>>();
    let found_left: Vec<usize> = ids[0].values().iter().map(|id| *id as usize).collect();
    assert_eq!(found_left, stay, "each row once: {sql}");
    for (place, left) in stay.into_iter().map(|at| &left[at]).enumerate() {
        let match_ = ids[1].is_valid(place).then(|| &right[ids[1].value(place) as usize]);
        let wanted = expected(left, &right, op, keyed);
        assert_eq!(match_.and_then(|row| row.second), wanted, "row {place} of {sizes:?}: {sql}");
        assert!(match_.is_none_or(|row| !keyed || row.key == left.key), "row {place} of {sizes:?}: {sql}");
    }
}

/// A condition on the left side, some of which say something of the right side too.
struct Condition {
    sql: String,
    holds: Box<dyn Fn(&Row) -> bool>,
}

fn condition(random: &mut Random, keyed: bool) -> Condition {
    let at = random.below(600) as i64;
    match random.below(if keyed { 6 } else { 4 }) {
        0 => Condition { sql: "true".into(), holds: Box::new(|_| true) },
        1 => Condition {
            sql: format!("l.time < to_timestamp({at})"),
            holds: Box::new(move |row| row.second.is_some_and(|second| second < at)),
        },
        2 => Condition {
            sql: format!("to_timestamp({at}) <= l.time"),
            holds: Box::new(move |row| row.second.is_some_and(|second| second >= at)),
        },
        3 => Condition { sql: "l.time IS NULL".into(), holds: Box::new(|row| row.second.is_none()) },
        4 => Condition {
            sql: "l.k IN ('k0', 'k2')".into(),
            holds: Box::new(|row| matches!(row.key, Some(0 | 2))),
        },
        _ => Condition {
            sql: "l.k IS NULL OR l.k > 'k1'".into(),
            holds: Box::new(|row| row.key.is_none_or(|key| key > 1)),
        },
    }
}

/// The oracle is a nested loop. Batches have 64 rows, so that either side turns many pages while the other stands.
#[tokio::test]
async fn the_nearest_row_is_found_as_a_nested_loop_finds_it() {
    let mut random = Random::new();
    for op in [">=", ">", "<=", "<"] {
        for sizes in [(0, 50), (50, 0), (1, 1), (300, 20), (20, 1_500), (400, 400)] {
            for keyed in [true, true, false] {
                check(&mut random, sizes, keyed, op).await;
            }
        }
    }
}

#[tokio::test]
async fn conditions_reach_both_sides() {
    let mut random = Random::new();
    let context = context();
    for name in ["l", "r"] {
        register(&context, name, &batch(&side(&mut random, 10, 3, 100), true), 1);
    }
    let sql = "EXPLAIN SELECT r.id FROM (l ASOF JOIN r MATCH_CONDITION (l.time >= r.time) ON l.k = r.k)
               WHERE l.k = 'k1' AND l.time < to_timestamp(50) AND l.id > 3 AND r.id > 5";
    let plan = rows(&context, sql).await.unwrap();
    let plan = plan.column(1).as_string::<i32>().value(0).to_owned();
    let (above, below) = plan.split_once("AsofJoin").unwrap();
    assert!(above.contains("Filter: r.id > Int64(5)"), "{plan}");
    for condition in ["l.k = ", "r.k = ", "l.time < ", "r.time < ", "l.id > "] {
        assert!(below.contains(condition) && !above.contains(condition), "{condition}: {plan}");
    }
}
