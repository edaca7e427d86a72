//! What of a notifier's messages may go out now: its rate, its rest, and groups that wait.

use std::collections::{BTreeMap, HashMap};

use driftline_query::alert::{Message, options};

use super::super::bucket::Bucket;
use super::super::outbox::Outgoing;

type Group = BTreeMap<String, String>;

/// A notifier's line. Times are nanoseconds since 1970.
pub(super) struct Line {
    bucket: Bucket,
    /// Messages a minute.
    rate: u32,
    /// Nothing goes out before.
    rests_until: i64,
    /// Groups whose first message waits, and until when. The outbox holds back the later ones too; this is for those
    /// that it handed out before.
    waiting: HashMap<Group, i64>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self {
            bucket: Bucket::new(),
            rate: options::RATE_DEFAULT,
            rests_until: i64::MIN,
            waiting: HashMap::new(),
        }
    }

    pub(super) fn resting(until: i64) -> Self {
        Self { rests_until: until, ..Self::new() }
    }

    pub(super) fn rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    /// Whether it knows nothing that one made now would not.
    pub(super) fn is_new(&self, now: i64) -> bool {
        let waits = self.waiting.values().any(|until| *until > now);
        self.rests_until <= now && !waits && self.bucket.is_full(self.rate, now)
    }

    /// Those that may go out now, and where there are none, when the first may.
    pub(super) fn ready(&mut self, messages: Vec<Outgoing>, now: i64) -> (Vec<Outgoing>, Option<i64>) {
        self.waiting.retain(|_, until| *until > now);
        let opens = self.rests_until.max(self.bucket.next_at(self.rate, now));
        if opens > now {
            return (Vec::new(), Some(opens));
        }
        let next =
            messages.iter().filter_map(|outgoing| self.waiting.get(&outgoing.message.group)).min().copied();
        let ready = messages.into_iter().filter(|outgoing| !self.waits(&outgoing.message)).collect();
        (ready, next)
    }

    /// Whether an earlier message of its group waits.
    pub(super) fn waits(&self, message: &Message) -> bool {
        self.waiting.contains_key(&message.group)
    }

    /// Holds back the message's group.
    pub(super) fn hold(&mut self, message: &Message, until: i64) {
        self.waiting.insert(message.group.clone(), until);
    }

    /// Sends nothing before.
    pub(super) fn rest(&mut self, until: i64) {
        self.rests_until = self.rests_until.max(until);
    }

    /// Whether one more may go out now; counts it.
    pub(super) fn take(&mut self, now: i64) -> bool {
        self.rests_until <= now && self.bucket.take(self.rate, now)
    }
}
