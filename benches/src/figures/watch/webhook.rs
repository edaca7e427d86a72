//! From the acknowledgement of the row that closes a window to the arrival of the message at a receiver.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use driftline_client::Client;
use driftline_query::Database;
use driftline_server::{Server, ServerOptions};

use super::latency::Latencies;
use super::stream::now;
use crate::engine::ALWAYS;
use crate::report::Report;
use crate::workload::SECOND;
use crate::{Error, Result};

/// A message that takes longer did not come.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most of a request that is read.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Fires so many alerts, one after the other, through a server, and prints how long each took.
pub fn webhook(dir: &Path, rounds: usize, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let (told, arrivals) = channel();
    std::thread::spawn(move || receive(&listener, &told));
    let mut waits = runtime.block_on(run(dir, rounds, port, &arrivals))?;
    for (called, share) in [("p50", 0.5), ("p99", 0.99), ("most", 1.0)] {
        let figure = format!("watch/row_to_webhook_ms_{called}");
        report.figure(&figure, waits.quantile(share), "ms after the ack", ALWAYS)?;
    }
    report.figure("watch/row_to_webhook_count", waits.count() as f64, "messages", ALWAYS)
}

async fn run(dir: &Path, rounds: usize, port: u16, arrivals: &Receiver<Instant>) -> Result<Latencies> {
    let db = Database::open(dir)?;
    let server = Server::start(db.clone(), ServerOptions { grpc: "127.0.0.1:0".parse()? })?;
    let client = Client::connect(&server.url()).await?;
    client.execute("CREATE TABLE requests (time TIMESTAMP TIME, ms DOUBLE)").await?;
    let hook = format!("url = 'http://127.0.0.1:{port}/', allow_private = 'true', rate_limit = '6000'");
    client.execute(&format!("CREATE NOTIFIER hook TYPE webhook WITH ({hook})")).await?;
    // One that never fires has the table watched from its first row on: of rows from before it is not known when they came.
    client.execute(&alert(rounds).replace("> 500", "> 1e9")).await?;
    db.settle().await?;
    let start = now() / (3_600 * SECOND) * 3_600 * SECOND - 7_200 * SECOND;
    let mut waits = Latencies::default();
    for round in 0..rounds {
        let begin = start + round as i64 * 2 * SECOND;
        client.execute(&insert(begin)).await?;
        client.execute(&alert(round)).await?;
        // It is judged from here on.
        db.settle().await?;
        client.execute(&insert(begin + SECOND / 2)).await?;
        db.settle().await?;
        client.execute(&insert(begin + SECOND)).await?;
        let acknowledged = Instant::now();
        let arrived = next(arrivals)?;
        waits.add(arrived.saturating_duration_since(acknowledged).as_secs_f64() * 1e3);
        // Each alert is a group of its own: of one that fires again news would gather for minutes.
        client.execute(&format!("DROP ALERT a{round}")).await?;
        next(arrivals)?;
    }
    server.shutdown().await;
    db.close().await?;
    Ok(waits)
}

fn next(arrivals: &Receiver<Instant>) -> Result<Instant> {
    arrivals.recv_timeout(PATIENCE).map_err(|_| Error::from("a message did not come within 10 s"))
}

fn insert(time: i64) -> String {
    format!("INSERT INTO requests VALUES (to_timestamp_nanos({time}), 900)")
}

fn alert(round: usize) -> String {
    format!(
        "CREATE ALERT a{round} EVERY '1 second' WHEN p95 > 500 NOTIFY hook AS \
         SELECT percentile(ms, 0.95) AS p95 FROM requests WHERE time >= now() - INTERVAL '1 second' AND time < now()"
    )
}

/// Takes requests, one after the other, and says when each came.
fn receive(listener: &TcpListener, told: &Sender<Instant>) {
    for connection in listener.incoming() {
        let Ok(mut connection) = connection else { continue };
        if read_request(&mut connection).is_ok() && told.send(Instant::now()).is_err() {
            return;
        }
        // Whoever hangs up has what it wants.
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
}

/// Reads a request to the end of its body.
fn read_request(connection: &mut TcpStream) -> Result<()> {
    let (mut read, mut part) = (Vec::new(), [0; 4096]);
    while read.len() < REQUEST_BYTES_MAX {
        let count = connection.read(&mut part)?;
        if count == 0 {
            return Err("the request ends early".into());
        }
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Ok(());
        }
    }
    Err("the request is too long".into())
}
