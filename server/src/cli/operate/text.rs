//! Reports as people read them.

use std::fmt::{self, Write};

use driftline_query::storage::{
    BackupReport, Damage, RepairLoss, RepairReport, RepairedPlace, RestoreReport, Verification,
};
use indicatif::{BinaryBytes, HumanCount};

/// Files of garbage that are listed one by one.
const GARBAGE_LISTED_MAX: usize = 100;

pub fn backup(report: &BackupReport, place: &str) -> String {
    let BackupReport { seq, rows, files, bytes, copied_files, copied_bytes, removed_files } = report;
    format!(
        "backed up to {place}: {} rows in {}, up to write {seq}\n\
         copied {} ({}), {} were there already, {} not needed any more were removed\n",
        HumanCount(*rows),
        size(*files, *bytes),
        HumanCount(*copied_files),
        BinaryBytes(*copied_bytes),
        HumanCount(files.saturating_sub(*copied_files)),
        HumanCount(*removed_files),
    )
}

pub fn restore(report: &RestoreReport, place: &str) -> String {
    let RestoreReport { seq, tables, rows, files, bytes, erased_rows } = report;
    let erased = match erased_rows {
        0 => String::new(),
        rows => format!("{} rows that were erased since the backup were left out\n", HumanCount(*rows)),
    };
    format!(
        "restored to {place}: {} tables, {} rows in {}, up to write {seq}; every checksum is right\n{erased}",
        HumanCount(*tables),
        HumanCount(*rows),
        size(*files, *bytes),
    )
}

fn size(files: u64, bytes: u64) -> String {
    format!("{} files ({})", HumanCount(files), BinaryBytes(bytes))
}

pub fn verification(found: &Verification) -> Result<String, fmt::Error> {
    let mut out = String::new();
    for Damage { path, offset, expected } in &found.damage {
        writeln!(out, "damaged: {path} at offset {offset}: expected {expected}")?;
    }
    if found.more_damage > 0 {
        writeln!(out, "and {} more places", HumanCount(found.more_damage))?;
    }
    for garbage in found.garbage.iter().take(GARBAGE_LISTED_MAX) {
        writeln!(out, "not named by the manifest: {} ({})", garbage.path, BinaryBytes(garbage.bytes))?;
    }
    let unlisted = found.garbage.len().saturating_sub(GARBAGE_LISTED_MAX);
    if unlisted > 0 {
        writeln!(out, "and {} more such files", HumanCount(unlisted as u64))?;
    }
    let (read, rows) = (size(found.files, found.bytes), HumanCount(found.rows));
    let damaged = found.damage.len() as u64 + found.more_damage;
    match damaged {
        0 => writeln!(out, "read {read} with {rows} rows in segments: every checksum is right")?,
        places => writeln!(out, "read {read}: {} damaged places", HumanCount(places))?,
    }
    Ok(out)
}

pub fn repair(report: &RepairReport, dry_run: bool) -> Result<String, fmt::Error> {
    let mut out = String::new();
    for RepairedPlace { path, offset, expected, done, lost } in &report.places {
        writeln!(out, "{path} at offset {offset}: expected {expected}")?;
        writeln!(out, "  {done}")?;
        lost.iter().try_for_each(|loss| lines_of(&mut out, loss))?;
    }
    let kept = format!(
        "kept: {} segments with {} rows, and {} writes in the log",
        HumanCount(report.kept_segments),
        HumanCount(report.kept_rows),
        HumanCount(report.kept_writes)
    );
    match (report.is_whole(), dry_run) {
        (true, _) => writeln!(out, "nothing is damaged; {kept}")?,
        (false, true) => writeln!(out, "{kept}\nthis was a dry run: nothing was changed")?,
        (false, false) => {
            writeln!(out, "{kept}\nevery damaged file is kept in the directory quarantine")?;
        }
    }
    Ok(out)
}

fn lines_of(out: &mut String, loss: &RepairLoss) -> fmt::Result {
    let rows = HumanCount(loss.rows);
    write!(out, "  lost: {rows} rows of table {}", loss.table)?;
    match loss.time {
        Some(time) => writeln!(out, ", of times {} to {} (ns since 1970)", time.min, time.max),
        None => writeln!(out),
    }
}
