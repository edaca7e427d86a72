//! Messages on their way out. The table has all of them; those that wait are held in memory too.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use driftline_storage::{Snapshot, TimeRange};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::tables::OUTBOX;
use crate::alert::Message;
use crate::error::Result;

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetterState {
    /// It is to be sent.
    Waiting,
    /// It was taken.
    Sent,
    /// It is not tried any more.
    Dead,
    /// Its notifier was off.
    Skipped,
}

impl LetterState {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Skipped => "skipped",
        }
    }
}

/// A message with what became of it so far. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Letter {
    pub(crate) message: Message,
    /// Its place in the order in which messages were written; they rise.
    pub(crate) number: i64,
    pub(crate) state: LetterState,
    pub(crate) attempts: u32,
    pub(crate) first_attempt_at: Option<i64>,
    pub(crate) next_at: Option<i64>,
    pub(crate) error: Option<String>,
}

impl Letter {
    /// A message that nobody tried to send.
    pub(crate) fn new(message: Message, number: i64) -> Self {
        let (state, attempts) = (LetterState::Waiting, 0);
        Self { message, number, state, attempts, first_attempt_at: None, next_at: None, error: None }
    }
}

/// Those that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<BTreeMap<i64, Letter>>,
    next: AtomicI64,
    pub(crate) changed: Notify,
}

impl Outbox {
    /// Adds messages.
    pub(crate) fn add(&self, letters: Vec<Letter>) {
        if letters.is_empty() {
            return;
        }
        self.waiting.lock().extend(letters.into_iter().map(|letter| (letter.number, letter)));
        self.changed.notify_one();
    }

    /// A number for the next message, greater than those before; about the nanoseconds since 1970, so that it is greater
    /// than those of earlier processes too.
    pub(crate) fn number(&self, now: i64) -> i64 {
        let next = |last: i64| Some(now.max(last.saturating_add(1)));
        let before = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        before.map_or(now, |last| now.max(last.saturating_add(1)))
    }

    /// Numbers begin above this one.
    fn count_from(&self, number: i64) {
        self.next.fetch_max(number, Ordering::Relaxed);
    }

    /// Adds those of the table that wait.
    pub(crate) fn load(&self, snapshot: &Snapshot) -> Result<()> {
        let letters = load(snapshot)?;
        self.count_from(letters.iter().map(|letter| letter.number).max().unwrap_or(i64::MIN));
        self.add(letters);
        Ok(())
    }

    /// Those that are due, at most `max` of a notifier, and when the next of the others is. One that waits holds back the
    /// later ones of its notifier and group.
    pub(crate) fn due(&self, now: i64, max: usize) -> (Vec<Letter>, Option<i64>) {
        let waiting = self.waiting.lock();
        let (mut due, mut next) = (Vec::new(), None::<i64>);
        let (mut held, mut taken) = (HashSet::new(), HashMap::<&str, usize>::new());
        for letter in waiting.values() {
            let message = &letter.message;
            let group = (&message.notifier, &message.group);
            if held.contains(&group) {
                continue;
            }
            if let Some(at) = letter.next_at.filter(|at| *at > now) {
                next = Some(next.map_or(at, |next| next.min(at)));
                held.insert(group);
                continue;
            }
            let count = taken.entry(&message.notifier).or_default();
            if *count < max {
                *count += 1;
                due.push(letter.clone());
            }
        }
        (due, next)
    }

    /// Forgets some.
    pub(crate) fn forget(&self, is_gone: impl Fn(&Letter) -> bool) {
        self.waiting.lock().retain(|_, letter| !is_gone(letter));
    }

    /// The one of an id.
    pub(crate) fn get(&self, id: &str) -> Option<Letter> {
        self.waiting.lock().values().find(|letter| letter.message.id == id).cloned()
    }

    /// Puts what became of one in its place.
    pub(crate) fn put(&self, letter: Letter) {
        let key = letter.number;
        let mut waiting = self.waiting.lock();
        match letter.state {
            LetterState::Waiting => drop(waiting.insert(key, letter)),
            _ => drop(waiting.remove(&key)),
        }
    }
}

/// Those of the table that wait.
fn load(snapshot: &Snapshot) -> Result<Vec<Letter>> {
    let Some(table) = snapshot.table(OUTBOX) else { return Ok(Vec::new()) };
    let mut newest: BTreeMap<String, (i64, Option<Letter>)> = BTreeMap::new();
    for part in snapshot.scan(table.id, TimeRange::ALL)? {
        for rows in part.read(&table.columns, TimeRange::ALL)? {
            let text =
                |name: &str| rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            let (Some(ids), Some(states), Some(bodies)) = (text("id"), text("state"), text("body")) else {
                continue;
            };
            let time = |name: &str, row: usize| {
                let column = rows.column_by_name(name)?.as_primitive_opt::<TimestampNanosecondType>()?;
                column.is_valid(row).then(|| column.value(row))
            };
            let number =
                |name: &str| rows.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
            let numbers = number("number");
            let attempts = number("attempts");
            for row in 0..rows.num_rows() {
                let at = time("updated_at", row).unwrap_or(i64::MIN);
                if newest.get(ids.value(row)).is_some_and(|(known, _)| *known > at) {
                    continue;
                }
                let message =
                    (states.value(row) == "waiting").then(|| serde_json::from_str(bodies.value(row)).ok());
                let letter = message.flatten().map(|message| Letter {
                    attempts: attempts.and_then(|all| u32::try_from(all.value(row)).ok()).unwrap_or(0),
                    first_attempt_at: time("first_attempt_at", row),
                    next_at: time("next_at", row),
                    ..Letter::new(message, numbers.map_or(0, |all| all.value(row)))
                });
                newest.insert(ids.value(row).to_owned(), (at, letter));
            }
        }
    }
    Ok(newest.into_values().filter_map(|(_, letter)| letter).collect())
}
