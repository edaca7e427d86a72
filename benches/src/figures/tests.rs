use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::report::Report;
use crate::workload::{Kind, SEED, Scale, Workload};

fn tiny(kind: Kind) -> Workload {
    Workload { kind, scale: Scale::over(2_000), seed: SEED }
}

/// The report of what `measure` did, as JSON.
fn lines(dir: &Path, measure: impl FnOnce(&mut Report) -> crate::Result<()>) -> Vec<serde_json::Value> {
    let out: PathBuf = dir.join("figures.jsonl");
    measure(&mut Report::new(Some(&out)).unwrap()).unwrap();
    let text = std::fs::read_to_string(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn value(lines: &[serde_json::Value], figure: &str) -> f64 {
    let line = lines.iter().find(|line| line["figure"] == figure);
    line.unwrap_or_else(|| panic!("no {figure}"))["value"].as_f64().unwrap()
}

#[test]
fn what_is_loaded_is_what_was_generated() {
    for kind in [Kind::Tsbs, Kind::Predictions, Kind::Series] {
        let (dir, workload) = (tempfile::tempdir().unwrap(), tiny(kind));
        let data = dir.path().join("data");
        let lines = lines(dir.path(), |report| {
            super::data::run(workload, &dir.path().join("rows.arrow"), report)?;
            size::load(workload, &data, report)?;
            size::inspect(workload, &data, report)
        });
        let checks: Vec<_> = lines.iter().filter(|line| !line["check"].is_null()).collect();
        assert_eq!(checks.len(), 2);
        for key in ["rows", "counts", "first", "last"] {
            assert_eq!(checks[0]["check"][key], checks[1]["check"][key], "{kind:?} {key}");
        }
        let bytes = value(&lines, &format!("size/{}/bytes_per_row", workload.name()));
        assert!((0.5..200.0).contains(&bytes), "{bytes}");
    }
}

#[test]
fn an_ingest_says_how_fast_and_how_much() {
    let dir = tempfile::tempdir().unwrap();
    let workload = Workload { scale: Scale::over(100), ..tiny(Kind::Tsbs) };
    let load = ingest::Load { seconds: 0, writers: 2, batch_rows: 100, ring_batches: 2 };
    let lines = lines(dir.path(), |report| ingest::run(workload, &dir.path().join("data"), load, report));
    assert!(value(&lines, "ingest/tsbs/rows") >= 200.0);
    assert!(value(&lines, "ingest/tsbs/wal_mb") > 0.0);
}

#[test]
fn an_erase_takes_the_rows_of_one_customer() {
    let dir = tempfile::tempdir().unwrap();
    let workload = tiny(Kind::Predictions);
    let lines = lines(dir.path(), |report| erase::run(workload, &dir.path().join("data"), report));
    for state in ["flushed", "compacted"] {
        let rows = value(&lines, &format!("erase/{state}/rows"));
        assert!((1.0..40.0).contains(&rows), "{state}: {rows}");
    }
}

#[test]
fn labels_are_all_there_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let wall = Duration::from_millis(40);
    let lines = lines(dir.path(), |report| labels::run(&dir.path().join("data"), 80_000, wall, report));
    for way in ["given", "embedded"] {
        assert_eq!(value(&lines, &format!("labels/{way}/labels")), 10_000.0);
        assert!(value(&lines, &format!("labels/{way}/patch_bytes_per_label")) > 0.0);
    }
    assert!(value(&lines, "labels/ingest/alone") > 0.0);
}

#[test]
fn what_is_written_again_is_counted_by_kind() {
    let dir = tempfile::tempdir().unwrap();
    let shape = amplification::Shape { days: 1, rate: 2, smaller: 100 };
    let lines = lines(dir.path(), |report| amplification::run(&dir.path().join("data"), shape, report));
    assert!(value(&lines, "amplification/ratio") > 1.0);
    assert!(value(&lines, "amplification/flushes") > 4.0);
    // Half of seven in ten: the others would come after the end.
    let share = value(&lines, "amplification/labels") / value(&lines, "amplification/predictions");
    assert!((0.25..0.4).contains(&share), "{share}");
}

#[test]
fn many_segments_are_made_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    open::fill(&data, 12, 4).unwrap();
    let lines = lines(dir.path(), |report| reopen::open_once("open/12", &data, report));
    assert_eq!(value(&lines, "open/12/segments"), 12.0);
}

#[test]
fn a_column_is_decoded_as_often_as_asked() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let workload = tiny(Kind::Predictions);
    let lines = lines(dir.path(), |report| {
        size::load(workload, &data, report)?;
        decode::run(workload, &data, 2, report)
    });
    assert!(value(&lines, "decode/latency_ms/median") > 0.0);
    assert!(value(&lines, "decode/latency_ms/repeat/2") > 0.0);
}
