//! From what happened to what is told: whom, when, in how many messages.
//!
//! A dispatcher is shown all that is not well now and compares it with what it told. What is missing is news, whatever
//! kept it back until now: a silence, an inhibition, a message that went out a moment ago, a crash. So there is one
//! rule for all of them, and an event is needed only to tell an end.
//!
//! * Alerts of one name and model are one **group** for each notifier. Its first message goes out at once; later news
//!   gather until [`GATHER`] after the last message; when all that was told has ended, that is said at once. A group
//!   whose end was told still gathers for that long: what fires and ends by turns does not ring each time.
//! * **News** is a status that this notifier was not told of this episode before. Back from no data to firing is none.
//! * An end is told to those who were told of the episode, silenced or not, and to nobody else.
//! * What was due while the database was down is marked late.

mod group;
mod message;
mod route;
mod silence;

use std::collections::{BTreeMap, BTreeSet};

pub use group::{Group, Member};
pub use message::{Dispatched, Why};
pub use route::{Condition, Escalation, Route};
pub use silence::{Inhibition, Silence, circle};

use super::{Notice, Status};
use group::{Late, Turn};
use route::{escalations, notifiers};
use silence::Quiet;

/// Nanoseconds after the last message of a group for which its news gather.
pub const GATHER: i64 = 300 * SECOND;

/// Nanoseconds after which what fires is sent again to notifiers that forget it otherwise. An Alertmanager takes an
/// alert as resolved when it has not heard of it for 5 minutes.
pub const RESEND: i64 = 60 * SECOND;

/// Alerts that one message tells in full; of the rest it tells how many.
pub const MESSAGE_ALERTS_MAX: usize = 100;

const SECOND: i64 = 1_000_000_000;

/// A notice with what its rule says about telling it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct News {
    /// What there is to tell.
    pub notice: Notice,
    /// The rule's notifiers.
    pub notify: Vec<String>,
    /// How often it is said again while it fires and nobody has acknowledged it, in nanoseconds.
    pub repeat_every: Option<i64>,
}

/// How things stand at the moment of a call, the events of that call included.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// Each episode that is not well, once: firing, no data, error. One that was here and no longer is needs an event
    /// that tells its end.
    pub live: &'a [News],
    /// Episodes that somebody takes care of.
    pub acknowledged: &'a BTreeSet<String>,
    /// All silences, also those that do not last now.
    pub silences: &'a [Silence],
    /// All routes.
    pub routes: &'a [Route],
    /// All inhibitions.
    pub inhibitions: &'a [Inhibition],
    /// Notifiers to which what fires is sent again and again, and which gather by themselves.
    pub resend: &'a BTreeSet<String>,
}

/// What was told to whom. It is kept as JSON, in the same write as the messages that came of it; taken up again it
/// goes on as if nothing was.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DispatchState {
    /// Groups that told something that is not over, or did a moment ago; by notifier, alert and model.
    pub groups: BTreeMap<String, Group>,
    /// When anybody was told of an episode first, in nanoseconds since 1970: escalations count from there.
    pub first_told: BTreeMap<String, i64>,
    /// Episodes with the status that came about while the database was down, until they are over.
    pub late: BTreeMap<String, Status>,
    /// When there is something to do next, if nothing happens before.
    pub due: Option<i64>,
}

/// When [`tick`] has something to do next, if nothing happens before; None for never. Nanoseconds since 1970.
///
/// It is right for the world of the last call: after a change of silences, routes or inhibitions, tick at once.
pub fn next_due(state: &DispatchState) -> Option<i64> {
    state.due
}

/// What is to be told after these events. `now` is in nanoseconds since 1970.
pub fn dispatch(
    state: &mut DispatchState,
    now: i64,
    events: &[Notice],
    world: &World<'_>,
) -> Vec<Dispatched> {
    state.note(events, false);
    state.settle(now, world, false)
}

/// What is to be told after a downtime: `events` are those of all windows it missed, in order, `world` is how things
/// stand at its end. What came and went in between is not told; messages of the rest are marked late.
pub fn dispatch_late(
    state: &mut DispatchState,
    now: i64,
    events: &[Notice],
    world: &World<'_>,
) -> Vec<Dispatched> {
    state.note(events, true);
    state.settle(now, world, true)
}

/// What is due by the clock alone: news that gathered, escalations, repetitions, what a silence held back.
pub fn tick(state: &mut DispatchState, now: i64, world: &World<'_>) -> Vec<Dispatched> {
    state.settle(now, world, false)
}

/// A live notice with all that the clock and the world say of it.
struct Live<'a> {
    news: &'a News,
    routes: Vec<&'a Route>,
    quiet: bool,
    acknowledged: bool,
}

impl Live<'_> {
    fn escalates(&self) -> bool {
        self.news.notice.status == Status::Firing && !self.acknowledged
    }
}

impl DispatchState {
    /// Takes up ends of what was told, and what is late.
    fn note(&mut self, events: &[Notice], late: bool) {
        let mut ends = BTreeMap::new();
        for event in events {
            if late {
                self.late.insert(event.id.clone(), event.status);
            } else {
                self.late.remove(&event.id);
            }
            if event.status == Status::Resolved {
                self.first_told.remove(&event.id);
                ends.insert(event.id.as_str(), event);
            }
        }
        if !ends.is_empty() {
            self.groups.values_mut().for_each(|group| group.note_ends(&ends));
        }
    }

    /// Tells what was not told.
    fn settle(&mut self, now: i64, world: &World<'_>, after_downtime: bool) -> Vec<Dispatched> {
        let quiet =
            Quiet::new(now, world.silences, world.inhibitions, world.live.iter().map(|it| &it.notice));
        let live: BTreeMap<&str, Live<'_>> =
            world.live.iter().map(|news| (news.notice.id.as_str(), look(news, &quiet, world))).collect();
        let floor = self.floor(now, &live);
        for (key, (notifier, ids)) in &floor {
            if let Some(first) = ids.iter().next().and_then(|id| live.get(id)) {
                self.groups.entry(key.clone()).or_insert_with(|| Group::new(notifier, &first.news.notice));
            }
        }
        let late = Late { all: after_downtime, episodes: &self.late };
        let mut turn = Turn { now, live: &live, resend: world.resend, late, due: None };
        let mut out = Vec::new();
        for (key, group) in &mut self.groups {
            let mine = floor.get(key).map(|(_, ids)| ids);
            out.extend(group.settle(&mut turn, mine));
        }
        let due = turn.due;
        self.remember(now, &out);
        self.forget(now, &live);
        self.due = due.into_iter().chain(self.due_by_themselves(now, &live, &quiet)).min();
        out
    }

    /// The live episodes that each group is to know of.
    fn floor<'a>(&self, now: i64, live: &BTreeMap<&'a str, Live<'a>>) -> Floor<'a> {
        let mut floor = Floor::new();
        for (id, it) in live {
            let mut whom = notifiers(it.news, &it.routes);
            if let Some(first) = self.first_told.get(*id).filter(|_| it.escalates()) {
                let due = escalations(&it.routes, *first).filter(|(at, _)| *at <= now);
                whom.extend(due.map(|(_, who)| who));
            }
            for notifier in whom {
                let place = floor.entry(Group::key(notifier, &it.news.notice));
                place.or_insert_with(|| (notifier, BTreeSet::new())).1.insert(*id);
            }
        }
        floor
    }

    fn remember(&mut self, now: i64, out: &[Dispatched]) {
        let told = out.iter().flat_map(|it| it.told.iter()).filter(|(_, status)| *status != Status::Resolved);
        for (id, _) in told {
            self.first_told.entry(id.clone()).or_insert(now);
        }
    }

    fn forget(&mut self, now: i64, live: &BTreeMap<&str, Live<'_>>) {
        self.groups.retain(|_, group| !group.is_over(now));
        let waiting: BTreeSet<&str> =
            self.groups.values().flat_map(|group| group.ended.keys()).map(String::as_str).collect();
        self.late.retain(|id, _| live.contains_key(id.as_str()) || waiting.contains(id.as_str()));
        self.first_told.retain(|id, _| live.contains_key(id.as_str()));
    }

    /// What episodes wait for, beside what their groups do.
    fn due_by_themselves(&self, now: i64, live: &BTreeMap<&str, Live<'_>>, quiet: &Quiet<'_>) -> Option<i64> {
        let of = |(id, it): (&&str, &Live<'_>)| {
            let first = self.first_told.get(*id).filter(|_| it.escalates());
            let next = first.and_then(|first| {
                escalations(&it.routes, *first).map(|(at, _)| at).filter(|at| *at > now).min()
            });
            next.into_iter().chain(quiet.ends(&it.news.notice)).min()
        };
        live.iter().filter_map(of).min()
    }
}

/// By group: its notifier and the live episodes it is to know of.
type Floor<'a> = BTreeMap<String, (&'a str, BTreeSet<&'a str>)>;

fn look<'a>(news: &'a News, quiet: &Quiet<'_>, world: &World<'a>) -> Live<'a> {
    Live {
        news,
        routes: world.routes.iter().filter(|route| route.takes(&news.notice)).collect(),
        quiet: quiet.holds_back(&news.notice),
        acknowledged: world.acknowledged.contains(&news.notice.id),
    }
}

#[cfg(test)]
mod tests;
