//! Who may say what, and what nobody can say here.
//!
//! Each statement runs in a session of its own, so what would only change the session (SET, PREPARE, USE) is
//! refused rather than silently forgotten.

use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::{Statement as Ast, Update};

use crate::database::Access;
use crate::error::{QueryError, Result};

/// Refuses what this caller may not say, and what is not supported.
pub(crate) fn permit(statement: &SqlStatement, access: Access) -> Result<()> {
    match statement {
        SqlStatement::Statement(ast) => permit_ast(ast),
        SqlStatement::Explain(explain) => match &*explain.statement {
            SqlStatement::Statement(ast) => permit_explained(ast),
            other => permit(other, access),
        },
        SqlStatement::CreateExternalTable(_) => files("CREATE EXTERNAL TABLE", access),
        SqlStatement::CopyTo(_) => files("COPY", access),
        SqlStatement::Reset(_) => unsupported(
            "RESET",
            "every statement runs with the server's own settings, and none can be changed",
        ),
    }
}

fn files(what: &str, access: Access) -> Result<()> {
    match access {
        Access::Embedded => Ok(()),
        Access::Network => Err(QueryError::Denied(format!(
            "{what} reads or writes files of the server, which is closed to the network; \
             send rows through a client instead, or run it in the embedding program"
        ))),
    }
}

fn permit_ast(ast: &Ast) -> Result<()> {
    match ast {
        Ast::Query(_)
        | Ast::Insert(_)
        | Ast::Delete(_)
        | Ast::Update(Update { from: None, .. })
        | Ast::Truncate(_)
        | Ast::ExplainTable { .. }
        | Ast::ShowTables { .. }
        | Ast::ShowColumns { .. }
        | Ast::ShowFunctions { .. }
        | Ast::ShowCreate { .. }
        | Ast::ShowVariable { .. } => Ok(()),
        Ast::Explain { statement, .. } => permit_explained(statement),
        Ast::Set(_) => {
            unsupported("SET", "every statement runs with the server's own settings, and none can be changed")
        }
        Ast::CreateView(_) => unsupported("CREATE VIEW", "write the query where it is needed, or use WITH"),
        Ast::Update(_) => unsupported(
            "UPDATE .. FROM",
            "INSERT INTO model (key, label) SELECT .. sets labels from another table",
        ),
        Ast::Merge { .. } => unsupported(
            &first_word(ast),
            "rows are only added; INSERT INTO model (key, label) SELECT .. sets labels from another table",
        ),
        Ast::Copy { .. } | Ast::CopyIntoSnowflake { .. } => {
            Err(QueryError::Denied("COPY in this form is not open; use INSERT INTO .. SELECT".to_owned()))
        }
        Ast::StartTransaction { .. } | Ast::Commit { .. } | Ast::Rollback { .. } => {
            unsupported(&first_word(ast), "each statement is a transaction of its own")
        }
        Ast::Prepare { .. } | Ast::Execute { .. } | Ast::Deallocate { .. } => {
            unsupported(&first_word(ast), "prepare statements through a client, which keeps them")
        }
        other => unsupported(&first_word(other), "see the documentation for the statements there are"),
    }
}

fn permit_explained(ast: &Ast) -> Result<()> {
    match ast {
        Ast::Delete(_) | Ast::Truncate(_) => {
            unsupported("EXPLAIN of a delete", "explain SELECT with the same condition")
        }
        Ast::Update(_) => unsupported("EXPLAIN of an update", "explain SELECT with the same condition"),
        ast => permit_ast(ast),
    }
}

fn unsupported(what: &str, remedy: &str) -> Result<()> {
    Err(QueryError::Invalid(format!("{what} is not supported: {remedy}")))
}

/// The words a statement begins with, as far as they are keywords.
fn first_word(ast: &Ast) -> String {
    let text = ast.to_string();
    let keyword = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase());
    let words: Vec<&str> = text.split_whitespace().take(4).take_while(keyword).collect();
    words.join(" ")
}
