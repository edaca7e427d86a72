//! One HTTP request over a connection of its own: alerts are few, and a connection kept would outlive what the guard
//! found out about its address. No redirects, no proxies, no cookies, no decompression.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use super::answer::Answer;
use super::request::Request;
use super::{SendError, guard};

/// Bytes of an answer that are read; the connection is closed then.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long one address is tried before the next one.
const CONNECT_MAX: Duration = Duration::from_secs(3);
const AGENT: &str = concat!("driftline/", env!("CARGO_PKG_VERSION"));

/// The client.
pub(super) struct Http {
    tls: TlsConnector,
}

/// Ends the task of a connection with whoever holds it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http {
    /// With the authorities that it trusts.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn new(roots: rustls::RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// The answer, whatever it says.
    ///
    /// # Errors
    /// There is none in time, or the guard refuses the address.
    pub(super) async fn call(
        &self,
        request: &Request,
        allow_private: bool,
        timeout: Duration,
    ) -> Result<Answer, SendError> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        match tokio::time::timeout(timeout, self.exchange(request, &host, allow_private)).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(SendError::later(format!("{host} did not answer within {} s", timeout.as_secs_f64())))
            }
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        host: &str,
        allow_private: bool,
    ) -> Result<Answer, SendError> {
        let port = request.url.port_or_known_default().unwrap_or(443);
        let stream = connect(host, &guard::addresses(host, port, allow_private).await?).await?;
        if request.url.scheme() != "https" {
            return ask(stream, request, host).await;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare)
            .map_err(|_| SendError::Refused(format!("{host} is no name that a certificate could have")))?;
        let stream = self.tls.connect(name, stream).await;
        let stream = stream.map_err(|error| SendError::later(format!("no TLS with {host}: {error}")))?;
        ask(stream, request, host).await
    }
}

/// A connection to the first of the addresses that takes one.
async fn connect(host: &str, addresses: &[SocketAddr]) -> Result<TcpStream, SendError> {
    let mut why = String::from("it has no address");
    for address in addresses {
        match tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = format!("no answer within {} s", CONNECT_MAX.as_secs()),
        }
    }
    Err(SendError::later(format!("cannot connect to {host}: {why}")))
}

async fn ask<S>(stream: S, request: &Request, host: &str) -> Result<Answer, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| SendError::later(format!("the connection to {host} broke: {error}"));
    let mut builder = http1::Builder::new();
    let (mut sender, connection) =
        builder.max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // How it ends is told by the exchange.
    let _driver = Driver(tokio::spawn(async move { drop(connection.await) }));
    let response = sender.send_request(message(request)?).await.map_err(broken)?;
    let status = response.status();
    let retry_after =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Answer { status, retry_after, body: beginning(response.into_body()).await })
}

fn message(request: &Request) -> Result<hyper::Request<Full<Bytes>>, SendError> {
    let url = &request.url;
    let mut builder = hyper::Request::builder()
        .method(request.method.clone())
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, authority(url))
        .header(USER_AGENT, AGENT);
    for (name, value) in &request.headers {
        // A name that occurs twice would be sent twice.
        if name.eq_ignore_ascii_case(USER_AGENT.as_str()) {
            builder.headers_mut().map(|headers| headers.remove(USER_AGENT));
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| unfit(name))?;
        value.set_sensitive(true);
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(Bytes::from(request.body.clone())))
        .map_err(|error| SendError::Refused(format!("no request can be made: {error}")))
}

fn unfit(name: &str) -> SendError {
    SendError::Refused(format!(
        "the header {name} would hold what no header can; check the notifier's options"
    ))
}

fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// As much as is read. What breaks off then is no failure: the status has come already.
async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.into_data().unwrap_or_default();
        let room = ANSWER_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if bytes.len() >= ANSWER_BYTES_MAX {
            break;
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
