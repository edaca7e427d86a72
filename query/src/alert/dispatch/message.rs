//! Messages, written from the notices of one group.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128;

use super::{Group, MESSAGE_ALERTS_MAX};
use crate::alert::{Message, Notice, Status};

/// Why a message goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Something in it was not told before.
    News,
    /// The rule wants it said again while it fires.
    Repeat,
    /// The notifier would take it as resolved otherwise.
    Resend,
}

/// A message that goes out.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Dispatched {
    /// The message.
    pub message: Message,
    /// Alerts that it would tell of too, were there room: those that are least bad.
    pub left_out: usize,
    /// Why it goes out.
    pub why: Why,
    /// The episodes it is about and their status, those left out included.
    pub told: Vec<(String, Status)>,
}

/// The messages for these notices: one that leaves out what is too much; or, where the receiver takes each alert by
/// itself, as many as it `whole` takes.
pub(super) fn write(
    group: &mut Group,
    now: i64,
    mut tell: Vec<Notice>,
    why: Why,
    whole: bool,
    late: impl Fn(&Notice) -> bool,
) -> Vec<Dispatched> {
    tell.sort_by(|a, b| rank(a).cmp(&rank(b)));
    let room = if whole { MESSAGE_ALERTS_MAX } else { tell.len().max(1) };
    tell.chunks(room).map(|part| one(group, now, part, why, part.iter().any(&late))).collect()
}

fn one(group: &mut Group, now: i64, tell: &[Notice], why: Why, late: bool) -> Dispatched {
    let alerts: Vec<_> = tell.iter().take(MESSAGE_ALERTS_MAX).cloned().collect();
    let told: Vec<_> = tell.iter().map(|notice| (notice.id.clone(), notice.status)).collect();
    let message = Message {
        id: id(group, &told),
        notifier: group.notifier.clone(),
        group: labels(group),
        status: alerts.first().map_or(Status::Resolved, |worst| worst.status),
        alerts,
        late,
        created_at: now,
    };
    group.ordinal += 1;
    Dispatched { left_out: tell.len() - message.alerts.len(), message, why, told }
}

fn labels(group: &Group) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([("alertname".to_owned(), group.alert.clone())]);
    labels.extend(group.model.iter().map(|model| ("model".to_owned(), model.clone())));
    labels
}

/// The worst first; those alike by their name, so that the order is always the same.
fn rank(notice: &Notice) -> (u8, Reverse<crate::alert::Severity>, &BTreeMap<String, String>, &str) {
    let status = match notice.status {
        Status::Firing => 0,
        Status::Error => 1,
        Status::NoData => 2,
        Status::Resolved => 3,
        Status::Test => 4,
    };
    (status, Reverse(notice.severity), &notice.labels, &notice.id)
}

/// 32 hex digits from whom it is for, what it tells and how many went before: written again after a crash, it is the
/// same. The clock is no part of it.
fn id(group: &Group, told: &[(String, Status)]) -> String {
    const END: u8 = 0xff;
    let mut bytes = Vec::new();
    let model = group.model.as_deref().unwrap_or("\u{0}");
    let told = told.iter().flat_map(|(id, status)| [id.as_str(), status.name()]);
    for text in [group.notifier.as_str(), &group.alert, model].into_iter().chain(told) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(END);
    }
    bytes.extend_from_slice(&group.ordinal.to_le_bytes());
    format!("{:032x}", xxh3_128(&bytes))
}
