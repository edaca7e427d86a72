//! The examples of `docs` run: each block of ```sql on a page that begins with a comment of what they run after,
//!
//! ```text
//! <!-- examples run after
//! CREATE TABLE ..; INSERT ..
//! -->
//! ```
//!
//! and each SELECT among them answers something. Each page has a database of its own, in which its examples run in turn.

use std::path::{Path, PathBuf};

use driftline_query::Database;

use crate::support::texts;

const MARKER: &str = "<!-- examples run after\n";

fn pages() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

/// The blocks of SQL of a page.
fn examples(page: &str) -> Vec<&str> {
    let blocks = page.split("```sql\n").skip(1);
    blocks.map(|block| block.split_once("\n```").unwrap().0).collect()
}

/// Why an example is none; None where it is one.
async fn fault(db: &Database, example: &str) -> Option<String> {
    let found = match db.sql(example).await {
        Ok(found) => texts(&found),
        Err(error) => return Some(format!("{example}\n  fails: {error}")),
    };
    let asks = example.trim_start().to_uppercase().starts_with("SELECT");
    let answers = found.iter().flatten().any(|value| value != "null");
    (asks && !answers).then(|| format!("{example}\n  answers nothing: {found:?}"))
}

#[tokio::test]
async fn every_example_of_a_page_that_says_how_runs() {
    let (mut faults, mut with_examples) = (Vec::new(), 0);
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        let Some((setup, page)) = page.strip_prefix(MARKER).and_then(|page| page.split_once("-->")) else {
            continue;
        };
        with_examples += 1;
        let db = Database::open_in_memory().unwrap();
        db.sql(setup).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let examples = examples(page);
        assert!(!examples.is_empty(), "{} has no example", path.display());
        for example in examples {
            let fault = fault(&db, example).await;
            faults.extend(fault.map(|fault| format!("{}: {fault}", path.display())));
        }
    }
    assert!(with_examples >= 2, "only {with_examples} pages");
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
