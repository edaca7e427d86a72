use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int32Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use crate::cli::{Served, done, failed};

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), contents).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn data(&self) -> String {
        self.path("data").to_str().unwrap().to_owned()
    }

    fn sql(&self, sql: &str) -> serde_json::Value {
        serde_json::from_str(&done(&["sql", "--data-dir", &self.data(), "--format", "json", sql])).unwrap()
    }
}

const CSV: &str = "\u{feff}ts,id,model,n,x,ok,text,when,zip
1767225600000,a,m1,1,0.5,true,\"one, two\",2026-01-01,01234
1767225601000,b,m2,-2,1e3,FALSE,,2026-01-01T10:00:00+02:00,99999
1767225602500,c,m1,,,,three,,
";

#[test]
fn a_csv_becomes_a_typed_table_and_a_repeat_adds_nothing() {
    let place = Place::new();
    let (file, data) = (place.file("a.csv", CSV), place.data());
    let flags = ["--table", "t", "--time", "ts", "--tags", "model", "--key", "id"];
    let import = |target: [&str; 2], file: &str| done(&[&["import", file][..], &flags, &target].concat());
    let told = import(["--data-dir", &data], &file);
    for line in [
        "time TIMESTAMP TIME",
        "id TEXT KEY",
        "model TEXT TAG",
        "n BIGINT",
        "x DOUBLE",
        "ok BOOLEAN",
        "zip TEXT",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    assert!(told.ends_with("imported 3 rows into t\n"), "{told}");
    let expected = serde_json::json!([
        {"time": "2026-01-01T00:00:00Z", "id": "a", "n": 1, "x": 0.5, "ok": true, "text": "one, two",
         "when": "2026-01-01T00:00:00Z", "zip": "01234"},
        {"time": "2026-01-01T00:00:01Z", "id": "b", "n": -2, "x": 1000.0, "ok": false, "text": null,
         "when": "2026-01-01T08:00:00Z", "zip": "99999"},
        {"time": "2026-01-01T00:00:02.500Z", "id": "c", "n": null, "x": null, "ok": null, "text": "three",
         "when": null, "zip": null},
    ]);
    let sql = "SELECT time, id, n, x, ok, text, \"when\", zip FROM t ORDER BY time";
    assert_eq!(place.sql(sql), expected);

    let renamed = place.file("b.csv", CSV);
    let told = import(["--data-dir", &data], &renamed);
    assert!(told.contains("imported 0 rows") && told.contains("3 were there"), "{told}");
    let served = Served::start(&place.path("data"));
    let told = import(["--url", &served.url], &file);
    assert!(told.contains("imported 0 rows"), "{told}");
    drop(served);
    assert_eq!(place.sql(sql), expected);
}

#[test]
fn a_file_of_many_batches_arrives_whole_over_the_network() {
    let place = Place::new();
    let mut csv = String::from("time,x\n");
    for second in 0..30_000 {
        csv.push_str(&format!("{},{second}\n", 1_767_225_600 + second));
    }
    let file = place.file("a.csv", &csv);
    let served = Served::start(&place.path("data"));
    let told = done(&["import", &file, "--table", "t", "--url", &served.url]);
    assert!(told.ends_with("imported 30000 rows into t\n"), "{told}");
    let told = done(&["import", &file, "--table", "t", "--url", &served.url]);
    assert!(told.contains("imported 0 rows"), "{told}");
    drop(served);
    let sums = place.sql("SELECT count(*) AS n, sum(x) AS x, min(time) AS a, max(time) AS b FROM t");
    let expected = serde_json::json!([{"n": 30_000, "x": 449_985_000,
        "a": "2026-01-01T00:00:00Z", "b": "2026-01-01T08:19:59Z"}]);
    assert_eq!(sums, expected);
}

#[test]
fn a_parquet_file_becomes_a_table() {
    let place = Place::new();
    let time = TimestampMillisecondArray::from(vec![1_767_225_600_000, 1_767_225_601_000]);
    let columns: [(&str, ArrayRef); 5] = [
        ("at", Arc::new(time)),
        ("code", Arc::new(Int32Array::from(vec![Some(7), None]))),
        ("x", Arc::new(Float32Array::from(vec![0.5, 1.5]))),
        ("ok", Arc::new(BooleanArray::from(vec![true, false]))),
        ("text", Arc::new(StringArray::from(vec![Some("a"), None]))),
    ];
    let rows = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap();
    let path = place.path("a.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let file = path.to_str().unwrap();
    for expected in ["imported 2 rows", "imported 0 rows"] {
        let told = done(&[
            "import",
            file,
            "--table",
            "T",
            "--time",
            "at",
            "--tags",
            "code",
            "--data-dir",
            &place.data(),
        ]);
        assert!(told.contains(expected), "{told}");
    }
    let expected = serde_json::json!([
        {"time": "2026-01-01T00:00:00Z", "code": "7", "x": 0.5, "ok": true, "text": "a"},
        {"time": "2026-01-01T00:00:01Z", "code": null, "x": 1.5, "ok": false, "text": null},
    ]);
    assert_eq!(place.sql("SELECT time, code, x, ok, text FROM t ORDER BY time"), expected);
}

#[test]
fn an_existing_table_takes_what_fits_and_names_what_does_not() {
    let place = Place::new();
    let data = place.data();
    let first = place.file("first.csv", "time,x\n2026-01-01,1\n");
    done(&["import", &first, "--table", "t", "--data-dir", &data]);
    let good = place.file("good.csv", "time,x,y\n2026-01-02,2,new\n");
    let told = done(&["import", &good, "--table", "t", "--data-dir", &data]);
    assert_eq!(told, "imported 1 rows into t\n", "no CREATE is printed where none was made");
    let bad = place.file("bad.csv", "time,x\n2026-01-03,3\n2026-01-04,three\n");
    let said = failed(&["import", &bad, "--table", "t", "--data-dir", &data], 1);
    assert!(said.contains("row 2, column x: three is not a whole number"), "{said}");
    assert_eq!(
        place.sql("SELECT x, y FROM t ORDER BY time"),
        serde_json::json!([{"x": 1, "y": null}, {"x": 2, "y": "new"}])
    );
}

#[test]
fn files_that_cannot_be_imported_say_why() {
    let place = Place::new();
    let data = place.data();
    let cases = [
        ("a.txt", "", "neither .csv, .tsv nor .parquet"),
        ("a.parquet", "no parquet", "cannot read"),
        ("empty.csv", "", "no columns"),
        ("untimed.csv", "a,b\n1,2\n", "the file has a, b"),
        ("ragged.csv", "time,x\n2026-01-01,1\n2026-01-02\n", "line 3"),
        ("gap.csv", "time,x\n2026-01-01,1\n,2\n", "row 2, column time: nothing is not an event time"),
        ("text.csv", "time,x\nsoon,1\n", "row 1, column time: soon is not a timestamp"),
        ("twice.csv", "time,x,X\n2026-01-01,1,2\n", "is there twice"),
        ("far.csv", "time\n9e30\n", "not a time between"),
    ];
    for (name, contents, expected) in cases {
        let file = place.file(name, contents);
        // The table may have been printed and made before the bad row was met.
        let output = crate::cli::run(&["import", &file, "--table", "t", "--data-dir", &data]);
        let said = crate::cli::text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
    }
    let missing = place.path("missing.csv");
    let said = failed(&["import", missing.to_str().unwrap(), "--table", "t", "--data-dir", &data], 1);
    assert!(said.contains("missing.csv"), "{said}");
    let file = place.file("fine.csv", "time,x\n2026-01-01,1\n");
    let said = failed(&["import", &file, "--table", "t", "--key", "id", "--data-dir", &data], 1);
    assert!(said.contains("no column id (named by --key)"), "{said}");
}

#[test]
fn a_file_of_labels_goes_to_the_predictions_of_its_keys() {
    let place = Place::new();
    let file = place.file("labels.csv", "id,label\na,ok\nb,fraud\nlater,ok\n");
    // An import makes the directory.
    let first = place.file("first.csv", "time,x\n2026-01-01,1\n");
    done(&["import", &first, "--table", "t", "--data-dir", &place.data()]);
    place.sql("CREATE MODEL fraud (id TEXT KEY, label TEXT LABEL)");
    place.sql("INSERT INTO fraud (time, id) VALUES ('2026-01-01', 'a'), ('2026-01-02', 'b')");
    let labels = |file: &str, model: &str| {
        let data = place.data();
        let words = ["import", file, "--table", model, "--labels", "--data-dir", &data];
        words.map(str::to_owned)
    };
    let run = |words: [String; 7]| done(&words.each_ref().map(String::as_str));
    let told = run(labels(&file, "fraud"));
    assert!(told.contains("imported 3 rows into the labels of fraud"), "{told}");
    let told = run(labels(&file, "fraud"));
    assert!(told.contains("3 were there from an earlier import"), "{told}");
    let found = place.sql("SELECT id, label FROM fraud ORDER BY id");
    assert_eq!(found, serde_json::json!([{"id": "a", "label": "ok"}, {"id": "b", "label": "fraud"}]));
    let fails = |words: [String; 7]| failed(&words.each_ref().map(String::as_str), 1);
    let said = fails(labels(&file, "nothing"));
    assert!(said.contains("there is no model nothing"), "{said}");
    let wrong = place.file("wrong.csv", "id,label,score\na,ok,1\n");
    let said = fails(labels(&wrong, "fraud"));
    assert!(said.contains("have no column score"), "{said}");
}
