//! Every limit of the engine, by name; [`LIMITS`] lists them.

mod list;

pub use list::{LIMITS, Limit};

/// A write batch, encoded, is at most this large: 16 MiB. Clients split what is larger.
pub const BATCH_BYTES_MAX: usize = 16 << 20;
/// Bytes that the definitions of new series of one batch may take: 16 MiB. Clients split what needs more.
pub const SERIES_DEFINITIONS_BYTES_MAX: usize = 16 << 20;
/// Rows in one write batch, all tables together.
pub const BATCH_ROWS_MAX: usize = 1 << 20;
/// Series in one data directory: 100 million.
pub const SERIES_MAX: usize = 100_000_000;
/// Series of one table, unless its option `series_max` says otherwise: 10 million.
pub const TABLE_SERIES_MAX: usize = 10_000_000;
/// Distinct values of one tag of a table, unless the table's option `tag_values_max` says otherwise: 1 million.
pub const TAG_VALUES_MAX: usize = 1_000_000;
/// Bytes in one value of a tag. So many rows as a row group has fit one Arrow array even if each is as long.
pub const TAG_BYTES_MAX: usize = 32_767;
/// Bytes of all distinct tag values together: 4 GiB less one.
pub const TAG_TEXT_BYTES_MAX: usize = u32::MAX as usize;
/// Tags of all series together.
pub const TAGS_MAX: usize = u32::MAX as usize;
/// A block of a series file holds 8,192 series; 16 where so many would pass this many bytes (64 MiB).
pub const SERIES_BLOCK_BYTES_MAX: usize = 64 << 20;
/// Series files that may pile up before they are written anew as one.
pub const SERIES_FILES_MAX: usize = 8;
/// The greatest sequence that a log may begin with: 2^62. A greater one is damage, and below it none overflows.
pub const SEQUENCE_MAX: u64 = 1 << 62;
/// Rows in one page of a segment; one page decodes into one record batch of DataFusion's default size.
pub const PAGE_ROWS_MAX: usize = 8_192;
/// Rows in one row group of a segment (one pco chunk per numeric column).
pub const ROW_GROUP_ROWS_MAX: usize = 65_536;
/// A page ends early where one of its columns reaches this many bytes (1 MiB), unless it holds a single row.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// A row group ends early where its rows reach this many bytes together: 64 MiB.
pub const ROW_GROUP_BYTES_MAX: usize = 64 << 20;
/// A full row group ends at the start of a cell where one lies beyond this row, so that it holds whole cells.
pub const ROW_GROUP_CELL_CUT_ROWS: usize = 49_152;
/// A row group of this many rows ends where the interval changes.
pub const ROW_GROUP_INTERVAL_CUT_ROWS: usize = 32_768;
/// Cells that one block of a section holds.
pub const CELL_BLOCK_MAX: usize = 65_536;
/// Cells of one segment.
pub const CELLS_MAX: usize = 1 << 28;
/// Rows of the median cell from which on a segment keeps statistics of its cells.
pub const STATISTICS_CELL_ROWS_MIN: u64 = 64;
/// Bytes of one value, and so of one column of a page with a single row. No batch can carry more.
pub const VALUE_BYTES_MAX: usize = BATCH_BYTES_MAX;
/// Row groups in one segment.
pub const ROW_GROUPS_MAX: usize = 65_536;
/// Rows of one segment: what 32 bits can count.
pub const SEGMENT_ROWS_MAX: u64 = u32::MAX as u64;
/// Bytes of one segment, as they are and as plain Arrow arrays: 2^44. Those of all together then stay within 64 bits.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 44;
/// Sections in the footer of a segment.
pub const SECTIONS_MAX: usize = 64;
/// Bytes of one section in the footer of a segment.
pub const SECTION_BYTES_MAX: u64 = 256 << 20;
/// Plain bytes of one column of a section, all rows together: 1 GiB.
pub const SECTION_COLUMN_BYTES_MAX: usize = 1 << 30;
/// So many series that share a tag are worth a bitmap; fewer are found by a scan of the tags.
pub const POSTING_SERIES_MIN: usize = 4;
/// A segment keeps the last row of each series where its series have so many rows on average.
pub const LAST_ROWS_A_SERIES_MIN: u64 = 64;
/// Series whose last rows a segment keeps; with more it keeps none.
pub const LAST_SERIES_MAX: usize = 1 << 20;
/// Last rows keep no column of which one text is longer than this many bytes.
pub const LAST_TEXT_BYTES_MAX: usize = 256;
/// Bytes of rows held while the last ones are gathered: 64 MiB. Where half of it is not enough for them, none are kept.
pub const LAST_BYTES_MAX: usize = 64 << 20;
/// A segment is written in pieces of about this many bytes.
pub const WRITE_PIECE_BYTES: usize = 1 << 20;
/// Distinct texts in the dictionary of one column chunk.
pub const DICTIONARY_VALUES_MAX: usize = 32_768;
/// A WAL file is sealed and a new one begun once it holds this many bytes.
pub const WAL_FILE_BYTES_MAX: u64 = 64 << 20;
/// A flush is due once the WAL files that are still needed hold this many bytes together: 1 GiB.
pub const WAL_TOTAL_BYTES_MAX: u64 = 1 << 30;
/// A flush is due once the memtables hold this many bytes.
pub const MEMTABLE_BYTES_MAX: usize = 256 << 20;
/// Bytes that memtables and queries hold together by default: 1 GiB.
pub const MEMORY_BYTES_MAX: usize = 1 << 30;
/// How long a writer waits for memory before it is refused.
pub const ROOM_WAIT: std::time::Duration = std::time::Duration::from_secs(30);
/// How often a waiting writer looks again, in milliseconds, should it miss that a flush ended.
pub const ROOM_WAIT_STEP_MS: u64 = 100;
/// Batches waiting for the commit thread; a writer beyond them waits its turn.
pub const COMMIT_QUEUE_MAX: usize = 256;
/// The commit thread gathers at most this many bytes into one fdatasync.
pub const COMMIT_GROUP_BYTES_MAX: usize = 16 << 20;
/// How far behind a writer's newest sequence another may arrive and still be told from a repeat.
pub const WRITER_WINDOW: u64 = 64;
/// A writer that has sent nothing for this long is forgotten: 7 days, in nanoseconds.
pub const WRITER_IDLE_NANOS_MAX: i64 = 7 * 86_400 * 1_000_000_000;
/// Bytes in the name of a table, column, writer or catalog entry.
pub const NAME_BYTES_MAX: usize = 512;
/// Columns in one table.
pub const COLUMNS_MAX: usize = 4_096;
/// Tables in one data directory.
pub const TABLES_MAX: usize = 100_000;
/// Distinct numbers that a distribution counts one by one; of more it keeps counts by bucket.
pub const DISTRIBUTION_EXACT_VALUES_MAX: usize = 1_024;
/// Buckets that a distribution counts in; with more it goes by a coarser lattice.
pub const DISTRIBUTION_BUCKETS_MAX: usize = 16_384;
/// Numbers of a sample that a lattice is chosen from; of more, evenly spaced ones.
pub const DISTRIBUTION_SAMPLE_MAX: usize = 65_536;
/// Categories that a distribution names; the others are counted together.
pub const DISTRIBUTION_CATEGORIES_MAX: usize = 65_536;
/// Flushed segments smaller than this share one file.
pub const SHARED_SEGMENT_BYTES_MAX: usize = 4 << 20;
/// After so many seconds without a write the memtables are flushed, if they hold [`IDLE_FLUSH_BYTES_MIN`].
pub const IDLE_FLUSH_SECONDS: u64 = 60;
/// Bytes of memtables that are worth a flush although nothing demands one: 8 MiB.
pub const IDLE_FLUSH_BYTES_MIN: usize = 8 << 20;
/// Flushed segments of a partition at which they are compacted.
pub const COMPACTION_RUNS_MAX: usize = 8;
/// How often the compaction thread looks for partitions that have become quiet, in seconds.
pub const COMPACTION_IDLE_CHECK_SECONDS: u64 = 60;
/// After so long without a write, what is small is compacted too: 10 minutes, in nanoseconds.
pub const QUIET_NANOS: i64 = 600 * 1_000_000_000;
/// Row groups encoded at once, whatever the machine has.
pub const THREADS_MAX: usize = 8;
/// Bytes that a backup or a restore copies at a time: 4 MiB.
pub const COPY_CHUNK_BYTES: usize = 4 << 20;
/// Damaged places that a look over a whole directory names one by one.
pub const DAMAGE_NAMED_MAX: usize = 10_000;
/// Bytes kept on the disk for the day it is full: 16 MiB.
pub const RESERVE_BYTES: usize = 16 << 20;
/// A level-1 run ends at the next cell once it has this many bytes: 256 MiB.
pub const RUN_BYTES_MAX: u64 = 256 << 20;
/// Flushed segments that one compaction takes, unless a single flush wrote more.
pub const COMPACTION_INPUTS_MAX: usize = 16;
/// Bytes of flushed segments that one compaction takes, unless a single flush wrote more: 1 GiB.
pub const COMPACTION_BYTES_MAX: u64 = 1 << 30;
/// Small tables that are compacted together, into one file and with one manifest.
pub const COMPACTION_JOBS_MAX: usize = 1_024;
/// Bytes of flushed segments and runs of small tables that are compacted together: 32 MiB.
pub const COMPACTION_SHARED_BYTES_MAX: u64 = 32 << 20;
/// A run is rewritten where those of its file that are in use are less than one in so many bytes of the file.
pub const COMPACTION_SPARSE_SHARE: u64 = 4;
/// Decoded bytes of one interval that compaction sorts anew in memory where widths differ: 128 MiB. Larger intervals
/// keep the width they have.
pub const COMPACTION_SORT_BYTES_MAX: u64 = 128 << 20;
/// Rows from which on a cell, or the smaller cells of an interval together, have a summary: 1,024.
pub const SUMMARY_ROWS_MIN: usize = 1_024;
/// Distinct values of a TEXT or BOOLEAN field without a meaning; with more in a segment it has no summaries there.
pub const SUMMARY_FIELD_CATEGORIES_MAX: usize = 64;
/// The same for one with a meaning.
pub const SUMMARY_CATEGORIES_MAX: usize = 1_024;
/// Bytes of the summaries of one column of a segment, before zstd: 32 MiB. With more the column has none.
pub const SUMMARY_COLUMN_BYTES_MAX: usize = 32 << 20;
/// Parts of the condition of a DELETE.
pub const PREDICATE_NODES_MAX: usize = 100_000;
/// How deep the parts of a condition lie within each other.
pub const PREDICATE_DEPTH_MAX: usize = 64;
/// Bytes of one compressed piece that a look for a text unpacks: 256 MiB.
pub const INSPECTED_FRAME_BYTES_MAX: u64 = 256 << 20;
/// Things in the ledger of what was erased.
pub const LEDGER_ENTRIES_MAX: usize = 1_000_000;
/// Backups that a database knows, so that it can tell them what was erased.
pub const BACKUPS_KNOWN_MAX: usize = 1_024;
/// How often a change of a table's columns has deletes flushed before it gives up.
pub const ALTER_FLUSHES_MAX: usize = 4;
/// Changes in one write batch.
pub const CHANGES_MAX: usize = 1_024;
/// Bytes of one block of a patch file: 256 MiB.
pub const PATCH_BLOCK_BYTES_MAX: u64 = 256 << 20;
/// Series up to which a read looks each up in the cells of an interval; with more it looks through all cells.
pub const SERIES_SOUGHT_MAX: u64 = 32;
/// Labels that one range of a block of them holds: 1,048,576. Where rows were corrected more often it is cut.
pub const LABEL_RANGE_ENTRIES_MAX: usize = 1 << 20;
/// Labels, and predictions, of one model that are told apart where labels are counted; with more only rows are.
pub const LABEL_CLASSES_MAX: usize = 64;
/// Bytes of a label or prediction that is told apart from others where labels are counted.
pub const LABEL_CLASS_BYTES_MAX: usize = 256;
/// Bytes of the counts of one block of labels: 16 MiB.
pub const LABEL_COUNTS_BYTES_MAX: usize = 16 << 20;
/// Bytes at which a block of labels ends and another begins: 64 MiB.
pub const LABEL_BLOCK_BYTES_MIN: usize = 64 << 20;
