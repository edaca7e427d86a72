//! Which tables an ERASE is about, by which columns, and what goes with their rows.

use driftline_storage::{
    Column, ColumnType, Erasure, LinkedRows, Meaning, Role, Snapshot, TableSchema, Value,
};

use super::{Erase, From, Literal, What};
use crate::catalog::name;
use crate::error::{QueryError, Result};
use crate::model::{REJECTED, is_reserved, labels_table, model_key};
use crate::runner::alerts::tables::{HISTORY, OUTBOX};
use crate::runner::store::STATE;
use crate::runner::{Reader, Readers};
use crate::statement::create;

/// A table or model to erase from.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its name.
    pub(super) name: String,
    /// By which columns, and what they hold.
    pub(super) values: Vec<(String, Value)>,
    /// The same for the engine.
    pub(super) erasure: Erasure,
}

/// Where to erase.
pub(super) fn find(snapshot: &Snapshot, erase: &Erase, readers: &Readers) -> Result<Vec<Target>> {
    let schema = erase.from.as_ref().map(|from| named(snapshot, from)).transpose()?;
    match (&erase.what, schema) {
        (What::Rows(equal), Some(schema)) => {
            let values = equal.iter().map(|(column, value)| by_column(snapshot, schema, column, value));
            Ok(vec![target(snapshot, schema, values.collect::<Result<_>>()?, readers)])
        }
        (What::Rows(_), None) => Err(QueryError::Invalid("ERASE of rows names their table".into())),
        (What::Subject(value), Some(schema)) => {
            let column = subject(schema).ok_or_else(|| {
                QueryError::Invalid(format!("{} has no SUBJECT column; use ERASE FROM .. WHERE", schema.name))
            })?;
            Ok(vec![target(snapshot, schema, vec![(column, value_of(schema, column, value)?)], readers)])
        }
        (What::Subject(value), None) => everywhere(snapshot, value, readers),
    }
}

/// Every table with a SUBJECT that can hold the value.
fn everywhere(snapshot: &Snapshot, value: &Literal, readers: &Readers) -> Result<Vec<Target>> {
    let tables = || snapshot.tables().values().filter(|schema| !is_reserved(&schema.name));
    let found = tables().filter_map(|schema| subject(schema).map(|column| (schema, column)));
    let fits = |(schema, column): (&std::sync::Arc<TableSchema>, &'_ Column)| {
        let value = value_of(schema, column, value).ok()?;
        let column = schema.column(column.id)?;
        Some(target(snapshot, schema, vec![(column, value)], readers))
    };
    if tables().all(|schema| subject(schema).is_none()) {
        return Err(QueryError::Invalid("no table or model has a SUBJECT column".into()));
    }
    Ok(found.filter_map(fits).collect())
}

fn named<'a>(snapshot: &'a Snapshot, from: &From) -> Result<&'a TableSchema> {
    let tables = || snapshot.tables().keys().map(String::as_str).filter(|name| !is_reserved(name));
    let found = match from.kind {
        Some(kind) => create::find(snapshot, "ERASE FROM", kind, &from.name, false)?,
        None => name::find("table", tables(), &from.name)?,
    };
    let missing = || name::missing("table", &from.name, tables(), "");
    Ok(found.and_then(|found| snapshot.table(found)).ok_or_else(missing)?.as_ref())
}

fn subject(schema: &TableSchema) -> Option<&Column> {
    schema.columns.iter().find(|column| column.role == Role::Subject)
}

fn by_column<'a>(
    snapshot: &Snapshot,
    schema: &'a TableSchema,
    wanted: &str,
    value: &Literal,
) -> Result<(&'a Column, Value)> {
    let names = || schema.columns.iter().map(|column| column.name.as_str());
    let found = name::find("column", names(), wanted)?.and_then(|found| schema.column_named(found));
    let of = format!("column of {}", schema.name);
    let column = found.ok_or_else(|| name::missing(&of, wanted, names(), ""))?;
    let is_model = snapshot.entries().contains_key(&model_key(&schema.name));
    if is_model && column.meaning == Some(Meaning::Label) {
        return Err(QueryError::Invalid(format!(
            "ERASE cannot go by {}: labels are kept beside the predictions of {}, and go with them",
            column.name, schema.name
        )));
    }
    Ok((column, value_of(schema, column, value)?))
}

/// The value in the type of its column. A number may stand in quotes, as a SUBJECT does where tables differ in type.
fn value_of(schema: &TableSchema, column: &Column, value: &Literal) -> Result<Value> {
    let parsed = match (column.ty, value) {
        (ColumnType::Text | ColumnType::Json, Literal::Text(text)) => Some(Value::Text(text.clone())),
        (ColumnType::Boolean, Literal::Boolean(value)) => Some(Value::Boolean(*value)),
        (ColumnType::BigInt, Literal::Text(text) | Literal::Number(text)) => {
            text.parse().ok().map(Value::BigInt)
        }
        (ColumnType::Double, Literal::Number(text)) => text.parse().ok().map(Value::Double),
        _ => None,
    };
    parsed.ok_or_else(|| {
        let (name, table, ty) = (&column.name, &schema.name, column.ty.sql());
        // Without the value: what an error says may be kept in logs.
        QueryError::Invalid(format!(
            "the value for column {name} of {table} does not fit its type {ty}; ERASE goes by columns of type TEXT, \
             BIGINT, DOUBLE and BOOLEAN"
        ))
    })
}

fn target(
    snapshot: &Snapshot,
    schema: &TableSchema,
    values: Vec<(&Column, Value)>,
    readers: &Readers,
) -> Target {
    let labels = snapshot.table(&labels_table(&schema.name));
    let keys = labels.and_then(|labels| {
        let own = schema.columns.iter().find(|column| column.role == Role::Key)?;
        let theirs = labels.column_named(&own.name)?.id;
        Some(LinkedRows::Keys { own: own.id, table: labels.id, theirs })
    });
    let about = std::iter::once(schema.name.clone()).chain(labels.map(|labels| labels.name.clone()));
    let mentions = about.filter_map(|of| mentions(snapshot, of, &values));
    let mentions = mentions.chain(told(snapshot, schema, &values, readers));
    let erasure = Erasure {
        table: schema.id,
        values: values.iter().map(|(column, value)| (column.id, value.clone())).collect(),
        linked: keys.into_iter().chain(mentions).collect(),
    };
    let values = values.into_iter().map(|(column, value)| (column.name.clone(), value)).collect();
    Target { name: schema.name.clone(), values, erasure }
}

/// Rejected rows about a table that hold all of the values, also those about a table that has another name by now.
fn mentions(snapshot: &Snapshot, of: String, values: &[(&Column, Value)]) -> Option<LinkedRows> {
    let rejected = snapshot.table(REJECTED)?;
    let id = |name: &str| rejected.column_named(name).map(|column| column.id);
    let others = snapshot.tables().keys().filter(|name| **name != of).cloned().collect();
    Some(LinkedRows::Mentions {
        table: rejected.id,
        column: id("table_name")?,
        of,
        others,
        texts: vec![id("data")?, id("reason")?],
        values: values.iter().map(|(_, value)| spellings(value)).collect(),
    })
}

/// What was told of alerts that read the table, or that are no more: rows of the history, messages and states.
fn told(
    snapshot: &Snapshot,
    schema: &TableSchema,
    values: &[(&Column, Value)],
    readers: &Readers,
) -> Vec<LinkedRows> {
    let none = Default::default();
    let own = readers.of(schema.id).unwrap_or(&none);
    let by_alert: fn(&Reader) -> &String = |reader| &reader.alert;
    let places = [
        (HISTORY, "alert", by_alert, &["labels", "evidence", "reason"][..]),
        (OUTBOX, "alert", by_alert, &["body", "error"]),
        (STATE, "name", |reader| &reader.key, &["value"]),
    ];
    let mut linked = Vec::new();
    for (place, column, named, texts) in places {
        let Some(table) = snapshot.table(place) else { continue };
        let id = |name: &str| table.column_named(name).filter(|it| it.role != Role::Tag).map(|it| it.id);
        let Some(column) = id(column) else { continue };
        let others = readers.all().map(named).filter(|name| !own.iter().any(|own| named(own) == *name));
        let others = others.chain(readers.states().filter(|_| place == STATE));
        let others: Vec<String> = others.cloned().collect();
        // Without a reader there may still be texts of alerts that were dropped.
        let about = own.iter().map(named).cloned().chain(own.is_empty().then(String::new));
        linked.extend(about.map(|of| LinkedRows::Mentions {
            table: table.id,
            column,
            of,
            others: others.clone(),
            texts: texts.iter().filter_map(|name| id(name)).collect(),
            values: values.iter().map(|(_, value)| spellings(value)).collect(),
        }));
    }
    linked
}

/// As JSON and messages may have a value.
pub(super) fn spellings(value: &Value) -> Vec<String> {
    match value {
        Value::Text(text) => {
            let quoted = [serde_json::Value::from(text.as_str()).to_string(), format!("{text:?}")];
            let bare = |text: &String| text.trim_start_matches('"').trim_end_matches('"').to_owned();
            std::iter::once(text.clone()).chain(quoted.iter().map(bare)).collect()
        }
        Value::Boolean(value) => vec![value.to_string()],
        Value::BigInt(value) | Value::Timestamp(value) => vec![value.to_string(), format!("{value}.0")],
        Value::Double(value) => vec![value.to_string(), format!("{value:?}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_what_json_makes_of_it() {
        let spelled = spellings(&Value::Text("a\"b\\".into()));
        assert!(spelled.contains(&r#"a\"b\\"#.to_owned()), "{spelled:?}");
        assert_eq!(spellings(&Value::BigInt(4)), ["4", "4.0"]);
    }
}
