//! A request to be made, and what all builders of requests share.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use driftline_query::alert::{Message, Notifier};
use hyper::Method;
use serde_json::Value;
use url::Url;

use super::SendError;

/// What a builder needs to know.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) notifier: &'a Notifier,
    pub(super) message: &'a Message,
    /// Where people reach this database, if they can.
    pub(super) external_url: Option<&'a str>,
    /// Nanoseconds since 1970.
    pub(super) now: i64,
}

impl<'a> Context<'a> {
    /// An option, if it is given.
    pub(super) fn option(&self, name: &str) -> Option<&'a str> {
        self.notifier.options.get(name).map(String::as_str)
    }

    /// An option that CREATE NOTIFIER asked for.
    ///
    /// # Errors
    /// It is gone: [`SendError::Refused`].
    pub(super) fn needed(&self, name: &str) -> Result<&'a str, SendError> {
        self.option(name).ok_or_else(|| {
            let Notifier { name: notifier, kind, .. } = self.notifier;
            let kind = kind.name();
            SendError::Refused(format!(
                "notifier {notifier} ({kind}) needs the option {name}; make it again with it"
            ))
        })
    }

    /// An option that is an address; of the default where it is not given.
    ///
    /// # Errors
    /// It is none: [`SendError::Refused`], without the address.
    pub(super) fn address(&self, name: &str, default: Option<&str>) -> Result<Url, SendError> {
        let text = match default {
            Some(default) => self.option(name).unwrap_or(default),
            None => self.needed(name)?,
        };
        Url::parse(text).map_err(|error| {
            let notifier = &self.notifier.name;
            SendError::Refused(format!(
                "the {name} of notifier {notifier} is no address ({error}); make it again"
            ))
        })
    }
}

/// Which answer means that it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Any status from 200 to 299.
    Status,
    /// Such a status, and a body `{"ok": true}`: Slack's methods answer 200 to failures too.
    SlackOk,
}

/// A request to be made.
#[derive(Clone, PartialEq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    /// Each name once, whatever its case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) taken: Taken,
}

/// Addresses and headers are secrets as often as not: neither is printed.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish_non_exhaustive()
    }
}

impl Request {
    /// JSON, by POST.
    pub(super) fn json(url: Url, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { method: Method::POST, url, headers, body: body.to_string().into_bytes(), taken: Taken::Status }
    }

    /// Sets a header, instead of one of that name.
    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Says by the options `bearer_token`, or `username` and `password`, who asks.
    pub(super) fn signed_in(self, context: &Context<'_>) -> Self {
        match (context.option("bearer_token"), context.option("username"), context.option("password")) {
            (Some(token), ..) => self.header("authorization", format!("Bearer {token}")),
            (None, Some(user), Some(password)) => {
                let code = STANDARD.encode(format!("{user}:{password}"));
                self.header("authorization", format!("Basic {code}"))
            }
            _ => self,
        }
    }

    /// With the method and the headers that the options say.
    ///
    /// # Errors
    /// They are none: [`SendError::Refused`].
    pub(super) fn customized(mut self, context: &Context<'_>) -> Result<Self, SendError> {
        if context.option("method") == Some("PUT") {
            self.method = Method::PUT;
        }
        let lines = context.option("headers").unwrap_or_default();
        let headers = driftline_query::alert::options::headers(lines).map_err(|error| {
            SendError::Refused(format!("notifier {}: option headers {error}", context.notifier.name))
        })?;
        Ok(headers.into_iter().fold(self, |request, (name, value)| request.header(&name, value)))
    }
}

/// Appends to the path of an address: `https://host/base/` and `v2/alerts` give `https://host/base/v2/alerts`.
pub(super) fn below(mut base: Url, segments: &[&str]) -> Url {
    // Addresses with http and https always have a path.
    if let Ok(mut path) = base.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    base
}

#[cfg(test)]
mod tests;
