//! A damaged directory opens again, without what is damaged.
//!
//! Everything undamaged stays; what is not goes to the directory `quarantine`, and the report names it. First all of
//! the directory is read and a plan made, then copies are put into the quarantine, then the log and the series files
//! get new files beside the old ones, and at last a manifest puts all of it in force. Cut short anywhere, the same
//! repair done again comes to the same end; done twice, it finds nothing the second time.

mod choose;
mod log;
mod quarantine;
mod report;
mod segments;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::log::Cut;
pub(crate) use self::quarantine::QUARANTINE_DIR;
use self::report::Loss;
pub use self::report::{Loss as RepairLoss, RepairReport, RepairedPlace};
use self::segments::Bad;
use super::files::{Content, NamedFile, named_files, newest_version};
use super::progress::{Meter, Report};
use crate::disk::Disk;
use crate::engine::lock;
use crate::error::{Result, StorageError};
use crate::manifest::{self, Manifest};
use crate::patch::{self, Block, BlockContent, Place};
use crate::schema::TableId;
use crate::series::{self, SeriesFiles, SeriesPlaces, SeriesRegistry};

/// Brings the directory behind `disk`, which nobody has open, to open again; with `dry_run` only says what it would do.
///
/// # Errors
/// [`StorageError::Corrupt`] where the manifest is damaged and no older one can stand in without loss: then a backup
/// has to be restored. [`StorageError::NewerFormat`] where a newer driftline wrote there. Both change nothing.
pub fn repair(disk: &Arc<dyn Disk>, dry_run: bool, report: &mut Report<'_>) -> Result<RepairReport> {
    newest_version(&**disk)?;
    let _lock = lock(&**disk)?;
    let mut plan = Plan::make(disk, report)?;
    if !dry_run && !plan.report.is_whole() {
        plan.carry_out(report)?;
        plan.report.is_changed = true;
    }
    Ok(plan.report)
}

/// What is to be done.
struct Plan<'a> {
    disk: &'a Arc<dyn Disk>,
    /// By which the directory is read; becomes the one that is published.
    manifest: Manifest,
    registry: SeriesRegistry,
    /// Files of which a copy goes to the quarantine.
    quarantined: BTreeSet<String>,
    /// Whether the series files have to be written anew.
    series_are_damaged: bool,
    bad: Vec<Bad>,
    /// Blocks of patch files that nobody can read any more.
    lost_blocks: Vec<Place>,
    cut: Option<Cut>,
    report: RepairReport,
}

impl<'a> Plan<'a> {
    fn make(disk: &'a Arc<dyn Disk>, report: &mut Report<'_>) -> Result<Self> {
        let (manifest, replaced) = choose::choose(disk)?;
        let files = named_files(&manifest);
        let mut plan = Self {
            disk,
            manifest,
            registry: SeriesRegistry::new(),
            quarantined: replaced.iter().map(|place| place.path.clone()).collect(),
            series_are_damaged: false,
            bad: Vec::new(),
            lost_blocks: Vec::new(),
            cut: None,
            report: RepairReport { places: replaced.into_iter().collect(), ..RepairReport::default() },
        };
        let mut meter = Meter::new(report, files.iter().map(|file| file.bytes).sum());
        for file in &files {
            match &file.content {
                Content::Series { number } => plan.look_at_series(file, *number)?,
                Content::Segments { .. } => plan.bad.extend(segments::look(disk, file)?),
                Content::Patches { blocks } => plan.look_at_patches(file, blocks)?,
            }
            meter.add(&file.path, file.bytes);
        }
        if plan.series_are_damaged {
            plan.find_tags(&files)?;
        }
        plan.look_at_log()?;
        plan.tell_of_segments();
        Ok(plan)
    }

    /// Takes over what can be read of a series file.
    fn look_at_series(&mut self, file: &NamedFile, number: u64) -> Result<()> {
        let damage = match file.open(&**self.disk).and_then(|open| file.read(&*open)) {
            Ok(bytes) => series::survey(number, &bytes, &self.registry),
            Err(error) => {
                // Of a file that was cut short the beginning counts.
                if let Ok(bytes) = self.disk.read(&file.path) {
                    series::survey(number, &bytes, &self.registry);
                }
                vec![error]
            }
        };
        for error in damage {
            if !is_damage(&error) {
                return Err(error);
            }
            self.series_are_damaged = true;
            self.quarantined.insert(file.path.clone());
            let done = "the series files are written anew, from what can be read of them, from the log and from the \
                        compacted segments";
            self.report.places.push(place_of(error, done.into(), Vec::new()));
        }
        Ok(())
    }

    /// Gives up blocks that cannot be read: nobody knows any more which rows were replaced or deleted, or their labels.
    fn look_at_patches(&mut self, file: &NamedFile, blocks: &[Block]) -> Result<()> {
        let damage = match file.open(&**self.disk) {
            Ok(open) => patch::check(&file.path, &*open, blocks),
            Err(error) => vec![(None, error)],
        };
        for (block, error) in damage {
            if !is_damage(&error) {
                return Err(error);
            }
            let lost: Vec<&Block> =
                blocks.iter().filter(|b| block.is_none_or(|block| block == **b)).collect();
            self.lost_blocks.extend(lost.iter().map(|block| block.place));
            self.quarantined.insert(file.path.clone());
            self.report.places.push(place_of(error, done_without(&lost), Vec::new()));
        }
        Ok(())
    }

    /// Looks for the tags that damaged series files do not tell any more, and gives up segments that need others.
    fn find_tags(&mut self, files: &[NamedFile]) -> Result<()> {
        let damaged: BTreeSet<u64> = self.bad.iter().map(|bad| bad.info.id).collect();
        let readers = files.iter().flat_map(|file| file.readers(self.disk));
        let whole: Vec<_> = readers.filter(|reader| !damaged.contains(&reader.info().id)).collect();
        whole.iter().try_for_each(|reader| segments::take_tags(reader, &self.registry))?;
        // The log defines series too: those that came after the last flush, and maybe some that segments need.
        let _ = log::replay(&**self.disk, &self.manifest, &self.registry);
        for reader in whole {
            self.bad.extend(segments::look_for_unknown(&reader, &self.registry)?);
        }
        Ok(())
    }

    fn look_at_log(&mut self) -> Result<()> {
        let (kept, cut) = log::look(&**self.disk, &self.manifest, &self.registry)?;
        self.report.kept_writes = kept;
        let Some(cut) = cut else { return Ok(()) };
        self.quarantined.extend(cut.files(&**self.disk, &self.manifest)?);
        let next = cut.readable.next_seq;
        let last = cut.last_lost.max(next);
        let done = format!(
            "the log ends before write {next}; writes {next} to {last} are lost, as far as they are not in segments"
        );
        self.report.places.push(place_of(cut.damage.again(), done, cut.lost.clone()));
        self.cut = Some(cut);
        Ok(())
    }

    fn tell_of_segments(&mut self) {
        for bad in &self.bad {
            let done =
                format!("segment {} is taken out; its file is in {}", bad.info.id, quarantine::place());
            let mut lost = vec![bad.lost(&self.manifest)];
            for error in &bad.damage {
                let losses = std::mem::take(&mut lost);
                self.report.places.push(place_of(error.again(), done.clone(), losses));
            }
            self.quarantined.insert(bad.info.path());
        }
        let ids: BTreeSet<u64> = self.bad.iter().map(|bad| bad.info.id).collect();
        let kept = self.manifest.segments.iter().filter(|segment| !ids.contains(&segment.id));
        for segment in kept {
            self.report.kept_segments += 1;
            let hidden = self.manifest.hidden.get(&segment.id).map_or(0, |hidden| hidden.rows);
            self.report.kept_rows += segment.rows - hidden;
        }
    }

    fn carry_out(&mut self, report: &mut Report<'_>) -> Result<()> {
        let mut meter = Meter::new(report, 0);
        for path in &self.quarantined {
            quarantine::keep(&**self.disk, path, &mut meter)?;
        }
        if self.series_are_damaged {
            self.manifest.series = self.write_series()?;
        }
        if let Some(cut) = self.cut.take() {
            cut.carry_out(self.disk, &mut self.manifest)?;
        }
        let bad: BTreeSet<u64> = self.bad.iter().map(|bad| bad.info.id).collect();
        self.manifest.segments.retain(|segment| !bad.contains(&segment.id));
        self.manifest.hidden.retain(|_, hidden| !self.lost_blocks.contains(&hidden.place));
        for labels in self.manifest.labels.values_mut() {
            labels.retain(|labels| !self.lost_blocks.contains(&labels.place));
        }
        self.manifest.labels.retain(|_, labels| !labels.is_empty());
        self.manifest.forget_others();
        let greatest = manifest::present(&**self.disk)?.pop().unwrap_or(self.manifest.version);
        self.manifest.version = greatest.saturating_add(1);
        manifest::publish(&**self.disk, &self.manifest)?;
        self.remove_unnamed()
    }

    /// All series that are known, in a file of their own.
    fn write_series(&self) -> Result<SeriesPlaces> {
        let none = SeriesPlaces::default();
        SeriesFiles::open(self.disk, &none, &self.registry)?.store(&self.registry)
    }

    /// Damaged files that nothing names any more would be taken for remains of a crash; their copies are kept.
    fn remove_unnamed(&self) -> Result<()> {
        let named: BTreeSet<String> = named_files(&self.manifest).into_iter().map(|file| file.path).collect();
        let gone: BTreeSet<String> = self.bad.iter().map(|bad| bad.info.path()).collect();
        gone.difference(&named).try_for_each(|path| quarantine::take_away(&**self.disk, path))
    }
}

/// What becomes of a directory without these blocks of patch files.
fn done_without(lost: &[&Block]) -> String {
    let (mut rows, mut labels) = (0, 0);
    for block in lost {
        match block.content {
            BlockContent::Hidden { rows: hidden } => rows += hidden,
            BlockContent::Labels { entries, .. } => labels += entries,
        }
    }
    let of_rows = format!("{rows} rows that were replaced or deleted show again: delete them once more");
    let of_labels = format!("{labels} labels are lost: send them again");
    match (rows, labels) {
        (_, 0) => of_rows,
        (0, _) => of_labels,
        _ => format!("{of_rows}; {of_labels}"),
    }
}

/// Whether an error is of bytes that are not what they must be, or that the disk cannot give any more; not of a newer
/// format, nor of a person who may not read them.
fn is_damage(error: &StorageError) -> bool {
    match error {
        StorageError::Corrupt { .. } => true,
        StorageError::Io { source, .. } => source.kind() != std::io::ErrorKind::PermissionDenied,
        _ => false,
    }
}

fn place_of(error: StorageError, done: String, lost: Vec<Loss>) -> RepairedPlace {
    let super::Damage { path, offset, expected } = error.into();
    RepairedPlace { path, offset, expected, done, lost }
}

fn table_name(manifest: &Manifest, table: TableId) -> String {
    let found = manifest.tables.iter().find(|schema| schema.id == table);
    found.map_or_else(|| format!("of id {table}"), |schema| schema.name.clone())
}
