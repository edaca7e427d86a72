//! A mail: plain text and HTML, in one thread with all mails about the same alert.

use std::time::{Duration, SystemTime};

use driftline_query::alert::{Notice, Status, options};
use lettre::Message as Mail;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};

use super::request::Context;
use super::{SendError, cut, template, words};

/// Characters of a subject.
const SUBJECT_CHARS_MAX: usize = 200;
/// Characters of one text.
const TEXT_CHARS_MAX: usize = 4000;
/// Characters of an id within a header.
const ID_CHARS_MAX: usize = 60;
/// Threads that one mail joins.
const REFERENCES_MAX: usize = 10;

/// The mail.
///
/// # Errors
/// An option is missing or wrong, or the template is.
pub(super) fn mail(context: &Context<'_>) -> Result<Mail, SendError> {
    let from = mailbox(context, "from", context.needed("from")?)?;
    let domain = from.email.domain().to_owned();
    let mut mail = Mail::builder().from(from).subject(subject(context)?);
    for to in options::list(context.needed("recipients")?) {
        mail = mail.to(mailbox(context, "recipients", to)?);
    }
    let parts = MultiPart::alternative()
        // Of its own id: a library would draw one, and the same message would be another mail each time.
        .boundary(format!("driftline-{}", id(&context.message.id)))
        .singlepart(SinglePart::plain(text(context)))
        .singlepart(SinglePart::html(html(context)));
    headed(mail, context, &domain).multipart(parts).map_err(|error| {
        SendError::Refused(format!("notifier {}: no mail can be made: {error}", context.notifier.name))
    })
}

fn headed(mail: MessageBuilder, context: &Context<'_>, domain: &str) -> MessageBuilder {
    let message = context.message;
    // Each alert's fingerprint is the root of its thread, though no mail has that id.
    let roots = message.alerts.iter().take(REFERENCES_MAX);
    let roots: Vec<String> =
        roots.map(|notice| format!("<{}.alert@{domain}>", id(&notice.fingerprint))).collect();
    let name = &context.notifier.name;
    let list = format!("<{}.driftline.{domain}>", id(name));
    let raw =
        |name: &'static str, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
    mail.message_id(Some(format!("<{}.message@{domain}>", id(&message.id))))
        .in_reply_to(roots.first().cloned().unwrap_or_default())
        .references(roots.join(" "))
        .date(date(context.now))
        .raw_header(raw("List-Id", list))
        // Nobody's holiday notice answers an alert.
        .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
}

fn date(now: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(now.max(0).cast_unsigned())
}

fn mailbox(context: &Context<'_>, option: &str, text: &str) -> Result<Mailbox, SendError> {
    text.parse().map_err(|error| {
        let notifier = &context.notifier.name;
        SendError::Refused(format!(
            "notifier {notifier}: option {option}: {text:?} is no mail address ({error})"
        ))
    })
}

fn subject(context: &Context<'_>) -> Result<String, SendError> {
    let title = words::title(context.message);
    let subject = match context.option("subject") {
        Some(subject) => template::render(subject, context.message, &[]).map_err(|error| {
            SendError::Refused(format!("notifier {}: option subject: {error}", context.notifier.name))
        })?,
        None => title.clone(),
    };
    let subject = cut::chars(&cut::line(&subject), SUBJECT_CHARS_MAX);
    // A template may write nothing where a label is missing; a mail without subject looks like spam.
    Ok(if subject.is_empty() { title } else { subject })
}

/// What may stand in an id: all else becomes `_`.
fn id(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    text.chars().take(ID_CHARS_MAX).map(plain).collect()
}

fn detailed(context: &Context<'_>) -> bool {
    context.option("include_details") != Some("false")
}

fn texts(notice: &Notice) -> impl Iterator<Item = String> {
    words::texts(notice).into_iter().map(|text| cut::chars(&text, TEXT_CHARS_MAX))
}

fn text(context: &Context<'_>) -> String {
    let message = context.message;
    let shown = message.alerts.iter().take(words::ALERTS_SHOWN_MAX);
    let parts = shown.map(|notice| alert_text(notice, message.alerts.len() == 1, detailed(context)));
    let parts = std::iter::once(words::title(message)).chain(words::notes(message)).chain(parts);
    parts.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn alert_text(notice: &Notice, alone: bool, detailed: bool) -> String {
    let title = (!alone).then(|| words::notice_title(notice));
    let links = words::links(notice).into_iter().map(|link| format!("{}: {}", link.text, link.url));
    let facts = words::facts(notice).into_iter().map(|(name, value)| format!("{name}: {value}"));
    let evidence = words::evidence(notice);
    let head = (!evidence.is_empty()).then(|| "Evidence:".to_owned());
    let details = facts.chain(head).chain(evidence.into_iter().map(|row| format!("  {row}")));
    let details = details.filter(|_| detailed);
    title.into_iter().chain(texts(notice)).chain(links).chain(details).collect::<Vec<_>>().join("\n")
}

fn html(context: &Context<'_>) -> String {
    let message = context.message;
    let shown = message.alerts.iter().take(words::ALERTS_SHOWN_MAX);
    let alerts: String =
        shown.map(|notice| alert_html(notice, message.alerts.len() == 1, detailed(context))).collect();
    let notes: String =
        words::notes(message).iter().map(|note| format!("<p><em>{}</em></p>\n", escape(note))).collect();
    let (title, color) = (escape(&words::title(message)), color(message.status));
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body style=\"font-family:sans-serif\">\n\
         <h2 style=\"border-left:6px solid {color};padding-left:10px\">{title}</h2>\n{notes}{alerts}</body></html>\n"
    )
}

fn alert_html(notice: &Notice, alone: bool, detailed: bool) -> String {
    let title =
        if alone { String::new() } else { format!("<h3>{}</h3>\n", escape(&words::notice_title(notice))) };
    let texts: String =
        texts(notice).map(|text| format!("<p>{}</p>\n", escape(&text).replace('\n', "<br>"))).collect();
    let link =
        |link: &words::Link| format!("<p><a href=\"{}\">{}</a></p>\n", escape(&link.url), escape(&link.text));
    let links: String = words::links(notice).iter().map(link).collect();
    let details = if detailed { details_html(notice) } else { String::new() };
    format!("{title}{texts}{links}{details}")
}

fn details_html(notice: &Notice) -> String {
    let row = |(name, value): (&str, String)| {
        format!("<tr><th align=\"left\">{}</th><td>{}</td></tr>\n", escape(name), escape(&value))
    };
    let facts: String = words::facts(notice).into_iter().map(row).collect();
    let evidence = words::evidence(notice);
    let evidence = match evidence.is_empty() {
        true => String::new(),
        false => format!("<p>Evidence:</p>\n<pre>{}</pre>\n", escape(&evidence.join("\n"))),
    };
    format!("<table cellpadding=\"4\">\n{facts}</table>\n{evidence}")
}

fn color(status: Status) -> &'static str {
    match status {
        Status::Firing => "#c62828",
        Status::NoData | Status::Error => "#ef6c00",
        Status::Resolved => "#2e7d32",
        Status::Test => "#1565c0",
    }
}

fn escape(text: &str) -> String {
    cut::escaped(text, usize::MAX, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
