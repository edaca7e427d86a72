//! How far a replay is, on standard error: a bar on a terminal, else a line now and then.

use std::io::IsTerminal;
use std::time::Instant;

use driftline_client::Progress;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

/// Lines printed where there is no terminal.
const LINES: u64 = 10;
const BAR: &str = "{prefix} {bar:30} {human_pos}/{human_len} rows, {msg}";

/// The bar or the lines of one replay. Rows count when the server has acknowledged them.
pub struct Meter {
    what: String,
    rows: u64,
    before: u64,
    started: Instant,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { next: u64 },
}

impl Meter {
    /// A replay of `rows` rows, of which `before` were there already.
    pub fn new(what: &str, rows: u64, before: u64) -> Self {
        let shown =
            if std::io::stderr().is_terminal() { bar(what, rows) } else { Shown::Lines { next: before } };
        Self { what: what.to_owned(), rows, before, started: Instant::now(), shown }
    }

    /// Shows what has been acknowledged.
    pub fn update(&mut self, acked: Progress) {
        let done = self.before.saturating_add(acked.rows);
        let text = self.text(acked);
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(text);
            }
            Shown::Lines { next } if done >= *next => {
                *next = done.saturating_add((self.rows / LINES).max(1));
                eprintln!("{}: {}/{} rows, {text}", self.what, HumanCount(done), HumanCount(self.rows));
            }
            Shown::Lines { .. } => {}
        }
    }

    /// The last figures, which stay.
    pub fn finish(mut self, acked: Progress) {
        if let Shown::Lines { next } = &mut self.shown {
            *next = 0;
        }
        self.update(acked);
        if let Shown::Bar(bar) = self.shown {
            bar.abandon();
        }
    }

    fn text(&self, acked: Progress) -> String {
        let per_second = acked.rows as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        let (rate, batches) = (HumanCount(per_second as u64), HumanCount(acked.batches));
        format!("{rate} rows/s, {batches} batches acknowledged")
    }
}

fn bar(what: &str, rows: u64) -> Shown {
    let bar = ProgressBar::new(rows).with_prefix(what.to_owned());
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("━╸ "));
    Shown::Bar(bar)
}
