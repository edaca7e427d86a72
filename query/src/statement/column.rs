//! Columns as CREATE writes them: `name TYPE [ROLE [NUMERIC | CATEGORICAL]] [INDEX]`.

use datafusion::sql::sqlparser::tokenizer::{Location, Token};
use driftline_storage::{
    COLUMN_RETENTION_PREFIX, Column, ColumnType, Meaning, RETENTION_OPTION, Role, TIME_COLUMN, duration_nanos,
};

use std::collections::BTreeMap;

use super::parser::{Parser, wrong_at};
use crate::duration;
use crate::error::{QueryError, Result};
use crate::limits::VECTOR_NUMBERS_MAX;

/// The roles by the word for them.
const ROLES: [(&str, Role, Option<Meaning>); 19] = [
    ("TIME", Role::Time, None),
    ("TAG", Role::Tag, None),
    ("KEY", Role::Key, None),
    ("SUBJECT", Role::Subject, None),
    ("FIELD", Role::Field, None),
    ("FEATURE", Role::Field, Some(Meaning::NumericFeature)),
    ("PREDICTION", Role::Field, Some(Meaning::Prediction)),
    ("SCORE", Role::Field, Some(Meaning::Score)),
    ("LABEL", Role::Field, Some(Meaning::Label)),
    ("EMBEDDING", Role::Field, Some(Meaning::Embedding)),
    ("ATTRIBUTION", Role::Field, Some(Meaning::Attribution)),
    ("LATENCY", Role::Field, Some(Meaning::Latency)),
    ("COST", Role::Field, Some(Meaning::Cost)),
    ("ERROR", Role::Field, Some(Meaning::Error)),
    ("WEIGHT", Role::Field, Some(Meaning::Weight)),
    ("GROUP", Role::Field, Some(Meaning::Group)),
    ("RANK", Role::Field, Some(Meaning::Rank)),
    ("VARIANT", Role::Field, Some(Meaning::Variant)),
    ("INDEX", Role::Field, None),
];

const TYPES: &str = "BOOLEAN, BIGINT, DOUBLE, TEXT, TIMESTAMP, JSON, VECTOR(n), DISTRIBUTION";

/// Columns, and the options of their table that were written beside them.
pub(super) type Columns = (Vec<Column>, BTreeMap<String, String>);

/// `( column, .. )`: at least one.
pub(super) fn list(parser: &mut Parser<'_>) -> Result<Columns> {
    if !parser.take(&Token::LParen) {
        return Err(parser.expected("( and the columns"));
    }
    let (mut columns, mut options): Columns = (Vec::new(), BTreeMap::new());
    loop {
        let at = parser.peek().span.start;
        let (column, retention) = column(parser)?;
        options.extend(retention.map(|retention| (retention_option(&column.name), retention)));
        if columns.iter().any(|known| known.name == column.name) {
            return Err(wrong_at(&format!("column {} is there twice", column.name), at));
        }
        columns.push(column);
        if parser.take(&Token::RParen) {
            return Ok((columns, options));
        }
        if !parser.take(&Token::Comma) {
            return Err(parser.expected(&format!("a comma, ) or one of the roles {}", role_names())));
        }
    }
}

/// The option of a table that says how long the values of a column are kept.
pub(super) fn retention_option(column: &str) -> String {
    format!("{COLUMN_RETENTION_PREFIX}{column}")
}

/// How long values are kept, as written.
pub(super) fn age(parser: &mut Parser<'_>) -> Result<String> {
    let at = parser.peek().span.start;
    let Token::SingleQuotedString(age) = parser.peek().token else {
        return Err(parser.expected("how long values are kept, such as '30 days'"));
    };
    parser.next();
    duration::nanos(&age).map_err(|error| wrong_at(&format!("RETENTION: {error}"), at))?;
    Ok(age)
}

/// Why a column is kept as long as its rows.
pub(super) fn stays(column: &Column) -> String {
    format!(
        "column {} tells where and when its rows belong: it is kept as long as they are, and has no RETENTION",
        column.name
    )
}

/// Whether values can go before their rows.
pub(super) fn can_go(role: Role) -> bool {
    matches!(role, Role::Field | Role::Subject)
}

/// Values of columns go before their rows: a column cannot be kept for longer than its table keeps rows.
pub(super) fn check_retention(what: &str, options: &BTreeMap<String, String>) -> Result<()> {
    let Some(rows) = options.get(RETENTION_OPTION).and_then(|age| duration_nanos(age)) else { return Ok(()) };
    for (option, age) in options {
        let Some(column) = option.strip_prefix(COLUMN_RETENTION_PREFIX) else { continue };
        if duration_nanos(age).is_some_and(|age| age >= rows) {
            return Err(QueryError::Invalid(format!(
                "{what} keeps its rows for {}: column {column} cannot be kept for {age}, which is not shorter",
                options.get(RETENTION_OPTION).map_or("", String::as_str)
            )));
        }
    }
    Ok(())
}

/// One column, and how long its values are kept, if that was said.
pub(super) fn column(parser: &mut Parser<'_>) -> Result<(Column, Option<String>)> {
    let start = parser.peek().span.start;
    let name = parser.identifier("the name of a column")?;
    let ty = column_type(parser)?;
    let mut column = Column::new(name, ty, Role::Field);
    let (mut written, mut kept) = (false, None);
    while let Token::Word(word) = parser.peek().token {
        let at = parser.peek().span.start;
        if word.quote_style.is_none() && parser.eat(&["RETENTION"]) {
            kept = Some(age(parser)?);
            continue;
        }
        let Some((role_word, role, meaning)) = role(&word.value).filter(|_| word.quote_style.is_none())
        else {
            return Err(wrong_at(&unknown_role(&word.value), at));
        };
        parser.next();
        if role_word == "INDEX" {
            column.index = true;
            continue;
        }
        if std::mem::replace(&mut written, true) {
            return Err(wrong_at(&format!("column {} has two roles; give it one", column.name), at));
        }
        (column.role, column.meaning) = (role, meaning);
        if role_word == "FEATURE" {
            column.meaning = Some(feature(parser, &column, at)?);
        }
    }
    if column.name == TIME_COLUMN && !written && ty == ColumnType::Timestamp {
        column.role = Role::Time;
    }
    check(&column, start)?;
    if kept.is_some() && !can_go(column.role) {
        return Err(wrong_at(&stays(&column), start));
    }
    Ok((column, kept))
}

/// Numeric or categorical, as said or by the type.
fn feature(parser: &mut Parser<'_>, column: &Column, at: Location) -> Result<Meaning> {
    if parser.eat(&["NUMERIC"]) {
        return Ok(Meaning::NumericFeature);
    }
    if parser.eat(&["CATEGORICAL"]) {
        return Ok(Meaning::CategoricalFeature);
    }
    match column.ty {
        ColumnType::Double | ColumnType::BigInt => Ok(Meaning::NumericFeature),
        ColumnType::Text | ColumnType::Boolean => Ok(Meaning::CategoricalFeature),
        other => Err(wrong_at(
            &format!("FEATURE {} of type {} is neither numeric nor a category", column.name, other.sql()),
            at,
        )),
    }
}

/// The role of a column, as CREATE takes it.
pub(crate) fn role_name(column: &Column) -> &'static str {
    match column.meaning {
        Some(Meaning::NumericFeature) => "FEATURE NUMERIC",
        Some(Meaning::CategoricalFeature) => "FEATURE CATEGORICAL",
        meaning => {
            let is_it =
                |(_, role, known): &&(_, Role, Option<Meaning>)| (*role, *known) == (column.role, meaning);
            ROLES.iter().find(is_it).map_or("FIELD", |(name, _, _)| name)
        }
    }
}

fn role(word: &str) -> Option<(&'static str, Role, Option<Meaning>)> {
    ROLES.into_iter().find(|(name, _, _)| name.eq_ignore_ascii_case(word))
}

/// Whether this word is one for a role.
pub(super) fn is_role(word: &str) -> bool {
    role(word).is_some()
}

fn role_names() -> String {
    ROLES.iter().map(|(name, _, _)| *name).collect::<Vec<_>>().join(", ")
}

fn unknown_role(word: &str) -> String {
    format!("unknown role {word}; a column may be {} (FEATURE also NUMERIC or CATEGORICAL)", role_names())
}

/// A type.
pub(super) fn column_type(parser: &mut Parser<'_>) -> Result<ColumnType> {
    let at = parser.peek().span.start;
    let word = parser.identifier("a type")?;
    match word.to_uppercase().as_str() {
        "BOOLEAN" | "BOOL" => Ok(ColumnType::Boolean),
        "BIGINT" | "INT" | "INTEGER" => Ok(ColumnType::BigInt),
        "DOUBLE" => {
            parser.eat(&["PRECISION"]);
            Ok(ColumnType::Double)
        }
        "FLOAT" | "REAL" => Ok(ColumnType::Double),
        "TEXT" | "VARCHAR" | "STRING" => Ok(ColumnType::Text),
        "TIMESTAMP" => timestamp(parser),
        "JSON" => Ok(ColumnType::Json),
        "VECTOR" => vector(parser),
        "DISTRIBUTION" => Ok(ColumnType::Distribution),
        _ => Err(wrong_at(&format!("unknown type {word}; the types are {TYPES}"), at)),
    }
}

/// `TIMESTAMP [(9)] [WITH TIME ZONE]`: all the same, nanoseconds in UTC.
fn timestamp(parser: &mut Parser<'_>) -> Result<ColumnType> {
    if parser.peek().token == Token::LParen && number_in_parens(parser)? > 9 {
        return Err(parser.expected("a precision of at most 9 digits of a second"));
    }
    parser.eat(&["WITH", "TIME", "ZONE"]);
    Ok(ColumnType::Timestamp)
}

fn vector(parser: &mut Parser<'_>) -> Result<ColumnType> {
    let at = parser.peek().span.start;
    match number_in_parens(parser)? {
        n @ 1..=VECTOR_NUMBERS_MAX => Ok(ColumnType::Vector(n)),
        n => Err(wrong_at(&format!("VECTOR({n}): a vector has 1 to {VECTOR_NUMBERS_MAX} numbers"), at)),
    }
}

fn number_in_parens(parser: &mut Parser<'_>) -> Result<u32> {
    if !parser.take(&Token::LParen) {
        return Err(parser.expected("( and how many numbers a VECTOR has"));
    }
    let Token::Number(digits, _) = parser.peek().token else { return Err(parser.expected("a whole number")) };
    let Ok(number) = digits.parse() else { return Err(parser.expected("a whole number")) };
    parser.next();
    if parser.take(&Token::RParen) { Ok(number) } else { Err(parser.expected(")")) }
}

/// The name and the type suit the role.
fn check(column: &Column, at: Location) -> Result<()> {
    let (name, ty) = (&column.name, column.ty);
    let wrong = |what: &str| Err(wrong_at(&format!("column {name} {}: {what}", ty.sql()), at));
    if column.role == Role::Time && name != TIME_COLUMN {
        return wrong(&format!("the TIME column is named {TIME_COLUMN}"));
    }
    if name == TIME_COLUMN && column.role != Role::Time {
        return wrong("a column of this name is TIMESTAMP TIME");
    }
    unsuited(column).map_or(Ok(()), wrong)
}

/// Which types the role of this column takes, where its own is none of them.
pub(super) fn unsuited(column: &Column) -> Option<&'static str> {
    let ty = column.ty;
    let numeric = matches!(ty, ColumnType::BigInt | ColumnType::Double);
    let suits = match (column.role, column.meaning) {
        (Role::Time, _) => ty == ColumnType::Timestamp,
        (Role::Tag, _) => ty == ColumnType::Text,
        (Role::Key | Role::Subject, _) => matches!(ty, ColumnType::Text | ColumnType::BigInt),
        (Role::Field, Some(Meaning::NumericFeature | Meaning::Latency | Meaning::Cost | Meaning::Weight)) => {
            numeric
        }
        (Role::Field, Some(Meaning::Score)) => numeric || matches!(ty, ColumnType::Vector(_)),
        (Role::Field, Some(Meaning::Embedding)) => matches!(ty, ColumnType::Vector(_)),
        (Role::Field, Some(Meaning::CategoricalFeature | Meaning::Prediction | Meaning::Label)) => {
            numeric || matches!(ty, ColumnType::Text | ColumnType::Boolean)
        }
        _ => true,
    };
    (!suits).then(|| needed(column))
}

fn needed(column: &Column) -> &'static str {
    match (column.role, column.meaning) {
        (Role::Time, _) => "TIME is of type TIMESTAMP",
        (Role::Tag, _) => "a TAG is of type TEXT",
        (Role::Key | Role::Subject, _) => "KEY and SUBJECT are of type TEXT or BIGINT",
        (_, Some(Meaning::Score)) => "a SCORE is of type DOUBLE, BIGINT or VECTOR(n)",
        (_, Some(Meaning::Embedding)) => "an EMBEDDING is of type VECTOR(n)",
        (_, Some(Meaning::CategoricalFeature | Meaning::Prediction | Meaning::Label)) => {
            "this role is of type TEXT, BOOLEAN, BIGINT or DOUBLE"
        }
        _ => "this role is of type DOUBLE or BIGINT",
    }
}

/// At most one of those of which there can be only one.
pub(super) fn check_together(what: &str, columns: &[Column]) -> Result<()> {
    for (role, word) in [(Role::Time, "TIME"), (Role::Key, "KEY"), (Role::Subject, "SUBJECT")] {
        let with: Vec<&str> = columns.iter().filter(|c| c.role == role).map(|c| c.name.as_str()).collect();
        if with.len() > 1 {
            return Err(QueryError::Invalid(format!(
                "{what} has {} {word} columns, {}; it can have one",
                with.len(),
                with.join(" and ")
            )));
        }
    }
    Ok(())
}
