//! What the value of an option must be, and what it says. Errors go on after `option x "value"`.

use std::time::Duration;

use url::Url;

/// Judges a value.
pub(super) type Check = fn(&str) -> Result<(), String>;

/// The longest value: a template or a handful of headers, not a document.
const VALUE_CHARS_MAX: usize = 4096;
/// The longest that one request may take: a notifier that hangs holds its queue.
const TIMEOUT_MAX: Duration = Duration::from_secs(120);
/// The shortest: below it a TLS handshake around the world fails.
const TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// The most messages a minute.
const RATE_MAX: u32 = 6000;
/// The most items of a list: recipients, numbers, tags.
const LIST_MAX: usize = 50;
/// The most secrets that sign at once: the old one and the new one, and a few forgotten.
const SECRETS_MAX: usize = 5;
/// Bytes of a signing secret, as Standard Webhooks asks.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Headers that say how the message is framed; set twice they would let one request look like two.
const FRAMING_HEADERS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

/// The items of a list with commas, trimmed, empty ones left out.
pub fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// A duration such as `30s`, `1500 ms`, `2 minutes`.
///
/// # Errors
/// It is none; the text says what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    let error = || "is no duration; write a whole number and a unit: '30s', '500 ms', '2 minutes'".to_owned();
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| error())?;
    let ms = match unit.trim() {
        "ms" | "millisecond" | "milliseconds" => 1,
        "s" | "second" | "seconds" => 1000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        _ => return Err(error()),
    };
    number.checked_mul(ms).map(Duration::from_millis).ok_or_else(error)
}

/// `Name: value` lines, separated by newlines or semicolons. A value cannot hold a semicolon.
///
/// # Errors
/// A line is none, or sets a header that is not free.
pub fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let lines = text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty());
    let headers: Vec<_> = lines.map(header).collect::<Result<_, _>>()?;
    if headers.len() > LIST_MAX {
        return Err(format!("has more than {LIST_MAX} headers"));
    }
    Ok(headers)
}

fn header(line: &str) -> Result<(String, String), String> {
    let shape =
        || "must be lines 'Name: value', separated by newlines or ';': 'X-Team: ml; X-Env: prod'".to_owned();
    let (name, value) = line.split_once(':').ok_or_else(shape)?;
    let (name, value) = (name.trim(), value.trim());
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(shape());
    }
    if !value.bytes().all(|b| b == b'\t' || (b' '..0x7f).contains(&b)) {
        return Err(format!("has a header {name} whose value is not plain ASCII"));
    }
    if FRAMING_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(format!("sets the header {name}, which belongs to the connection: leave it out"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Whom a Slack mention means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention<'a> {
    /// A user, such as `U012AB3CD`.
    User(&'a str),
    /// A user group, such as `S012AB3CD`.
    Group(&'a str),
    /// `here`, `channel` or `everyone`.
    All(&'a str),
}

/// Reads one mention; a leading `@` is taken too.
///
/// # Errors
/// It is none: Slack knows people by id, not by name.
pub fn mention(text: &str) -> Result<Mention<'_>, String> {
    let name = text.trim_start_matches('@');
    let id = name.len() >= 2 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match name {
        "here" | "channel" | "everyone" => Ok(Mention::All(name)),
        _ if id && name.starts_with(['U', 'W']) => Ok(Mention::User(name)),
        _ if id && name.starts_with('S') => Ok(Mention::Group(name)),
        _ => Err("must list ids as Slack shows them under a profile, not names: 'U012AB3CD' (a user), 'S012AB3CD' \
                  (a group), 'here' or 'channel'"
            .to_owned()),
    }
}

pub(super) fn mentions(text: &str) -> Result<(), String> {
    items(text)?.into_iter().try_for_each(|item| mention(item).map(drop))
}

pub(super) fn header_lines(text: &str) -> Result<(), String> {
    bounded(text)?;
    headers(text).map(drop)
}

pub(super) fn flag(text: &str) -> Result<(), String> {
    one_of(text, &["true", "false"])
}

pub(super) fn method(text: &str) -> Result<(), String> {
    one_of(text, &["POST", "PUT"])
}

pub(super) fn tls(text: &str) -> Result<(), String> {
    one_of(text, &["starttls", "tls", "none"])
}

pub(super) fn body(text: &str) -> Result<(), String> {
    one_of(text, &["alertmanager"])
}

fn one_of(text: &str, words: &[&str]) -> Result<(), String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    check(words.contains(&text), || format!("must be {}", quoted.join(" or ")))
}

pub(super) fn rate(text: &str) -> Result<(), String> {
    let fits = text.parse().is_ok_and(|rate: u32| (1..=RATE_MAX).contains(&rate));
    check(fits, || format!("must be messages a minute, 1 to {RATE_MAX}"))
}

pub(super) fn port(text: &str) -> Result<(), String> {
    check(text.parse().is_ok_and(|port: u16| port > 0), || "must be a port, 1 to 65535: '587'".to_owned())
}

pub(super) fn timeout(text: &str) -> Result<(), String> {
    let fits = (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&duration(text)?);
    let (least, most) = (TIMEOUT_MIN.as_secs(), TIMEOUT_MAX.as_secs());
    check(fits, || format!("must be from {least} s to {most} s"))
}

pub(super) fn text(text: &str) -> Result<(), String> {
    bounded(text)?;
    check(!text.trim().is_empty(), || "must not be empty".to_owned())?;
    check(!text.contains(char::is_control), || "must be one line without control characters".to_owned())
}

/// What goes into a header as it is.
pub(super) fn token(text: &str) -> Result<(), String> {
    bounded(text)?;
    let plain = !text.is_empty() && text.bytes().all(|b| (b' '..0x7f).contains(&b));
    check(plain, || "must be plain ASCII on one line and not empty".to_owned())
}

pub(super) fn template(text: &str) -> Result<(), String> {
    bounded(text)?;
    check(!text.trim().is_empty(), || "must not be empty".to_owned())
}

pub(super) fn web_address(text: &str) -> Result<(), String> {
    bounded(text)?;
    let error =
        || "must be an address with http:// or https:// and a host: 'https://example.com/path'".to_owned();
    let url = Url::parse(text).map_err(|_| error())?;
    let web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
    check(web, error)?;
    let user = !url.username().is_empty() || url.password().is_some();
    check(!user, || "must not carry a user and password; some kinds have options for them".to_owned())
}

pub(super) fn host(text: &str) -> Result<(), String> {
    let error =
        || "must be a host without scheme and port: 'smtp.example.com'; the port is an option".to_owned();
    let address = text.parse::<std::net::IpAddr>().is_ok();
    let name = !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    check(address || name, error)
}

pub(super) fn mail_address(text: &str) -> Result<(), String> {
    // The mail library reads it in full when a mail is made; here is caught what people mistype.
    let error = || "is no mail address; write 'ml@example.com' or 'ML team <ml@example.com>'".to_owned();
    let bare = match text.trim().strip_suffix('>') {
        Some(named) => named.rsplit_once('<').map(|(_, bare)| bare).ok_or_else(error)?,
        None => text.trim(),
    };
    let (user, domain) = bare.rsplit_once('@').ok_or_else(error)?;
    let part = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "<>@,".contains(c))
    };
    check(part(user) && part(domain) && !text.contains(char::is_control), error)
}

pub(super) fn mail_addresses(text: &str) -> Result<(), String> {
    items(text)?.into_iter().try_for_each(mail_address)
}

pub(super) fn phone_numbers(text: &str) -> Result<(), String> {
    // Short codes and names of groups are taken by some gateways: only what no gateway takes is refused.
    let fits = |item: &str| item.len() <= 64 && item.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    check(items(text)?.into_iter().all(fits), || {
        "must be a list of numbers: '+4915112345678, +14155550100'".to_owned()
    })
}

pub(super) fn responders(text: &str) -> Result<(), String> {
    let known = |item: &str| {
        let (kind, name) = item.split_once(':').unwrap_or_default();
        matches!(kind, "team" | "user" | "escalation" | "schedule") && !name.trim().is_empty()
    };
    check(items(text)?.into_iter().all(known), || {
        "must list who responds, as 'team:ops, user:ada@example.com'; there are team, user, escalation, schedule"
            .to_owned()
    })
}

pub(super) fn list_of_text(text: &str) -> Result<(), String> {
    items(text)?.into_iter().try_for_each(self::text)
}

pub(super) fn signing_secrets(text: &str) -> Result<(), String> {
    let secrets: Vec<&str> = text.split_whitespace().collect();
    let fits =
        (1..=SECRETS_MAX).contains(&secrets.len()) && secrets.iter().all(|secret| is_signing_secret(secret));
    check(fits, || {
        format!(
            "must be 'whsec_' and {} to {} bytes in base64 (openssl rand -base64 32), or up to {SECRETS_MAX} of them \
             separated by spaces while they are rotated",
            SECRET_BYTES.start(),
            SECRET_BYTES.end()
        )
    })
}

fn is_signing_secret(text: &str) -> bool {
    let Some(code) = text.strip_prefix("whsec_") else { return false };
    let digits = code.trim_end_matches('=');
    let alphabet = digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    let padded = code.len().is_multiple_of(4) && code.len() - digits.len() <= 2;
    alphabet && padded && SECRET_BYTES.contains(&(digits.len() * 3 / 4))
}

fn items(text: &str) -> Result<Vec<&str>, String> {
    bounded(text)?;
    let items = list(text);
    let fits = (1..=LIST_MAX).contains(&items.len());
    check(fits, || format!("must be a list of 1 to {LIST_MAX} items, separated by commas"))?;
    Ok(items)
}

fn bounded(text: &str) -> Result<(), String> {
    check(text.chars().count() <= VALUE_CHARS_MAX, || format!("is longer than {VALUE_CHARS_MAX} characters"))
}

fn check(holds: bool, error: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(error()) }
}
