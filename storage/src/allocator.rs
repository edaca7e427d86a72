//! What the engine asks of the allocator.

use std::hint::black_box;

use crate::limits::FREED_BYTES_KEPT;

/// Lets freed memory stay with the process, up to a few MiB.
///
/// Out of the box glibc returns memory to the system once 128 KiB at the end of its heap are free, and takes it again,
/// page fault by page fault, for the next row group: a third of the time of a scan. It learns otherwise from the first
/// large block that is freed: blocks up to that size it keeps from then on, and twice as much at the end. Other
/// allocators make nothing of it. The block is never touched, so it costs no memory.
pub(crate) fn keep_freed_memory() {
    drop(black_box(Vec::<u8>::with_capacity(black_box(FREED_BYTES_KEPT / 2))));
}
