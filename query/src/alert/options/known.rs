//! The options of each kind of notifier.

use super::super::NotifierKind;
use super::value::{self, Check};

/// An option.
pub(super) struct Known {
    pub(super) name: &'static str,
    /// Where the notifier cannot do without it: what it is, with an example.
    pub(super) needed: Option<&'static str>,
    /// Whether SHOW hides it.
    pub(super) secret: bool,
    check: Check,
}

impl Known {
    /// # Errors
    /// What the value must be.
    pub(super) fn check(&self, value: &str) -> Result<(), String> {
        (self.check)(value)
    }

    const fn needed(mut self, what: &'static str) -> Self {
        self.needed = Some(what);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

const fn option(name: &'static str, check: Check) -> Known {
    Known { name, needed: None, secret: false, check }
}

/// What every kind knows.
pub(super) const COMMON: &[Known] = &[
    option("allow_private", value::flag),
    option("rate_limit", value::rate),
    option("timeout", value::timeout),
];

const BEARER: Known = option("bearer_token", value::token).secret();
const USERNAME: Known = option("username", value::text);
const PASSWORD: Known = option("password", value::token).secret();
const HEADERS: Known = option("headers", value::header_lines).secret();
const METHOD: Known = option("method", value::method);

const SLACK: &[Known] = &[
    // Whoever knows the address of an incoming webhook can post with it.
    option("url", value::web_address).secret(),
    option("channel", value::text),
    option("token", value::token).secret(),
    option("api_url", value::web_address),
    option("mention", value::mentions),
];

const EMAIL: &[Known] = &[
    option("smtp", value::host).needed("the host of the mail server: WITH (smtp = 'smtp.example.com', ..)"),
    option("port", value::port),
    USERNAME,
    PASSWORD,
    option("tls", value::tls),
    option("from", value::mail_address)
        .needed("the sender's address: WITH (from = 'driftline@example.com', ..)"),
    option("recipients", value::mail_addresses)
        .needed("who gets the mail: WITH (recipients = 'ml@example.com, oncall@example.com', ..)"),
    option("subject", value::template),
    option("include_details", value::flag),
];

const WEBHOOK: &[Known] = &[
    option("url", value::web_address)
        .needed("the address that is called: WITH (url = 'https://example.com/alerts')")
        .secret(),
    METHOD,
    HEADERS,
    BEARER,
    USERNAME,
    PASSWORD,
    option("secret", value::signing_secrets).secret(),
    option("body", value::body),
];

const PAGERDUTY: &[Known] = &[
    option("routing_key", value::token)
        .needed("the integration key of a service (Events API v2): WITH (routing_key = '...')")
        .secret(),
    option("url", value::web_address),
];

const OPSGENIE: &[Known] = &[
    option("api_key", value::token).needed("the key of an API integration: WITH (api_key = '...')").secret(),
    option("url", value::web_address),
    option("responders", value::responders),
    option("tags", value::list_of_text),
];

const TEAMS: &[Known] = &[option("url", value::web_address)
    .needed("the address of a workflow that posts what it is sent: WITH (url = 'https://...')")
    .secret()];

const ALERTMANAGER: &[Known] = &[
    option("url", value::web_address).needed(
        "where it runs, /api/v2/alerts is appended: WITH (url = 'http://alertmanager.example.com:9093')",
    ),
    USERNAME,
    PASSWORD,
    BEARER,
];

const SMS: &[Known] = &[
    // Gateways that want a key in the address are common.
    option("url", value::web_address)
        .needed("the address of the gateway: WITH (url = 'https://sms.example.com/send', ..)")
        .secret(),
    option("to", value::phone_numbers).needed("the numbers to write to: WITH (to = '+4915112345678', ..)"),
    option("body", value::template),
    option("content_type", value::token),
    METHOD,
    HEADERS,
    BEARER,
    USERNAME,
    PASSWORD,
];

/// Those that only this kind knows.
pub(super) fn known(kind: NotifierKind) -> &'static [Known] {
    match kind {
        NotifierKind::Slack => SLACK,
        NotifierKind::Email => EMAIL,
        NotifierKind::Webhook => WEBHOOK,
        NotifierKind::PagerDuty => PAGERDUTY,
        NotifierKind::OpsGenie => OPSGENIE,
        NotifierKind::Teams => TEAMS,
        NotifierKind::Alertmanager => ALERTMANAGER,
        NotifierKind::Sms => SMS,
    }
}
