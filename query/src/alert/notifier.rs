//! Who is told: a way out of the database with what it needs to know.

use std::collections::BTreeMap;
use std::fmt;

/// A notifier.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Notifier {
    /// Its name.
    pub name: String,
    /// What it speaks to.
    pub kind: NotifierKind,
    /// What stands in `WITH (..)`: addresses and secrets.
    pub options: BTreeMap<String, String>,
    /// Whether messages are sent; those for one that is off are kept as skipped.
    pub enabled: bool,
    /// Nanoseconds since 1970.
    pub created_at: i64,
}

/// What a notifier speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifierKind {
    /// A Slack incoming webhook.
    Slack,
    /// A mail server.
    Email,
    /// Any program that takes Alertmanager's webhook body.
    Webhook,
    /// PagerDuty's events, version 2.
    PagerDuty,
    /// OpsGenie, or what speaks its API.
    OpsGenie,
    /// A workflow of Microsoft Teams.
    Teams,
    /// A Prometheus Alertmanager.
    Alertmanager,
    /// A gateway for short messages.
    Sms,
}

impl NotifierKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Slack,
        Self::Email,
        Self::Webhook,
        Self::PagerDuty,
        Self::OpsGenie,
        Self::Teams,
        Self::Alertmanager,
        Self::Sms,
    ];

    /// Its name, as CREATE NOTIFIER takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::PagerDuty => "pagerduty",
            Self::OpsGenie => "opsgenie",
            Self::Teams => "teams",
            Self::Alertmanager => "alertmanager",
            Self::Sms => "sms",
        }
    }
}

/// Values are secrets as often as not: none is printed.
impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}
