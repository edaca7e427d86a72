//! `system.silences`.

use arrow::record_batch::RecordBatch;

use super::build::{boolean, optional_text, rows, text, time};
use crate::alert::dispatch::Silence;
use crate::error::Result;

/// The columns of `system.silences`. `state` is waiting, active or over, a weekly one waits until it comes back;
/// `alert` is NULL where it is for all, and `conditions` is empty where it is whatever the labels are.
pub(super) const SILENCES: [&str; 9] =
    ["name", "state", "alert", "conditions", "starts_at", "ends_at", "weekly", "comment", "made_by"];

/// One row a silence, as they are at a time.
pub(super) fn silences(all: &[Silence], now: i64) -> Result<RecordBatch> {
    rows(
        &SILENCES,
        vec![
            text(all.iter().map(|silence| &silence.id)),
            text(all.iter().map(|silence| state(silence, now))),
            optional_text(all.iter().map(|silence| silence.alert.as_ref())),
            text(all.iter().map(|silence| super::route::conditions(&silence.conditions))),
            time(all.iter().map(|silence| Some(silence.from))),
            time(all.iter().map(|silence| Some(silence.to))),
            boolean(all.iter().map(|silence| silence.weekly)),
            optional_text(all.iter().map(|silence| silence.comment.as_ref())),
            optional_text(all.iter().map(|silence| silence.by.as_ref())),
        ],
    )
}

fn state(silence: &Silence, now: i64) -> &'static str {
    match (silence.span().covers(now), silence.span().is_over(now)) {
        (true, _) => "active",
        (false, true) => "over",
        (false, false) => "waiting",
    }
}
