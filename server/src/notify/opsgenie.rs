//! OpsGenie, and what speaks its API: an alert each, found again by its fingerprint as alias.

use driftline_query::alert::{Notice, Severity, Status, options};
use serde_json::{Map, Value, json};

use super::SendError;
use super::request::{Context, Request, below};
use super::{cut, times, words};

const URL: &str = "https://api.opsgenie.com";
/// Said to be where alerts come from.
const SOURCE: &str = "Driftline";
/// Characters of a message.
const MESSAGE_CHARS_MAX: usize = 130;
/// Characters of an alias: what older installations take.
const ALIAS_CHARS_MAX: usize = 250;
/// Characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 15_000;
/// Characters of an entity.
const ENTITY_CHARS_MAX: usize = 512;
/// Characters of a note.
const NOTE_CHARS_MAX: usize = 25_000;
/// Tags of an alert, and characters of one.
const TAGS_MAX: usize = 20;
const TAG_CHARS_MAX: usize = 50;
/// Characters of all names and values of the details together.
const DETAILS_CHARS_MAX: usize = 8000;
/// Characters of one of them.
const DETAIL_CHARS_MAX: usize = 1000;

/// One request an alert.
///
/// # Errors
/// An option is missing or wrong.
pub(super) fn requests(context: &Context<'_>) -> Result<Vec<Request>, SendError> {
    let base = context.address("url", Some(URL))?;
    let key = format!("GenieKey {}", context.needed("api_key")?);
    let request = |notice: &Notice| match notice.status {
        Status::Resolved => close(base.clone(), notice),
        _ => Request::json(below(base.clone(), &["v2", "alerts"]), &create(context, notice)),
    };
    Ok(context
        .message
        .alerts
        .iter()
        .map(|notice| request(notice).header("authorization", key.clone()))
        .collect())
}

fn close(base: url::Url, notice: &Notice) -> Request {
    let mut url = below(base, &["v2", "alerts", &alias(notice), "close"]);
    url.set_query(Some("identifierType=alias"));
    let note = cut::chars(&description(notice), NOTE_CHARS_MAX);
    Request::json(url, &json!({"source": SOURCE, "note": note}))
}

fn create(context: &Context<'_>, notice: &Notice) -> Value {
    let mut alert = json!({
        "message": cut::chars(&words::notice_title(notice), MESSAGE_CHARS_MAX),
        "alias": alias(notice),
        "description": cut::chars(&description(notice), DESCRIPTION_CHARS_MAX),
        "tags": tags(context, notice),
        "details": details(notice),
        "source": SOURCE,
        "priority": priority(notice),
    });
    if let Some(model) = &notice.model {
        alert["entity"] = json!(cut::chars(model, ENTITY_CHARS_MAX));
    }
    let responders = options::list(context.option("responders").unwrap_or_default());
    if !responders.is_empty() {
        alert["responders"] = responders.into_iter().filter_map(responder).collect();
    }
    let notes = words::notes(context.message);
    if context.message.late && !notes.is_empty() {
        alert["note"] = json!(notes.join(" "));
    }
    alert
}

/// `user:ada@example.com`: users go by their user name, all others by their name.
fn responder(text: &str) -> Option<Value> {
    let (kind, name) = text.split_once(':')?;
    let field = if kind == "user" { "username" } else { "name" };
    Some(json!({"type": kind, field: name.trim()}))
}

fn alias(notice: &Notice) -> String {
    cut::chars(&notice.fingerprint, ALIAS_CHARS_MAX)
}

fn description(notice: &Notice) -> String {
    let facts = words::facts(notice).into_iter().map(|(name, value)| format!("{name}: {value}"));
    let links = words::links(notice).into_iter().map(|link| format!("{}: {}", link.text, link.url));
    let evidence = words::evidence(notice);
    words::texts(notice).into_iter().chain(facts).chain(links).chain(evidence).collect::<Vec<_>>().join("\n")
}

fn tags(context: &Context<'_>, notice: &Notice) -> Vec<String> {
    let own = options::list(context.option("tags").unwrap_or_default());
    let ours = [notice.severity.name(), notice.status.name()];
    own.into_iter().chain(ours).take(TAGS_MAX).map(|tag| cut::chars(tag, TAG_CHARS_MAX)).collect()
}

/// Texts only, as OpsGenie wants them; what no longer fits is left out.
fn details(notice: &Notice) -> Value {
    let own = notice.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
    let window = [notice.window_start, notice.window_end].map(times::rfc3339);
    let ours =
        [("alert_id", notice.id.clone()), ("window", window.join("/")), ("query", notice.query.clone())];
    let mut room = DETAILS_CHARS_MAX;
    let mut details = Map::new();
    for (name, value) in ours.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(own) {
        let value = cut::chars(&value, DETAIL_CHARS_MAX);
        let chars = name.chars().count() + value.chars().count();
        if chars <= room {
            room -= chars;
            details.insert(name, value.into());
        }
    }
    Value::Object(details)
}

fn priority(notice: &Notice) -> &'static str {
    match (notice.status, notice.severity) {
        (Status::Test, _) => "P5",
        (_, Severity::Critical) => "P1",
        (_, Severity::High) => "P2",
        (_, Severity::Medium) => "P3",
        (_, Severity::Low) => "P4",
    }
}

#[cfg(test)]
mod tests;
