//! What `benches/peers/run` asks, and what it is told: a line of JSON each.

use std::path::PathBuf;

/// By which way a statement comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    /// A call of the library.
    Embedded,
    /// Arrow Flight SQL, over TCP on this machine.
    Flight,
}

/// Statements to run one after another.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Request {
    pub(super) way: Way,
    pub(super) sql: Vec<String>,
    /// So many run all statements at once, each beginning at another one, each with a connection of its own.
    #[serde(default = "one")]
    pub(super) clients: usize,
    /// Where the rows go, a file a statement named by its number; nowhere where it is left out.
    #[serde(default)]
    pub(super) answers: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(super) struct Reply {
    /// Milliseconds of each statement until all its rows were there, of all clients.
    pub(super) ms: Vec<f64>,
    /// Rows of each.
    pub(super) rows: Vec<usize>,
    /// Milliseconds of everything together.
    pub(super) wall_ms: f64,
    /// Why it ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

fn one() -> usize {
    1
}
