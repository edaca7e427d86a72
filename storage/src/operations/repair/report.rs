//! What a repair has found and done, place by place.

use crate::segment::TimeRange;

/// What a repair did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Every place, in the order in which they were looked at.
    pub places: Vec<RepairedPlace>,
    /// Segments that are whole, and stay.
    pub kept_segments: u64,
    /// Rows in them.
    pub kept_rows: u64,
    /// Writes in the log that stay.
    pub kept_writes: u64,
    /// Whether something was changed: false where nothing is damaged, and for a dry run.
    pub is_changed: bool,
}

/// One damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairedPlace {
    /// The file, relative to the data directory.
    pub path: String,
    /// Where in it.
    pub offset: u64,
    /// What should be there.
    pub expected: String,
    /// What is done about it.
    pub done: String,
    /// What is lost by it.
    pub lost: Vec<Loss>,
}

/// Rows of one table that are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The table, by its name as far as it is known.
    pub table: String,
    /// How many rows.
    pub rows: u64,
    /// Their event times.
    pub time: Option<TimeRange>,
}

impl RepairReport {
    /// Whether there is nothing to repair.
    pub fn is_whole(&self) -> bool {
        self.places.is_empty()
    }

    /// Rows that are lost for certain; a damaged frame of the log may have held more.
    pub fn lost_rows(&self) -> u64 {
        self.places.iter().flat_map(|place| &place.lost).map(|loss| loss.rows).sum()
    }
}
