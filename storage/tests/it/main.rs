//! The promises of the engine against power cuts, failing calls and damaged bytes.
//!
//! One fixed workload (`workload`) runs on a simulated disk; the power goes at each of its calls in turn and again in
//! the recovery (`crash`), each call fails in each way (`fault`), each byte it left behind is damaged (`damage`). After
//! each, what a new engine shows is compared with what the submitted batches say (`state`). Moments that need a name
//! have one (`scenario`); rows are replaced and deleted as a plain map would (`changes`) and kept for a while
//! (`retention`); memory is bounded (`budget`); files of a released format stay readable (`golden`); and on Linux the
//! power goes on a real file system (`power_cut`). Backups are brought back (`backup`), and damaged directories repaired
//! (`repair`). By default the calls and bytes are sampled from a printed
//! seed; `DRIFTLINE_EXHAUSTIVE=1` takes them all, `DRIFTLINE_SEED` repeats a run.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod allocation;
mod alter;
mod backup;
mod budget;
mod changes;
mod crash;
mod damage;
mod erase;
mod fault;
mod full;
mod fuzz;
mod golden;
mod label_counts;
mod labels;
mod many_tables;
mod numbers;
#[cfg(target_os = "linux")]
mod power_cut;
mod repair;
mod retention;
mod sample;
mod scenario;
mod session;
mod state;
mod workload;
