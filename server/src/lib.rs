//! Driftline.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::allow_attributes))]

pub mod demo;
