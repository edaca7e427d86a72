//! The binary `driftline`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
