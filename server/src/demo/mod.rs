//! The demonstration: it is not in this build yet.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `driftline demo` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Show the story once and stop; without it the server stays up.
    #[arg(long, env = "DRIFTLINE__ONCE")]
    pub once: bool,
    /// How to print it.
    #[arg(long, env = "DRIFTLINE__FORMAT", default_value = "text")]
    pub format: String,
    /// Keep the data in this directory; without it they go when the demonstration ends.
    #[arg(long, env = "DRIFTLINE__DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where to listen.
    #[arg(long, env = "DRIFTLINE__GRPC", default_value = "127.0.0.1:8815")]
    pub grpc: SocketAddr,
}

/// Runs it.
pub fn run(_args: &DemoArgs) -> ExitCode {
    eprintln!("error: this build has no demonstration");
    ExitCode::FAILURE
}
