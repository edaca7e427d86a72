//! The code made from the protocol files is committed; this makes it again and compares.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Compares, or with `DRIFTLINE_BLESS=1` replaces.
fn check(path: &Path, made: &[u8]) {
    if std::env::var_os("DRIFTLINE_BLESS").is_some_and(|v| v == "1") {
        fs::write(path, made).unwrap();
        return;
    }
    let committed = fs::read(path).unwrap_or_default();
    assert!(
        committed == made,
        "{} is not what server/proto gives; run DRIFTLINE_BLESS=1 cargo test -p driftline-tests generated_code",
        path.strip_prefix(root()).unwrap().display()
    );
}

#[test]
fn generated_code_is_current() {
    let proto = root().join("server/proto");
    let descriptors = protox::compile(["driftline/v1/ingest.proto"], [&proto]).unwrap();
    let wire = root().join("client/src/wire");
    let made = tempfile::tempdir().unwrap();
    tonic_prost_build::configure()
        .out_dir(made.path())
        .bytes(".driftline.v1.Part.arrow_ipc")
        .compile_fds(descriptors.clone())
        .unwrap();
    check(&wire.join("driftline.v1.rs"), &fs::read(made.path().join("driftline.v1.rs")).unwrap());
    check(&wire.join("driftline.v1.bin"), &descriptors.encode_to_vec());
}
