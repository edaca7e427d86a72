//! Does what a statement of ours says.

use std::sync::Arc;

use super::{Kind, Statement, alter, baseline, create, watch};
use crate::database::{Access, Database};
use crate::error::Result;
use crate::govern::Query;

/// Runs one of our statements; rows that went into a baseline, else 0. DataFusion's own, and those
/// that answer rows, run elsewhere.
pub(crate) async fn run(database: &Database, statement: &Statement, query: &Arc<Query>) -> Result<u64> {
    let access = query.access();
    match statement.clone() {
        Statement::Sql(_) | Statement::Operate(_) => return Ok(0),
        Statement::Watch(statement) => watch::run(database, &statement, access).await?,
        Statement::Set(set) => set.apply(&mut database.settings().write(), access)?,
        Statement::CreateBaseline(statement) => return baseline::create(database, &statement, query).await,
        Statement::CreateModel(statement) => {
            database.blocking(move |ingest| create::model(ingest, &statement)).await?;
        }
        Statement::CreateTable(statement) => {
            database.blocking(move |ingest| create::table(ingest, &statement)).await?;
        }
        Statement::Alter(statement) => {
            database.blocking(move |ingest| alter::run(ingest, &statement)).await?;
        }
        Statement::Drop(statement) if statement.kind == Kind::Baseline => {
            database.blocking(move |ingest| baseline::drop(ingest, &statement)).await?;
        }
        Statement::Drop(statement) => {
            if access == Access::Embedded && database.drop_external(&statement.name)? {
                return Ok(0);
            }
            database.blocking(move |ingest| create::drop(ingest, &statement)).await?;
        }
    }
    Ok(0)
}

/// Makes a table or a model.
pub(crate) async fn make(database: &Database, statement: Statement) -> Result<()> {
    database
        .blocking(move |ingest| match &statement {
            Statement::CreateModel(create) => create::model(ingest, create),
            Statement::CreateTable(create) => create::table(ingest, create),
            _ => Ok(()),
        })
        .await
}
