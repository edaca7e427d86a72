//! How fast rows become durable in a server in another process: TSBS from several writers, a connection each.
//!
//! Encoding to Arrow IPC, the network and decoding in the server are in the rate; making the rows is not, see
//! [`super::ingest`]. Both processes share the machine.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use driftline_client::{Batch, Client};
use driftline_storage::{Role, TableSchema};

use super::ingest::Load;
use super::ring::{self, Ring};
use crate::report::Report;
use crate::workload::Workload;
use crate::{Error, Result, engine};

/// What the server prints before its address.
const ADDRESS: &str = "ingest and Flight SQL: ";

/// A server process; stopped when dropped.
#[derive(Debug)]
struct Server {
    child: Child,
    url: String,
}

/// What one writer did.
#[derive(Debug)]
struct Done {
    rows: u64,
    making: Duration,
}

/// Starts `binary serve` on `dir`, writes for as long as `load` says, and waits for the last acknowledgement.
pub fn run(workload: Workload, binary: &Path, dir: &Path, load: Load, report: &mut Report) -> Result<()> {
    let server = Server::start(binary, dir)?;
    let table = workload.table();
    let rings =
        ring::make(workload, &table, load.writers, load.ring_batches, load.batch_rows, as_dictionaries)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (done, wall) = runtime.block_on(write_all(&server.url, &table, rings, load.seconds))?;
    let rows = done.iter().map(|d| d.rows).sum::<u64>() as f64;
    let making = done.iter().map(|d| d.making).sum::<Duration>() / done.len().max(1) as u32;
    let name = format!("grpc/{}", workload.name());
    let net = rows / wall.saturating_sub(making).as_secs_f64();
    report.figure(&format!("{name}/rows_per_second"), net, "rows/s, net", engine::ALWAYS)?;
    let gross = rows / wall.as_secs_f64();
    report.figure(&format!("{name}/rows_per_second_gross"), gross, "rows/s", engine::ALWAYS)?;
    report.figure(&format!("{name}/seconds"), wall.as_secs_f64(), "s", engine::ALWAYS)?;
    report.figure(&format!("{name}/rows"), rows, "rows", engine::ALWAYS)
}

/// Tags as they are made: the wire takes dictionaries.
fn as_dictionaries(_: &TableSchema, batch: &RecordBatch) -> Result<RecordBatch> {
    Ok(batch.clone())
}

async fn write_all(
    url: &str,
    table: &TableSchema,
    rings: Vec<Ring>,
    seconds: u64,
) -> Result<(Vec<Done>, Duration)> {
    Client::connect(url).await?.execute(&create(table)).await?;
    let begun = Instant::now();
    let deadline = begun + Duration::from_secs(seconds);
    let start = |ring| tokio::spawn(write_until(url.to_owned(), table.name.clone(), ring, deadline));
    let writers: Vec<_> = rings.into_iter().map(start).collect();
    let mut done = Vec::new();
    for writer in writers {
        done.push(writer.await??);
    }
    Ok((done, begun.elapsed()))
}

/// One writer; what has been sent by the deadline is acknowledged before it returns.
async fn write_until(url: String, table: String, mut ring: Ring, deadline: Instant) -> Result<Done> {
    let client = Client::connect(&url).await?;
    let writer = client.writer("").await?;
    let mut making = Duration::ZERO;
    while Instant::now() < deadline {
        let begun = Instant::now();
        let batch = ring.take()?;
        making += begun.elapsed();
        writer.send(Batch::new().rows(table.as_str(), batch)).await?;
    }
    Ok(Done { rows: writer.finish().await?.rows, making })
}

/// The table as SQL makes it; the workload of this figure has no meanings.
fn create(table: &TableSchema) -> String {
    let column = |column: &driftline_storage::Column| {
        let role = match column.role {
            Role::Time => " TIME",
            Role::Tag => " TAG",
            Role::Key => " KEY",
            Role::Subject => " SUBJECT",
            Role::Field => "",
        };
        format!("{} {}{role}", column.name, column.ty.sql())
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    format!("CREATE TABLE {} ({})", table.name, columns.join(", "))
}

impl Server {
    /// Starts it on a free port and waits until it says where.
    fn start(binary: &Path, dir: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args(["serve", "--grpc", "127.0.0.1:0", "--sync", "always", "--data-dir"]).arg(dir);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take();
        let mut server = Self { child, url: String::new() };
        for line in stdout.map(BufReader::new).into_iter().flat_map(BufRead::lines) {
            if let Some(url) = line?.strip_prefix(ADDRESS) {
                server.url = url.to_owned();
                return Ok(server);
            }
        }
        Err(Error::from(format!("{} ended before it served", binary.display())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it acknowledged is on disk; nothing waits for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
