//! `driftline serve`.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use driftline_query::storage::{EngineOptions, SyncPolicy};
use driftline_query::{Database, DatabaseOptions};

use super::error::{CliError, Result};
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
    /// When a write counts as done.
    #[arg(long, env = "DRIFTLINE__SYNC", value_enum, default_value_t)]
    sync: Durability,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Durability {
    /// When it is on disk: nothing acknowledged is ever lost.
    #[default]
    Always,
    /// When the operating system has it: faster; a power cut loses what the system had not written yet.
    Os,
}

/// Runs it until a signal comes.
pub async fn run(args: ServeArgs) -> Result<()> {
    let path = args.data_dir.clone();
    let database = Database::open_with(&path, options(args.sync));
    let database = database.map_err(|source| CliError::Open { path, source })?;
    let server = match Server::start(database.clone(), ServerOptions { grpc: args.grpc }) {
        Ok(server) => server,
        Err(error) => {
            database.close().await?;
            return Err(error.into());
        }
    };
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

fn options(sync: Durability) -> DatabaseOptions {
    let sync = match sync {
        Durability::Always => SyncPolicy::Always,
        Durability::Os => SyncPolicy::Os,
    };
    DatabaseOptions {
        engine: EngineOptions { sync, ..EngineOptions::default() },
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
