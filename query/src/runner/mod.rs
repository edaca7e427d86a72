//! What works while nobody looks: continuous queries are kept current and alerts are judged.
//!
//! Writes tell it what they touched ([`watched`], [`touch`]). A step of the runner ([`step`]) collects that, computes what
//! is due by the watermarks of the tables ([`watermark`]) and the clock, and writes results and its own state ([`store`])
//! in one batch. A thread makes steps when writes or the clock ask for one ([`thread`]); tests make them themselves.

mod activity;
pub(crate) mod alerts;
mod board;
mod continuous;
mod keys;
mod side_by_side;
mod sight;
mod step;
pub(crate) mod store;
mod thread;
pub(crate) mod touch;
mod watched;
mod watermark;

pub(crate) use activity::Activity;
pub use alerts::delivery::{DueMessage, Settled};
pub(crate) use alerts::outbox::Outbox;
pub(crate) use alerts::{Reader, Readers};
pub(crate) use board::{Board, Episode, Judging, Work};
pub(crate) use side_by_side::side_by_side;
pub(crate) use sight::Sight;
pub(crate) use step::{Left, Runner, prepare};
pub(crate) use thread::{Background, start};
pub(crate) use watched::{Begun, Labelled, Marks, Watched};
pub(crate) use watermark::Progressing;
