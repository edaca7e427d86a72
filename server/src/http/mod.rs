//! HTTP, as far as there is any: what Prometheus scrapes, and whether the server is well.

mod metrics;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driftline_query::Database;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// Connections served at once; others wait.
const CONNECTIONS_MAX: usize = 64;
/// How long one lasts at most; a scraper opens another.
const CONNECTION_TIME: Duration = Duration::from_secs(300);
/// How long to wait where none can be accepted: the next would fail as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a client may take to say what it wants.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Listens on an address; that may name port 0.
pub(crate) fn serve(
    database: Database,
    listener: std::net::TcpListener,
    stop: watch::Receiver<bool>,
) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = TcpListener::from_std(listener)?;
    Ok((address, tokio::spawn(accept(database, listener, stop))))
}

async fn accept(database: Database, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (database, stop) = (database.clone(), stop.clone());
                tokio::spawn(async move {
                    // Who does not read its answer keeps its place for so long at most.
                    let _ = tokio::time::timeout(CONNECTION_TIME, connection(database, stream, stop)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("an HTTP connection cannot be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(database: Database, stream: TcpStream, mut stop: watch::Receiver<bool>) {
    let answer = service_fn(move |request| {
        let database = database.clone();
        async move { Ok::<_, Infallible>(answer(&database, &request).await) }
    });
    let mut http = http1::Builder::new();
    let http = http.timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE);
    let serving = http.serve_connection(TokioIo::new(stream), answer);
    tokio::select! {
        ended = serving => if let Err(error) = ended { tracing::debug!("an HTTP connection ended: {error}") },
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn answer(database: &Database, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/metrics" | "/healthz" if !is_read => text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
        "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
        "/metrics" => match database.exposed().await {
            Ok(exposed) => text(StatusCode::OK, metrics::text(&exposed)),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        },
        path => text(StatusCode::NOT_FOUND, format!("there is no {path}; there are /metrics and /healthz\n")),
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let plain = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
