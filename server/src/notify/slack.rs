//! Slack: an incoming webhook, or `chat.postMessage` where a bot's token chooses the channel.
//!
//! Links stand in the text, not on buttons: a click on a button calls the app back, which a webhook has no answer to.

use driftline_query::alert::options::{self, Mention};
use driftline_query::alert::{Message, Notice, Status};
use serde_json::{Value, json};

use super::SendError;
use super::request::{Context, Request, Taken};
use super::{cut, words};

const API_URL: &str = "https://slack.com/api/chat.postMessage";
/// Characters of a header block.
const HEADER_CHARS_MAX: usize = 150;
/// Characters of the text of a section, a context or the fallback.
const TEXT_CHARS_MAX: usize = 3000;
/// Characters of a field of a section.
const FIELD_CHARS_MAX: usize = 2000;
/// Fields of a section.
const FIELDS_MAX: usize = 10;
/// Blocks of a message.
const BLOCKS_MAX: usize = 50;
/// Characters of one paragraph: none of them pushes out the others.
const PARAGRAPH_CHARS_MAX: usize = 800;
/// Longer addresses are not linked: cut they would lead elsewhere.
const LINK_CHARS_MAX: usize = 500;

/// One request.
///
/// # Errors
/// An option is missing or wrong.
pub(super) fn requests(context: &Context<'_>) -> Result<Vec<Request>, SendError> {
    let mut body = body(context);
    let Some(token) = context.option("token") else {
        return Ok(vec![Request::json(context.address("url", None)?, &body)]);
    };
    body["channel"] = json!(context.needed("channel")?);
    body["unfurl_links"] = json!(false);
    let request = Request::json(context.address("api_url", Some(API_URL))?, &body);
    let request = request.header("content-type", "application/json; charset=utf-8");
    let request = request.header("authorization", format!("Bearer {token}"));
    Ok(vec![Request { taken: Taken::SlackOk, ..request }])
}

fn body(context: &Context<'_>) -> Value {
    let message = context.message;
    let title = words::title(message);
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut::chars(&title, HEADER_CHARS_MAX), "emoji": false},
    })];
    let mentions = mentions(context);
    blocks.extend((!mentions.is_empty()).then(|| section(&mentions)));
    for notice in message.alerts.iter().take(words::ALERTS_SHOWN_MAX) {
        blocks.extend(alert(message, notice));
    }
    blocks.extend(words::notes(message).iter().map(|note| small(&escape(note, TEXT_CHARS_MAX))));
    blocks.truncate(BLOCKS_MAX);
    json!({"text": fallback(&mentions, message), "blocks": blocks})
}

/// What notifications and screen readers say.
fn fallback(mentions: &str, message: &Message) -> String {
    let rest = TEXT_CHARS_MAX.saturating_sub(mentions.chars().count() + 1);
    format!("{mentions} {}", escape(&words::message_line(message), rest)).trim().to_owned()
}

fn alert(message: &Message, notice: &Notice) -> Vec<Value> {
    let mut block = section(&text(message, notice));
    let field = |(name, value): (&str, String)| {
        let value = escape(&value, FIELD_CHARS_MAX - name.len() - 3);
        json!({"type": "mrkdwn", "text": format!("*{name}*\n{value}")})
    };
    block["fields"] = words::facts(notice).into_iter().take(FIELDS_MAX).map(field).collect();
    let evidence = words::evidence(notice);
    let evidence = (!evidence.is_empty()).then(|| small(&escape(&evidence.join("\n"), TEXT_CHARS_MAX)));
    std::iter::once(block).chain(evidence).collect()
}

/// Title, texts and links. Texts give way: where there is no room for one, it is left out whole.
fn text(message: &Message, notice: &Notice) -> String {
    // Alone, the header says the title already.
    let alone = message.alerts.len() == 1;
    let title = (!alone).then(|| format!("*{}*", escape(&words::notice_title(notice), PARAGRAPH_CHARS_MAX)));
    let links: Vec<String> = words::links(notice).iter().filter_map(link).collect();
    let links = links.join("  ");
    let mut room = TEXT_CHARS_MAX - links.chars().count();
    let texts = words::texts(notice).into_iter().map(|text| escape(&text, PARAGRAPH_CHARS_MAX));
    let mut parts: Vec<String> = title.into_iter().chain(texts).collect();
    parts.retain(|part| {
        let chars = part.chars().count() + 1;
        let fits = chars <= room;
        room -= if fits { chars } else { 0 };
        fits
    });
    parts.extend((!links.is_empty()).then_some(links));
    // Slack refuses a section without text.
    if parts.is_empty() { escape(&words::one_line(notice), PARAGRAPH_CHARS_MAX) } else { parts.join("\n") }
}

fn link(link: &words::Link) -> Option<String> {
    // A bar ends the address, and `url` leaves it in a query as it is.
    let url = escape(&link.url.replace('|', "%7C"), usize::MAX);
    let text = escape(&link.text, HEADER_CHARS_MAX).replace('|', "/");
    (url.chars().count() <= LINK_CHARS_MAX).then(|| format!("<{url}|{text}>"))
}

/// Nobody is called for what is over.
fn mentions(context: &Context<'_>) -> String {
    if context.message.status == Status::Resolved {
        return String::new();
    }
    let names = options::list(context.option("mention").unwrap_or_default());
    let names = names.into_iter().filter_map(|name| options::mention(name).ok());
    let mention = |mention: Mention<'_>| match mention {
        Mention::User(id) => format!("<@{id}>"),
        Mention::Group(id) => format!("<!subteam^{id}>"),
        Mention::All(word) => format!("<!{word}>"),
    };
    names.map(mention).collect::<Vec<_>>().join(" ")
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

fn small(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]})
}

fn escape(text: &str, chars_max: usize) -> String {
    cut::escaped(text, chars_max, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
