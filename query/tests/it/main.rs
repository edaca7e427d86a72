//! Tests of the query crate through its public face.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod alter;
mod alter_model;
mod baseline;
mod continuous;
mod delete;
mod dice;
mod erase;
mod functions;
mod golden;
mod golden_samples;
mod golden_series;
mod golden_streams;
mod govern;
mod label;
mod life;
mod limit;
mod mersenne;
mod name;
mod oracle;
mod plan;
mod plan_cache;
mod prepared;
mod reject;
mod rules;
mod safety;
mod schema;
mod series;
mod slt;
mod statement;
mod summaries;
mod support;
mod system;
mod watch_crash;
mod write;
