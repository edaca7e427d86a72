//! Asks a continuous query for some of its windows.

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, SecondsFormat};
use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, SetExpr, Statement as Ast, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::tokenizer::Span as Place;
use driftline_storage::TIME_COLUMN;
use futures::TryStreamExt;

use super::spans::Span;
use crate::database::Access;
use crate::error::{QueryError, Result};
use crate::session::Session;

/// The rows of a query for the base rows of these times.
async fn rows(session: &Session, query: &Query, span: Span) -> Result<Vec<RecordBatch>> {
    let statement = bounded(query, span)?;
    session.run(statement, Access::Embedded).await?.try_collect().await.map_err(QueryError::from)
}

/// The same in one batch; None where there is none.
pub(crate) async fn whole(session: &Session, query: &Query, span: Span) -> Result<Option<RecordBatch>> {
    let batches = rows(session, query, span).await?;
    let Some(first) = batches.first() else { return Ok(None) };
    Ok(Some(concat_batches(&first.schema(), &batches)?))
}

/// The query with a condition on `time` more.
fn bounded(query: &Query, span: Span) -> Result<SqlStatement> {
    let mut query = query.clone();
    let SetExpr::Select(select) = &mut *query.body else {
        return Err(QueryError::Invalid("a continuous query is one SELECT".into()));
    };
    let mut conditions = vec![];
    if span.start > i64::MIN {
        conditions.push(compare(BinaryOperator::GtEq, span.start));
    }
    if span.end < i64::MAX {
        conditions.push(compare(BinaryOperator::Lt, span.end));
    }
    let own = select.selection.take().map(|own| Expr::Nested(Box::new(own)));
    select.selection = own.into_iter().chain(conditions).reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    });
    Ok(SqlStatement::Statement(Box::new(Ast::Query(Box::new(query)))))
}

fn compare(op: BinaryOperator, nanos: i64) -> Expr {
    let text = DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::Nanos, true);
    let value = ValueWithSpan { value: Value::SingleQuotedString(text), span: Place::empty() };
    Expr::BinaryOp {
        left: Box::new(Expr::Identifier(Ident::with_quote('"', TIME_COLUMN))),
        op,
        right: Box::new(Expr::Value(value)),
    }
}
