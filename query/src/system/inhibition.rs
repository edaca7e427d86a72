//! `system.inhibitions`.

use arrow::record_batch::RecordBatch;

use super::build::{rows, text};
use crate::alert::dispatch::Inhibition;
use crate::error::Result;

/// The columns of `system.inhibitions`; `equal` is the labels, with commas.
pub(super) const INHIBITIONS: [&str; 4] = ["name", "source", "target", "equal"];

/// One row an inhibition.
pub(super) fn inhibitions(all: &[Inhibition]) -> Result<RecordBatch> {
    rows(
        &INHIBITIONS,
        vec![
            text(all.iter().map(|inhibition| &inhibition.name)),
            text(all.iter().map(|inhibition| &inhibition.source)),
            text(all.iter().map(|inhibition| &inhibition.target)),
            text(all.iter().map(|inhibition| inhibition.equal.join(", "))),
        ],
    )
}
