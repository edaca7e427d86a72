//! Keeps secrets out of what is logged and shown: the other side may repeat in its answer what it was sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use driftline_query::alert::{Notifier, options};
use url::Url;

/// Shorter ones stay: hidden everywhere, the letter `a` would leave no text.
const SECRET_CHARS_MIN: usize = 4;
const HIDDEN: &str = "***";

/// The secrets of a notifier.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(notifier: &Notifier) -> Self {
        let secret = |(name, _): &(&String, &String)| options::is_secret(notifier.kind, name);
        let mut all: Vec<String> =
            notifier.options.iter().filter(secret).flat_map(|(name, value)| parts(name, value)).collect();
        if let (Some(user), Some(password)) =
            (notifier.options.get("username"), notifier.options.get("password"))
        {
            all.push(STANDARD.encode(format!("{user}:{password}")));
        }
        all.retain(|text| text.chars().count() >= SECRET_CHARS_MIN);
        // Longest first: a part hidden within the whole would leave the rest of it readable.
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(all)
    }

    /// The text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

/// The forms in which a value may come back.
fn parts(name: &str, value: &str) -> Vec<String> {
    let own = match name {
        "headers" => {
            options::headers(value).unwrap_or_default().into_iter().map(|(_, value)| value).collect()
        }
        "secret" => value.split_whitespace().map(str::to_owned).collect(),
        _ => Url::parse(value).map(|url| address_parts(&url)).unwrap_or_default(),
    };
    own.into_iter().chain([value.to_owned()]).collect()
}

/// All of an address but where it leads to.
fn address_parts(url: &Url) -> Vec<String> {
    let path = url.path().trim_start_matches('/').to_owned();
    let query = url.query().map(str::to_owned);
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    // Slack and Teams put the secret last.
    let last = url.path_segments().and_then(|mut segments| segments.next_back()).map(str::to_owned);
    values.chain(query).chain(last).chain([path, url.to_string()]).collect()
}

#[cfg(test)]
mod tests;
