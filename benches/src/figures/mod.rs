//! One file a figure.

pub mod amplification;
pub mod data;
pub mod decode;
pub mod erase;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod idle;
pub mod ingest;
pub mod labels;
pub mod open;
#[cfg(feature = "query")]
pub mod queries;
pub mod reopen;
mod ring;
pub mod size;
pub mod tables;
#[cfg(feature = "query")]
pub mod watch;

#[cfg(test)]
mod tests;
