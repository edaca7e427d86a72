use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int64Type, Schema, TimeUnit};
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables, CommandGetXdbcTypeInfo,
};
use arrow_flight::{Action, FlightInfo, IpcMessage};
use driftline_client::{Batch, ClientError, Code};
use futures::TryStreamExt;
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{Running, number, requests, start};

async fn channel(running: &Running) -> Channel {
    Channel::from_shared(running.server.url()).unwrap().connect().await.unwrap()
}

async fn flight(running: &Running) -> FlightSqlServiceClient<Channel> {
    FlightSqlServiceClient::new(channel(running).await)
}

/// Fetches an answer, and checks that its schema is the one announced.
async fn fetch(
    client: &mut FlightSqlServiceClient<Channel>,
    info: FlightInfo,
) -> Result<Vec<RecordBatch>, FlightError> {
    assert_eq!(info.endpoint.len(), 1, "Grafana takes exactly one endpoint");
    let announced = info.clone().try_decode_schema().unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut stream = client.do_get(ticket).await?;
    let mut batches = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        batches.push(batch);
    }
    assert_eq!(stream.schema().unwrap().as_ref(), &announced);
    Ok(batches)
}

fn code(error: &FlightError) -> Code {
    match error {
        FlightError::Tonic(status) => status.code(),
        other => panic!("not a status: {other}"),
    }
}

async fn filled() -> Running {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    writer.send(Batch::new().rows("requests", requests(0, 10))).await.unwrap();
    writer.finish().await.unwrap();
    running
}

#[tokio::test]
async fn answers_leave_in_types_that_every_client_reads() {
    let running = filled().await;
    let sql =
        "SELECT time, model, arrow_cast(model, 'Utf8View') AS view, arrow_cast(model, 'LargeUtf8') AS large,
               arrow_cast(time, 'Timestamp(Millisecond, None)') AS ms FROM requests";
    let rows = running.client.sql(sql).await.unwrap();
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let types: Vec<_> = rows[0].schema().fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [time.clone(), DataType::Utf8, DataType::Utf8, DataType::Utf8, time]);
}

#[tokio::test]
async fn an_answer_without_rows_has_its_columns() {
    let running = filled().await;
    let rows = running.client.sql("SELECT model FROM requests WHERE ms < 0").await.unwrap();
    assert_eq!((rows.len(), rows[0].num_rows(), rows[0].num_columns()), (1, 0, 1));
}

#[tokio::test]
async fn a_large_answer_comes_whole() {
    let running = start().await;
    let rows = running.client.sql("SELECT value FROM generate_series(1, 1000000)").await.unwrap();
    let sum: i64 =
        rows.iter().filter_map(|b| arrow::compute::sum(b.column(0).as_primitive::<Int64Type>())).sum();
    assert_eq!(sum, 500_000_500_000);
}

#[tokio::test]
async fn an_error_in_the_middle_of_an_answer_is_an_error() {
    let running = start().await;
    let sql = "SELECT 1 / (value - 900000) FROM generate_series(1, 1000000)";
    let error = running.client.sql(sql).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("divide by zero"), "{error}");
}

#[tokio::test]
async fn statements_that_change_something_say_how_much() {
    let running = start().await.with_requests().await;
    let sql = "INSERT INTO requests (time, model, ms) VALUES ('2026-01-01', 'a', 1), ('2026-01-02', 'b', 2)";
    assert_eq!(running.client.execute(sql).await.unwrap(), 2);
    assert_eq!(number(&running.client.sql(sql).await.unwrap()), 2);
    assert_eq!(running.count("requests").await, 4);
    let error = running.client.execute("SELECT 1").await.unwrap_err();
    assert!(matches!(error, ClientError::Server { code: Code::InvalidArgument, .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_fetched_twice_does_not_write_twice() {
    let running = start().await.with_requests().await;
    let mut client = flight(&running).await;
    let sql = "INSERT INTO requests (time, model, ms) VALUES ('2026-01-01', 'a', 1)";
    let info = client.execute(sql.into(), None).await.unwrap();
    assert_eq!(running.count("requests").await, 1, "it runs when it is asked for, fetched or not");
    for _ in 0..2 {
        assert_eq!(number(&fetch(&mut client, info.clone()).await.unwrap()), 1);
    }
    assert_eq!(running.count("requests").await, 1);
}

#[tokio::test]
async fn a_prepared_query_tells_its_schemas_and_takes_parameters() {
    let running = filled().await;
    let mut client = flight(&running).await;
    let sql = "SELECT model, ms FROM requests WHERE ms > $1 AND model = $2 ORDER BY ms";
    let mut prepared = client.prepare(sql.into(), None).await.unwrap();
    assert_eq!(prepared.parameter_schema().unwrap().fields().len(), 2);
    let schema = prepared.dataset_schema().unwrap().clone();
    let ms: ArrayRef = Arc::new(Int64Array::from(vec![2]));
    let model: ArrayRef = Arc::new(StringArray::from(vec!["model-1"]));
    prepared.set_parameters(RecordBatch::try_from_iter([("0", ms), ("1", model)]).unwrap()).unwrap();
    let info = prepared.execute().await.unwrap();
    assert_eq!(info.clone().try_decode_schema().unwrap(), schema);
    let rows = fetch(&mut client, info).await.unwrap();
    // Of seconds 0 to 9 those are 7 (3.5 ms); 4 has 2.0, which is not more than 2.
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    prepared.close().await.unwrap();
}

#[tokio::test]
async fn a_prepared_statement_runs_once_for_each_row_of_parameters() {
    let running = start().await.with_requests().await;
    let mut client = flight(&running).await;
    let sql = "INSERT INTO requests (time, model, ms) VALUES (now(), $1, $2)";
    let mut prepared = client.prepare(sql.into(), None).await.unwrap();
    assert!(prepared.dataset_schema().unwrap().fields().is_empty(), "empty is how clients know an update");
    let model: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let ms: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    prepared.set_parameters(RecordBatch::try_from_iter([("0", model), ("1", ms)]).unwrap()).unwrap();
    assert_eq!(prepared.execute_update().await.unwrap(), 3);
    assert_eq!(running.count("requests").await, 3);
}

#[tokio::test]
async fn a_prepared_create_runs_once() {
    let running = start().await;
    let mut client = flight(&running).await;
    let mut prepared = client.prepare("CREATE TABLE t (time TIMESTAMP TIME)".into(), None).await.unwrap();
    assert!(prepared.dataset_schema().unwrap().fields().is_empty());
    let info = prepared.execute().await.unwrap();
    fetch(&mut client, info).await.unwrap();
    assert_eq!(running.count("t").await, 0);
    assert_eq!(code(&prepared.execute().await.unwrap_err()), Code::AlreadyExists);
}

#[tokio::test]
async fn a_closed_statement_is_not_found() {
    let running = start().await;
    let mut client = flight(&running).await;
    let prepared = client.prepare("SELECT 1".into(), None).await.unwrap();
    let mut same = prepared.clone();
    prepared.close().await.unwrap();
    assert_eq!(code(&same.execute().await.unwrap_err()), Code::NotFound);
}

#[tokio::test]
async fn wrong_statements_are_refused_with_their_code() {
    let running = start().await.with_requests().await;
    let cases = [
        ("SELEC 1", Code::InvalidArgument),
        ("SELECT nope FROM requests", Code::NotFound),
        ("SELECT * FROM nowhere", Code::NotFound),
        ("CREATE TABLE requests (time TIMESTAMP TIME)", Code::AlreadyExists),
        ("COPY requests TO '/tmp/x.csv'", Code::PermissionDenied),
        ("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'", Code::PermissionDenied),
        ("SELECT 1; SELECT 2", Code::InvalidArgument),
        ("", Code::InvalidArgument),
    ];
    for (sql, expected) in cases {
        match running.client.sql(sql).await.unwrap_err() {
            ClientError::Server { code, message } => assert_eq!(code, expected, "{sql}: {message}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_tree_of_names_is_what_can_be_queried() {
    let running = filled().await;
    let mut client = flight(&running).await;
    let info = client.get_catalogs().await.unwrap();
    let catalogs = fetch(&mut client, info).await.unwrap();
    assert_eq!(catalogs[0].num_rows(), 1);
    let everything = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None };
    let info = client.get_db_schemas(everything).await.unwrap();
    let schemas = fetch(&mut client, info).await.unwrap();
    let names: Vec<_> = schemas[0].column(1).as_string::<i32>().iter().flatten().collect();
    assert!(names.contains(&"public") && names.contains(&"system"), "{names:?}");

    let command = CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: Some("public".into()),
        table_name_filter_pattern: Some("req%".into()),
        table_types: vec![],
        include_schema: true,
    };
    let info = client.get_tables(command).await.unwrap();
    let tables = fetch(&mut client, info).await.unwrap();
    assert_eq!(tables[0].column(2).as_string::<i32>().value(0), "requests");
    let schema = tables[0].column(4).as_binary::<i32>().value(0).to_vec();
    let schema = Schema::try_from(IpcMessage(schema.into())).unwrap();
    let rows = running.client.sql("SELECT * FROM requests").await.unwrap();
    assert_eq!(&schema, rows[0].schema().as_ref());

    let info = client.get_table_types().await.unwrap();
    let types = fetch(&mut client, info).await.unwrap();
    assert!(types[0].column(0).as_string::<i32>().iter().flatten().any(|name| name == "BASE TABLE"));
}

#[tokio::test]
async fn every_table_shows_its_columns() {
    let running = filled().await;
    let mut client = flight(&running).await;
    let command = CommandGetTables { include_schema: true, ..CommandGetTables::default() };
    let info = client.get_tables(command).await.unwrap();
    let tables = fetch(&mut client, info).await.unwrap();
    let (names, schemas) = (tables[0].column(2).as_string::<i32>(), tables[0].column(4).as_binary::<i32>());
    for row in 0..tables[0].num_rows() {
        let schema = Schema::try_from(IpcMessage(schemas.value(row).to_vec().into())).unwrap();
        assert!(!schema.fields().is_empty(), "{}", names.value(row));
    }
}

#[tokio::test]
async fn the_server_says_what_it_can_in_the_types_of_the_protocol() {
    let running = start().await;
    let mut client = flight(&running).await;
    let info = client.get_sql_info(vec![]).await.unwrap();
    let all = fetch(&mut client, info).await.unwrap();
    assert!(all[0].num_rows() > 40);
    let schema = all[0].schema();
    assert_eq!(
        (schema.field(0).name().as_str(), schema.field(0).data_type()),
        ("info_name", &DataType::UInt32)
    );
    let DataType::Union(children, arrow::datatypes::UnionMode::Dense) = schema.field(1).data_type() else {
        panic!("{schema:?}")
    };
    assert_eq!(children.iter().nth(3).unwrap().1.data_type(), &DataType::Int32, "the driver of ADBC insists");
    let info =
        client.get_sql_info(vec![arrow_flight::sql::SqlInfo::FlightSqlServerTransaction]).await.unwrap();
    let one = fetch(&mut client, info).await.unwrap();
    assert_eq!((one[0].num_rows(), one[0].column(1).as_union().type_id(0)), (1, 3));
}

#[tokio::test]
async fn keys_and_types_are_typed_tables() {
    let running = start().await;
    let mut client = flight(&running).await;
    let types = client.get_xdbc_type_info(CommandGetXdbcTypeInfo { data_type: None }).await.unwrap();
    let keys = [
        client.get_primary_keys(CommandGetPrimaryKeys::default()).await.unwrap(),
        client.get_exported_keys(CommandGetExportedKeys::default()).await.unwrap(),
        client.get_imported_keys(CommandGetImportedKeys::default()).await.unwrap(),
        client.get_cross_reference(CommandGetCrossReference::default()).await.unwrap(),
    ];
    for (info, columns) in keys.into_iter().zip([6, 13, 13, 13]) {
        assert_eq!(info.clone().try_decode_schema().unwrap().fields().len(), columns);
        let rows: usize = fetch(&mut client, info).await.unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 0);
    }
    assert_eq!(fetch(&mut client, types).await.unwrap()[0].num_rows(), 5);
}

#[tokio::test]
async fn sessions_can_be_closed_and_transactions_are_refused() {
    let running = start().await;
    let mut client = flight(&running).await;
    let close = Action { r#type: "CloseSession".into(), body: vec![].into() };
    let results: Vec<_> = client.do_action(close).await.unwrap().try_collect().await.unwrap();
    assert_eq!(results.len(), 1);
    let error = client.begin_transaction().await.unwrap_err();
    assert!(error.to_string().contains("no transactions"), "{error}");
}

#[tokio::test]
async fn health_and_reflection_answer() {
    let running = start().await;
    let mut health = HealthClient::new(channel(&running).await);
    let asked = health.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    assert_eq!(asked.into_inner().status(), ServingStatus::Serving);

    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let mut reflection = ServerReflectionClient::new(channel(&running).await);
    let ask = MessageRequest::ListServices(String::new());
    let ask = ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut answers =
        reflection.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(services)) = answer else { panic!("{answer:?}") };
    assert!(services.service.iter().any(|service| service.name == "driftline.v1.Ingest"));
}

#[tokio::test]
async fn a_server_that_stops_does_not_pass_half_an_answer_for_a_whole_one() {
    let running = start().await;
    let mut client = flight(&running).await;
    let sql = "SELECT value FROM generate_series(1, 100000000)";
    let info = client.execute(sql.into(), None).await.unwrap();
    let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    stream.try_next().await.unwrap().unwrap();
    drop(running.server);
    let ended = loop {
        match stream.try_next().await {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert!(ended.is_err(), "{ended:?}");
}
