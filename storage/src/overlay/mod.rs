//! What newer writes do to older rows: of rows with one identity the newest stands, deleted rows are gone.
//!
//! Nothing older is rewritten for it. A *source* (a segment, or a chunk of a memtable) has *hidden* rows. Which ones is
//! worked out when somebody asks, and remembered; a flush writes down what it means for segments, and compaction
//! leaves hidden rows out.

mod deletion;
mod find;
mod hidden;
mod identity;
mod resolved;
mod supersede;
mod tombstone;
mod view;

pub(crate) use deletion::Deletion;
pub(crate) use find::{find, set_of};
pub(crate) use hidden::{Hidden, HiddenPlace};
pub(crate) use identity::{Identity, Named, hash_value, same_value};
pub(crate) use resolved::Resolved;
pub(crate) use supersede::Supersede;
pub(crate) use tombstone::Tombstone;
pub(crate) use view::View;

/// A segment or a chunk, for as long as the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SourceId {
    /// A segment, by its id.
    Segment(u64),
    /// A chunk of a memtable, by its number.
    Chunk(u64),
}
