//! The SQL that `peers/run` sends: what can be seen without running it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SYSTEMS: [&str; 3] = ["duckdb", "clickhouse", "driftline"];
/// Those that are filled in alike for all systems.
const DRAWN: [&str; 5] = ["hosts", "start", "end", "model", "id"];

fn queries() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/queries");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| !path.ends_with("tables")).collect()
}

fn sql(query: &Path, system: &str) -> String {
    let file = query.join(format!("{system}.sql"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The first words in braces.
fn placeholders(sql: &str) -> BTreeSet<&str> {
    let parts = sql.split('{').skip(1);
    parts.map(|part| part.split([' ', '}']).next().unwrap_or_default()).collect()
}

#[test]
fn every_system_is_asked_with_the_same_draws() {
    for query in queries() {
        let drawn = SYSTEMS.map(|system| {
            let sql = sql(&query, system);
            let found = placeholders(&sql).into_iter().filter(|name| DRAWN.contains(name));
            found.map(str::to_owned).collect::<BTreeSet<_>>()
        });
        assert!(drawn.iter().all(|names| *names == drawn[0]), "{}: {drawn:?}", query.display());
    }
}

#[test]
fn there_is_no_placeholder_that_nothing_fills() {
    for query in queries() {
        for (system, own) in
            SYSTEMS.iter().zip([&["table", "edges", "shares"][..], &["edges", "shares"], &[]])
        {
            let sql = sql(&query, system);
            let unknown: Vec<_> = placeholders(&sql)
                .into_iter()
                .filter(|name| !DRAWN.contains(name) && !own.contains(name))
                .collect();
            assert!(unknown.is_empty(), "{} of {system}: {unknown:?}", query.display());
            assert!(!sql.contains(';'), "{} of {system} is more than one statement", query.display());
        }
    }
}

#[test]
fn every_query_has_its_draws() {
    let spec = include_str!("../peers/query_spec.py");
    let names: Vec<String> =
        queries().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    for name in &names {
        assert!(spec.contains(&format!("    \"{name}\": Query(")), "query_spec.py has no {name}");
    }
    assert_eq!(
        spec.matches("\": Query(").count(),
        names.len(),
        "query_spec.py has more than these: {names:?}"
    );
}
