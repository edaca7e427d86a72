//! Notifiers: how messages of alerts leave the database.
//!
//! [`Sender`] sends one message the way its notifier speaks: a builder for each kind (`slack`, `email`, `webhook` ..)
//! turns it into requests or a mail, `guard` says which hosts may be called, `http` and `smtp` make the calls.
//! [`deliver`] takes messages from an [`Outbox`], in order, again and again until they went out or are given up.
//!
//! At least once, and never more: a receiver may see a message twice, under the same id.

mod alertmanager;
mod answer;
pub mod backoff;
mod bucket;
mod cut;
mod database;
mod delivery;
mod details;
mod email;
mod error;
mod guard;
mod http;
mod opsgenie;
mod outbox;
mod pagerduty;
mod progress;
mod request;
mod secrets;
mod send;
mod sign;
mod slack;
mod sms;
mod smtp;
mod teams;
mod template;
mod times;
mod webhook;
mod words;

#[cfg(test)]
mod recorder;
#[cfg(test)]
mod sample;

pub(crate) use database::start;
pub use delivery::{Clock, Courier, GRACE, deliver};
pub use error::SendError;
pub use outbox::{Outbox, Outcome, Outgoing};
pub use send::{Sender, SenderError, SenderOptions, resend_every};
