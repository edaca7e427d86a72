//! How far the work is, on standard error; shown on a terminal only, which indicatif sees to.

use driftline_query::storage::Progress;
use indicatif::{ProgressBar, ProgressStyle};

const BAR: &str = "{prefix} {bar:30} {bytes}/{total_bytes}, {eta} left, {msg}";

/// A bar that is gone when the work is.
pub struct Bar(ProgressBar);

impl Bar {
    pub fn new(what: &'static str) -> Self {
        let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(0).with_style(style).with_prefix(what))
    }

    pub fn show(&self, progress: Progress<'_>) {
        self.0.set_length(progress.total);
        self.0.set_position(progress.done);
        self.0.set_message(progress.what.to_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
