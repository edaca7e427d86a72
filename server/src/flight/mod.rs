//! SQL over Arrow Flight, as ADBC, JDBC, Grafana and our own client speak it.
//!
//! A statement is planned when it is prepared and that plan is fetched, so the schema announced is the schema sent.
//! What changes something runs when it is asked for (`GetFlightInfo`), not when its answer is fetched: some clients
//! never fetch it, some fetch it twice. Everything is planned and run on the query threads.

mod answer;
mod metadata;
mod parameters;
mod sql_info;
mod statements;
mod ticket;

use std::future::Future;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::metadata::{SqlInfoData, XdbcTypeInfoData};
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionBeginTransactionRequest, ActionBeginTransactionResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, CommandGetCatalogs,
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo,
    CommandPreparedStatementQuery, CommandPreparedStatementUpdate, CommandStatementQuery,
    CommandStatementUpdate, DoPutPreparedStatementResult, ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse, Ticket,
};
use bytes::Bytes;
use driftline_query::{Access, Database, Prepared};
use futures::{Stream, StreamExt, stream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use crate::queries::Queries;
use crate::status::status;
use answer::Answer;
use statements::{Statement, Statements};
use ticket::StatementTicket;

/// The action that ends a session. There are none, so ending one always succeeds.
const CLOSE_SESSION: &str = "CloseSession";
/// `CloseSessionResult { status: CLOSED }`, whose message arrow-flight does not have.
const SESSION_CLOSED: &[u8] = &[0x08, 0x01];

/// The Flight SQL service. Clones share it.
#[derive(Clone)]
pub struct FlightSql {
    database: Database,
    queries: Queries,
    state: Arc<State>,
}

struct State {
    prepared: Statements,
    /// Queries announced and not yet fetched. Apart from the prepared ones, so that a client that asks for much and
    /// fetches nothing pushes out only its like.
    tickets: Statements,
}

type Handshakes = std::pin::Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>;
type Actions = <FlightSql as FlightService>::DoActionStream;
type Info = Result<Response<FlightInfo>, Status>;
type Get = Result<Response<Answer>, Status>;

impl FlightSql {
    /// Answers from `database`, on the threads of `queries`.
    pub fn new(database: Database, queries: Queries) -> Self {
        let state = State { prepared: Statements::new(), tickets: Statements::new() };
        Self { database, queries, state: Arc::new(state) }
    }

    async fn prepare(&self, sql: String) -> Result<Prepared, Status> {
        let database = self.database.clone();
        let plan = async move { database.prepare(&sql, Access::Network).await.map_err(|e| status(&e)) };
        self.queries.run(plan).await
    }

    /// Announces a query, or runs what is none.
    async fn announce(
        &self,
        statement: Statement,
        ticket: Option<Bytes>,
        descriptor: FlightDescriptor,
    ) -> Info {
        if statement.prepared.is_query() {
            let schema = statement.prepared.schema();
            let ticket = ticket
                .unwrap_or_else(|| StatementTicket::Query(self.state.tickets.insert(statement)).encode());
            return answer::info(descriptor, &schema, ticket);
        }
        let count = self.queries.run_to_end(answer::count(statement)).await?;
        answer::info(descriptor, &answer::count_schema(), StatementTicket::Count(count).encode())
    }

    fn fetch(&self, statement: Statement) -> Response<Answer> {
        let schema = statement.prepared.schema();
        let start = async move { Ok(answer::encode(schema, answer::rows(statement))) };
        Response::new(self.queries.stream(start))
    }

    async fn update(&self, statement: Statement) -> Result<i64, Status> {
        if statement.prepared.is_query() {
            return Err(Status::invalid_argument("this statement gives rows; run it as a query"));
        }
        self.queries.run_to_end(answer::count(statement)).await
    }

    /// Reads names on the query threads.
    async fn metadata<F>(&self, read: impl FnOnce(Database) -> F + Send) -> Result<RecordBatch, Status>
    where
        F: Future<Output = Result<RecordBatch, Status>> + Send + 'static,
    {
        self.queries.run(read(self.database.clone())).await
    }
}

/// The announcement of metadata: its command is its ticket.
fn announce_metadata(
    command: &impl ProstMessageExt,
    schema: &arrow::datatypes::Schema,
    request: Request<FlightDescriptor>,
) -> Info {
    answer::info(request.into_inner(), schema, command.as_any().encode_to_vec().into())
}

fn sql_info() -> Result<SqlInfoData, Status> {
    sql_info::sql_info().map_err(|e| Status::internal(e.to_string()))
}

fn type_info() -> Result<XdbcTypeInfoData, Status> {
    sql_info::type_info().map_err(|e| Status::internal(e.to_string()))
}

#[tonic::async_trait]
impl FlightSqlService for FlightSql {
    type FlightService = Self;

    async fn do_handshake(
        &self,
        _request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Handshakes>, Status> {
        Err(Status::unimplemented("this version has no users; connect without user name and password"))
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let prepared = self.prepare(query.query).await?;
        self.announce(Statement::new(prepared), None, request.into_inner()).await
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let statement = self.state.prepared.get(&query.prepared_statement_handle)?;
        let ticket = query.as_any().encode_to_vec().into();
        self.announce(statement, Some(ticket), request.into_inner()).await
    }

    async fn do_get_statement(&self, ticket: TicketStatementQuery, _request: Request<Ticket>) -> Get {
        match StatementTicket::decode(&ticket)? {
            StatementTicket::Query(handle) => Ok(self.fetch(self.state.tickets.get(&handle)?)),
            StatementTicket::Count(count) => Ok(answer::one(answer::count_batch(count)?)),
        }
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        _request: Request<Ticket>,
    ) -> Get {
        let statement = self.state.prepared.get(&query.prepared_statement_handle)?;
        if !statement.prepared.is_query() {
            return Err(Status::invalid_argument(
                "this statement gives no rows; run it with GetFlightInfo or DoPut",
            ));
        }
        Ok(self.fetch(statement))
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let prepared = self.prepare(query.query).await?;
        // An empty schema is how clients tell a statement that changes something from a query.
        let dataset_schema =
            if prepared.is_query() { answer::schema_bytes(&prepared.schema())? } else { Bytes::new() };
        let parameter_schema = answer::schema_bytes(&prepared.parameters())?;
        let prepared_statement_handle = self.state.prepared.insert(Statement::new(prepared));
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle,
            dataset_schema,
            parameter_schema,
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<(), Status> {
        self.state.prepared.remove(&query.prepared_statement_handle);
        Ok(())
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let handle = query.prepared_statement_handle;
        if let Some(parameters) = parameters::read(request.into_inner()).await? {
            self.state.prepared.bind(&handle, parameters)?;
        }
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) })
    }

    async fn do_put_prepared_statement_update(
        &self,
        query: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let mut statement = self.state.prepared.get(&query.prepared_statement_handle)?;
        if let Some(parameters) = parameters::read(request.into_inner()).await? {
            statement.parameters = parameters;
        }
        self.update(statement).await
    }

    async fn do_put_statement_update(
        &self,
        command: CommandStatementUpdate,
        _request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let prepared = self.prepare(command.query).await?;
        self.update(Statement::new(prepared)).await
    }

    async fn do_action_begin_transaction(
        &self,
        _query: ActionBeginTransactionRequest,
        _request: Request<Action>,
    ) -> Result<ActionBeginTransactionResult, Status> {
        Err(Status::unimplemented("there are no transactions; each statement stands for itself (autocommit)"))
    }

    async fn do_action_fallback(&self, request: Request<Action>) -> Result<Response<Actions>, Status> {
        let action = request.into_inner().r#type;
        if action != CLOSE_SESSION {
            return Err(Status::unimplemented(format!("the action {action} is not one of this server's")));
        }
        let result = arrow_flight::Result { body: Bytes::from_static(SESSION_CLOSED) };
        Ok(Response::new(stream::iter([Ok(result)]).boxed()))
    }

    async fn list_custom_actions(&self) -> Option<Vec<Result<ActionType, Status>>> {
        let description = "Ends a session; there are none, so it always succeeds.".to_owned();
        Some(vec![Ok(ActionType { r#type: CLOSE_SESSION.to_owned(), description })])
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &query.into_builder().schema(), request)
    }

    async fn do_get_catalogs(&self, query: CommandGetCatalogs, _request: Request<Ticket>) -> Get {
        let batch =
            self.metadata(|database| async move { metadata::catalogs(&database, query).await }).await?;
        Ok(answer::one(batch))
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &query.clone().into_builder().schema(), request)
    }

    async fn do_get_schemas(&self, query: CommandGetDbSchemas, _request: Request<Ticket>) -> Get {
        let batch =
            self.metadata(|database| async move { metadata::schemas(&database, query).await }).await?;
        Ok(answer::one(batch))
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &query.clone().into_builder().schema(), request)
    }

    async fn do_get_tables(&self, query: CommandGetTables, _request: Request<Ticket>) -> Get {
        let batch = self.metadata(|database| async move { metadata::tables(&database, query).await }).await?;
        Ok(answer::one(batch))
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &query.into_builder().schema(), request)
    }

    async fn do_get_table_types(&self, query: CommandGetTableTypes, _request: Request<Ticket>) -> Get {
        Ok(answer::one(metadata::table_types(query)?))
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &query.clone().into_builder(&sql_info()?).schema(), request)
    }

    async fn do_get_sql_info(&self, query: CommandGetSqlInfo, _request: Request<Ticket>) -> Get {
        let batch = query.into_builder(&sql_info()?).build();
        Ok(answer::one(batch.map_err(|e| Status::internal(e.to_string()))?))
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &query.into_builder(&type_info()?).schema(), request)
    }

    async fn do_get_xdbc_type_info(&self, query: CommandGetXdbcTypeInfo, _request: Request<Ticket>) -> Get {
        let batch = query.into_builder(&type_info()?).build();
        Ok(answer::one(batch.map_err(|e| Status::internal(e.to_string()))?))
    }

    async fn get_flight_info_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &metadata::primary_keys().schema(), request)
    }

    async fn do_get_primary_keys(&self, _query: CommandGetPrimaryKeys, _request: Request<Ticket>) -> Get {
        Ok(answer::one(metadata::primary_keys()))
    }

    async fn get_flight_info_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &metadata::foreign_keys().schema(), request)
    }

    async fn do_get_exported_keys(&self, _query: CommandGetExportedKeys, _request: Request<Ticket>) -> Get {
        Ok(answer::one(metadata::foreign_keys()))
    }

    async fn get_flight_info_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &metadata::foreign_keys().schema(), request)
    }

    async fn do_get_imported_keys(&self, _query: CommandGetImportedKeys, _request: Request<Ticket>) -> Get {
        Ok(answer::one(metadata::foreign_keys()))
    }

    async fn get_flight_info_cross_reference(
        &self,
        query: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Info {
        announce_metadata(&query, &metadata::foreign_keys().schema(), request)
    }

    async fn do_get_cross_reference(
        &self,
        _query: CommandGetCrossReference,
        _request: Request<Ticket>,
    ) -> Get {
        Ok(answer::one(metadata::foreign_keys()))
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}
