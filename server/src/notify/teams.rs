//! Microsoft Teams: an adaptive card, posted by a workflow that takes what it is sent.

use driftline_query::alert::{Message, Notice, Severity, Status};
use serde_json::{Value, json};

use super::SendError;
use super::request::{Context, Request};
use super::{cut, words};

/// Bytes of a message: Teams takes 28 KB, and says so only by not showing it.
const BODY_BYTES_MAX: usize = 27_000;
/// Characters of one text.
const TEXT_CHARS_MAX: usize = 2000;
/// Buttons of a card.
const ACTIONS_MAX: usize = 4;

/// One request.
///
/// # Errors
/// An option is missing or wrong.
pub(super) fn requests(context: &Context<'_>) -> Result<Vec<Request>, SendError> {
    let url = context.address("url", None)?;
    let mut shown = words::ALERTS_SHOWN_MAX.min(context.message.alerts.len());
    let mut body = body(context.message, shown);
    while shown > 0 && body.to_string().len() > BODY_BYTES_MAX {
        shown /= 2;
        body = self::body(context.message, shown);
    }
    Ok(vec![Request::json(url, &body)])
}

fn body(message: &Message, shown: usize) -> Value {
    let mut blocks = vec![json!({
        "type": "TextBlock", "text": plain(&words::title(message)), "wrap": true,
        "size": "Large", "weight": "Bolder", "color": color(message),
    })];
    let notices = message.alerts.iter().take(shown);
    blocks.extend(notices.clone().flat_map(|notice| alert(message, notice)));
    blocks.extend(notes(message, shown).iter().map(|note| small(note, "Default")));
    let links = notices.flat_map(words::links).take(ACTIONS_MAX);
    let actions: Vec<Value> =
        links.map(|link| json!({"type": "Action.OpenUrl", "title": link.text, "url": link.url})).collect();
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard", "version": "1.4", "body": blocks, "msteams": {"width": "full"},
    });
    if !actions.is_empty() {
        card["actions"] = actions.into();
    }
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card,
    });
    json!({"type": "message", "attachments": [attachment]})
}

fn alert(message: &Message, notice: &Notice) -> Vec<Value> {
    let text =
        |text: &str, weight| json!({"type": "TextBlock", "text": text, "wrap": true, "weight": weight});
    let title = (message.alerts.len() > 1).then(|| text(&plain(&words::notice_title(notice)), "Bolder"));
    let texts = words::texts(notice).into_iter().map(|words| text(&plain(&words), "Default"));
    let facts: Vec<Value> = words::facts(notice)
        .into_iter()
        .map(|(name, value)| json!({"title": name, "value": plain(&value)}))
        .collect();
    let evidence = words::evidence(notice).into_iter().map(|row| small(&row, "Monospace"));
    let facts = json!({"type": "FactSet", "facts": facts});
    title.into_iter().chain(texts).chain([facts]).chain(evidence).collect()
}

fn notes(message: &Message, shown: usize) -> Vec<String> {
    let left_out = message.alerts.len().min(words::ALERTS_SHOWN_MAX) - shown;
    let left_out = (left_out > 0).then(|| format!("{left_out} alerts are too long to be shown."));
    words::notes(message).into_iter().chain(left_out).collect()
}

fn small(text: &str, font: &str) -> Value {
    json!({"type": "TextBlock", "text": plain(text), "wrap": true, "isSubtle": true, "size": "Small", "fontType": font})
}

/// Texts are filled in with data, and Teams reads them as Markdown: a link in it could hide where it leads.
fn plain(text: &str) -> String {
    cut::chars(text, TEXT_CHARS_MAX).replace("](", "] (")
}

fn color(message: &Message) -> &'static str {
    let worst = message.alerts.iter().map(|notice| notice.severity).max();
    match (message.status, worst) {
        (Status::Firing, Some(Severity::High | Severity::Critical)) => "Attention",
        (Status::Firing | Status::NoData | Status::Error, _) => "Warning",
        (Status::Resolved, _) => "Good",
        (Status::Test, _) => "Accent",
    }
}

#[cfg(test)]
mod tests;
