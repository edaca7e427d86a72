use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The binary, without what the environment of the test may say.
pub fn driftline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftline"));
    for name in
        ["DATA_DIR", "URL", "GRPC", "FORMAT", "SYNC", "LOG", "TABLE", "TIME", "TAGS", "KEY", "BACKUP_DIR"]
    {
        command.env_remove(format!("DRIFTLINE__{name}"));
    }
    command.args(arguments);
    command
}

pub fn run(arguments: &[&str]) -> Output {
    driftline(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs and expects success; what it printed.
pub fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs and expects an exit code; what it said.
pub fn failed(arguments: &[&str], code: i32) -> String {
    let output = run(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
    said
}

/// A served data directory.
pub struct Served {
    process: Child,
    pub url: String,
}

impl Served {
    pub fn start(directory: &Path) -> Self {
        Self::start_with(directory, &[])
    }

    /// With more flags.
    pub fn start_with(directory: &Path, flags: &[&str]) -> Self {
        let mut process =
            driftline(&["serve", "--grpc", "127.0.0.1:0", "--data-dir", directory.to_str().unwrap()])
                .args(flags)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url =
            lines.find_map(|line| Some(line.unwrap().split_once("ingest and Flight SQL: ")?.1.to_owned()));
        Self { process, url: url.expect("it says where it listens") }
    }

    /// Asks it to stop; its exit code.
    #[cfg(unix)]
    pub fn terminate(mut self) -> Option<i32> {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(asked.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn directory() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data").to_str().unwrap().to_owned();
    (directory, path)
}

#[test]
fn version_is_told_to_people_and_programs() {
    assert!(done(&["version"]).starts_with(concat!("driftline ", env!("CARGO_PKG_VERSION"))));
    let value: serde_json::Value = serde_json::from_str(&done(&["version", "--format", "json"])).unwrap();
    assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
    assert!(done(&["--help"]).contains("import"));
}

#[test]
fn wrong_use_exits_with_2() {
    failed(&[], 2);
    failed(&["nonsense"], 2);
    failed(&["serve", "--grpc", "somewhere"], 2);
    failed(&["sql", "--data-dir", "a", "--url", "http://127.0.0.1:1", "SELECT 1"], 2);
    let said = failed(&["sql", "SELECT 1"], 2);
    assert!(said.contains("--data-dir") && said.contains("--url"), "{said}");
}

#[test]
fn failures_exit_with_1_and_say_what_to_do() {
    let (_directory, path) = directory();
    let said = failed(&["sql", "--data-dir", &path, "SELECT 1"], 1);
    assert!(said.contains("no database") && said.contains(&path), "{said}");
    assert!(!Path::new(&path).exists(), "a mistyped name makes no database");
    let said = failed(&["serve", "--grpc", "0.0.0.0:0", "--data-dir", &path], 1);
    assert!(said.contains("no authentication"), "{said}");
    let said = failed(&["sql", "--url", "http://127.0.0.1:9", "SELECT 1"], 1);
    assert!(said.contains("cannot reach") && said.contains("driftline serve"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_served_database_answers_stops_on_a_signal_and_keeps_its_rows() {
    let (_directory, path) = directory();
    let served = Served::start(Path::new(&path));
    let make = "CREATE TABLE t (time TIMESTAMP TIME, x DOUBLE);
                INSERT INTO t (time, x) VALUES ('2026-01-01', 1.5), ('2026-01-02', NULL);
                SELECT x FROM t ORDER BY time";
    let expected = "x\n1.5\n\"\"\n";
    assert_eq!(done(&["sql", "--url", &served.url, "--format", "csv", make]), expected);
    let said = failed(&["sql", "--data-dir", &path, "SELECT 1"], 1);
    assert!(said.contains("in use"), "{said}");
    assert_eq!(served.terminate(), Some(0));

    let again = ["sql", "--data-dir", &path, "--format", "json", "SELECT x FROM t ORDER BY time"];
    let value: serde_json::Value = serde_json::from_str(&done(&again)).unwrap();
    assert_eq!(value, serde_json::json!([{ "x": 1.5 }, { "x": null }]));
    let none = ["sql", "--data-dir", &path, "--format", "csv", "SELECT x FROM t WHERE x > 9"];
    assert_eq!(done(&none), "x\n");
    let said = failed(&["sql", "--data-dir", &path, "SELECT y FROM t"], 1);
    assert!(said.contains('y'), "{said}");
}

#[test]
fn the_environment_stands_in_for_flags_and_flags_win() {
    let (_directory, path) = directory();
    drop(Served::start(Path::new(&path)));
    let output = driftline(&["sql", "SELECT 7 AS x"])
        .env("DRIFTLINE__DATA_DIR", &path)
        .env("DRIFTLINE__FORMAT", "csv")
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "x\n7\n");
    let output = driftline(&["sql", "--url", "http://127.0.0.1:9", "SELECT 1"])
        .env("DRIFTLINE__DATA_DIR", &path)
        .output()
        .unwrap();
    assert!(text(&output.stderr).contains("cannot reach"), "{}", text(&output.stderr));
}
