//! Statements that were planned.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::ParamValues;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use crate::catalog::CatalogView;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::govern::{Query, Way};
use crate::plan::{Announced, Kept};
use crate::session::Session;
use crate::statement::{self, Statement};
use crate::{egress, stream};

/// A planned statement.
#[derive(Clone, Debug)]
pub struct Prepared {
    database: Database,
    text: Arc<str>,
    statement: Arc<Statement>,
    access: Access,
    schema: SchemaRef,
    parameters: SchemaRef,
    is_query: bool,
    /// Its plan, where that can be used again.
    kept: Option<Arc<Kept>>,
}

impl Prepared {
    /// Plans a statement for its schema and parameters.
    pub(crate) async fn new(database: Database, text: &str, access: Access) -> Result<Self> {
        let plans = database.plans();
        let statement = match plans.get(text, access) {
            Some(kept) if kept.holds_in(&database.engine().snapshot()) => {
                return Ok(Self::kept(&database, text, access, kept));
            }
            Some(kept) => Arc::clone(kept.statement()),
            None => Arc::new(statement::parse_one(text)?),
        };
        if let Statement::Sql(sql) = &*statement {
            let session = database.session(access, None);
            let plan = session.plan((**sql).clone(), access).await?;
            return Self::planned(&database, text, access, &statement, session.view(), &plan);
        }
        let none = Arc::new(Schema::empty());
        let (schema, is_query) = match &*statement {
            Statement::Operate(operation) => {
                operation.permit(&database, access)?;
                (operation.schema(), true)
            }
            Statement::Watch(watch) => match statement::watch::schema(watch) {
                Some(schema) => (schema, true),
                None => (Arc::clone(&none), false),
            },
            _ => (Arc::clone(&none), false),
        };
        let text = Arc::from(text);
        Ok(Self { database, text, statement, access, schema, parameters: none, is_query, kept: None })
    }

    fn kept(database: &Database, text: &str, access: Access, kept: Arc<Kept>) -> Self {
        Self {
            database: database.clone(),
            text: Arc::from(text),
            statement: Arc::clone(kept.statement()),
            access,
            schema: Arc::clone(&kept.schema),
            parameters: Arc::clone(&kept.parameters),
            is_query: kept.is_query,
            kept: Some(kept),
        }
    }

    fn planned(
        database: &Database,
        text: &str,
        access: Access,
        statement: &Arc<Statement>,
        view: &CatalogView,
        plan: &LogicalPlan,
    ) -> Result<Self> {
        let Announced { schema, parameters, is_query } = announced(plan)?;
        let kept = keep(database, text, access, statement, view, plan)?;
        let (database, text, statement) = (database.clone(), Arc::from(text), Arc::clone(statement));
        Ok(Self { database, text, statement, access, schema, parameters, is_query, kept })
    }

    /// The schema of its rows as they leave; no columns where it gives none (DDL, INSERT).
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Its parameters in order (`$1`, `$2`..), with the types that were inferred (Utf8 where none was).
    pub fn parameters(&self) -> SchemaRef {
        Arc::clone(&self.parameters)
    }

    /// Whether it gives rows.
    pub fn is_query(&self) -> bool {
        self.is_query
    }

    /// Runs it against the newest snapshot; rows as they leave. For DDL and DML one row, column `count` (BIGINT):
    /// the rows written, or those that went into a baseline. DDL and DML are done when this returns, whether or not
    /// the stream is read.
    pub async fn execute(&self, parameters: &[ScalarValue]) -> Result<SendableRecordBatchStream> {
        let values = self.bound(parameters)?;
        let asked = Asked {
            text: &self.text,
            statement: &self.statement,
            access: self.access,
            kept: self.kept.as_ref(),
            values,
        };
        run(&self.database, asked).await
    }

    /// The values, in the types that were inferred.
    fn bound(&self, values: &[ScalarValue]) -> Result<Vec<ScalarValue>> {
        let wanted = self.parameters.fields();
        if wanted.len() != values.len() {
            return Err(QueryError::Invalid(format!(
                "the statement has {} parameters, {} values were given",
                wanted.len(),
                values.len()
            )));
        }
        let typed = wanted.iter().zip(values).map(|(field, value)| typed(field, value));
        typed.collect()
    }
}

/// What a plan gives and takes.
fn announced(plan: &LogicalPlan) -> Result<Announced> {
    let is_query = is_query(plan);
    let schema = if is_query { egress::schema(plan.schema().inner()) } else { Arc::new(Schema::empty()) };
    Ok(Announced { schema, parameters: parameters_of(plan)?, is_query })
}

/// Keeps a plan for the next time, where it can be used then.
fn keep(
    database: &Database,
    text: &str,
    access: Access,
    statement: &Arc<Statement>,
    view: &CatalogView,
    plan: &LogicalPlan,
) -> Result<Option<Arc<Kept>>> {
    let kept = Kept::of(view, statement, plan, announced(plan)?).map(Arc::new);
    // What changes rows and brings them along does not come again.
    if let Some(kept) = &kept
        && (kept.is_query || !kept.parameters.fields().is_empty())
    {
        database.plans().put(text, access, Arc::clone(kept));
    }
    Ok(kept)
}

/// A statement to run.
struct Asked<'a> {
    text: &'a str,
    statement: &'a Arc<Statement>,
    access: Access,
    /// A plan of before.
    kept: Option<&'a Arc<Kept>>,
    values: Vec<ScalarValue>,
}

/// Plans and runs a statement of the embedding program, without parameters; rows as they leave.
pub(crate) async fn run_at_once(
    database: &Database,
    text: &str,
    statement: &Arc<Statement>,
) -> Result<SendableRecordBatchStream> {
    let (access, values) = (Access::Embedded, Vec::new());
    run(database, Asked { text, statement, access, kept: None, values }).await
}

/// Runs a statement when its turn comes: a query to its stream, all else to its end.
async fn run(database: &Database, asked: Asked<'_>) -> Result<SendableRecordBatchStream> {
    let ticket = database.admit(asked.text, asked.access, Way::of(asked.statement)).await?;
    let done = ticket.during(begin(database, ticket.query(), asked)).await;
    match done.map_err(|error| ticket.fail(error))? {
        Begun::Rows(rows) => Ok(ticket.answer(rows)),
        Begun::Changed(count) => {
            ticket.finish(count);
            Ok(counted(i64::try_from(count).unwrap_or(i64::MAX)))
        }
    }
}

/// What a statement comes to.
enum Begun {
    /// Rows that are still to be read.
    Rows(SendableRecordBatchStream),
    /// It is done, and changed so many.
    Changed(u64),
}

async fn begin(database: &Database, query: &Arc<Query>, asked: Asked<'_>) -> Result<Begun> {
    match &**asked.statement {
        Statement::Operate(operation) => {
            let rows = operation.run(database, query).await?;
            Ok(Begun::Rows(stream::of(rows.schema(), vec![rows])))
        }
        Statement::Watch(watch) if statement::watch::schema(watch).is_some() => {
            let rows = statement::watch::answer(database, watch, asked.access).await?;
            Ok(Begun::Rows(stream::of(rows.schema(), vec![rows])))
        }
        Statement::Sql(sql) => {
            let session = database.session(asked.access, Some(query));
            let last = asked.kept.cloned().filter(|kept| kept.holds_in(session.view().snapshot()));
            let found = || database.plans().get(asked.text, asked.access);
            let kept = last.or_else(|| found().filter(|kept| kept.holds_in(session.view().snapshot())));
            if let Some(kept) = kept {
                query.set_plan_reused();
                return again(&session, &kept, asked.values).await;
            }
            let plan = session.plan((**sql).clone(), asked.access).await?;
            keep(database, asked.text, asked.access, asked.statement, session.view(), &plan)?;
            let declares = matches!(plan, LogicalPlan::Ddl(_));
            let begun = start(&session, bind(plan, asked.values)?).await;
            if declares {
                // A table over files: names may mean something else from here on.
                database.plans().clear();
            }
            begun
        }
        statement => Ok(Begun::Changed(statement::run(database, statement, query).await?)),
    }
}

/// Runs a plan of before.
async fn again(session: &Session, kept: &Kept, values: Vec<ScalarValue>) -> Result<Begun> {
    if values.is_empty()
        && let Some(rows) = session.start_kept(kept).await?
    {
        return Ok(Begun::Rows(rows));
    }
    start(session, bind(kept.plan(session.view())?, values)?).await
}

/// The plan with the values of its parameters.
fn bind(plan: LogicalPlan, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
    if !values.is_empty() {
        return Ok(plan.with_param_values(ParamValues::from(values))?);
    }
    if plan.get_parameter_names()?.is_empty() {
        return Ok(plan);
    }
    Err(QueryError::Invalid("the statement has parameters; prepare it and give their values".into()))
}

async fn start(session: &Session, plan: LogicalPlan) -> Result<Begun> {
    let is_query = is_query(&plan);
    let rows = session.start(plan).await?;
    if is_query {
        return Ok(Begun::Rows(rows));
    }
    let done: Vec<RecordBatch> = rows.try_collect().await?;
    Ok(Begun::Changed(u64::try_from(done.iter().map(sum).sum::<i64>()).unwrap_or(0)))
}

/// A value in the type of its parameter. Where none was inferred the parameter takes any.
fn typed(parameter: &Field, value: &ScalarValue) -> Result<ScalarValue> {
    if parameter.metadata().contains_key(ANY) || &value.data_type() == parameter.data_type() {
        return Ok(value.clone());
    }
    value.cast_to(parameter.data_type()).map_err(|error| {
        QueryError::Invalid(format!(
            "parameter {} is {}, the value {value} is {}: {}",
            parameter.name(),
            parameter.data_type(),
            value.data_type(),
            error.strip_backtrace()
        ))
    })
}

/// Marks a parameter for which no type was inferred.
const ANY: &str = "driftline.any";

fn parameters_of(plan: &LogicalPlan) -> Result<SchemaRef> {
    let types = plan.get_parameter_types()?;
    let mut numbered = Vec::with_capacity(types.len());
    for (name, ty) in types {
        let number: Option<usize> = name.strip_prefix('$').and_then(|digits| digits.parse().ok());
        let Some(number) = number.filter(|number| *number > 0) else {
            return Err(QueryError::Invalid(format!(
                "parameter {name}: parameters are numbered, $1, $2 and so on"
            )));
        };
        numbered.push((number, name, ty));
    }
    numbered.sort_by_key(|(number, _, _)| *number);
    if let Some((at, (_, name, _))) =
        numbered.iter().enumerate().find(|(at, (number, _, _))| at + 1 != *number)
    {
        return Err(QueryError::Invalid(format!("parameter {name} is used, but not ${}", at + 1)));
    }
    Ok(Arc::new(Schema::new(
        numbered.into_iter().map(|(_, name, ty)| parameter(&name, ty)).collect::<Vec<_>>(),
    )))
}

fn parameter(name: &str, ty: Option<DataType>) -> Field {
    match ty {
        Some(ty) => Field::new(name, ty, true),
        None => Field::new(name, DataType::Utf8, true)
            .with_metadata(HashMap::from([(ANY.to_owned(), "true".to_owned())])),
    }
}

fn is_query(plan: &LogicalPlan) -> bool {
    !matches!(plan, LogicalPlan::Dml(_) | LogicalPlan::Ddl(_) | LogicalPlan::Copy(_))
}

/// One row that says how many.
fn counted(count: i64) -> SendableRecordBatchStream {
    let schema = Arc::new(Schema::new(vec![Field::new("count", DataType::Int64, false)]));
    let values = Arc::new(Int64Array::from(vec![count]));
    match RecordBatch::try_new(Arc::clone(&schema), vec![values]) {
        Ok(row) => stream::of(schema, vec![row]),
        // One column of one row always fits its schema.
        Err(_) => stream::of(schema, Vec::new()),
    }
}

/// The sum of a `count` column.
fn sum(batch: &RecordBatch) -> i64 {
    let Some(counts) = batch.columns().first() else { return 0 };
    let Ok(counts) = cast(counts, &DataType::Int64) else { return 0 };
    let counts = Int64Array::from(counts.to_data());
    counts.iter().flatten().sum()
}
