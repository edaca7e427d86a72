//! `driftline demo`: real predictions replayed through the whole path, and a report of what the database says of them.
//!
//! [`data`] decodes the rows carried in the program, [`times`] says when each was predicted, [`plan`] in which order
//! predictions and labels go out, [`feed`] makes them Arrow rows and [`replay`] sends them. [`story`] is the plot,
//! [`watch`] the alert that finds the fault and [`receiver`] who is told, [`findings`] asks for every figure by SQL, [`report`] and [`json`] print them.

mod answer;
mod data;
mod error;
mod feed;
mod findings;
mod json;
mod plan;
mod progress;
mod receiver;
mod replay;
mod report;
mod story;
mod times;
mod watch;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use driftline_client::Client;
use driftline_query::Database;
use uuid::Uuid;

use crate::{Server, ServerOptions};
use findings::Findings;
use replay::Outcome;
use report::Report;
use story::Replayed;

pub use error::{DemoError, Result};

/// What `driftline demo` takes.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// End after the report instead of serving until Ctrl-C.
    #[arg(long, env = "DRIFTLINE__ONCE")]
    pub once: bool,
    /// How the report is printed on standard output.
    #[arg(long, env = "DRIFTLINE__FORMAT", value_enum, default_value_t)]
    pub format: ReportFormat,
    /// Keep the data in this directory; without it, in a new one among the system's temporary files.
    #[arg(long, env = "DRIFTLINE__DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where to listen for ingest and SQL; port 0 takes a free one. 127.0.0.1:8815 where not given, and with --once a
    /// free port.
    #[arg(long, env = "DRIFTLINE__GRPC", value_name = "ADDRESS")]
    pub grpc: Option<SocketAddr>,
}

/// How the report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Runs it. What happens is told on standard error; standard output has the report alone.
pub fn run(args: &DemoArgs) -> ExitCode {
    let system = |source| DemoError::System { action: "start the threads", source };
    let runtime = tokio::runtime::Runtime::new().map_err(system);
    match runtime.and_then(|runtime| runtime.block_on(demonstrate(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate(args: &DemoArgs) -> Result<()> {
    let directory = args.data_dir.clone().unwrap_or_else(fresh_directory);
    eprintln!("Data directory: {}", directory.display());
    let database = Database::open(&directory)?;
    let server = Server::start(database.clone(), ServerOptions { grpc: address(args) })?;
    let url = server.url();
    let findings = replay_and_ask(&url, &directory, &database).await?;
    print(args, &findings)?;
    if !args.once {
        serve(&url).await?;
    }
    server.shutdown().await;
    Ok(database.close().await?)
}

fn fresh_directory() -> PathBuf {
    std::env::temp_dir().join(format!("driftline-demo-{}", Uuid::new_v4().simple()))
}

fn address(args: &DemoArgs) -> SocketAddr {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let default = if args.once { free } else { ServerOptions::default().grpc };
    args.grpc.unwrap_or(default)
}

async fn replay_and_ask(url: &str, directory: &Path, database: &Database) -> Result<Findings> {
    let connected = Client::connect(url).await;
    let client = connected.map_err(|source| DemoError::Client { doing: "connecting".into(), source })?;
    let replayed = story::tell(&client, receiver::listen().await?).await?;
    let already = Outcome::AlreadyThere;
    if replayed == (Replayed { model: already, incident: already }) {
        eprintln!("{} holds this replay already: nothing was sent again.", directory.display());
    }
    // So that the bytes on disk are those of segments, which stay, and not of the log, which goes.
    database.flush().await?;
    eprintln!("Asking for the figures...");
    watch::settle(&client, database).await?;
    findings::find(&client).await
}

fn print(args: &DemoArgs, findings: &Findings) -> Result<()> {
    let text = match args.format {
        ReportFormat::Text => Report(findings).to_string(),
        ReportFormat::Json => format!("{}\n", json::object(findings)),
    };
    let printed = std::io::stdout().lock().write_all(text.as_bytes());
    printed.map_err(|source| DemoError::System { action: "print the report", source })
}

async fn serve(url: &str) -> Result<()> {
    let program = std::env::args().next().unwrap_or_else(|| "driftline".into());
    eprint!("{}", report::invitation(&program, url));
    let stopped = tokio::signal::ctrl_c().await;
    stopped.map_err(|source| DemoError::System { action: "wait for Ctrl-C", source })
}
