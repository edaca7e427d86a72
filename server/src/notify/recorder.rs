//! A web server for tests: answers as it is told, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request, as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `POST /path HTTP/1.1`.
    pub(super) line: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect();
        assert!(values.len() < 2, "{name} twice");
        values.first().copied()
    }
}

/// What is answered: given the number of the request, bytes, and whether the connection stays open after them.
pub(super) type Script = fn(usize) -> (Vec<u8>, bool);

/// The server; gone when dropped.
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Recorder {
    pub(super) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, Arc::clone(&asked), script));
        Self { address, asked, task }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// An answer in full.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> (Vec<u8>, bool) {
    let length = body.len();
    (format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes(), false)
}

async fn serve(listener: TcpListener, asked: Arc<Mutex<Vec<Asked>>>, script: Script) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read(&mut stream).await;
        let number = {
            let mut asked = asked.lock().unwrap();
            asked.push(request);
            asked.len() - 1
        };
        let (bytes, open) = script(number);
        tokio::spawn(async move {
            // Whoever has read enough hangs up.
            drop(stream.write_all(&bytes).await);
            if open {
                std::future::pending::<()>().await;
            }
        });
    }
}

async fn read(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head) = head {
            let asked = head_of(std::str::from_utf8(&bytes[..head]).unwrap());
            let length: usize = asked.header("content-length").unwrap_or("0").parse().unwrap();
            if bytes.len() >= head + 4 + length {
                return Asked { body: bytes[head + 4..].to_vec(), ..asked };
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "hung up in the middle");
    }
}

fn head_of(text: &str) -> Asked {
    let (line, rest) = text.split_once("\r\n").unwrap();
    let headers = rest.lines().map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Asked { line: line.to_owned(), headers, body: Vec::new() }
}
