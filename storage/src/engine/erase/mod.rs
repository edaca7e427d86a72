//! Erasing: rows go from every file of the directory, not only from what queries show.
//!
//! The ledger comes first, so that no backup brings back what a crash may already have taken. Then all rows are in
//! segments, and the log before that is gone; the rows are hidden in one manifest, so that a crash leaves all or none
//! to be seen; then every file that held one is written anew. No frame of the log says what was erased. Whoever was cut
//! short says it again: segments are searched for rows that are hidden already, too.

mod backups;
mod order;
mod patches;
mod rewrite;
mod search;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use roaring::RoaringBitmap;

pub(crate) use self::backups::put as put_ledger;
pub use self::search::mentions;
use self::search::{Found, Search, Segments};
use super::flush::{Choice, Context, Fresh, PatchOut};
use super::open::Files;
use super::{Engine, Inner};
use crate::batch::WriteBatch;
use crate::change::Value;
use crate::disk::Disk;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::manifest::Manifest;
use crate::overlay::Hidden;
use crate::schema::{ColumnId, TableId};
use crate::segment::SegmentReader;

/// Rows to erase from a table: those whose columns have all these values.
#[derive(Clone, Debug, PartialEq)]
pub struct Erasure {
    /// The table.
    pub table: TableId,
    /// Columns that are no TAG, and what they hold. At least one.
    pub values: Vec<(ColumnId, Value)>,
    /// What else goes.
    pub linked: Vec<LinkedRows>,
}

/// Rows of other tables that go with those erased.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkedRows {
    /// Those that name an erased row by its key.
    Keys {
        /// The key in the table that is erased from.
        own: ColumnId,
        /// The other table.
        table: TableId,
        /// The column of it that names rows.
        theirs: ColumnId,
    },
    /// Those of a table of texts about rows that hold all of the values. A restore leaves out all texts about the
    /// table, since a ledger has no values to look for.
    Mentions {
        /// The table of texts.
        table: TableId,
        /// The column that says what table a text is about.
        column: ColumnId,
        /// What it says of the table that is erased from.
        of: String,
        /// What it says of other tables. Of texts about what is no table any more nobody knows what it was.
        others: Vec<String>,
        /// The columns with texts.
        texts: Vec<ColumnId>,
        /// How each value may be spelled.
        values: Vec<Vec<String>>,
    },
}

/// Opens the directory of a backup by the name it was made under; must not make it.
pub type OpenBackup<'a> = dyn Fn(&str) -> std::io::Result<Arc<dyn Disk>> + 'a;

/// What was erased, place by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EraseReport {
    /// Rows that went, replaced and deleted ones among them.
    pub rows: u64,
    /// Every place that was looked at.
    pub places: Vec<ErasedPlace>,
}

/// A place that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedPlace {
    /// Its kind, such as `segment` or `backup`.
    pub place: &'static str,
    /// The file, the table or the directory.
    pub path: String,
    /// What was done.
    pub what: String,
    /// Rows that went.
    pub rows: u64,
    /// Bytes of it before.
    pub bytes_before: u64,
    /// Bytes of it after.
    pub bytes_after: u64,
    /// How it came out.
    pub state: PlaceState,
}

/// How it came out in a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlaceState {
    /// Nothing of it is left.
    #[default]
    Done,
    /// Left as it is, and why stands beside it.
    Kept,
    /// Nobody could look: something may be left.
    NotReached,
}

impl PlaceState {
    /// As a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Kept => "kept",
            Self::NotReached => "not reached",
        }
    }
}

impl fmt::Display for ErasedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, path, what, rows, bytes_before, bytes_after, state } = self;
        write!(
            f,
            "{place} {path}: {}, {what} ({rows} rows, {bytes_before} -> {bytes_after} bytes)",
            state.name()
        )
    }
}

impl Engine {
    /// Erases rows for good: when it returns, no file of the directory holds them, whatever was shown of them before.
    /// `subject` notes in the ledger that this value of any SUBJECT column is gone, also of tables that only a backup
    /// still has. Rows written while it works may stay. A query that began before reads on in files without a name; one
    /// that has yet to open a file which was on its way out fails.
    ///
    /// # Errors
    /// After an error the rows may be there, hidden, or gone; say it again.
    pub fn erase(
        &self,
        erasures: &[Erasure],
        subject: Option<&str>,
        open_backup: &OpenBackup<'_>,
    ) -> Result<EraseReport> {
        self.expect_open()?;
        let _alone = self.inner.erasing.lock();
        let catalog = self.inner.state.lock().catalog.clone();
        let searches =
            erasures.iter().map(|erasure| order::search(erasure, &catalog)).collect::<Result<Vec<_>>>()?;
        let disk = &*self.inner.disk;
        let mut ledger = Ledger::load(disk)?.unwrap_or_else(|| Ledger::new(disk));
        ledger.add(order::entries(erasures, subject, &catalog, &ledger, self.now_nanos())?)?;
        ledger.publish(disk)?;
        let mut report = EraseReport::default();
        let known = self.inner.files.lock().manifest.erasures.backups.clone();
        report.places.extend(backups::tell(&ledger, &known, open_backup));
        self.erase_rows(&searches, ledger.len() as u64, &mut report)?;
        Ok(report)
    }

    /// Erases what a ledger says beyond the entries that the directory knows: for one that comes from a backup. Who was
    /// erased before it was made may have come back by then, and stays.
    pub(crate) fn erase_again(&self, ledger: &Ledger) -> Result<EraseReport> {
        let _alone = self.inner.erasing.lock();
        let catalog = self.inner.state.lock().catalog.clone();
        let known = self.inner.files.lock().manifest.erasures.entries;
        let mut report = EraseReport::default();
        ledger.publish(&*self.inner.disk)?;
        self.erase_rows(&order::of_ledger(ledger, known, &catalog), ledger.len() as u64, &mut report)?;
        Ok(report)
    }

    fn erase_rows(&self, searches: &[Search], entries: u64, report: &mut EraseReport) -> Result<()> {
        // A batch of nothing: the flush then has something to write down, and begins a new file of the log.
        self.write(WriteBatch::default())?;
        let log_bytes = self.inner.wal_bytes();
        let manifest = self.inner.files.lock().manifest.clone();
        self.inner.flush(Choice::All)?;
        let inner = &self.inner;
        inner.beside_no_compaction(|| {
            let (segments, found) = inner.find(searches, report)?;
            let hidden = inner.hide(&segments, &found, entries)?;
            inner.rewrite(&segments, searches, &found, report)?;
            inner.rewrite_patches(report)?;
            drop((segments, hidden));
            inner.sweep(&manifest, log_bytes, report)
        })?;
        inner.wake_compaction();
        Ok(())
    }
}

impl Inner {
    /// Looks through this moment's segments, which hold all that was written before the flush.
    fn find(&self, searches: &[Search], report: &mut EraseReport) -> Result<(Segments, Found)> {
        let (segments, names) = {
            let state = self.state.lock();
            let segments: Segments =
                state.tables.iter().map(|(table, data)| (*table, data.segments.clone())).collect();
            let names: BTreeMap<TableId, String> =
                state.catalog.by_id.iter().map(|(table, schema)| (*table, schema.name.clone())).collect();
            (segments, names)
        };
        let mut found = Found::new();
        for search in searches {
            search::run(search, &segments, &mut found)?;
        }
        for (table, segments) in &segments {
            let rows_of =
                |segment: &Arc<SegmentReader>| found.get(&segment.info().id).map_or(0, RoaringBitmap::len);
            let rows: u64 = segments.iter().map(rows_of).sum();
            let is_asked = searches.iter().any(|search| search.table == *table);
            if rows > 0 || is_asked {
                let path = names.get(table).cloned().unwrap_or_default();
                let what = "rows found, replaced and deleted ones among them".to_owned();
                report.places.push(ErasedPlace { place: "table", path, what, rows, ..Default::default() });
                report.rows += rows;
            }
        }
        Ok((segments, found))
    }

    /// Hides the rows in one manifest, which also says how many entries the ledger has by now.
    fn hide(&self, segments: &Segments, found: &Found, entries: u64) -> Result<Vec<Arc<Hidden>>> {
        let no_flush = self.flushing.lock();
        let mut sets = Vec::new();
        {
            let state = self.state.lock();
            for segment in segments.values().flat_map(|all| all.iter()) {
                let (table, id) = (segment.info().table, segment.info().id);
                let Some(rows) = found.get(&id) else { continue };
                let Some(data) = state.tables.get(&table) else { continue };
                if data.segments.iter().any(|s| s.info().id == id) {
                    sets.push((table, id, rows.clone(), data.hidden.get(&id).cloned()));
                }
            }
        }
        let with_known = |(table, id, mut rows, known): (_, _, RoaringBitmap, Option<Arc<Hidden>>)| {
            if let Some(known) = known {
                rows |= known.rows()?.as_ref();
            }
            Ok((table, id, rows))
        };
        let sets = sets.into_iter().map(with_known).collect::<Result<Vec<_>>>()?;
        let (context, mut hidden) = (Context::new(self), Vec::new());
        let mut out = PatchOut::new(&context);
        for (table, segment, rows) in sets {
            hidden.push(out.hidden(table, segment, &rows)?);
        }
        out.finish()?;
        let fresh = Fresh { hidden: hidden.clone(), ..Fresh::default() };
        self.publish(
            &no_flush,
            |files| Ok(next_manifest(files, &hidden, entries)),
            |state| state.patched(&fresh),
        )?;
        Ok(hidden)
    }
}

/// The manifest with more rows hidden; a segment without a row to show is named no more.
fn next_manifest(files: &Files, hidden: &[Arc<Hidden>], entries: u64) -> Manifest {
    let mut next = (*files.manifest).clone();
    next.erasures.entries = next.erasures.entries.max(entries);
    next.hidden.extend(hidden.iter().map(|hidden| (hidden.segment(), hidden.place)));
    let emptied = next.segments.iter().filter(|s| next.hidden.get(&s.id).is_some_and(|h| h.rows == s.rows));
    let emptied: BTreeSet<u64> = emptied.map(|segment| segment.id).collect();
    next.segments.retain(|segment| !emptied.contains(&segment.id));
    next.forget_others();
    next
}
