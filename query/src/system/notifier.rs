//! `system.notifiers`.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;

use super::build::{boolean, json, rows, text, time};
use crate::alert::{Notifier, options};
use crate::error::Result;
use crate::statement::watch::print;

/// The columns of `system.notifiers`; `options` is JSON, with `***` for what is secret there and in `statement`.
pub(super) const NOTIFIERS: [&str; 6] = ["name", "kind", "enabled", "options", "created_at", "statement"];

/// One row a notifier.
pub(super) fn notifiers(all: &[Notifier]) -> Result<RecordBatch> {
    rows(
        &NOTIFIERS,
        vec![
            text(all.iter().map(|notifier| &notifier.name)),
            text(all.iter().map(|notifier| notifier.kind.name())),
            boolean(all.iter().map(|notifier| notifier.enabled)),
            json(all.iter().map(shown))?,
            time(all.iter().map(|notifier| Some(notifier.created_at))),
            text(all.iter().map(print::notifier)),
        ],
    )
}

fn shown(notifier: &Notifier) -> BTreeMap<&str, &str> {
    let shown = |(name, value)| {
        let name: &String = name;
        let value: &String = value;
        (name.as_str(), if options::is_secret(notifier.kind, name) { print::HIDDEN } else { value.as_str() })
    };
    notifier.options.iter().map(shown).collect()
}
