//! `driftline serve`.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use driftline_query::storage::limits::{MEMORY_BYTES_MAX, MEMTABLE_BYTES_MAX};
use driftline_query::storage::{EngineOptions, SyncPolicy};
use driftline_query::{Database, DatabaseOptions};

use super::error::{CliError, Result};
use super::query_limits::QueryArgs;
use crate::error::ServerError;
use crate::{Server, ServerOptions};

/// What `driftline serve` takes.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The data directory; made where it does not exist.
    #[arg(long, env = "DRIFTLINE__DATA_DIR", value_name = "DIR", default_value = "driftline-data")]
    data_dir: PathBuf,
    /// Where to listen for ingest and SQL; port 0 takes a free one.
    #[arg(long, env = "DRIFTLINE__GRPC", value_name = "ADDRESS", default_value = "127.0.0.1:8815", value_parser = address)]
    grpc: SocketAddr,
    /// Where to listen for HTTP: /metrics has the newest windows of continuous queries made WITH (expose = 'prometheus').
    /// Without it nowhere.
    #[arg(long, env = "DRIFTLINE__HTTP", value_name = "ADDRESS", value_parser = address)]
    http: Option<SocketAddr>,
    /// When a write counts as done.
    #[arg(long, env = "DRIFTLINE__SYNC", value_enum, default_value_t)]
    sync: Durability,
    /// With `--sync interval`: a write is on disk at most so many milliseconds after it was acknowledged.
    #[arg(long, env = "DRIFTLINE__SYNC_INTERVAL_MS", value_name = "MS", default_value_t = 100)]
    sync_interval_ms: u64,
    /// Memory that rows not yet flushed and queries may take together, in MiB; over it writers wait.
    #[arg(long, env = "DRIFTLINE__MEMORY_MB", value_name = "MIB", default_value_t = MEMORY_BYTES_MAX as u64 >> 20)]
    memory_mb: u64,
    /// Make the alerts that come with the database, unless they are there: of machines, inferences and every model, among
    /// them that a model has fallen silent. The same as CREATE DEFAULT ALERTS.
    #[arg(long, env = "DRIFTLINE__DEFAULT_ALERTS")]
    default_alerts: bool,
    #[command(flatten)]
    queries: QueryArgs,
    /// Let clients make backups, each in a directory below this one. Without it nobody on the network can.
    #[arg(long, env = "DRIFTLINE__BACKUP_DIR", value_name = "DIR")]
    backup_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Durability {
    /// When it is on disk: nothing acknowledged is ever lost.
    #[default]
    Always,
    /// When the operating system has it, which is told to put it on disk every `--sync-interval-ms`: a power cut loses
    /// at most what came in that time.
    Interval,
    /// When the operating system has it: a power cut loses what the system had not written yet, typically some
    /// seconds.
    Os,
}

/// Runs it until a signal comes.
pub async fn run(args: ServeArgs) -> Result<()> {
    let path = args.data_dir.clone();
    let database = Database::open_with(&path, options(&args));
    let database = database.map_err(|source| CliError::Open { path, source })?;
    let started = Server::start(database.clone(), ServerOptions { grpc: args.grpc });
    let started = started.and_then(|server| match args.http {
        Some(http) => server.with_http(database.clone(), http),
        None => Ok(server),
    });
    let server = match started {
        Ok(server) => server,
        Err(error) => {
            database.close().await?;
            return Err(error.into());
        }
    };
    if args.default_alerts {
        database.sql("CREATE DEFAULT ALERTS").await?;
    }
    announce(&server, &args)?;
    signal().await?;
    eprintln!(
        "Stopping: no new work is taken, what is in flight is finished. A second signal stops at once."
    );
    tokio::select! {
        () = server.shutdown() => {}
        again = signal() => {
            again?;
            eprintln!("Stopped at once; acknowledged writes are in the log.");
        }
    }
    Ok(database.close().await?)
}

fn options(args: &ServeArgs) -> DatabaseOptions {
    let sync = match args.sync {
        Durability::Always => SyncPolicy::Always,
        Durability::Interval => SyncPolicy::Interval(Duration::from_millis(args.sync_interval_ms)),
        Durability::Os => SyncPolicy::Os,
    };
    let memory_bytes_max = usize::try_from(args.memory_mb << 20).unwrap_or(usize::MAX);
    // Half of it may be rows: a flush is due at a quarter, and writers wait at twice that.
    let memtable_bytes_max = MEMTABLE_BYTES_MAX.min(memory_bytes_max / 4);
    DatabaseOptions {
        queries: args.queries.limits(),
        engine: EngineOptions { sync, memory_bytes_max, memtable_bytes_max, ..EngineOptions::default() },
        backup_dir: args.backup_dir.as_deref().and_then(|dir| std::path::absolute(dir).ok()),
        ..DatabaseOptions::default()
    }
}

fn announce(server: &Server, args: &ServeArgs) -> Result<()> {
    tracing::warn!(
        "there is no authentication yet: every program on this machine can read and change everything"
    );
    let mut out = io::stdout().lock();
    writeln!(out, "Driftline {} serves {}", env!("CARGO_PKG_VERSION"), args.data_dir.display())?;
    writeln!(out, "ingest and Flight SQL: {}", server.url())?;
    if let Some(http) = server.http_addr() {
        writeln!(out, "metrics: http://{http}/metrics")?;
    }
    Ok(out.flush()?)
}

/// Waits for SIGINT or SIGTERM.
async fn signal() -> Result<()> {
    let failed = |source| ServerError::System { action: "listen for signals", source };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done.map_err(failed)?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)?;
    Ok(())
}

/// `IP:PORT`, or `localhost:PORT`.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "write it as an IP address and a port, such as 127.0.0.1:8815".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_an_ip_or_localhost_and_a_port() {
        assert_eq!(address("localhost:1").unwrap().to_string(), "127.0.0.1:1");
        assert_eq!(address("[::1]:8815").unwrap().to_string(), "[::1]:8815");
        for wrong in ["8815", "127.0.0.1", "example.org:1", "localhost:99999"] {
            assert!(address(wrong).unwrap_err().contains("127.0.0.1:8815"), "{wrong}");
        }
    }
}
