//! What one notifier was told of one alert of one model, and what it is told next.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{Dispatched, Why, write};
use super::{GATHER, Live, RESEND};
use crate::alert::{Notice, Status};

/// Ends each part of a group's key. Names have no such character.
const UNIT: char = '\u{1f}';

/// What one notifier was told of one alert of one model. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Group {
    /// Who is told.
    pub notifier: String,
    /// Of which alert.
    pub alert: String,
    /// Of which model.
    pub model: Option<String>,
    /// When the last message went out; what is only sent again does not count.
    pub told_at: Option<i64>,
    /// Messages so far.
    pub ordinal: u64,
    /// What was told and has no end told yet, by episode.
    pub members: BTreeMap<String, Member>,
    /// Those of them that have ended, with the notice that says so: they wait to be told.
    pub ended: BTreeMap<String, Notice>,
}

/// What was told of one episode.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// Each status it was told with, once.
    pub told: Vec<Status>,
    /// When it was last in a message.
    pub at: i64,
}

/// What all groups of one call share.
pub(super) struct Turn<'a> {
    pub(super) now: i64,
    pub(super) live: &'a BTreeMap<&'a str, Live<'a>>,
    pub(super) resend: &'a BTreeSet<String>,
    pub(super) late: Late<'a>,
    /// When a group has something to do next.
    pub(super) due: Option<i64>,
}

/// What was due while the database was down.
#[derive(Clone, Copy)]
pub(super) struct Late<'a> {
    /// All that goes out now.
    pub(super) all: bool,
    /// News of episodes that goes out now or later.
    pub(super) episodes: &'a BTreeMap<String, Status>,
}

impl Turn<'_> {
    fn wait(&mut self, until: Option<i64>) {
        self.due = self.due.into_iter().chain(until).min();
    }
}

impl Group {
    pub(super) fn key(notifier: &str, notice: &Notice) -> String {
        let model = notice.model.as_ref().map_or(String::new(), |model| format!("{UNIT}{model}"));
        format!("{notifier}{UNIT}{}{model}", notice.alert)
    }

    pub(super) fn new(notifier: &str, notice: &Notice) -> Self {
        Self {
            notifier: notifier.to_owned(),
            alert: notice.alert.clone(),
            model: notice.model.clone(),
            told_at: None,
            ordinal: 0,
            members: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    pub(super) fn note_ends(&mut self, ends: &BTreeMap<&str, &Notice>) {
        for id in self.members.keys() {
            if let Some(end) = ends.get(id.as_str()) {
                self.ended.insert(id.clone(), (*end).clone());
            }
        }
    }

    /// Whether nothing is left to tell or to remember of it.
    pub(super) fn is_over(&self, now: i64) -> bool {
        let gathers = self.told_at.is_some_and(|at| now < at.saturating_add(GATHER));
        self.members.is_empty() && !gathers
    }

    /// The messages that are due. `mine` are the live episodes this notifier is to know of; those told before stay
    /// its own.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>, mine: Option<&BTreeSet<&str>>) -> Vec<Dispatched> {
        let resends = turn.resend.contains(&self.notifier);
        let mut tell = self.news(turn, mine);
        tell.extend(self.ended.values().cloned());
        let news: BTreeSet<String> = tell.iter().map(|notice| notice.id.clone()).collect();
        let waits = self.told_at.map(|at| at.saturating_add(GATHER)).filter(|until| turn.now < *until);
        let at_once = resends || waits.is_none() || self.all_ended();
        let repeats = self.repeats(turn).filter(|(at, _)| *at <= turn.now);
        let mut out = if let Some((_, again)) = repeats {
            tell.extend(again.into_iter().filter(|notice| !news.contains(&notice.id)));
            let why = if news.is_empty() { Why::Repeat } else { Why::News };
            self.send(turn, tell, &news, why)
        } else if at_once && !tell.is_empty() {
            self.send(turn, tell, &news, Why::News)
        } else {
            if !tell.is_empty() {
                turn.wait(waits);
            }
            Vec::new()
        };
        out.extend(self.resend(turn, resends));
        let repeat = self.repeats(turn).map(|(at, _)| at);
        let resend = self.oldest(turn).filter(|_| resends).map(|at| at.saturating_add(RESEND));
        turn.wait(repeat);
        turn.wait(resend);
        out
    }

    /// Live notices with a status that was not told.
    fn news(&self, turn: &Turn<'_>, mine: Option<&BTreeSet<&str>>) -> Vec<Notice> {
        let members = self.members.keys().map(String::as_str);
        let all: BTreeSet<&str> = members.chain(mine.into_iter().flatten().copied()).collect();
        let live = all.into_iter().filter_map(|id| turn.live.get(id));
        let is_news = |notice: &Notice| {
            let member = self.members.get(&notice.id);
            member.is_none_or(|member| !member.told.contains(&notice.status))
        };
        live.filter(|it| !it.quiet && is_news(&it.news.notice)).map(|it| it.news.notice.clone()).collect()
    }

    fn all_ended(&self) -> bool {
        !self.members.is_empty() && self.members.keys().all(|id| self.ended.contains_key(id))
    }

    /// What may be said again, and when the first of it is. All of it goes out then, so that it stays together.
    fn repeats(&self, turn: &Turn<'_>) -> Option<(i64, Vec<Notice>)> {
        let mut first = None;
        let mut again = Vec::new();
        for (id, member) in &self.members {
            let Some(it) = turn.live.get(id.as_str()) else { continue };
            let told = member.told.contains(&Status::Firing);
            let Some(every) = it.news.repeat_every.filter(|every| *every > 0) else { continue };
            if told && it.escalates() && !it.quiet {
                let at = member.at.saturating_add(every);
                first = Some(first.map_or(at, |first: i64| first.min(at)));
                again.push(it.news.notice.clone());
            }
        }
        first.map(|first| (first, again))
    }

    /// What is live and was told longest ago.
    fn oldest(&self, turn: &Turn<'_>) -> Option<i64> {
        let live = self.members.iter().filter(|(id, _)| turn.live.contains_key(id.as_str()));
        live.map(|(_, member)| member.at).min()
    }

    /// Sends again what was told and is live, silenced or not: unheard of, it would be taken as resolved.
    fn resend(&mut self, turn: &Turn<'_>, resends: bool) -> Vec<Dispatched> {
        let due = self.oldest(turn).is_some_and(|at| turn.now >= at.saturating_add(RESEND));
        if !resends || !due {
            return Vec::new();
        }
        let live = self.members.keys().filter_map(|id| turn.live.get(id.as_str()));
        let again = live.map(|it| it.news.notice.clone()).collect();
        self.send(turn, again, &BTreeSet::new(), Why::Resend)
    }

    fn send(
        &mut self,
        turn: &Turn<'_>,
        tell: Vec<Notice>,
        news: &BTreeSet<String>,
        why: Why,
    ) -> Vec<Dispatched> {
        let whole = turn.resend.contains(&self.notifier);
        let news = |it: &Notice| news.contains(&it.id);
        let late =
            |it: &Notice| turn.late.all || news(it) && turn.late.episodes.get(&it.id) == Some(&it.status);
        let out = write(self, turn.now, tell, why, whole, late);
        for (id, status) in out.iter().flat_map(|it| &it.told) {
            self.mark(turn.now, id, *status, why);
        }
        if why != Why::Resend {
            self.told_at = Some(turn.now);
        }
        out
    }

    fn mark(&mut self, now: i64, id: &str, status: Status, why: Why) {
        if status == Status::Resolved {
            self.members.remove(id);
            self.ended.remove(id);
            return;
        }
        let member = self.members.entry(id.to_owned()).or_default();
        member.at = now;
        if why != Why::Resend && !member.told.contains(&status) {
            member.told.push(status);
        }
    }
}
