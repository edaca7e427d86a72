//! Asks an alert's query for one window.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use futures::TryStreamExt;
use serde_json::{Map, Value as Json};

use crate::alert::Rule;
use crate::alert::state::{INSTANCES_MAX, Row, Seen};
use crate::catalog::name;
use crate::database::Access;
use crate::error::{QueryError, Result};
use crate::limits::EVIDENCE_TEXT_BYTES_MAX;
use crate::session::Session;
use crate::statement::{self, expression_of, query_of};

/// What WHEN says of a row, beside its own columns.
const WHEN: &str = "$when";
const RESOLVE: &str = "$resolve";

/// The statement that is asked.
pub(crate) fn statement(rule: &Rule) -> Result<datafusion::sql::parser::Statement> {
    let resolve = rule.resolve_when.as_deref().unwrap_or("NULL");
    let sql = format!(
        "SELECT *, CAST(({}) AS BOOLEAN) AS \"{WHEN}\", CAST(({resolve}) AS BOOLEAN) AS \"{RESOLVE}\" FROM ({}\n) AS q",
        rule.when, rule.query
    );
    let query = query_of(&sql)?;
    Ok(statement::of_query(query))
}

/// What a window holds.
pub(crate) async fn ask(session: &Session, rule: &Rule, judged: &Judged) -> Result<Seen> {
    answer(session, statement(rule)?, rule, judged).await
}

/// The same for a statement that was read before.
pub(crate) async fn answer(
    session: &Session,
    statement: datafusion::sql::parser::Statement,
    rule: &Rule,
    judged: &Judged,
) -> Result<Seen> {
    let mut stream = session.run(statement, Access::Embedded).await?;
    let mut rows = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(QueryError::from)? {
        rows.extend(read(&batch, rule, judged)?);
        if rows.len() > INSTANCES_MAX {
            break;
        }
    }
    Ok(Seen::Rows(rows))
}

fn read(batch: &RecordBatch, rule: &Rule, judged: &Judged) -> Result<Vec<Row>> {
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let at = |wanted: &str| -> Result<Option<usize>> {
        let found = name::find("column", names.iter().copied(), wanted)?;
        Ok(found.and_then(|found| names.iter().position(|name| *name == found)))
    };
    let options = FormatOptions::default().with_null("");
    let texts = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let texts: Vec<ArrayFormatter<'_>> = texts.collect::<std::result::Result<_, _>>()?;
    let mut by = Vec::new();
    for column in &rule.by {
        let place = at(column)?.ok_or_else(|| name::missing("column", column, names.iter().copied(), ""))?;
        by.push((names[place].to_owned(), place));
    }
    let flag = |name: &str, row: usize| -> Option<bool> {
        let flags = batch.column_by_name(name)?.as_boolean_opt()?;
        flags.is_valid(row).then(|| flags.value(row))
    };
    let value = judged.statistic.as_deref().map(at).transpose()?.flatten();
    let value = value.or_else(|| (0..names.len()).find(|at| is_number(batch.column(*at).data_type())));
    let row = |row: usize| Row {
        identity: by.iter().map(|(name, at)| (name.clone(), texts[*at].value(row).to_string())).collect(),
        when: flag(WHEN, row),
        resolve: flag(RESOLVE, row),
        value: value.and_then(|at| number(batch.column(at), row)),
        columns: columns(batch, &names, &texts, row),
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// The columns of a row as JSON: numbers, truth values, and all else as text that is cut where it is long.
fn columns(
    batch: &RecordBatch,
    names: &[&str],
    texts: &[ArrayFormatter<'_>],
    row: usize,
) -> Map<String, Json> {
    let own = names.iter().enumerate().filter(|(_, name)| ![WHEN, RESOLVE].contains(*name));
    let json = |at: usize| {
        let column = batch.column(at);
        if column.is_null(row) {
            return Json::Null;
        }
        if let Some(flags) = column.as_boolean_opt() {
            return Json::Bool(flags.value(row));
        }
        match number(column, row) {
            Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => Json::from(number as i64),
            Some(number) => serde_json::Number::from_f64(number).map_or(Json::Null, Json::Number),
            None => Json::String(cut(texts[at].value(row).to_string())),
        }
    };
    own.map(|(at, name)| ((*name).to_owned(), json(at))).collect()
}

fn cut(mut text: String) -> String {
    if text.len() > EVIDENCE_TEXT_BYTES_MAX {
        let end = (0..=EVIDENCE_TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn is_number(ty: &DataType) -> bool {
    ty.is_numeric()
}

fn number(column: &dyn Array, row: usize) -> Option<f64> {
    if !is_number(column.data_type()) || column.is_null(row) {
        return None;
    }
    let one = arrow::compute::cast(&column.slice(row, 1), &DataType::Float64).ok()?;
    Some(one.as_primitive::<arrow::datatypes::Float64Type>().value(0))
}

/// What a condition is about, where it says so: `psi > 0.2` judges column psi by .2.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Judged {
    pub(crate) statistic: Option<String>,
    pub(crate) threshold: Option<f64>,
}

impl Judged {
    /// Of the first comparison of a column with a number in a condition.
    pub(crate) fn of(when: &str) -> Self {
        expression_of(when).ok().and_then(|expr| compared(&expr)).unwrap_or_default()
    }
}

/// The column, sign and number of a condition that is nothing but one comparison of a column with a number.
pub(super) fn single_comparison(condition: &str) -> Option<(String, &'static str, f64)> {
    let mut expr = expression_of(condition).ok()?;
    while let Expr::Nested(inner) = expr {
        expr = *inner;
    }
    let Expr::BinaryOp { left, op, right } = expr else { return None };
    let signs = [
        (BinaryOperator::Gt, ">", "<"),
        (BinaryOperator::GtEq, ">=", "<="),
        (BinaryOperator::Lt, "<", ">"),
        (BinaryOperator::LtEq, "<=", ">="),
    ];
    let (_, sign, turned) = signs.into_iter().find(|(known, ..)| *known == op)?;
    match (*left, *right) {
        (Expr::Identifier(column), value) => Some((column.value, sign, constant(&value)?)),
        (value, Expr::Identifier(column)) => Some((column.value, turned, constant(&value)?)),
        _ => None,
    }
}

fn compared(expr: &Expr) -> Option<Judged> {
    match expr {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => compared(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            compared(left).or_else(|| compared(right))
        }
        Expr::BinaryOp { left, right, .. } => {
            let judged = |column: &Expr, value: &Expr| {
                let Expr::Identifier(column) = column else { return None };
                Some(Judged { statistic: Some(column.value.clone()), threshold: Some(constant(value)?) })
            };
            judged(left, right).or_else(|| judged(right, left))
        }
        _ => None,
    }
}

fn constant(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => constant(expr).map(|value| -value),
        Expr::Nested(inner) => constant(inner),
        _ => None,
    }
}
