//! DataFusion, set up: one template for each kind of caller, and from it a session for every statement.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::temporal_conversions::timestamp_ns_to_datetime;
use arrow::array::{ArrayRef, UInt64Array};
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::MemorySchemaProvider;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, TrackConsumersPool};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::{
    DdlStatement, DmlStatement, Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF, WriteOp,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as SqlStatement;
use driftline_storage::{MemoryBudget, TableSchema};
use futures::{FutureExt, StreamExt, TryStreamExt};

use crate::aggregate::CellAggregates;
use crate::catalog::{CATALOG, CatalogView, PUBLIC, catalogs};
use crate::database::Access;
use crate::delete::Delete;
use crate::error::{QueryError, Result};
use crate::govern::Query;
use crate::limits::SPILL_BYTES_MAX;
use crate::memory::{Budgeted, OfQuery};
use crate::plan::Kept;
use crate::settings::Settings;
use crate::update::Update;
use crate::{egress, function, statement, stream};

/// How many of the greatest holders of memory an error names.
const HOLDERS_NAMED: usize = 3;

/// The templates, and the tables over files that the embedding program declared.
pub(crate) struct Sessions {
    embedded: SessionState,
    network: SessionState,
    external: Arc<MemorySchemaProvider>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// Sets up; queries hold at most `memory_bytes` together, and what the budget leaves them.
    /// `spill` is a folder for what does not fit, none fails such queries. `functions` are the embedding program's.
    pub(crate) fn new(
        memory_bytes: usize,
        budget: Arc<MemoryBudget>,
        spill: Option<PathBuf>,
        functions: &[Arc<ScalarUDF>],
    ) -> Result<Self> {
        let runtime = runtime(memory_bytes, budget, spill)?;
        Ok(Self {
            network: template(without_files(&runtime)?, functions),
            embedded: template(runtime, functions),
            external: Arc::new(MemorySchemaProvider::new()),
        })
    }

    /// A session that sees this moment, for a statement that runs or, without one, to plan.
    pub(crate) fn session(
        &self,
        view: CatalogView,
        access: Access,
        settings: Settings,
        query: Option<Arc<Query>>,
    ) -> Session {
        let view = Arc::new(view);
        let (template, external) = match access {
            Access::Embedded => (&self.embedded, Some(Arc::clone(&self.external))),
            Access::Network => (&self.network, None),
        };
        let mut state = template.clone();
        state.config_mut().set_extension(Arc::clone(&view));
        if let Some(query) = &query {
            state.config_mut().set_extension(Arc::clone(query));
        }
        state.config_mut().options_mut().extensions.insert(settings);
        state.register_catalog_list(catalogs(&view, external.clone()));
        let now = timestamp_ns_to_datetime(view.now_nanos()).map(|now| now.and_utc());
        state.execution_props_mut().query_execution_start_time = now;
        Session { state, view, external, query }
    }

    /// The tables over files.
    pub(crate) fn external(&self) -> &MemorySchemaProvider {
        &self.external
    }
}

/// What one statement runs in.
pub(crate) struct Session {
    state: SessionState,
    view: Arc<CatalogView>,
    external: Option<Arc<MemorySchemaProvider>>,
    query: Option<Arc<Query>>,
}

impl Session {
    /// The catalog it sees.
    pub(crate) fn view(&self) -> &Arc<CatalogView> {
        &self.view
    }

    /// Plans a statement of DataFusion's.
    pub(crate) async fn plan(&self, mut sql: SqlStatement, access: Access) -> Result<LogicalPlan> {
        statement::permit(&sql, access)?;
        statement::number_placeholders(&mut sql);
        statement::refuse_in_table_functions(&sql)?;
        statement::fill_named(&mut sql);
        statement::resolve(&mut sql, &self.view, self.external.as_deref())?;
        statement::bind_arrows(&mut sql);
        statement::nest_asof_joins(&mut sql);
        let plan = function::rewrite_gapfill(guarded(self.state.statement_to_plan(sql)).await?)?;
        match plan {
            LogicalPlan::Ddl(DdlStatement::CreateExternalTable(_)) | LogicalPlan::Copy(_) => Ok(plan),
            LogicalPlan::Ddl(_) | LogicalPlan::Statement(_) => {
                Err(QueryError::Invalid(format!("{} is not supported", plan.display())))
            }
            plan => Ok(plan),
        }
    }

    /// Looks whether a query can run: types are only held against each other when a plan is made ready.
    pub(crate) async fn check(&self, plan: &LogicalPlan) -> Result<()> {
        guarded(async { self.state.optimize(plan) }).await.map(drop)
    }

    /// A plan whose types are held against each other, of the same nodes.
    pub(crate) fn analyzed(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        Ok(self.state.analyzer().execute_and_check(plan, self.state.config_options(), |_, _| {})?)
    }

    /// An expression over the columns of a schema.
    pub(crate) fn physical_expr(&self, expr: Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self.state.create_physical_expr(expr, schema)?)
    }

    /// All rows of a query, in the types of its plan.
    pub(crate) async fn rows(&self, plan: LogicalPlan) -> Result<RecordBatch> {
        let physical = guarded(self.state.create_physical_plan(&plan)).await?;
        let schema = physical.schema();
        let batches: Vec<RecordBatch> = self.execute(physical, self.context())?.try_collect().await?;
        Ok(concat_batches(&schema, &batches)?)
    }

    /// Starts a plan; its rows as they leave.
    pub(crate) async fn start(&self, plan: LogicalPlan) -> Result<SendableRecordBatchStream> {
        if let LogicalPlan::Ddl(_) = plan {
            let context = SessionContext::new_with_state(self.state.clone());
            let done = context.execute_logical_plan(plan).await?;
            return Ok(egress::stream(done.execute_stream().await?));
        }
        if let LogicalPlan::Dml(dml) = &plan
            && matches!(dml.op, WriteOp::Delete | WriteOp::Truncate)
        {
            return self.delete(dml).await;
        }
        if let LogicalPlan::Dml(dml) = &plan
            && dml.op == WriteOp::Update
        {
            return self.update(dml).await;
        }
        let physical = guarded(self.state.create_physical_plan(&plan)).await?;
        Ok(egress::stream(self.execute(physical, self.context())?))
    }

    /// A value of the rows of a table for which a condition is true.
    pub(crate) async fn select(
        &self,
        table: &Arc<TableSchema>,
        condition: Expr,
        value: Expr,
    ) -> Result<SendableRecordBatchStream> {
        let source = provider_as_source(self.view.scan_of(table));
        let scan = LogicalPlanBuilder::scan(TableReference::bare(table.name.as_str()), source, None)?;
        self.start(scan.filter(condition)?.project([value])?.build()?).await
    }

    /// Starts a plan of a query that was kept; its rows as they leave.
    pub(crate) async fn start_kept(&self, kept: &Kept) -> Result<Option<SendableRecordBatchStream>> {
        let optimize = async { kept.optimized(&self.view, |plan| self.state.optimize(plan)) };
        let Some(plan) = guarded(optimize).await? else { return Ok(None) };
        let physical = self.state.query_planner().create_physical_plan(&plan, &self.state);
        let physical = guarded(physical).await?;
        Ok(Some(egress::stream(self.execute(physical, self.context())?)))
    }

    /// Runs a plan within the limits of the statement.
    fn execute(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if let Some(query) = &self.query {
            query.set_plan(&plan);
        }
        Ok(stream::guard(execute_stream(plan, context)?))
    }

    fn context(&self) -> Arc<TaskContext> {
        let context = TaskContext::from(&self.state);
        let Some(query) = &self.query else { return Arc::new(context) };
        let runtime = RuntimeEnv::clone(self.state.runtime_env());
        let bytes_max = self.view.governor().limits().memory_bytes;
        let memory_pool = Arc::new(OfQuery::new(Arc::clone(query), bytes_max, runtime.memory_pool.clone()));
        Arc::new(context.with_runtime(Arc::new(RuntimeEnv { memory_pool, ..runtime })))
    }

    /// From here on the statement changes something, and is not ended before it is done.
    pub(crate) fn begin_write(&self) -> Result<()> {
        self.query.as_ref().map_or(Ok(()), |query| query.begin_write())
    }

    /// Deletes rows; how many.
    async fn delete(&self, dml: &DmlStatement) -> Result<SendableRecordBatchStream> {
        let delete = match dml.op {
            WriteOp::Delete => Delete::of(&self.view, dml, &self.state.optimize(&dml.input)?)?,
            _ => Delete::all(&self.view, dml)?,
        };
        let ingest = Arc::clone(self.view.ingest());
        self.begin_write()?;
        let count = tokio::task::spawn_blocking(move || ingest.delete(&delete)).await??;
        counted(count)
    }

    /// Sets labels; of how many predictions.
    async fn update(&self, dml: &DmlStatement) -> Result<SendableRecordBatchStream> {
        let update = Update::of(&self.view, dml)?;
        let physical = guarded(self.state.create_physical_plan(&update.rows(dml)?)).await?;
        let context = self.context();
        let held = MemoryConsumer::new(format!("UPDATE {}", dml.table_name)).register(context.memory_pool());
        let mut rows = self.execute(physical, context)?;
        let mut batches = Vec::new();
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            held.try_grow(batch.get_array_memory_size())?;
            batches.push(batch);
        }
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let ingest = Arc::clone(self.view.ingest());
        self.begin_write()?;
        let write = move || update.write(&batches)?.map(|write| ingest.write(&write)).transpose();
        let written = tokio::task::spawn_blocking(write).await??;
        counted((count as u64).saturating_sub(written.map_or(0, |written| written.diverted)))
    }

    /// Plans and starts a statement.
    pub(crate) async fn run(&self, sql: SqlStatement, access: Access) -> Result<SendableRecordBatchStream> {
        self.start(self.plan(sql, access).await?).await
    }
}

/// The answer of a statement that changes rows.
fn counted(count: u64) -> Result<SendableRecordBatchStream> {
    let counts: ArrayRef = Arc::new(UInt64Array::from(vec![count]));
    let row = RecordBatch::try_from_iter([("count", counts)])?;
    Ok(stream::of(row.schema(), vec![row]))
}

/// A panic while planning is an error of the statement, not the end of the caller's task.
async fn guarded<T>(work: impl Future<Output = DataFusionResult<T>>) -> Result<T> {
    match std::panic::AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => Ok(done?),
        Err(panic) => Err(stream::panicked(panic.as_ref()).into()),
    }
}

fn runtime(bytes: usize, budget: Arc<MemoryBudget>, spill: Option<PathBuf>) -> Result<Arc<RuntimeEnv>> {
    let named = NonZeroUsize::new(HOLDERS_NAMED).unwrap_or(NonZeroUsize::MIN);
    let pool = TrackConsumersPool::new(Budgeted::new(FairSpillPool::new(bytes), budget), named);
    let mode = match spill {
        Some(folder) => DiskManagerMode::Directories(vec![folder]),
        None => DiskManagerMode::Disabled,
    };
    let disk = DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(SPILL_BYTES_MAX);
    let builder = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).with_disk_manager_builder(disk);
    Ok(builder.build_arc()?)
}

/// The same memory, but no store for `file://`: SQL from the network reaches no file, whatever way a statement finds
/// to name one.
fn without_files(runtime: &RuntimeEnv) -> Result<Arc<RuntimeEnv>> {
    let registry = Arc::new(DefaultObjectStoreRegistry::new());
    let closed =
        RuntimeEnvBuilder::from_runtime_env(runtime).with_object_store_registry(registry).build_arc()?;
    closed.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref())?;
    Ok(closed)
}

/// Makes the folder for what queries write while they run, without what a crash may have left there.
pub(crate) fn spill_folder(data: &Path) -> Result<PathBuf> {
    let folder = data.join("spill");
    let failed = |error| QueryError::DataFusion(DataFusionError::IoError(error));
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    Ok(folder)
}

fn template(runtime: Arc<RuntimeEnv>, functions: &[Arc<ScalarUDF>]) -> SessionState {
    let mut builder = SessionStateBuilder::new_with_default_features()
        .with_config(config())
        .with_runtime_env(runtime)
        .with_physical_optimizer_rules(CellAggregates::among(PhysicalOptimizer::new().rules))
        .with_physical_optimizer_rule(Arc::new(YieldingJoins));
    builder.scalar_functions().get_or_insert_with(Vec::new).extend_from_slice(functions);
    function::register(builder).build()
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, PUBLIC)
        .with_information_schema(true)
        .with_option_extension(Settings::default());
    let options = config.options_mut();
    options.execution.time_zone = Some("UTC".to_owned());
    options.sql_parser.collect_spans = true;
    // Views would only be turned into strings again when the rows leave.
    options.sql_parser.map_string_types_to_utf8view = false;
    config
}

/// Lets joins yield: a join of much with much else never does, and starves timers and other queries.
#[derive(Debug)]
struct YieldingJoins;

impl PhysicalOptimizerRule for YieldingJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let wrap = |node: Arc<dyn ExecutionPlan>| {
            if node.name().ends_with("JoinExec") {
                Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>))
            } else {
                Ok(Transformed::no(node))
            }
        };
        plan.transform_up(wrap).data()
    }

    fn name(&self) -> &'static str {
        "driftline_yielding_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
