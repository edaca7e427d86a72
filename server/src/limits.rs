//! Every limit of the server, by name.

use std::time::Duration;

use driftline_query::storage::limits::BATCH_BYTES_MAX;

/// Bytes that a batch's message may have beyond its rows: names, numbers, framing.
pub const MESSAGE_SLACK_BYTES: usize = 1 << 20;
/// The largest message that either service reads.
pub const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX + MESSAGE_SLACK_BYTES;
/// Parts of one batch.
pub const PARTS_MAX: usize = 1_024;
/// Rows of one batch: each has at least an eight-byte time or key, so more cannot fit into `BATCH_BYTES_MAX`. It
/// holds back columns that take no bytes a row (nulls, run ends).
pub const BATCH_ROWS_MAX: u64 = BATCH_BYTES_MAX as u64 / 8;
/// Bytes of one batch once dictionaries and shared strings are written out, so that a small message cannot ask for
/// more memory than there is.
pub const EXPANDED_BYTES_MAX: u64 = 4 * BATCH_BYTES_MAX as u64;
/// Batches a client may have sent and not seen acknowledged.
pub const IN_FLIGHT_MAX: u32 = 16;
/// Batches of one stream decoded while an earlier one is being written.
pub const DECODE_AHEAD: usize = 2;
/// Prepared statements open at a time, and likewise tickets not yet fetched; the one used longest ago makes room.
pub const STATEMENTS_MAX: usize = 1_024;
/// Rows of parameters bound to one statement.
pub const PARAMETER_ROWS_MAX: usize = 65_536;
/// Messages of an answer that wait for a slow client.
pub const ANSWER_MESSAGES_MAX: usize = 2;
/// Bytes of an error's message: it travels in a header, and some clients take 8 KiB of those together.
pub const STATUS_BYTES_MAX: usize = 2_048;
/// How long a stopping server waits for what is in flight.
pub const DRAIN: Duration = Duration::from_secs(20);
