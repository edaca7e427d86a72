//! What can keep a server from starting.

use std::io;
use std::net::SocketAddr;

/// The result of starting a server.
pub type Result<T, E = ServerError> = std::result::Result<T, E>;

/// Why a server did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// An address that others can reach.
    #[error(
        "{0} can be reached from other machines, and this version has no authentication: anybody there could read and \
         change everything; listen on 127.0.0.1 and put a tunnel or an authenticating proxy before it"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; stop what listens there or choose another port with --grpc"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The system gives no threads, or no signals.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}
