//! How far long work is.

/// What is being worked on, and how many bytes of all are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file at hand.
    pub what: &'a str,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all, as far as they are known.
    pub total: u64,
}

/// Who is told.
pub type Report<'a> = dyn FnMut(Progress<'_>) + 'a;

/// Counts what is done and tells of it.
pub(super) struct Meter<'a> {
    report: &'a mut Report<'a>,
    done: u64,
    total: u64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(report: &'a mut Report<'a>, total: u64) -> Self {
        Self { report, done: 0, total }
    }

    /// More of `what` is done.
    pub(super) fn add(&mut self, what: &str, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        (self.report)(Progress { what, done: self.done, total: self.total.max(self.done) });
    }
}
