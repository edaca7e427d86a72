//! A gateway for short messages: a request a number, in whatever form the gateway wants.

use driftline_query::alert::options;
use serde_json::json;

use super::request::{Context, Request};
use super::{SendError, cut, template, words};

/// Characters of a text: three short messages in one.
const TEXT_CHARS_MAX: usize = 459;

/// One request a number.
///
/// # Errors
/// An option is missing or wrong, or the template is.
pub(super) fn requests(context: &Context<'_>) -> Result<Vec<Request>, SendError> {
    options::list(context.needed("to")?).into_iter().map(|to| request(context, to)).collect()
}

fn request(context: &Context<'_>, to: &str) -> Result<Request, SendError> {
    let text = cut::chars(&words::message_line(context.message), TEXT_CHARS_MAX);
    let mut request = Request::json(context.address("url", None)?, &json!({"to": to, "text": text}));
    if let Some(kind) = context.option("content_type") {
        request = request.header("content-type", kind);
    }
    if let Some(body) = context.option("body") {
        request.body = body_of(context, body, to, &text)?.into_bytes();
    }
    request.signed_in(context).customized(context)
}

fn body_of(context: &Context<'_>, body: &str, to: &str, text: &str) -> Result<String, SendError> {
    let refuse =
        |error| SendError::Refused(format!("notifier {}: option body: {error}", context.notifier.name));
    let filled = template::render(body, context.message, &[("to", to), ("text", text)]).map_err(refuse)?;
    let json = context.option("content_type").is_none_or(|kind| kind.contains("json"));
    // A quote in a summary would otherwise end the text, and could add fields of its own.
    if json && serde_json::from_str::<serde::de::IgnoredAny>(&filled).is_err() {
        return Err(refuse(
            "what it gives is not JSON; write {\"text\": {{ text | tojson }}}, or say what it is by content_type"
                .to_owned(),
        ));
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
