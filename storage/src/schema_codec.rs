//! Table schemas as bytes, the same in WAL and manifest (`docs/format/manifest.md`).

use std::collections::BTreeMap;

use crate::bytes::{Cursor, Malformed, Put};
use crate::schema::{Column, ColumnType, Meaning, Role, TableSchema};

const ROLES: [(u8, Role); 5] =
    [(0, Role::Time), (1, Role::Tag), (2, Role::Key), (3, Role::Subject), (4, Role::Field)];

const MEANINGS: [(u8, Option<Meaning>); 15] = [
    (0, None),
    (1, Some(Meaning::NumericFeature)),
    (2, Some(Meaning::CategoricalFeature)),
    (3, Some(Meaning::Prediction)),
    (4, Some(Meaning::Score)),
    (5, Some(Meaning::Label)),
    (6, Some(Meaning::Embedding)),
    (7, Some(Meaning::Attribution)),
    (8, Some(Meaning::Latency)),
    (9, Some(Meaning::Cost)),
    (10, Some(Meaning::Error)),
    (11, Some(Meaning::Weight)),
    (12, Some(Meaning::Group)),
    (13, Some(Meaning::Rank)),
    (14, Some(Meaning::Variant)),
];

/// A type as a code and, for vectors, their length.
pub(crate) fn type_code(ty: ColumnType) -> (u8, u32) {
    match ty {
        ColumnType::Boolean => (0, 0),
        ColumnType::BigInt => (1, 0),
        ColumnType::Double => (2, 0),
        ColumnType::Text => (3, 0),
        ColumnType::Timestamp => (4, 0),
        ColumnType::Json => (5, 0),
        ColumnType::Vector(n) => (6, n),
        ColumnType::Distribution => (7, 0),
    }
}

/// The type of a code.
pub(crate) fn type_of(code: u8, length: u32) -> Option<ColumnType> {
    Some(match code {
        0 => ColumnType::Boolean,
        1 => ColumnType::BigInt,
        2 => ColumnType::Double,
        3 => ColumnType::Text,
        4 => ColumnType::Timestamp,
        5 => ColumnType::Json,
        6 if i32::try_from(length).is_ok() => ColumnType::Vector(length),
        7 => ColumnType::Distribution,
        _ => return None,
    })
}

fn code_of<T: PartialEq>(table: &[(u8, T)], value: &T) -> u8 {
    table.iter().find(|(_, v)| v == value).map_or(0, |(code, _)| *code)
}

fn value_of<T: Copy>(table: &[(u8, T)], code: u8) -> Option<T> {
    table.iter().find(|(c, _)| *c == code).map(|(_, value)| *value)
}

/// Appends a schema.
pub(crate) fn encode(schema: &TableSchema, out: &mut Vec<u8>) {
    out.put_u32(schema.id);
    out.put_u32(schema.version);
    out.put_u32(schema.next_column_id);
    out.put_str(&schema.name);
    out.put_u32(schema.options.len() as u32);
    for (name, value) in &schema.options {
        out.put_str(name);
        out.put_str(value);
    }
    out.put_u32(schema.columns.len() as u32);
    for column in &schema.columns {
        encode_column(column, out);
    }
}

fn encode_column(column: &Column, out: &mut Vec<u8>) {
    let (code, length) = type_code(column.ty);
    out.put_u32(column.id);
    out.put_u8(code);
    out.put_u32(length);
    out.put_u8(code_of(&ROLES, &column.role));
    out.put_u8(code_of(&MEANINGS, &column.meaning));
    out.put_u8(u8::from(column.index));
    out.put_str(&column.name);
}

/// Reads a schema.
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Result<TableSchema, Malformed> {
    let id = cursor.u32("a table's id")?;
    let version = cursor.u32("a schema's version")?;
    let next_column_id = cursor.u32("the next column's id")?;
    let name = cursor.str("a table's name")?.to_owned();
    let mut options = BTreeMap::new();
    for _ in 0..cursor.count(8, "table options")? {
        options
            .insert(cursor.str("an option's name")?.to_owned(), cursor.str("an option's value")?.to_owned());
    }
    let columns =
        (0..cursor.count(16, "columns")?).map(|_| decode_column(cursor)).collect::<Result<_, _>>()?;
    Ok(TableSchema { id, name, version, columns, next_column_id, options })
}

fn decode_column(cursor: &mut Cursor<'_>) -> Result<Column, Malformed> {
    let id = cursor.u32("a column's id")?;
    let code = cursor.u8("a column's type")?;
    let length = cursor.u32("a vector's length")?;
    let role = cursor.u8("a column's role")?;
    let meaning = cursor.u8("a column's meaning")?;
    let index = cursor.u8("a column's index mark")? != 0;
    let name = cursor.str("a column's name")?.to_owned();
    match (type_of(code, length), value_of(&ROLES, role), value_of(&MEANINGS, meaning)) {
        (Some(ty), Some(role), Some(meaning)) => Ok(Column { id, name, ty, role, meaning, index }),
        _ => cursor.fail(format!(
            "a known type, role and meaning of column {name}, found {code}, {role}, {meaning}"
        )),
    }
}
