//! `driftline demo`: real predictions replayed through the whole path, and a report of what the database says of them.

mod answer;
mod data;
mod error;
mod feed;
mod plan;
mod progress;
mod replay;
mod times;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub use error::{DemoError, Result};

/// What `driftline demo` was asked to do.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// End after the report instead of serving until Ctrl-C
    #[arg(long)]
    pub once: bool,
    /// How the report is printed on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
    /// Where the database is kept [default: a fresh directory for temporary files]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address of gRPC ingest and Flight SQL; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8815")]
    pub grpc: SocketAddr,
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
