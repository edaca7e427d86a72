//! Whoever is told of alerts, in this process: takes messages on a free port of this machine.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::error::{DemoError, Result};

/// The most of a message that is read.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Listens until the process ends; where.
pub async fn listen() -> Result<SocketAddr> {
    let system = |source| DemoError::System { action: "listen for messages of alerts", source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(system)?;
    let address = listener.local_addr().map_err(system)?;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(take(connection));
        }
    });
    Ok(address)
}

/// Takes one message. One that breaks off is sent again.
async fn take(mut connection: TcpStream) {
    let (mut read, mut part) = (Vec::new(), [0; 4096]);
    while read.len() < MESSAGE_BYTES_MAX && !is_whole(&read) {
        match connection.read(&mut part).await {
            Ok(count) if count > 0 => read.extend_from_slice(&part[..count]),
            _ => return,
        }
    }
    let _ = connection.write_all(TAKEN).await;
}

/// Whether a request has come to the end of its body.
fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok();
    body.len() >= head.lines().find_map(length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_when_its_body_is_there() {
        assert!(!is_whole(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n"));
        assert!(!is_whole(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"));
        assert!(is_whole(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"));
    }
}
