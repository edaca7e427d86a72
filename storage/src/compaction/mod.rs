//! Compaction: flushed segments become disjoint runs, level 1.
//!
//! [`plan`] says what is worth merging, by what the manifest knows; [`width`] how wide the intervals of the result
//! are; [`merge`] writes it. The engine publishes the result and removes the inputs; until then nothing that is named
//! is touched, so a compaction can stop anywhere.

pub(crate) mod control;
pub(crate) mod merge;
pub(crate) mod plan;
pub(crate) mod segments;
pub(crate) mod throttle;
pub(crate) mod width;

pub(crate) use control::Control;
pub(crate) use plan::{Job, PlanOptions, plan};
pub(crate) use segments::{Merged, Origins, Run, Shared, Source, Target, check, choose_width, run};
pub(crate) use throttle::rest;
