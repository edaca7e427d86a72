//! The binary `driftline`.

use std::process::ExitCode;

/// Gives memory back to the system while the server idles, and keeps it at hand while it works: the system's own
/// allocator does neither well (a scan spends a third of its time getting pages that the scan before gave back).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    driftline_server::cli::run()
}
