//! All damaged places of a segment, for those who are to be told more than that it is damaged.

use super::SegmentReader;
use super::source::Extent;
use crate::error::StorageError;

impl SegmentReader {
    /// Every section and page that is not what its checksum says, all bytes read; what hides behind a damaged index is
    /// not seen.
    pub(crate) fn damage(&self) -> Vec<StorageError> {
        let Err(first) = self.verify() else { return Vec::new() };
        let mut found = vec![first];
        let Ok(footer) = self.footer() else { return found };
        let mut look = |extent: Extent| {
            if let Err(error) = self.read_checked(extent)
                && !found.iter().any(|known| place(known) == place(&error))
            {
                found.push(error);
            }
        };
        footer.sections.iter().for_each(|section| look(section.extent));
        for group in 0..footer.groups.len() {
            let Ok((_, chunks)) = self.group_and_chunks(group) else { continue };
            for chunk in chunks {
                look(chunk.meta);
                chunk.pages.iter().for_each(|page| look(page.extent));
            }
        }
        found
    }
}

/// Where damage is; other errors are all alike.
fn place(error: &StorageError) -> Option<u64> {
    if let StorageError::Corrupt { offset, .. } = error { Some(*offset) } else { None }
}
