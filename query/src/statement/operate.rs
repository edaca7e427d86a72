//! What operators ask of a running database: `BACKUP TO 'dir'`, `VERIFY [DEEP]`, `COMPACT [TABLE t]`, `KILL QUERY 'id'`,
//! and `ERASE` ([`erase`]). Each answers rows.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use driftline_storage::{BackupReport, Disk, Engine, EngineStatus, OsDisk, StorageError, Verification};

use super::erase::{self, Erase};
use crate::catalog::name;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::govern::{Query, Record};
use crate::write::Ingest;

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    /// `BACKUP TO 'dir'`: a directory of the machine that runs the database.
    Backup {
        /// The directory as written.
        to: String,
    },
    /// `VERIFY`, `VERIFY DEEP`.
    Verify {
        /// Whether summaries are compared with a count of the rows.
        deep: bool,
    },
    /// `COMPACT`, `COMPACT TABLE t`.
    Compact {
        /// The table's name as written.
        table: Option<String>,
    },
    /// `KILL QUERY 'id'`.
    Kill {
        /// As `system.queries` shows it.
        id: String,
    },
    /// `ERASE SUBJECT 'v' [FROM t]`, `ERASE FROM t WHERE c = 'v'`.
    Erase(Erase),
}

impl Operation {
    /// The columns of its answer.
    pub(crate) fn schema(&self) -> SchemaRef {
        let (texts, numbers): (&[&str], &[&str]) = match self {
            Self::Backup { .. } => (
                &["directory"],
                &["last_write", "rows", "files", "bytes", "copied_files", "copied_bytes", "removed_files"],
            ),
            Self::Verify { .. } => (&["kind", "path", "expected"], &["offset", "bytes"]),
            Self::Erase(_) => (erase::TEXTS, erase::NUMBERS),
            Self::Kill { .. } => (&["id", "was", "sql"], &["rows"]),
            Self::Compact { .. } => (&[], &["compactions", "written_bytes", "segment_bytes"]),
        };
        let text = texts.iter().map(|name| Field::new(*name, DataType::Utf8, true));
        let number = numbers.iter().map(|name| Field::new(*name, DataType::Int64, true));
        Arc::new(Schema::new(text.chain(number).collect::<Vec<_>>()))
    }

    /// Refuses what this caller may not say.
    pub(crate) fn permit(&self, database: &Database, access: Access) -> Result<()> {
        match self {
            Self::Backup { to } => directory(to, access, database.backup_dir()).map(drop),
            Self::Verify { .. } | Self::Compact { .. } | Self::Kill { .. } | Self::Erase(_) => Ok(()),
        }
    }

    /// Does it; one batch.
    pub(crate) async fn run(&self, database: &Database, by: &Query) -> Result<RecordBatch> {
        let columns = match self.clone() {
            Self::Backup { to } => {
                let to = directory(&to, by.access(), database.backup_dir())?;
                database.blocking(move |ingest| backup(ingest.engine(), &to)).await?
            }
            Self::Verify { deep } => {
                let verify = move |ingest: &Ingest| Ok(ingest.engine().verify(deep, &mut |_| ())?);
                verified(&database.blocking(verify).await?)
            }
            Self::Kill { id } => killed(&database.governor().kill(&id, by)?),
            Self::Erase(erase) => {
                let spill = database.spill().map(Path::to_owned);
                // Held until all is gone: an alert that is judged meanwhile would write down what it saw before.
                let mut runner = database.runner().await;
                runner.reload(database).await?;
                let readers = runner.alerts.readers(&database.engine().snapshot())?;
                let (asked, known) = (erase.clone(), readers.clone());
                let mentioned = database.blocking(move |it| erase::mentioned(it, &asked, &known)).await?;
                runner.alerts.forget(database, &readers, &mentioned).await?;
                let done =
                    database.blocking(move |it| erase::run(it, &erase, &readers, spill.as_deref())).await;
                // Also where it failed half way.
                runner.alerts.write_down(database).await?;
                done?
            }
            Self::Compact { table } => {
                database.blocking(move |ingest| compact(ingest.engine(), table.as_deref())).await?
            }
        };
        RecordBatch::try_new(self.schema(), columns).map_err(|e| QueryError::Invalid(e.to_string()))
    }
}

/// Where a backup goes. Who asks over the network names files of the server only below the directory that it was
/// started with for that.
fn directory(to: &str, access: Access, allowed: Option<&Path>) -> Result<PathBuf> {
    let path = Path::new(to);
    if access == Access::Embedded {
        return Ok(path.to_owned());
    }
    let Some(allowed) = allowed else {
        return Err(QueryError::Denied(
            "BACKUP writes files of the server, which is closed to the network; start it with --backup-dir DIR to \
             allow backups below that directory"
                .into(),
        ));
    };
    let target = allowed.join(path);
    let is_plain = target.components().all(|part| !matches!(part, Component::ParentDir));
    if is_plain && target.starts_with(allowed) && !to.trim().is_empty() {
        return Ok(target);
    }
    Err(QueryError::Denied(format!(
        "backups over the network go below {}; {to:?} is elsewhere",
        allowed.display()
    )))
}

fn backup(engine: &Engine, to: &Path) -> Result<Vec<ArrayRef>> {
    let opened = OsDisk::new(to);
    let disk = opened.map_err(|e| StorageError::io("open directory", to.display().to_string(), e))?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let BackupReport { seq, rows, files, bytes, copied_files, copied_bytes, removed_files } =
        engine.backup(&disk, &mut |_| ())?;
    let numbers = [seq, rows, files, bytes, copied_files, copied_bytes, removed_files];
    let place: ArrayRef = Arc::new(StringArray::from(vec![to.display().to_string()]));
    Ok(std::iter::once(place).chain(numbers.map(|value| number([Some(value)]))).collect())
}

fn compact(engine: &Engine, table: Option<&str>) -> Result<Vec<ArrayRef>> {
    let before = engine.status()?;
    match table {
        None => engine.compact()?,
        Some(name) => engine.compact_table(&spelled(engine, name)?)?,
    }
    let EngineStatus { compactions, compacted_bytes, disk, .. } = engine.status()?;
    let done = compactions.saturating_sub(before.compactions);
    let written = compacted_bytes.saturating_sub(before.compacted_bytes);
    Ok([done, written, disk.segments].map(|value| number([Some(value)])).into())
}

/// A table's name as it was made.
fn spelled(engine: &Engine, table: &str) -> Result<String> {
    let snapshot = engine.snapshot();
    let found = name::find("table", snapshot.tables().keys().map(String::as_str), table)?;
    Ok(found.unwrap_or(table).to_owned())
}

/// A row for what was read, then one for each damaged place and one for each file that nothing names.
fn verified(found: &Verification) -> Vec<ArrayRef> {
    let read = ("read", None, None, None, Some(found.bytes));
    let damage = found
        .damage
        .iter()
        .map(|damage| ("damage", Some(&damage.path), Some(&damage.expected), Some(damage.offset), None));
    let garbage =
        found.garbage.iter().map(|file| ("garbage", Some(&file.path), None, None, Some(file.bytes)));
    let rows: Vec<_> = std::iter::once(read).chain(damage).chain(garbage).collect();
    vec![
        Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<StringArray>()),
        number(rows.iter().map(|row| row.3)),
        number(rows.iter().map(|row| row.4)),
    ]
}

/// The statement as it was when it was ended.
fn killed(query: &Record) -> Vec<ArrayRef> {
    let texts = [query.id.as_str(), query.state.name(), &query.sql];
    let texts = texts.map(|text| Arc::new(StringArray::from(vec![text])) as ArrayRef);
    texts.into_iter().chain([number([Some(query.rows)])]).collect()
}

fn number(values: impl IntoIterator<Item = Option<u64>>) -> ArrayRef {
    let small = |value: Option<u64>| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
    Arc::new(values.into_iter().map(small).collect::<Int64Array>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_backs_up_below_the_directory_that_is_open_to_it_and_nowhere_else() {
        let allowed = Path::new("/backups");
        let ask = |to| directory(to, Access::Network, Some(allowed));
        assert_eq!(ask("daily").unwrap(), Path::new("/backups/daily"));
        assert_eq!(ask("/backups/daily").unwrap(), Path::new("/backups/daily"));
        for to in ["/etc", "../etc", "daily/../../etc", "/backups/../etc", "/backups2", ""] {
            let error = ask(to).unwrap_err();
            assert!(matches!(error, QueryError::Denied(_)), "{to}: {error}");
        }
        let error = directory("daily", Access::Network, None).unwrap_err();
        assert!(error.to_string().contains("--backup-dir"), "{error}");
        assert_eq!(directory("/etc", Access::Embedded, None).unwrap(), Path::new("/etc"));
    }
}
