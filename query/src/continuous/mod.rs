//! Continuous queries: a table that is what a query says, window by window, while base rows come, change and go.
//!
//! A [`Definition`] is made by [`check`] and kept in the catalog. Writes mark the times that they touch
//! ([`crate::runner`]); the runner adds the marks to the [`Progress`] of each query, and when windows are closed it asks
//! for those that were touched ([`evaluate`]) and writes the answer in the place of what the table had for them, in one batch
//! with the progress. So the table is right after any order of writes and any crash: what is not written down as done is
//! done again.
//!
//! No partial aggregates are kept: a window is read once, when it closes, and then only again when late rows touch it. Reading
//! the rows of a closed window from memory costs about what adding each of them to a state would have cost.

mod bucket;
mod calendar;
pub(crate) mod check;
mod definition;
pub(crate) mod evaluate;
mod exposed;
pub(crate) mod manage;
mod progress;
pub(crate) mod shape;
mod spans;

pub(crate) use bucket::Bucket;
pub(crate) use definition::{CONTINUOUS_PREFIX, Definition, KEPT_BY_OPTION};
pub use exposed::{Exposed, ExposedValue};
pub(crate) use manage::definitions;
pub(crate) use progress::Progress;
pub(crate) use spans::{Span, Spans};
