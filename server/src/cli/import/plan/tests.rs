use std::sync::Arc;

use arrow::datatypes::{Field, Schema};

use super::*;

fn survey(columns: &[(&str, ColumnType, f64)]) -> Survey {
    let columns = columns.iter().map(|(name, ty, greatest)| Found {
        name: (*name).to_owned(),
        ty: *ty,
        greatest: *greatest,
    });
    Survey { columns: columns.collect(), rows: 1 }
}

fn file() -> Survey {
    survey(&[
        ("id", ColumnType::BigInt, 7.0),
        ("ts", ColumnType::BigInt, 1.7e12),
        ("Group", ColumnType::BigInt, 3.0),
        ("x\"y", ColumnType::Double, 1.0),
    ])
}

fn plan(flags: &Columns<'_>, survey: &Survey, existing: Option<&Existing>) -> Result<Plan, ImportError> {
    Plan::new(Path::new("a.csv"), "t", flags, survey, existing)
}

#[test]
fn the_statement_names_types_and_roles_time_first() {
    let tags = ["Group".to_owned()];
    let plan =
        plan(&Columns { time: Some("ts"), tags: &tags, key: Some("id"), labels: false }, &file(), None)
            .unwrap();
    let expected = "CREATE TABLE t (\n  time TIMESTAMP TIME,\n  id BIGINT KEY,\n  \"Group\" TEXT TAG,\n  \"x\"\"y\" DOUBLE\n)";
    assert_eq!(plan.create.unwrap(), expected);
    assert_eq!(plan.columns[1].epoch, Some(Epoch::Millis));
    assert_eq!(plan.notes, ["ts: numbers of this size are read as milliseconds since 1970"]);
}

#[test]
fn an_existing_table_decides_the_types() {
    let schema = Schema::new(vec![Field::new("id", DataType::Utf8, true)]);
    let existing = Existing { name: "T".into(), schema: Arc::new(schema) };
    let plan =
        plan(&Columns { time: Some("ts"), tags: &[], key: None, labels: false }, &file(), Some(&existing))
            .unwrap();
    assert_eq!((plan.table.as_str(), plan.create), ("T", None));
    assert_eq!(plan.columns[0].ty, ColumnType::Text);
    assert_eq!(plan.columns[3].ty, ColumnType::Double, "a new column keeps its own");
}

#[test]
fn a_file_without_a_time_asks_for_it_and_lists_its_columns() {
    let error = plan(&Columns { time: None, tags: &[], key: None, labels: false }, &file(), None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("--time") && error.contains("id, ts, Group"), "{error}");
}

#[test]
fn flags_that_name_no_column_are_refused_by_name() {
    let error = plan(
        &Columns { time: Some("ts"), tags: &["nope".to_owned()], key: None, labels: false },
        &file(),
        None,
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("no column nope") && error.contains("--tags"), "{error}");
}

#[test]
fn names_that_would_meet_are_refused() {
    let survey = survey(&[("ts", ColumnType::Timestamp, 0.0), ("Time", ColumnType::Text, 0.0)]);
    assert!(plan(&Columns { time: Some("ts"), tags: &[], key: None, labels: false }, &survey, None).is_err());
}

#[test]
fn keywords_and_odd_names_are_quoted() {
    for (name, expected) in [
        ("a_1", "a_1"),
        ("select", "\"select\""),
        ("1a", "\"1a\""),
        ("A", "\"A\""),
        ("", "\"\""),
        ("time", "time"),
    ] {
        assert_eq!(quoted(name), expected);
    }
}
