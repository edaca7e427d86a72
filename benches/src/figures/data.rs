//! The rows as a file, for the peers to load.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use arrow_ipc::writer::FileWriter;

use crate::check::Check;
use crate::engine::BATCH_ROWS;
use crate::report::Report;
use crate::workload::Workload;
use crate::{Result, shim};

/// Writes all rows of a workload in order of arrival to an Arrow IPC file, tags as plain text, and says what they come
/// to.
pub fn run(workload: Workload, path: &Path, report: &mut Report) -> Result<()> {
    let table = workload.table();
    let mut file = FileWriter::try_new(BufWriter::new(File::create(path)?), &table.arrow())?;
    let mut check = Check::default();
    let mut stream = workload.stream();
    while let Some(batch) = stream.next_batch(BATCH_ROWS)? {
        check.add(&batch)?;
        file.write(&shim::plain_tags(&table, &batch)?)?;
    }
    file.finish()?;
    report.check("generator", workload.name(), &check)
}
