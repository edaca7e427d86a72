//! ALTER TABLE and ALTER MODEL: how they are read. What they do to a schema is [`schema`]'s, what is written [`run`]'s.

mod run;
mod schema;

use datafusion::sql::sqlparser::tokenizer::Token;
use driftline_storage::{Column, ColumnType};

use super::parser::{Parser, wrong_at};
use super::{Kind, Statement, column, option};
use crate::error::Result;
pub(super) use run::run;

/// A table or model to change.
#[derive(Clone, Debug)]
pub(crate) struct Alter {
    /// Which of the two.
    pub(crate) kind: Kind,
    /// Its name as written.
    pub(crate) name: String,
    /// Whether it is well if there is none.
    pub(crate) if_exists: bool,
    /// What changes.
    pub(crate) change: Change,
}

/// One change of a table or model.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// `ADD COLUMN`.
    Add {
        /// As written, its id not given yet.
        column: Column,
        /// How long its values are kept, where that is not as long as the rows.
        retention: Option<String>,
        /// Whether it is well if there is one already.
        if_not_exists: bool,
    },
    /// `DROP COLUMN`.
    Drop {
        /// The column's name as written.
        name: String,
        /// Whether it is well if there is none.
        if_exists: bool,
    },
    /// `RENAME COLUMN a TO b`.
    RenameColumn {
        /// The column's name as written.
        from: String,
        /// Its name from now on.
        to: String,
    },
    /// `RENAME TO`.
    Rename(String),
    /// `ALTER COLUMN name TYPE type`.
    Retype {
        /// The column's name as written.
        name: String,
        /// The type wanted.
        ty: ColumnType,
    },
    /// `ALTER COLUMN name SET RETENTION 'age'`, `ALTER COLUMN name DROP RETENTION`.
    Retain {
        /// The column's name as written.
        name: String,
        /// How long its values are kept; None for as long as the rows.
        age: Option<String>,
    },
    /// `SET (option = value, ..)`.
    Set(Vec<option::Setting>),
    /// `RESET (option, ..)`.
    Reset(Vec<String>),
}

/// What follows `ALTER TABLE` or `ALTER MODEL`.
pub(super) fn parse(parser: &mut Parser<'_>, kind: Kind) -> Result<Statement> {
    let if_exists = parser.eat(&["IF", "EXISTS"]);
    let name = parser.name()?;
    let change = change(parser)?;
    Ok(Statement::Alter(Box::new(Alter { kind, name, if_exists, change })))
}

fn change(parser: &mut Parser<'_>) -> Result<Change> {
    if parser.eat(&["ADD"]) {
        return add(parser);
    }
    if parser.eat(&["DROP"]) {
        return drop(parser);
    }
    if parser.eat(&["RENAME", "TO"]) {
        return Ok(Change::Rename(parser.name()?));
    }
    if parser.eat(&["RENAME"]) {
        return rename(parser);
    }
    if parser.eat(&["ALTER"]) {
        return retype(parser);
    }
    if parser.eat(&["SET"]) {
        return Ok(Change::Set(option::in_parens(parser)?));
    }
    if parser.eat(&["RESET"]) {
        return Ok(Change::Reset(option::names_in_parens(parser)?));
    }
    Err(parser.expected(
        "ADD COLUMN, DROP COLUMN, RENAME COLUMN, RENAME TO, ALTER COLUMN .. TYPE DOUBLE, SET RETENTION or DROP RETENTION, \
         SET (..) or RESET (..)",
    ))
}

fn add(parser: &mut Parser<'_>) -> Result<Change> {
    parser.eat(&["COLUMN"]);
    let if_not_exists = parser.eat(&["IF", "NOT", "EXISTS"]);
    let (column, retention) = column::column(parser)?;
    Ok(Change::Add { column, retention, if_not_exists })
}

fn drop(parser: &mut Parser<'_>) -> Result<Change> {
    parser.eat(&["COLUMN"]);
    let if_exists = parser.eat(&["IF", "EXISTS"]);
    Ok(Change::Drop { name: column_name(parser)?, if_exists })
}

fn rename(parser: &mut Parser<'_>) -> Result<Change> {
    parser.eat(&["COLUMN"]);
    let from = column_name(parser)?;
    parser.expect(&["TO"])?;
    Ok(Change::RenameColumn { from, to: parser.identifier("the new name of the column")? })
}

fn retype(parser: &mut Parser<'_>) -> Result<Change> {
    parser.eat(&["COLUMN"]);
    let name = column_name(parser)?;
    if parser.eat(&["DROP", "RETENTION"]) {
        return Ok(Change::Retain { name, age: None });
    }
    if parser.eat(&["SET", "RETENTION"]) {
        return Ok(Change::Retain { name, age: Some(column::age(parser)?) });
    }
    let is_type = parser.eat(&["SET", "DATA", "TYPE"]) || parser.eat(&["TYPE"]);
    if !is_type {
        // `SET TAG`, `TAG`: whoever tries this means the role.
        parser.eat(&["SET"]);
        refuse_role(parser, &name)?;
        return Err(parser.expected("TYPE DOUBLE, SET RETENTION or DROP RETENTION"));
    }
    let ty = column::column_type(parser)?;
    refuse_role(parser, &name)?;
    Ok(Change::Retype { name, ty })
}

fn column_name(parser: &mut Parser<'_>) -> Result<String> {
    parser.identifier("the name of a column")
}

fn refuse_role(parser: &mut Parser<'_>, name: &str) -> Result<()> {
    let next = parser.peek();
    match &next.token {
        Token::Word(word) if column::is_role(&word.value) => Err(wrong_at(
            &format!(
                "the role of a column cannot change: rows written before have {name} as it was; \
                 ADD COLUMN with another name and role, and write to that"
            ),
            next.span.start,
        )),
        _ => Ok(()),
    }
}
