//! Changes as bytes of a frame.

use super::{Change, Comparison, Predicate, Value};
use crate::bytes::{Cursor, Malformed, Put};
use crate::limits::{CHANGES_MAX, PREDICATE_DEPTH_MAX, PREDICATE_NODES_MAX};

/// A count, then each change: kind, table, what it says.
pub(crate) fn encode(changes: &[Change], out: &mut Vec<u8>) {
    out.put_u32(changes.len() as u32);
    for change in changes {
        match change {
            Change::Delete { table, predicate } => {
                out.put_u8(1);
                out.put_u32(*table);
                encode_predicate(predicate, out);
            }
        }
    }
}

fn encode_predicate(predicate: &Predicate, out: &mut Vec<u8>) {
    match predicate {
        Predicate::True => out.put_u8(0),
        Predicate::Compare { column, by, value } => {
            out.put_u8(1);
            out.put_u32(*column);
            out.put_u8(code(*by));
            encode_value(value, out);
        }
        Predicate::IsNull(column) => {
            out.put_u8(2);
            out.put_u32(*column);
        }
        Predicate::And(parts) => encode_parts(3, parts, out),
        Predicate::Or(parts) => encode_parts(4, parts, out),
        Predicate::Not(part) => encode_parts(5, std::slice::from_ref(part), out),
    }
}

fn encode_parts(kind: u8, parts: &[Predicate], out: &mut Vec<u8>) {
    out.put_u8(kind);
    out.put_u32(parts.len() as u32);
    parts.iter().for_each(|part| encode_predicate(part, out));
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Boolean(value) => {
            out.put_u8(0);
            out.put_u8(u8::from(*value));
        }
        Value::BigInt(value) => {
            out.put_u8(1);
            out.put_i64(*value);
        }
        Value::Double(value) => {
            out.put_u8(2);
            out.put_u64(value.to_bits());
        }
        Value::Text(value) => {
            out.put_u8(3);
            out.put_str(value);
        }
        Value::Timestamp(value) => {
            out.put_u8(4);
            out.put_i64(*value);
        }
    }
}

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

fn code(comparison: Comparison) -> u8 {
    COMPARISONS.iter().position(|c| *c == comparison).unwrap_or(0) as u8
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Result<Vec<Change>, Malformed> {
    let count = cursor.count(6, "changes")?;
    if count > CHANGES_MAX {
        return cursor.fail(format!("at most {CHANGES_MAX} changes, found {count}"));
    }
    (0..count).map(|_| decode_change(cursor)).collect()
}

fn decode_change(cursor: &mut Cursor<'_>) -> Result<Change, Malformed> {
    match cursor.u8("a kind of change")? {
        1 => {
            let table = cursor.u32("a table's id")?;
            let mut nodes = PREDICATE_NODES_MAX;
            Ok(Change::Delete {
                table,
                predicate: decode_predicate(cursor, PREDICATE_DEPTH_MAX, &mut nodes)?,
            })
        }
        other => cursor.fail(format!("a change of kind 1, found {other}")),
    }
}

/// Both limits were kept when it was written: more is damage, and must not take the stack or the memory.
fn decode_predicate(
    cursor: &mut Cursor<'_>,
    depth: usize,
    nodes: &mut usize,
) -> Result<Predicate, Malformed> {
    if depth == 0 || *nodes == 0 {
        return cursor.fail("a condition within its limits");
    }
    *nodes -= 1;
    let mut parts = |cursor: &mut Cursor<'_>| -> Result<Vec<Predicate>, Malformed> {
        let count = cursor.count(1, "parts of a condition")?;
        (0..count).map(|_| decode_predicate(cursor, depth - 1, nodes)).collect()
    };
    Ok(match cursor.u8("a kind of condition")? {
        0 => Predicate::True,
        1 => decode_comparison(cursor)?,
        2 => Predicate::IsNull(cursor.u32("a column's id")?),
        3 => Predicate::And(parts(cursor)?),
        4 => Predicate::Or(parts(cursor)?),
        5 => match parts(cursor)?.pop() {
            Some(part) => Predicate::Not(Box::new(part)),
            None => return cursor.fail("a condition to negate"),
        },
        other => return cursor.fail(format!("a condition from 0 to 5, found {other}")),
    })
}

fn decode_comparison(cursor: &mut Cursor<'_>) -> Result<Predicate, Malformed> {
    let column = cursor.u32("a column's id")?;
    let code = cursor.u8("a comparison")?;
    let Some(by) = COMPARISONS.get(usize::from(code)).copied() else {
        return cursor.fail(format!("a comparison from 0 to 5, found {code}"));
    };
    let value = match cursor.u8("a kind of constant")? {
        0 => Value::Boolean(cursor.u8("a boolean")? != 0),
        1 => Value::BigInt(cursor.i64("a number")?),
        2 => Value::Double(f64::from_bits(cursor.u64("a number")?)),
        3 => Value::Text(cursor.str("a text")?.to_owned()),
        4 => Value::Timestamp(cursor.i64("a time")?),
        other => return cursor.fail(format!("a constant from 0 to 4, found {other}")),
    };
    Ok(Predicate::Compare { column, by, value })
}
