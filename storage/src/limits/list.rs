//! The limits as a list, for `system.limits`.

use super::*;

/// A limit, for people to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name in the code.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// In what it is counted.
    pub unit: &'static str,
    /// What it bounds.
    pub what: &'static str,
}

macro_rules! limits {
    ($($name:ident, $unit:literal, $what:literal;)*) => {
        /// All limits of the engine.
        pub const LIMITS: &[Limit] = &[
            Limit {
                name: "ROOM_WAIT",
                value: ROOM_WAIT.as_secs(),
                unit: "seconds",
                what: "how long a writer waits for memory before it is refused",
            },
            $(Limit { name: stringify!($name), value: $name as u64, unit: $unit, what: $what },)*
        ];
    };
}

limits! {
    BATCH_BYTES_MAX, "bytes", "a write batch, encoded; clients split what is larger";
    SERIES_DEFINITIONS_BYTES_MAX, "bytes", "the definitions of new series of one batch";
    SEQUENCE_MAX, "writes", "the sequence that a log may begin with";
    BATCH_ROWS_MAX, "rows", "rows of a table in one write batch";
    SERIES_MAX, "series", "series of all tables together";
    TABLE_SERIES_MAX, "series", "series of one table, unless its option series_max says otherwise";
    TAG_VALUES_MAX, "values", "distinct values of one tag, unless the table's option tag_values_max says otherwise";
    TAG_BYTES_MAX, "bytes", "one value of a tag";
    TAG_TEXT_BYTES_MAX, "bytes", "all distinct values of tags together";
    TAGS_MAX, "tags", "tags of all series together";
    SERIES_BLOCK_BYTES_MAX, "bytes", "a block of a series file";
    SERIES_FILES_MAX, "files", "series files that pile up before they become one";
    PAGE_ROWS_MAX, "rows", "a page of a segment";
    ROW_GROUP_ROWS_MAX, "rows", "a row group of a segment";
    PAGE_BYTES_MAX, "bytes", "one column of a page, unless the page is a single row";
    ROW_GROUP_BYTES_MAX, "bytes", "a row group, before encoding";
    ROW_GROUP_CELL_CUT_ROWS, "rows", "from here on a full row group ends at the start of a cell";
    ROW_GROUP_INTERVAL_CUT_ROWS, "rows", "from here on a row group ends where the interval changes";
    CELL_BLOCK_MAX, "cells", "one block of a section of a segment";
    CELLS_MAX, "cells", "cells of one segment";
    STATISTICS_CELL_ROWS_MIN, "rows", "the median cell from which on a segment keeps statistics of its cells";
    VALUE_BYTES_MAX, "bytes", "one value";
    ROW_GROUPS_MAX, "row groups", "row groups of one segment";
    SEGMENT_ROWS_MAX, "rows", "rows of one segment";
    SEGMENT_BYTES_MAX, "bytes", "one segment, as it is and as plain arrays";
    SECTIONS_MAX, "sections", "sections of one segment";
    SECTION_BYTES_MAX, "bytes", "one section of a segment";
    SECTION_COLUMN_BYTES_MAX, "bytes", "one column of a section, before encoding";
    POSTING_SERIES_MIN, "series", "so many that share a tag have a bitmap";
    LAST_ROWS_A_SERIES_MIN, "rows", "a series on average, for a segment to keep the last row of each";
    LAST_SERIES_MAX, "series", "series whose last rows a segment keeps";
    LAST_TEXT_BYTES_MAX, "bytes", "one text of a last row";
    LAST_BYTES_MAX, "bytes", "rows held while the last ones are gathered";
    WRITE_PIECE_BYTES, "bytes", "the pieces in which a segment is written";
    DICTIONARY_VALUES_MAX, "values", "the dictionary of one column of a row group";
    WAL_FILE_BYTES_MAX, "bytes", "one file of the log";
    WAL_TOTAL_BYTES_MAX, "bytes", "files of the log that are needed, before a flush is due";
    MEMTABLE_BYTES_MAX, "bytes", "rows in memory, before a flush is due";
    MEMORY_BYTES_MAX, "bytes", "rows in memory and queries together, by default";
    ROOM_WAIT_STEP_MS, "milliseconds", "how often a waiting writer looks again";
    COMMIT_QUEUE_MAX, "batches", "batches waiting for the commit thread";
    COMMIT_GROUP_BYTES_MAX, "bytes", "batches that one sync makes durable";
    WRITER_WINDOW, "sequences", "how far behind a writer's newest sequence another is still told from a repeat";
    WRITER_IDLE_NANOS_MAX, "nanoseconds", "how long a silent writer is remembered";
    NAME_BYTES_MAX, "bytes", "the name of a table, column, writer or catalog entry";
    COLUMNS_MAX, "columns", "columns of one table";
    TABLES_MAX, "tables", "tables of one data directory";
    DISTRIBUTION_EXACT_VALUES_MAX, "numbers", "distinct numbers that a distribution counts one by one";
    DISTRIBUTION_BUCKETS_MAX, "buckets", "buckets of a distribution";
    DISTRIBUTION_SAMPLE_MAX, "numbers", "the sample that a lattice is chosen from";
    DISTRIBUTION_CATEGORIES_MAX, "categories", "categories that a distribution names";
    SHARED_SEGMENT_BYTES_MAX, "bytes", "flushed segments that share one file";
    IDLE_FLUSH_SECONDS, "seconds", "without a write, before memory is flushed although nothing demands it";
    IDLE_FLUSH_BYTES_MIN, "bytes", "rows in memory that are worth such a flush";
    COMPACTION_RUNS_MAX, "segments", "flushed segments of a partition at which they are compacted";
    COMPACTION_IDLE_CHECK_SECONDS, "seconds", "how often compaction looks for quiet partitions";
    QUIET_NANOS, "nanoseconds", "without a write, before what is small is compacted too";
    THREADS_MAX, "threads", "row groups encoded at once";
    RESERVE_BYTES, "bytes", "kept on the disk for the day it is full";
    RUN_BYTES_MAX, "bytes", "a compacted segment, before the next one is begun";
    COMPACTION_JOBS_MAX, "tables", "small tables that are compacted together";
    COMPACTION_SHARED_BYTES_MAX, "bytes", "segments of small tables that are compacted together";
    COMPACTION_SPARSE_SHARE, "bytes", "bytes of a shared file, one in use, from which on it is given up";
    COMPACTION_INPUTS_MAX, "segments", "flushed segments that one compaction takes";
    COMPACTION_BYTES_MAX, "bytes", "flushed segments that one compaction takes";
    COMPACTION_SORT_BYTES_MAX, "bytes", "one interval that compaction sorts anew in memory";
    COPY_CHUNK_BYTES, "bytes", "what a backup or a restore copies at a time";
    DAMAGE_NAMED_MAX, "places", "damage that a look over a whole directory names one by one";
    SUMMARY_ROWS_MIN, "rows", "a cell, for it to have a summary";
    SUMMARY_FIELD_CATEGORIES_MAX, "categories", "distinct values of a field without a meaning that has summaries";
    SUMMARY_CATEGORIES_MAX, "categories", "distinct values of a field with a meaning that has summaries";
    PREDICATE_NODES_MAX, "parts", "the condition of a DELETE";
    PREDICATE_DEPTH_MAX, "levels", "how deep the parts of a condition lie within each other";
    INSPECTED_FRAME_BYTES_MAX, "bytes", "one compressed piece that a look for a text unpacks";
    LEDGER_ENTRIES_MAX, "erasures", "in the ledger of what was erased";
    BACKUPS_KNOWN_MAX, "directories", "with backups, which ERASE tells what was erased";
    ALTER_FLUSHES_MAX, "flushes", "of deletes, before a change of the columns they look at gives up";
    CHANGES_MAX, "changes", "changes in one write batch";
    PATCH_BLOCK_BYTES_MAX, "bytes", "one block of a patch file";
    SERIES_SOUGHT_MAX, "series", "that a read looks up one by one in the cells of an interval";
    LABEL_RANGE_ENTRIES_MAX, "labels", "one range of a block of labels";
    LABEL_CLASSES_MAX, "labels", "of one model that are told apart where they are counted; predictions likewise";
    LABEL_CLASS_BYTES_MAX, "bytes", "a label that is told apart from others where labels are counted";
    LABEL_COUNTS_BYTES_MAX, "bytes", "counts of one block of labels";
    LABEL_BLOCK_BYTES_MIN, "bytes", "a block of labels, before the next one is begun";
    SUMMARY_COLUMN_BYTES_MAX, "bytes", "summaries of one column of a segment";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_listed_once() {
        let source = include_str!("../limits.rs");
        let named = source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
        let mut named: Vec<&str> = named.collect();
        let mut listed: Vec<&str> = LIMITS.iter().map(|limit| limit.name).collect();
        named.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, named);
    }
}
