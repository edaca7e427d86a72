//! The client's example runs: it is the text of the client's documentation.

use std::process::Command;

use crate::server::{Server, built};

#[test]
fn the_client_s_example_writes_and_asks() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    // The whole workspace, so that its dependencies are those of the tests and nothing is built twice.
    let example = built(&["--workspace", "--example", "quickstart"], "examples/quickstart");
    let ran = Command::new(example).arg(&server.url).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
