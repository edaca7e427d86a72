//! What continuous queries and alerts cost beside a stream of predictions, and how soon they tell.
//!
//! [`load`] is very many of them over one stream, [`webhook`] the way from an acknowledged row to a receiver, [`full_speed`]
//! what a few take from ingest that goes as fast as it can.

mod full_speed;
mod latency;
mod load;
mod rules;
mod stream;
mod webhook;

pub use full_speed::full_speed;
pub use load::{Load, load};
pub use webhook::webhook;
