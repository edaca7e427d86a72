//! What stands in `CREATE NOTIFIER .. WITH (..)`: which options a kind knows, which it needs, and what they must be.

mod known;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use super::NotifierKind;
use known::{COMMON, Known, known};
pub use value::{Mention, duration, headers, list, mention};

/// Options as they are kept.
pub type Options = BTreeMap<String, String>;

/// How long one request may take where `timeout` does not say.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Messages a minute where `rate_limit` does not say: what Slack takes on one webhook.
pub const RATE_DEFAULT: u32 = 60;

/// Whether a notifier of that kind can be made of these options.
///
/// # Errors
/// What is wrong, and what to write instead. No value of a secret option is repeated.
pub fn check(kind: NotifierKind, options: &Options) -> Result<(), String> {
    for (name, value) in options {
        let option = find(kind, name).ok_or_else(|| unknown(kind, name))?;
        option.check(value).map_err(|error| wrong(kind, option, value, &error))?;
    }
    let missing =
        known(kind).iter().find(|option| option.needed.is_some() && !options.contains_key(option.name));
    match missing.and_then(|option| option.needed.map(|example| (option.name, example))) {
        Some((name, example)) => Err(needs(kind, name, example)),
        None => together(kind, options),
    }
}

/// Whether SHOW must not print the value. Options that the kind does not know are secret: nobody can tell.
pub fn is_secret(kind: NotifierKind, option: &str) -> bool {
    find(kind, option).is_none_or(|option| option.secret)
}

/// Whether loopback and private addresses may be called.
pub fn allow_private(options: &Options) -> bool {
    options.get("allow_private").is_some_and(|value| value == "true")
}

/// How long one request may take.
pub fn timeout(options: &Options) -> Duration {
    options.get("timeout").and_then(|value| duration(value).ok()).unwrap_or(TIMEOUT_DEFAULT)
}

/// Messages a minute; at least 1.
pub fn rate_limit(options: &Options) -> u32 {
    options.get("rate_limit").and_then(|value| value.parse().ok()).unwrap_or(RATE_DEFAULT).max(1)
}

fn find(kind: NotifierKind, name: &str) -> Option<&'static Known> {
    known(kind).iter().chain(COMMON).find(|option| option.name == name)
}

fn unknown(kind: NotifierKind, name: &str) -> String {
    let names: Vec<&str> = known(kind).iter().chain(COMMON).map(|option| option.name).collect();
    format!("notifier {} has no option {name:?}; it has {}", kind.name(), names.join(", "))
}

fn wrong(kind: NotifierKind, option: &Known, value: &str, error: &str) -> String {
    // The value helps whoever mistyped it, but a secret would go into logs with the error.
    let value = if option.secret { String::new() } else { format!(" {value:?}") };
    format!("notifier {}: option {}{value} {error}", kind.name(), option.name)
}

fn needs(kind: NotifierKind, name: &str, example: &str) -> String {
    format!("notifier {} needs {name}, {example}", kind.name())
}

/// What options must be together.
fn together(kind: NotifierKind, options: &Options) -> Result<(), String> {
    let has = |name: &str| options.contains_key(name);
    let refuse = |text: &str| Err(format!("notifier {} {text}", kind.name()));
    if has("username") != has("password") {
        return refuse("has one of username and password: give both or none");
    }
    if has("username") && has("bearer_token") {
        return refuse(
            "has both bearer_token and username: a request carries one of them, leave the other out",
        );
    }
    match kind {
        NotifierKind::Slack => slack(options),
        NotifierKind::Email => email(options),
        _ => Ok(()),
    }
}

fn slack(options: &Options) -> Result<(), String> {
    let has = |name: &str| options.contains_key(name);
    let refuse = |text: &str| Err(format!("notifier slack {text}"));
    match (has("url"), has("token"), has("channel")) {
        (true, true, _) => refuse("has both url, an incoming webhook, and token, a bot: leave one out"),
        (true, false, true) => refuse(
            "has channel beside url, but an incoming webhook posts to its own channel only: make a webhook for that \
             channel, or replace url by token = 'xoxb-...', a bot's token",
        ),
        (false, true, false) => {
            refuse("needs channel with token, where the bot posts: channel = '#ml-alerts'")
        }
        (false, false, _) => Err(needs(
            NotifierKind::Slack,
            "url",
            "the address of its incoming webhook: WITH (url = 'https://hooks.slack.com/...'); or, to choose the \
             channel, WITH (token = 'xoxb-...', channel = '#ml-alerts')",
        )),
        (true, false, false) if has("api_url") => {
            refuse("has api_url, which goes with token, beside url: leave it out")
        }
        _ => Ok(()),
    }
}

fn email(options: &Options) -> Result<(), String> {
    let plain = options.get("tls").is_some_and(|tls| tls == "none");
    if plain && options.contains_key("password") && !allow_private(options) {
        return Err(
            "notifier email would send its password unencrypted: use tls = 'starttls' or 'tls', or leave \
                    username and password out"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
