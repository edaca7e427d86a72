//! Templates that users write: the subject of a mail, the body of a short message.

use std::io;

use driftline_query::alert::Message;
use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::{Value, json};

use super::{times, words};

/// Steps of a template: a loop in a loop over all alerts ends here, not in a hung notifier.
const STEPS_MAX: u64 = 100_000;
/// Bytes that a template may write.
const BYTES_MAX: usize = 64 * 1024;

/// Fills in a template. It knows `title`, `text` (one line), `status`, `late`, `group`, and of the first alert `alert`,
/// `severity`, `model`, `value`, `threshold`, `statistic`, `window`, `labels`, `annotations`; of all of them `alerts`;
/// and what `more` gives it, which goes before. The filters `tojson` and `urlencode` are there; nothing is escaped by
/// itself.
///
/// # Errors
/// Where in the template what is wrong.
pub(super) fn render(template: &str, message: &Message, more: &[(&str, &str)]) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(STEPS_MAX));
    let mut values = values(message);
    for (name, value) in more {
        values[*name] = json!(value);
    }
    let mut text = Limited(Vec::new());
    let done = environment
        .template_from_named_str("template", template)
        .and_then(|template| template.render_captured_to(Serde(values), &mut text).map(drop));
    done.map_err(|error| error.to_string())?;
    String::from_utf8(text.0).map_err(|error| error.to_string())
}

fn values(message: &Message) -> Value {
    let notice = message.alerts.first();
    json!({
        "title": words::title(message),
        "text": words::message_line(message),
        "status": message.status.name(),
        "late": message.late,
        "group": message.group,
        "alerts": message.alerts,
        "alert": notice.map(|notice| &notice.alert),
        "severity": notice.map(|notice| notice.severity.name()),
        "model": notice.and_then(|notice| notice.model.as_ref()),
        "value": notice.and_then(|notice| notice.value),
        "threshold": notice.and_then(|notice| notice.threshold),
        "statistic": notice.and_then(|notice| notice.statistic.as_ref()),
        "window": notice.map(|notice| times::window(notice.window_start, notice.window_end)),
        "labels": notice.map(|notice| &notice.labels),
        "annotations": notice.map(|notice| &notice.annotations),
    })
}

/// Takes so much and no more.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > BYTES_MAX {
            return Err(io::Error::other(format!("the template writes more than {BYTES_MAX} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
