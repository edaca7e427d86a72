//! One port: ingest, Flight SQL, health and reflection.

use std::net::SocketAddr;

use arrow_flight::flight_service_server::FlightServiceServer;
use driftline_client::wire::ingest_server::IngestServer;
use driftline_query::Database;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::server::{Router, TcpIncoming};

use crate::error::{Result, ServerError};
use crate::flight::FlightSql;
use crate::http;
use crate::ingest::IngestService;
use crate::limits::{DRAIN, MESSAGE_BYTES_MAX};
use crate::notify;
use crate::queries::{self, Queries};

/// How often a quiet connection is asked whether its client still lives; one that does not answer is closed, and its
/// query stopped.
const KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(20);
/// Bytes a client may send ahead on one stream and on one connection: a batch of the largest size without a pause.
const WINDOW_BYTES: u32 = 16 << 20;

/// Where to listen.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Address of ingest and Flight SQL; port 0 takes a free one. Only loopback, as there is no authentication yet.
    pub grpc: SocketAddr,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { grpc: SocketAddr::from(([127, 0, 0, 1], 8815)) }
    }
}

/// A running server. Dropping it stops it at once; [`Server::shutdown`] lets it finish what it has begun.
#[derive(Debug)]
pub struct Server {
    grpc: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    /// Messages of alerts on their way out.
    delivering: Option<JoinHandle<()>>,
    queries: Option<Runtime>,
    /// Where it speaks HTTP, if it does.
    http: Option<(SocketAddr, JoinHandle<()>)>,
}

impl Server {
    /// Listens and serves `database`. Must be called within a tokio runtime, whose threads serve the connections;
    /// queries get threads of their own. The database stays the caller's to close.
    pub fn start(database: Database, options: ServerOptions) -> Result<Self> {
        let address = options.grpc;
        if !address.ip().is_loopback() {
            return Err(ServerError::NotLoopback(address));
        }
        let bind = |source| ServerError::Bind { address, source };
        let incoming = TcpIncoming::bind(address).map_err(bind)?.with_nodelay(Some(true));
        let grpc = incoming.local_addr().map_err(bind)?;
        let threads = |source| ServerError::System { action: "start the query threads", source };
        let runtime = queries::start().map_err(threads)?;
        let (stop, stopped) = watch::channel(false);
        let delivering = notify::start(database.clone(), wait(stopped.clone()))?;
        let router = router(database, Queries::on(&runtime), stopped.clone());
        let serving = tokio::spawn(router.serve_with_incoming_shutdown(incoming, wait(stopped)));
        Ok(Self { grpc, stop, serving, delivering: Some(delivering), queries: Some(runtime), http: None })
    }

    /// Speaks HTTP too: `/metrics` has the newest windows of continuous queries that are exposed, for Prometheus, and
    /// `/healthz` says that it is well. Only loopback, as there is no authentication yet.
    pub fn with_http(mut self, database: Database, address: SocketAddr) -> Result<Self> {
        if !address.ip().is_loopback() {
            return Err(ServerError::NotLoopback(address));
        }
        let bind = |source: std::io::Error| ServerError::Bind { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(bind)?;
        self.http = Some(http::serve(database, listener, self.stop.subscribe()).map_err(bind)?);
        Ok(self)
    }

    /// The address at which it speaks HTTP.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|(address, _)| *address)
    }

    /// The address it listens on.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc
    }

    /// The address as clients write it.
    pub fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Takes no more connections and batches, acknowledges the batches it has read, lets queries finish for a while,
    /// and stops.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        match tokio::time::timeout(DRAIN, &mut self.serving).await {
            Ok(Ok(Ok(()))) => {}
            Ok(ended) => tracing::warn!("the server did not end well: {ended:?}"),
            Err(_) => tracing::warn!("clients still connected after {} s were cut off", DRAIN.as_secs()),
        }
        if let Some(delivering) = self.delivering.take() {
            // What was under way is sent, and written down as sent, before the database closes.
            let _ = delivering.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Connections have tasks of their own: they hear of it through `stop`.
        self.stop.send_replace(true);
        self.serving.abort();
        if let Some(runtime) = self.queries.take() {
            runtime.shutdown_background();
        }
    }
}

async fn wait(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn router(database: Database, queries: Queries, stop: watch::Receiver<bool>) -> Router {
    let ingest = IngestServer::new(IngestService::new(database.clone(), stop));
    let flight = FlightServiceServer::new(FlightSql::new(database, queries));
    // A fresh reporter says that the server as a whole (the empty name) is serving, for as long as it answers.
    let (_reporter, health) = tonic_health::server::health_reporter();
    let mut server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let router = server
        .add_service(ingest.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(flight.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(health);
    match reflection().build_v1() {
        Ok(service) => router.add_service(service),
        Err(error) => {
            tracing::warn!("no gRPC reflection: {error}");
            router
        }
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(driftline_client::wire::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
