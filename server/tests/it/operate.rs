//! What operators do, on the command line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{Served, done, failed, run, text};

/// A directory for everything of a test.
struct Place(tempfile::TempDir);

impl Place {
    /// With a data directory `data` that holds two rows.
    fn with_rows() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("data")).unwrap();
        let sql = "CREATE TABLE t (time TIMESTAMP TIME, host TEXT TAG, x DOUBLE);
                   INSERT INTO t (time, host, x) VALUES ('2026-01-01', 'a', 1.5), ('2026-01-02', 'b', 2.5)";
        done(&["sql", "--data-dir", &place.path("data"), sql]);
        place
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// The rows of a database, as CSV.
    fn rows(&self, name: &str) -> String {
        let sql = "SELECT host, x FROM t ORDER BY time";
        done(&["sql", "--data-dir", &self.path(name), "--format", "csv", sql])
    }

    fn backup(&self) -> String {
        done(&["backup", &self.path("backup"), "--data-dir", &self.path("data")])
    }

    fn files(&self, dir: &str) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            fs::read_dir(self.path(dir)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x20;
    fs::write(path, bytes).unwrap();
}

const ROWS: &str = "host,x\na,1.5\nb,2.5\n";

#[test]
fn a_backup_is_brought_up_to_date_and_restored() {
    let place = Place::with_rows();
    let said = place.backup();
    assert!(said.contains("2 rows") && said.contains("copied 2 "), "{said}");
    let said = place.backup();
    assert!(said.contains("copied 0 (0 B), 2 were there already"), "{said}");

    let (backup, restored) = (place.path("backup"), place.path("restored"));
    let said = done(&["restore", &backup, "--data-dir", &restored]);
    assert!(said.contains("1 tables, 2 rows") && said.contains("every checksum is right"), "{said}");
    assert_eq!(place.rows("restored"), ROWS);
    let said = failed(&["restore", &backup, "--data-dir", &restored], 1);
    assert!(said.contains("not empty") && said.contains(&restored), "{said}");
    let said = failed(&["restore", &place.path("nowhere"), "--data-dir", &place.path("new")], 1);
    assert!(said.contains("there is no directory"), "{said}");
    assert!(!Path::new(&place.path("nowhere")).exists(), "a mistyped name makes no directory");
}

#[test]
fn a_backup_writes_over_nothing_else() {
    let place = Place::with_rows();
    fs::create_dir(place.path("letters")).unwrap();
    fs::write(place.path("letters/letter.txt"), "dear").unwrap();
    let said = failed(&["backup", &place.path("letters"), "--data-dir", &place.path("data")], 1);
    assert!(said.contains("holds files, and no backup"), "{said}");
    assert_eq!(place.files("letters").len(), 1);
    let said = failed(&["backup", &place.path("data"), "--data-dir", &place.path("data")], 1);
    assert!(said.contains("in use") || said.contains("holds files, and no backup"), "{said}");
    let said = failed(&["backup", &place.path("backup"), "--data-dir", &place.path("nowhere")], 1);
    assert!(said.contains("no database"), "{said}");
    failed(&["backup", &place.path("backup")], 2);
}

#[test]
fn verification_names_what_is_damaged_and_repair_takes_it_out() {
    let place = Place::with_rows();
    let data = place.path("data");
    place.backup();
    let said = done(&["verify", "--data-dir", &data]);
    assert!(said.contains("2 rows in segments: every checksum is right"), "{said}");

    let segment = place.files("data/seg").remove(0);
    flip(&segment);
    let name = format!("seg/{}", segment.file_name().unwrap().to_str().unwrap());
    let output = run(&["verify", "--data-dir", &data]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains(&format!("damaged: {name} at offset")), "{}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(said.contains("1 damaged places") && said.contains("restore a backup"), "{said}");
    // What is damaged does not become a backup, which stays what it was.
    let said = failed(&["backup", &place.path("other"), "--data-dir", &data], 1);
    assert!(said.contains(&name) && said.contains("is damaged"), "{said}");
    done(&["verify", "--data-dir", &place.path("backup")]);

    let said = done(&["repair", "--data-dir", &data, "--dry-run"]);
    assert!(said.contains("lost: 2 rows of table t") && said.contains("nothing was changed"), "{said}");
    assert!(segment.exists());
    let said = done(&["repair", "--data-dir", &data]);
    assert!(said.contains(&name) && said.contains("lost: 2 rows of table t"), "{said}");
    assert!(Path::new(&data).join("quarantine").join(&name).exists());
    done(&["verify", "--data-dir", &data]);
    assert_eq!(place.rows("data"), "host,x\n");
    let said = done(&["repair", "--data-dir", &data]);
    assert!(said.contains("nothing is damaged"), "{said}");
}

#[test]
fn a_compaction_says_what_it_did() {
    let place = Place::with_rows();
    let data = place.path("data");
    let said = done(&["compact", "--data-dir", &data, "t"]);
    assert!(said.contains("compactions wrote"), "{said}");
    done(&["compact", "--data-dir", &data]);
    assert_eq!(place.rows("data"), ROWS);
    let said = failed(&["compact", "--data-dir", &data, "nothing"], 1);
    assert!(said.contains("nothing"), "{said}");
}

#[test]
fn rows_are_exported_to_files() {
    let place = Place::with_rows();
    let data = place.path("data");
    let export =
        |what: &str, file: &str| done(&["export", "--data-dir", &data, what, "--to", &place.path(file)]);
    assert!(export("SELECT host, x FROM t ORDER BY time", "rows.csv").contains("exported 2 rows"));
    assert_eq!(fs::read_to_string(place.path("rows.csv")).unwrap(), ROWS);
    export("SELECT host, x FROM t WHERE x > 2", "rows.ndjson");
    assert_eq!(fs::read_to_string(place.path("rows.ndjson")).unwrap(), "{\"host\":\"b\",\"x\":2.5}\n");
    export("SELECT x FROM t WHERE x > 9", "none.csv");
    assert_eq!(fs::read_to_string(place.path("none.csv")).unwrap(), "x\n");
    // What is exported can be imported.
    export("t", "t.parquet");
    let again = place.path("again");
    done(&["import", &place.path("t.parquet"), "--table", "t", "--tags", "host", "--data-dir", &again]);
    assert_eq!(place.rows("again"), ROWS);

    let said = failed(&["export", "--data-dir", &data, "t", "--to", &place.path("rows.csv")], 1);
    assert!(said.contains("it is there already"), "{said}");
    let said = failed(&["export", "--data-dir", &data, "t", "--to", &place.path("rows.xml")], 2);
    assert!(said.contains(".parquet"), "{said}");
    failed(&["export", "--data-dir", &data, "SELECT y FROM t", "--to", &place.path("y.csv")], 1);
    assert!(!Path::new(&place.path("y.csv")).exists());
}

#[test]
fn a_served_database_is_looked_after_over_the_network() {
    let place = Place::with_rows();
    let data = place.path("data");
    let served = Served::start(Path::new(&data));
    let said = failed(&["backup", "daily", "--url", &served.url], 1);
    assert!(said.contains("--backup-dir"), "{said}");
    let said = failed(&["verify", "--data-dir", &data], 1);
    assert!(said.contains("in use"), "{said}");
    drop(served);

    let served = Served::start_with(Path::new(&data), &["--backup-dir", &place.path("backups")]);
    let url = served.url.as_str();
    let said = done(&["backup", "daily", "--url", url]);
    assert!(said.contains("copied_files"), "{said}");
    let said = failed(&["backup", "../elsewhere", "--url", url], 1);
    assert!(said.contains("go below"), "{said}");
    assert!(done(&["verify", "--url", url]).contains("read"));
    assert!(done(&["compact", "--url", url, "T"]).contains("segment_bytes"));
    done(&["compact", "--url", url]);
    done(&["export", "--url", url, "t", "--to", &place.path("t.csv")]);
    assert_eq!(fs::read_to_string(place.path("t.csv")).unwrap().lines().count(), 3);
    let segments = place.files("data/seg");
    flip(segments.last().unwrap());
    let output = run(&["verify", "--url", url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("damage"), "{}", text(&output.stdout));
    drop(served);
    done(&["restore", &place.path("backups/daily"), "--data-dir", &place.path("restored")]);
    assert_eq!(place.rows("restored"), ROWS);
}

#[test]
fn what_was_erased_after_a_backup_does_not_come_back_with_it() {
    let place = Place::with_rows();
    let (data, backup) = (place.path("data"), place.path("backup"));
    let sql = |text: &str| done(&["sql", "--data-dir", &data, text]);
    sql(
        "CREATE TABLE calls (who TEXT SUBJECT); INSERT INTO calls VALUES ('2026-01-01', 'ann'), ('2026-01-02', 'bob')",
    );
    place.backup();
    // Out of reach while the rows go.
    fs::rename(&backup, place.path("away")).unwrap();
    let said = sql("ERASE SUBJECT 'ann'");
    assert!(said.contains("not reached") && said.contains("done"), "{said}");
    fs::rename(place.path("away"), &backup).unwrap();

    let who = |name: &str| {
        let sql = "SELECT who FROM calls ORDER BY time";
        done(&["sql", "--data-dir", &place.path(name), "--format", "csv", sql])
    };
    let ledger = place.path("data/ledger");
    let said = done(&["restore", &backup, "--data-dir", &place.path("told"), "--ledger", &ledger]);
    assert!(said.contains("1 rows that were erased since"), "{said}");
    assert_eq!(who("told"), "who\nbob\n");
    done(&["restore", &backup, "--data-dir", &place.path("own")]);
    assert_eq!(who("own"), "who\nann\nbob\n", "the backup could not be told");

    fs::remove_file(place.path("backup/ledger")).unwrap();
    let said = failed(&["restore", &backup, "--data-dir", &place.path("none")], 1);
    assert!(said.contains("--ledger") && said.contains("--without-ledger"), "{said}");
    done(&["restore", &backup, "--data-dir", &place.path("none"), "--without-ledger"]);
    assert_eq!(who("none"), "who\nann\nbob\n");
}
