//! Alerts, and what goes with them, as files: `driftline apply -f DIR` and `driftline test DIR`.

mod apply;
mod files;
mod fixture;
mod test;

pub use apply::{ApplyArgs, apply};
pub use test::{TestArgs, test};
