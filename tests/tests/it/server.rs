//! The real binary as a child process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A running `driftline serve`, killed when it is dropped.
pub struct Server {
    child: Child,
    /// Where it listens, as a client wants it.
    pub url: String,
}

impl Server {
    /// Starts the binary on a directory and a free port, and waits until it says where it listens.
    pub fn start(directory: &Path) -> Self {
        let mut child = Command::new(binary())
            .args(["serve", "--grpc", "127.0.0.1:0", "--data-dir"])
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start driftline");
        let said = BufReader::new(child.stdout.take().expect("its output"));
        let url = said.lines().map_while(Result::ok).find_map(|line| address(&line));
        Self { child, url: url.expect("driftline ended before it said where it listens") }
    }

    /// Whether it still runs.
    pub fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the process as `kill -9` does: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended by itself; either way it is reaped.
        let _ = self.child.kill();
        self.child.wait().expect("cannot wait for driftline");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// `http://127.0.0.1:PORT` in a line of output.
fn address(line: &str) -> Option<String> {
    let port: String = line.split_once("127.0.0.1:")?.1.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| format!("http://127.0.0.1:{port}"))
}

/// The binary of this very source.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| built(&[], "driftline"))
}

/// What cargo builds with `arguments`, made here, so that no test meets an older one; `path` is below `target/debug`.
pub fn built(arguments: &[&str], path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let build =
        Command::new(env!("CARGO")).args(["build", "--quiet"]).args(arguments).current_dir(root).status();
    assert!(build.expect("cannot run cargo").success(), "cargo build failed");
    let test = std::env::current_exe().expect("this test's own path");
    test.ancestors().nth(2).expect("target/debug/deps above the test").join(path)
}
