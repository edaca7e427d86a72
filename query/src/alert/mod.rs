//! Alerts: [`Rule`]s whose queries are judged window by window ([`state`]), [`Message`]s for those who want to know
//! ([`dispatch`], [`notice`], [`template`]), and thresholds from the past ([`calibrate`]).

pub(crate) mod ask;
pub mod calibrate;
pub mod dispatch;
pub(crate) mod entry;
pub(crate) mod manage;
mod message;
pub mod metric;
pub mod notice;
mod notifier;
pub mod options;
pub mod period;
pub(crate) mod registry;
mod rule;
mod severity;
pub mod shipped;
pub mod state;
pub mod template;

pub use message::{Message, Notice, Status};
pub use notifier::{Notifier, NotifierKind};
pub use rule::{Hold, MetricRule, Rule};
pub use severity::Severity;
