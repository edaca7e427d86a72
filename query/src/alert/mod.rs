//! Alerts: [`Rule`]s whose queries are judged window by window, and [`Message`]s for those who want to know.

mod message;
pub mod metric;
mod notifier;
mod rule;
mod severity;
pub mod shipped;

pub use message::{Message, Notice, Status};
pub use notifier::{Notifier, NotifierKind};
pub use rule::{Hold, MetricRule, Rule};
pub use severity::Severity;
