use datafusion::prelude::{col, lit};
use driftline_storage::Role;

use super::*;

fn table() -> TableSchema {
    let column = |id, name: &str, ty, role| driftline_storage::Column {
        id,
        ..driftline_storage::Column::new(name, ty, role)
    };
    let columns = vec![
        column(1, "time", ColumnType::Timestamp, Role::Time),
        column(2, "n", ColumnType::BigInt, Role::Field),
        column(3, "x", ColumnType::Double, Role::Field),
        column(4, "s", ColumnType::Text, Role::Tag),
        column(5, "b", ColumnType::Boolean, Role::Field),
    ];
    TableSchema::new("t", columns)
}

fn compared(column: u32, by: Comparison, value: Value) -> Predicate {
    Predicate::Compare { column, by, value }
}

#[test]
fn what_the_engine_can_say_is_said() {
    let n_below = || compared(2, Comparison::Less, Value::BigInt(3));
    let cases = [
        (col("n").lt(lit(3_i64)), n_below()),
        (lit(3_i64).gt(col("n")), n_below()),
        (col("b"), compared(5, Comparison::Equal, Value::Boolean(true))),
        (!col("b"), not(compared(5, Comparison::Equal, Value::Boolean(true)))),
        (col("s").is_not_null(), not(Predicate::IsNull(4))),
        (
            col("s").in_list(vec![lit("a"), lit("b")], true),
            not(Predicate::Or(vec![
                compared(4, Comparison::Equal, Value::Text("a".into())),
                compared(4, Comparison::Equal, Value::Text("b".into())),
            ])),
        ),
        (
            col("x").between(lit(0.5), lit(1.5)),
            Predicate::And(vec![
                compared(3, Comparison::GreaterOrEqual, Value::Double(0.5)),
                compared(3, Comparison::LessOrEqual, Value::Double(1.5)),
            ]),
        ),
        (lit(false), Predicate::Or(Vec::new())),
    ];
    for (expr, expected) in cases {
        assert_eq!(read(&expr, &table()).unwrap(), expected, "{expr}");
    }
}

#[test]
fn what_it_cannot_say_is_named() {
    let unsaid = [
        col("n").lt(col("x")),
        (col("n") + lit(1_i64)).eq(lit(3_i64)),
        col("s").like(lit("a%")),
        col("n").eq(lit(ScalarValue::Int64(None))),
        col("s").in_list(vec![lit("a"), lit(ScalarValue::Utf8(None))], false),
        col("n").eq(lit(1.5)),
        lit(ScalarValue::Boolean(None)),
    ];
    for expr in unsaid {
        let error = read(&expr, &table()).unwrap_err().to_string();
        assert!(error.contains("DELETE cannot go by") && error.contains("IN (..)"), "{expr}: {error}");
    }
}
