//! `ERASE SUBJECT 'v' [FROM t]` and `ERASE FROM t WHERE col = 'v' [AND ..]`: rows go from every file, with what was derived
//! from them. Unlike DELETE it goes by equalities only, since a ledger of hashes has to say the same to a backup later.

mod baseline;
mod parse;
mod target;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use driftline_storage::{Disk, ErasedPlace, OsDisk, PlaceState, TableId, WriteBatch};

pub(super) use self::parse::parse;
use super::Kind;
use crate::error::Result;
use crate::runner::Readers;
use crate::write::Ingest;

/// What to erase, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Erase {
    what: What,
    /// Of one table or model; without it of all that have a SUBJECT.
    from: Option<From>,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    /// All that is about somebody.
    Subject(Literal),
    /// Rows whose columns have all these values.
    Rows(Vec<(String, Literal)>),
}

/// A table or model as written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct From {
    kind: Option<Kind>,
    name: String,
}

/// A constant as written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Literal {
    Text(String),
    Number(String),
    Boolean(bool),
}

/// Erases; a row for each place that was looked at.
pub(super) fn run(
    ingest: &Ingest,
    erase: &Erase,
    readers: &Readers,
    spill: Option<&Path>,
) -> Result<Vec<ArrayRef>> {
    let snapshot = ingest.engine().snapshot();
    let targets = target::find(&snapshot, erase, readers)?;
    let mut places = Vec::new();
    ingest.change(|snapshot| {
        let (catalog, noted) = baseline::clean(snapshot, &targets)?;
        places = noted;
        Ok((!catalog.is_empty()).then(|| WriteBatch { catalog, ..WriteBatch::default() }))
    })?;
    let subject = match (&erase.what, &erase.from) {
        (What::Subject(value), None) => Some(value.text()),
        _ => None,
    };
    let erasures: Vec<_> = targets.iter().map(|target| target.erasure.clone()).collect();
    // Also before: a crash in between leaves no window with what is gone.
    let touch = || erasures.iter().try_for_each(|erasure| ingest.touched_everywhere(erasure.table));
    touch()?;
    let report = ingest.engine().erase(&erasures, subject, &open_backup)?;
    touch()?;
    places.splice(0..0, report.places);
    places.push(noted("spill", "spill", waiting(spill)));
    Ok(columns(&places))
}

/// Each table that is erased from, with what its rows hold, as texts may spell it.
pub(super) fn mentioned(
    ingest: &Ingest,
    erase: &Erase,
    readers: &Readers,
) -> Result<Vec<(TableId, Vec<Vec<String>>)>> {
    let targets = target::find(&ingest.engine().snapshot(), erase, readers)?;
    let spelled = |target: target::Target| {
        let values = target.values.iter().map(|(_, value)| target::spellings(value)).collect();
        (target.erasure.table, values)
    };
    Ok(targets.into_iter().map(spelled).collect())
}

/// A backup's directory, if it is there.
fn open_backup(directory: &str) -> std::io::Result<Arc<dyn Disk>> {
    if !Path::new(directory).is_dir() {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    Ok(Arc::new(OsDisk::new(directory)?))
}

/// What queries that run now have put aside. It is theirs, and goes with them.
fn waiting(spill: Option<&Path>) -> String {
    let entries = spill.and_then(|folder| std::fs::read_dir(folder).ok());
    match entries.map_or(0, Iterator::count) {
        0 => "nothing there".into(),
        folders => format!("{folders} folders of queries that run now; they go when these end"),
    }
}

fn noted(place: &'static str, path: &str, what: String) -> ErasedPlace {
    ErasedPlace { place, path: path.to_owned(), what, state: PlaceState::Kept, ..ErasedPlace::default() }
}

/// The columns of the answer, texts first.
pub(super) const TEXTS: &[&str] = &["place", "path", "what", "state"];
/// The others.
pub(super) const NUMBERS: &[&str] = &["rows", "bytes_before", "bytes_after"];

fn columns(places: &[ErasedPlace]) -> Vec<ArrayRef> {
    let text = |of: fn(&ErasedPlace) -> &str| -> ArrayRef {
        Arc::new(places.iter().map(|place| Some(of(place))).collect::<StringArray>())
    };
    let number = |of: fn(&ErasedPlace) -> u64| -> ArrayRef {
        let small = |place| i64::try_from(of(place)).unwrap_or(i64::MAX);
        Arc::new(places.iter().map(small).collect::<Int64Array>())
    };
    vec![
        text(|place| place.place),
        text(|place| &place.path),
        text(|place| &place.what),
        text(|place| place.state.name()),
        number(|place| place.rows),
        number(|place| place.bytes_before),
        number(|place| place.bytes_after),
    ]
}

impl Literal {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Boolean(true) => "true",
            Self::Boolean(false) => "false",
        }
    }
}
