//! Statements of our own beside SQL: how they are read ([`parser`]), what unquoted names in them mean
//! ([`resolve`]), who may say what ([`permit`]), and what ours do ([`run`]).

mod alter;
mod arrow;
mod asof;
mod baseline;
mod column;
mod create;
mod dependence;
mod erase;
mod explain_drift;
mod named;
mod operate;
mod option;
mod parameter;
mod parser;
mod permit;
mod resolve;
mod run;
mod set;
pub(crate) mod watch;

use std::collections::BTreeMap;

pub(crate) use arrow::bind_arrows;
pub(crate) use asof::nest_asof_joins;
pub(crate) use column::role_name;
use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::Query;
use driftline_storage::Column;
pub(crate) use named::fill_named;
pub(crate) use operate::Operation;
pub(crate) use parameter::{ast, number_placeholders, refuse_in_table_functions};
pub(crate) use parser::{expression_of, of_query, parse, parse_one, query_of};
pub(crate) use permit::permit;
pub(crate) use resolve::{resolve, resolve_expression};
pub(crate) use run::{make, run};

/// A statement as it was read.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    /// One of DataFusion's.
    Sql(Box<SqlStatement>),
    /// `CREATE MODEL` and `REGISTER MODEL`.
    CreateModel(Create),
    /// `CREATE TABLE`.
    CreateTable(Create),
    /// `CREATE BASELINE`.
    CreateBaseline(CreateBaseline),
    /// `ALTER TABLE` and `ALTER MODEL`.
    Alter(Box<alter::Alter>),
    /// `DROP MODEL | TABLE | BASELINE`.
    Drop(Drop),
    /// `SET driftline.<name> = ..`.
    Set(set::Set),
    /// `BACKUP`, `VERIFY`, `COMPACT`, `ERASE`, `KILL QUERY`.
    Operate(Operation),
    /// Those of continuous queries, alerts and who is told of them.
    Watch(Box<watch::Watch>),
}

/// A table or model to create.
#[derive(Clone, Debug)]
pub(crate) struct Create {
    /// Its name as written.
    pub(crate) name: String,
    /// Its columns as written.
    pub(crate) columns: Vec<Column>,
    /// What was written beside them and is an option of the table.
    pub(crate) column_options: BTreeMap<String, String>,
    /// What stands in `WITH (..)`.
    pub(crate) options: Vec<option::Setting>,
    /// Whether it is well if there is one already.
    pub(crate) if_not_exists: bool,
}

/// A baseline to make.
#[derive(Clone, Debug)]
pub(crate) struct CreateBaseline {
    /// Its name as written.
    pub(crate) name: String,
    /// Its model's name as written.
    pub(crate) model: String,
    /// The query whose rows it sums up.
    pub(crate) query: Box<Query>,
    /// The query as written.
    pub(crate) text: String,
    /// Whether it is well if there is one already.
    pub(crate) if_not_exists: bool,
}

/// What can be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A model, with its predictions, labels and baselines.
    Model,
    /// A table.
    Table,
    /// A baseline.
    Baseline,
}

/// Something to drop.
#[derive(Clone, Debug)]
pub(crate) struct Drop {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its name as written.
    pub(crate) name: String,
    /// For a baseline, the model it is of.
    pub(crate) model: Option<String>,
    /// Whether it is well if there is none.
    pub(crate) if_exists: bool,
}
