//! Runs statements and says how long each took.

use std::fs::File;
use std::io::{BufRead, Write as _};
use std::path::Path;
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use driftline_client::Client;
use driftline_query::{Database, DatabaseOptions};
use driftline_server::{Server, ServerOptions};

use super::load::write_rest;
use super::request::{Reply, Request, Way};
use crate::workload::Workload;
use crate::{Result, engine, shim};

/// Opens a directory, writes what was kept back when it was loaded, serves it, and answers requests from standard
/// input, a line each, until that ends. Nothing runs in the background: what is in memory stays there.
pub fn serve(dir: &Path, workload: Workload, kept_back_percent: u64) -> Result<()> {
    let engine = shim::without_background(engine::unsynced());
    let database = Database::open_with(dir, DatabaseOptions { engine, ..DatabaseOptions::default() })?;
    let runtime = tokio::runtime::Runtime::new()?;
    if kept_back_percent > 0 {
        runtime.block_on(write_rest(&database, workload, kept_back_percent))?;
    }
    let options = ServerOptions { grpc: ([127, 0, 0, 1], 0).into() };
    let server = runtime.block_on(async { Server::start(database.clone(), options) })?;
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let reply = runtime.block_on(answer(&database, &server.url(), request));
        let reply =
            reply.unwrap_or_else(|error| Reply { error: Some(error.to_string()), ..Reply::default() });
        println!("{}", serde_json::to_string(&reply)?);
        std::io::stdout().flush()?;
    }
    runtime.block_on(server.shutdown());
    Ok(runtime.block_on(database.close())?)
}

/// Where statements are sent.
#[derive(Clone, Debug)]
enum Asker {
    Embedded(Database),
    Flight(Client),
}

impl Asker {
    async fn new(way: Way, database: &Database, url: &str) -> Result<Self> {
        Ok(match way {
            Way::Embedded => Self::Embedded(database.clone()),
            Way::Flight => Self::Flight(Client::connect(url).await?),
        })
    }

    async fn ask(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        Ok(match self {
            Self::Embedded(database) => database.sql(sql).await?,
            Self::Flight(client) => client.sql(sql).await?,
        })
    }
}

async fn answer(database: &Database, url: &str, request: Request) -> Result<Reply> {
    let mut askers = Vec::new();
    for _ in 0..request.clients {
        askers.push(Asker::new(request.way, database, url).await?);
    }
    let begun = Instant::now();
    let start = |(place, asker)| tokio::spawn(run(asker, request.clone(), place));
    let running: Vec<_> = askers.into_iter().enumerate().map(start).collect();
    let mut reply = Reply::default();
    for client in running {
        let done = client.await??;
        reply.ms.extend(done.ms);
        reply.rows.extend(done.rows);
    }
    reply.wall_ms = milliseconds(begun);
    Ok(reply)
}

/// Runs all statements, from number `place` on and then those before it.
async fn run(asker: Asker, request: Request, place: usize) -> Result<Reply> {
    let mut reply = Reply::default();
    for turn in 0..request.sql.len() {
        let number = (place + turn) % request.sql.len();
        let sql = &request.sql[number];
        let begun = Instant::now();
        let batches = asker.ask(sql).await.map_err(|error| format!("{error}, of: {sql}"))?;
        reply.ms.push(milliseconds(begun));
        reply.rows.push(batches.iter().map(RecordBatch::num_rows).sum());
        if let Some(dir) = &request.answers {
            keep(&dir.join(format!("{number}.arrow")), &batches)?;
        }
    }
    Ok(reply)
}

/// Writes an answer for whoever compares it; of an embedded query without rows there may be no batch, and no file.
fn keep(path: &Path, batches: &[RecordBatch]) -> Result<()> {
    let Some(first) = batches.first() else { return Ok(()) };
    let mut file = FileWriter::try_new(File::create(path)?, &first.schema())?;
    for batch in batches {
        file.write(batch)?;
    }
    Ok(file.finish()?)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}
