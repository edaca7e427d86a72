//! Random alerts, silences, routes and downtimes over hours; a ledger of what was told says whether it was right.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::alert::Severity;

const MINUTE: i64 = 60 * SECOND;
const REGIONS: [&str; 3] = ["eu", "us", "asia"];
const MANAGER: &str = "manager";

#[derive(Clone, Debug)]
enum Op {
    /// An instance changes: begins to fire, ends, loses its data, has data again.
    Fire(usize, usize),
    End(usize, usize),
    Lose(usize, usize),
    Find(usize, usize),
    Acknowledge(usize, usize),
    Silence {
        alert: Option<usize>,
        region: Option<usize>,
        minutes: i64,
        weekly: bool,
    },
    Nothing,
}

#[derive(Clone, Debug)]
struct Plan {
    repeat: [Option<i64>; 3],
    routes: Vec<Route>,
    inhibitions: Vec<Inhibition>,
    /// Seconds before each, and whether the database is down when it happens.
    steps: Vec<(i64, bool, Op)>,
}

fn region_is(is: bool, region: &str) -> Condition {
    let pair = ("region".to_owned(), region.to_owned());
    if is { Condition::Is(pair.0, pair.1) } else { Condition::IsNot(pair.0, pair.1) }
}

fn name(alert: usize) -> String {
    format!("alert{alert}")
}

fn steps() -> impl Strategy<Value = Vec<(i64, bool, Op)>> {
    let one = || (0usize..3, 0usize..3);
    let op = prop_oneof![
        6 => one().prop_map(|(a, i)| Op::Fire(a, i)),
        4 => one().prop_map(|(a, i)| Op::End(a, i)),
        1 => one().prop_map(|(a, i)| Op::Lose(a, i)),
        1 => one().prop_map(|(a, i)| Op::Find(a, i)),
        1 => one().prop_map(|(a, i)| Op::Acknowledge(a, i)),
        2 => (option::of(0usize..3), option::of(0usize..3), 1i64..60, any::<bool>())
            .prop_map(|(alert, region, minutes, weekly)| Op::Silence { alert, region, minutes, weekly }),
        1 => Just(Op::Nothing),
    ];
    vec((0i64..500, prop::bool::weighted(0.2), op), 1..60)
}

fn routes() -> impl Strategy<Value = Vec<Route>> {
    let condition = prop_oneof![
        Just(Condition::SeverityAtLeast(Severity::High)),
        Just(Condition::SeverityAtMost(Severity::High)),
        Just(Condition::Is("region".to_owned(), "eu".to_owned())),
        Just(Condition::IsNot("region".to_owned(), "us".to_owned())),
        Just(Condition::IsNot("team".to_owned(), "risk".to_owned())),
    ];
    let who = || vec(prop_oneof!["n[0-2]", Just(MANAGER.to_owned())], 0..3);
    let escalation =
        (0i64..90, who()).prop_map(|(minutes, notify)| Escalation { after: minutes * MINUTE, notify });
    let route =
        (vec(condition, 0..3), who(), vec(escalation, 0..3)).prop_map(|(conditions, notify, escalations)| {
            Route { name: "r".to_owned(), conditions, notify, escalations }
        });
    vec(route, 0..3)
}

fn plans() -> impl Strategy<Value = Plan> {
    let repeat = || option::weighted(0.3, (1i64..120).prop_map(|minutes| minutes * MINUTE));
    let inhibition = (0usize..3, 0usize..3, any::<bool>()).prop_map(|(source, target, equal)| Inhibition {
        name: "i".to_owned(),
        source: name(source),
        target: name(target),
        equal: equal.then(|| "region".to_owned()).into_iter().collect(),
    });
    ([repeat(), repeat(), repeat()], routes(), vec(inhibition, 0..2), steps())
        .prop_map(|(repeat, routes, inhibitions, steps)| Plan { repeat, routes, inhibitions, steps })
}

fn notice(alert: usize, instance: usize, id: &str, at: i64) -> Notice {
    let labels = [("region", REGIONS[instance]), ("alertname", &name(alert))];
    Notice {
        status: Status::Firing,
        alert: name(alert),
        id: id.to_owned(),
        fingerprint: format!("{alert}/{instance}"),
        model: (alert > 0).then(|| "fraud".to_owned()),
        severity: Severity::ALL[alert + 1],
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        annotations: BTreeMap::new(),
        value: None,
        threshold: None,
        statistic: None,
        window_start: at - MINUTE,
        window_end: at,
        starts_at: at,
        ends_at: None,
        query: String::new(),
        evidence: Vec::new(),
        reason: None,
    }
}

/// What of the world the dispatcher is shown, and all it said.
struct Play<'a> {
    plan: &'a Plan,
    round_trip: bool,
    now: i64,
    episodes: usize,
    live: BTreeMap<(usize, usize), News>,
    acknowledged: BTreeSet<String>,
    silences: Vec<Silence>,
    resend: BTreeSet<String>,
    state: DispatchState,
    ledger: Ledger,
    said: Vec<Dispatched>,
}

/// What was told, from the messages alone.
#[derive(Default)]
struct Ledger {
    ids: BTreeSet<String>,
    /// (notifier, episode): statuses told, and how often the end was.
    told: BTreeMap<(String, String), (Vec<Status>, usize)>,
    /// (notifier, episode): when it was in a message last.
    at: BTreeMap<(String, String), i64>,
    first: BTreeMap<String, i64>,
    /// (notifier, alert): the last message that was no resend.
    last: BTreeMap<(String, String), i64>,
    alert_of: BTreeMap<String, String>,
    over: BTreeSet<String>,
    /// Events of downtimes, with their status then.
    late: BTreeMap<String, Status>,
}

impl<'a> Play<'a> {
    fn new(plan: &'a Plan, round_trip: bool) -> Self {
        Self {
            plan,
            round_trip,
            now: 1_000 * MINUTE,
            episodes: 0,
            live: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            silences: Vec::new(),
            resend: BTreeSet::from([MANAGER.to_owned()]),
            state: DispatchState::default(),
            ledger: Ledger::default(),
            said: Vec::new(),
        }
    }

    fn run(&mut self) {
        let (mut missed, mut was_down) = (Vec::new(), false);
        for (seconds, down, op) in &self.plan.steps {
            let until = self.now + seconds * SECOND;
            if !was_down && !down {
                self.wait(until);
            }
            self.now = until;
            missed.extend(self.apply(op));
            was_down |= down;
            if !down {
                self.come_up(std::mem::take(&mut missed), std::mem::take(&mut was_down));
            }
        }
        self.come_up(missed, was_down);
        self.wait(self.now + 180 * MINUTE);
    }

    fn come_up(&mut self, events: Vec<Notice>, was_down: bool) {
        for event in &events {
            self.ledger.late.remove(&event.id);
            if was_down {
                self.ledger.late.insert(event.id.clone(), event.status);
            }
        }
        self.call(&events, was_down);
    }

    /// Ticks whenever the state wants it, and at no other time.
    fn wait(&mut self, until: i64) {
        while let Some(due) = next_due(&self.state).filter(|due| *due <= until) {
            assert!(due > self.now, "due at {due} after a call at {}", self.now);
            self.now = due;
            self.call(&[], false);
        }
        self.now = until;
        self.check_nothing_is_missing();
    }

    fn apply(&mut self, op: &Op) -> Vec<Notice> {
        let at = match op {
            Op::Fire(a, i) | Op::End(a, i) | Op::Lose(a, i) | Op::Find(a, i) | Op::Acknowledge(a, i) => {
                (*a, *i)
            }
            Op::Silence { .. } | Op::Nothing => (9, 9),
        };
        let status = match (op, self.live.get_mut(&at)) {
            (Op::Fire(..), None) => {
                self.episodes += 1;
                let notice = notice(at.0, at.1, &format!("e{}", self.episodes), self.now);
                self.ledger.alert_of.insert(notice.id.clone(), notice.alert.clone());
                let news =
                    News { notice, notify: vec!["n0".to_owned()], repeat_every: self.plan.repeat[at.0] };
                return vec![self.live.entry(at).or_insert(news).notice.clone()];
            }
            (Op::End(..), Some(_)) => {
                let news = self.live.remove(&at).unwrap();
                self.ledger.over.insert(news.notice.id.clone());
                return vec![Notice { status: Status::Resolved, ends_at: Some(self.now), ..news.notice }];
            }
            (Op::Acknowledge(..), Some(news)) => {
                self.acknowledged.insert(news.notice.id.clone());
                return Vec::new();
            }
            (Op::Silence { alert, region, minutes, weekly }, _) => {
                self.silence(*alert, *region, *minutes, *weekly);
                return Vec::new();
            }
            (Op::Lose(..), Some(_)) => Status::NoData,
            (Op::Find(..), Some(_)) => Status::Firing,
            _ => return Vec::new(),
        };
        let news = self.live.get_mut(&at).unwrap();
        news.notice.status = status;
        vec![news.notice.clone()]
    }

    fn silence(&mut self, alert: Option<usize>, region: Option<usize>, minutes: i64, weekly: bool) {
        // A weekly one began a week ago: it lasts now because it came back.
        let from = self.now - if weekly { crate::alert::period::WEEK } else { 0 };
        self.silences.push(Silence {
            id: self.silences.len().to_string(),
            alert: alert.map(name),
            conditions: region.map(|at| region_is(minutes % 2 == 0, REGIONS[at])).into_iter().collect(),
            from,
            to: from + minutes * MINUTE,
            weekly,
            comment: None,
            by: None,
        });
    }

    fn call(&mut self, events: &[Notice], late: bool) {
        if self.round_trip {
            self.state = serde_json::from_slice(&serde_json::to_vec(&self.state).unwrap()).unwrap();
        }
        let live: Vec<_> = self.live.values().cloned().collect();
        let world = World {
            live: &live,
            acknowledged: &self.acknowledged,
            silences: &self.silences,
            routes: &self.plan.routes,
            inhibitions: &self.plan.inhibitions,
            resend: &self.resend,
        };
        let out = match (late, events.is_empty()) {
            (true, _) => dispatch_late(&mut self.state, self.now, events, &world),
            (false, false) => dispatch(&mut self.state, self.now, events, &world),
            (false, true) => tick(&mut self.state, self.now, &world),
        };
        let again = tick(&mut self.state.clone(), self.now, &world);
        assert!(again.is_empty(), "said twice: {again:?}");
        for it in &out {
            self.check(it, late);
        }
        self.said.extend(out);
        self.check_nothing_is_missing();
    }

    fn live_notice(&self, id: &str) -> Option<&News> {
        self.live.values().find(|it| it.notice.id == id)
    }

    fn held_back(&self, notice: &Notice) -> bool {
        let silenced = self.silences.iter().any(|it| {
            let since = (self.now - it.from) % crate::alert::period::WEEK;
            let lasts = if it.weekly { since < it.to - it.from } else { self.now < it.to };
            let alert = it.alert.as_ref().is_none_or(|alert| *alert == notice.alert);
            let region = it
                .conditions
                .iter()
                .all(|it| REGIONS.iter().any(|at| *it == region_is(*at == notice.labels["region"], at)));
            lasts && alert && region
        });
        silenced
            || self.plan.inhibitions.iter().any(|by| {
                let same =
                    |it: &Notice| by.equal.is_empty() || it.labels["region"] == notice.labels["region"];
                by.source != by.target
                    && by.target == notice.alert
                    && self.live.values().any(|it| {
                        it.notice.alert == by.source && it.notice.status == Status::Firing && same(&it.notice)
                    })
            })
    }

    /// Those who are to know of it now.
    fn whom(&self, news: &News) -> BTreeSet<String> {
        let mut whom = BTreeSet::from(["n0".to_owned()]);
        for route in &self.plan.routes {
            let label = |name: &str| news.notice.labels.get(name).cloned().unwrap_or_default();
            let takes = route.conditions.iter().all(|it| match it {
                Condition::SeverityAtLeast(least) => news.notice.severity >= *least,
                Condition::SeverityAtMost(most) => news.notice.severity <= *most,
                Condition::Is(name, value) => label(name) == *value,
                Condition::IsNot(name, value) => label(name) != *value,
            });
            if !takes {
                continue;
            }
            whom.extend(route.notify.iter().cloned());
            let first = self.ledger.first.get(&news.notice.id);
            let open = news.notice.status == Status::Firing && !self.acknowledged.contains(&news.notice.id);
            for escalation in &route.escalations {
                if let (Some(first), true) = (first, open)
                    && first + escalation.after.max(1) <= self.now
                {
                    whom.extend(escalation.notify.iter().cloned());
                }
            }
        }
        whom
    }

    fn check(&mut self, it: &Dispatched, late_call: bool) {
        let message = &it.message;
        assert!(self.ledger.ids.insert(message.id.clone()), "an id comes twice");
        assert!(!message.alerts.is_empty() && it.left_out == 0);
        assert_eq!(message.created_at, self.now);
        let manager = message.notifier == MANAGER;
        assert!(it.why != Why::Resend || manager);
        self.check_gathered(it);
        self.check_not_too_soon(it);
        let mut late = late_call;
        for notice in &message.alerts {
            assert_eq!(message.group["alertname"], notice.alert);
            assert_eq!(message.group.get("model"), notice.model.as_ref());
            late |= self.check_alert(it, notice);
        }
        assert_eq!(message.late, late, "{message:?}");
        let worst = |status| message.alerts.iter().any(|it| it.status == status);
        let order = [Status::Firing, Status::Error, Status::NoData, Status::Resolved];
        assert_eq!(Some(message.status), order.into_iter().find(|status| worst(*status)));
        if it.why != Why::Resend {
            self.ledger.last.insert((message.notifier.clone(), message.group["alertname"].clone()), self.now);
        }
    }

    /// News within five minutes of the last message need a reason.
    fn check_gathered(&self, it: &Dispatched) {
        let message = &it.message;
        let key = (message.notifier.clone(), message.group["alertname"].clone());
        let soon = self.ledger.last.get(&key).is_some_and(|last| self.now < last + GATHER);
        if !soon || message.notifier == MANAGER || it.why != Why::News {
            return;
        }
        let going_on = self.ledger.told.iter().filter(|((who, id), (told, ends))| {
            *who == key.0 && self.ledger.alert_of[id] == key.1 && !told.is_empty() && *ends == 0
        });
        let all_ended = going_on.clone().count() > 0
            && going_on.clone().all(|((_, id), _)| self.ledger.over.contains(id));
        let repeats = going_on.clone().any(|((_, id), _)| message.alerts.iter().any(|it| it.id == *id))
            && message
                .alerts
                .iter()
                .any(|it| self.live_notice(&it.id).is_some_and(|it| it.repeat_every.is_some()));
        assert!(all_ended || repeats, "{message:?}");
    }

    /// What is said again was due for one of its alerts.
    fn check_not_too_soon(&self, it: &Dispatched) {
        let due = |notice: &Notice| {
            let at = self.ledger.at[&(it.message.notifier.clone(), notice.id.clone())];
            let every = match it.why {
                Why::Resend => Some(RESEND),
                _ => self.live_notice(&notice.id).and_then(|it| it.repeat_every),
            };
            every.is_some_and(|every| self.now >= at + every)
        };
        assert!(it.why == Why::News || it.message.alerts.iter().any(due), "too soon: {it:?}");
    }

    /// Whether it is late news.
    fn check_alert(&mut self, it: &Dispatched, notice: &Notice) -> bool {
        let who = it.message.notifier.clone();
        let (told, ends) =
            self.ledger.told.get(&(who.clone(), notice.id.clone())).cloned().unwrap_or_default();
        assert_eq!(ends, 0, "told after its end");
        let is_new = !told.contains(&notice.status);
        if notice.status == Status::Resolved {
            assert!(self.ledger.over.contains(&notice.id) && !told.is_empty());
        } else {
            let news = self.live_notice(&notice.id).expect("what is told goes on");
            assert_eq!(*notice, news.notice);
            assert!(!told.is_empty() || self.whom(news).contains(&who), "nobody wanted {who} to know");
            if it.why == Why::Resend {
                assert!(!told.is_empty());
            } else {
                assert!(!self.held_back(notice), "told while silenced");
                let may_repeat = news.repeat_every.is_some() && !self.acknowledged.contains(&notice.id);
                assert!(is_new || may_repeat, "told twice");
            }
        }
        self.ledger.at.insert((who.clone(), notice.id.clone()), self.now);
        let entry = self.ledger.told.entry((who, notice.id.clone())).or_default();
        if notice.status == Status::Resolved {
            entry.1 += 1;
        } else if it.why != Why::Resend {
            entry.0.push(notice.status);
            self.ledger.first.entry(notice.id.clone()).or_insert(self.now);
        }
        is_new && it.why != Why::Resend && self.ledger.late.get(&notice.id) == Some(&notice.status)
    }

    /// What goes on and is not held back was told, or gathers; what ended likewise.
    fn check_nothing_is_missing(&self) {
        let gathers = |who: &str, alert: &str| {
            let last = self.ledger.last.get(&(who.to_owned(), alert.to_owned()));
            who != MANAGER && last.is_some_and(|last| self.now < last + GATHER)
        };
        for news in self.live.values().filter(|it| !self.held_back(&it.notice)) {
            for who in self.whom(news) {
                let key = (who.clone(), news.notice.id.clone());
                let told =
                    self.ledger.told.get(&key).is_some_and(|(told, _)| told.contains(&news.notice.status));
                assert!(told || gathers(&who, &news.notice.alert), "{who} was not told of {news:?}");
            }
        }
        for ((who, id), at) in &self.ledger.at {
            let Some(news) = self.live_notice(id) else { continue };
            assert!(who != MANAGER || self.now < at + RESEND, "{id} was not sent again");
            let open = news.notice.status == Status::Firing && !self.acknowledged.contains(id);
            if let Some(every) = news.repeat_every.filter(|_| open && !self.held_back(&news.notice)) {
                let fired = self.ledger.told[&(who.clone(), id.clone())].0.contains(&Status::Firing);
                assert!(!fired || self.now < at + every, "{id} was not repeated");
            }
        }
        for ((who, id), (told, ends)) in &self.ledger.told {
            if self.ledger.over.contains(id) && !told.is_empty() {
                assert!(
                    *ends == 1 || gathers(who, &self.ledger.alert_of[id]),
                    "{who} waits for the end of {id}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_is_told_once_in_time_and_ended_once(plan in plans()) {
        let mut play = Play::new(&plan, false);
        play.run();
        for ((_, id), (told, ends)) in &play.ledger.told {
            let over = play.ledger.over.contains(id);
            prop_assert_eq!(*ends, usize::from(over && !told.is_empty()));
        }
        let members: usize = play.state.groups.values().map(|group| group.members.len()).sum();
        let open = play.ledger.told.keys().filter(|(_, id)| !play.ledger.over.contains(id)).count();
        prop_assert_eq!(members, open);
    }

    #[test]
    fn a_state_kept_as_json_says_the_same(plan in plans()) {
        let (mut kept, mut json) = (Play::new(&plan, false), Play::new(&plan, true));
        kept.run();
        json.run();
        prop_assert_eq!(kept.said, json.said);
        prop_assert_eq!(kept.state, json.state);
    }
}

fn plan(repeat: Option<i64>, routes: Vec<Route>) -> Plan {
    Plan { repeat: [repeat; 3], routes, inhibitions: Vec::new(), steps: Vec::new() }
}

fn send(play: &mut Play<'_>, minutes: i64, op: Op) -> Vec<(String, Status, usize)> {
    let first = play.said.len();
    play.wait(play.now + minutes * MINUTE);
    let events = play.apply(&op);
    play.call(&events, false);
    let said = play.said[first..].iter().map(|it| &it.message);
    said.map(|it| (it.notifier.clone(), it.status, it.alerts.len())).collect()
}

fn to(who: &str, status: Status, alerts: usize) -> (String, Status, usize) {
    (who.to_owned(), status, alerts)
}

#[test]
fn later_members_gather_and_a_last_end_does_not() {
    let plan = plan(None, Vec::new());
    let mut play = Play::new(&plan, false);
    assert_eq!(send(&mut play, 0, Op::Fire(0, 0)), [to("n0", Status::Firing, 1)]);
    assert_eq!(send(&mut play, 1, Op::Fire(0, 1)), []);
    assert_eq!(send(&mut play, 1, Op::Fire(0, 2)), []);
    assert_eq!(send(&mut play, 1, Op::End(0, 2)), []);
    assert_eq!(send(&mut play, 3, Op::Nothing), [to("n0", Status::Firing, 1)]);
    assert_eq!(send(&mut play, 0, Op::End(0, 0)), []);
    assert_eq!(send(&mut play, 1, Op::End(0, 1)), [to("n0", Status::Resolved, 2)]);
    assert!(play.state.groups.values().all(|group| group.members.is_empty()));
}

#[test]
fn nobody_caring_escalates_and_repeats_until_somebody_does() {
    let escalation = Escalation { after: 30 * MINUTE, notify: vec!["boss".to_owned()] };
    let route = Route { escalations: vec![escalation], ..Route::default() };
    let plan = plan(Some(20 * MINUTE), vec![route]);
    let mut play = Play::new(&plan, false);
    assert_eq!(send(&mut play, 0, Op::Fire(0, 0)).len(), 1);
    assert_eq!(send(&mut play, 29, Op::Nothing), [to("n0", Status::Firing, 1)]);
    assert_eq!(send(&mut play, 2, Op::Nothing), [to("boss", Status::Firing, 1)]);
    assert_eq!(send(&mut play, 1, Op::Acknowledge(0, 0)), []);
    assert_eq!(send(&mut play, 300, Op::Nothing), []);
    let ends = send(&mut play, 0, Op::End(0, 0));
    assert_eq!(ends, [to("boss", Status::Resolved, 1), to("n0", Status::Resolved, 1)]);
}

#[test]
fn a_long_message_counts_what_it_leaves_out_but_an_alertmanager_gets_all() {
    let count = 2 * MESSAGE_ALERTS_MAX + 50;
    let live: Vec<_> = (0..count)
        .map(|at| News {
            notice: notice(0, at % 3, &format!("e{at:04}"), 0),
            notify: vec!["n0".to_owned(), MANAGER.to_owned()],
            repeat_every: None,
        })
        .collect();
    let (nobody, resend) = (BTreeSet::new(), BTreeSet::from([MANAGER.to_owned()]));
    let mut world = World {
        live: &live,
        acknowledged: &nobody,
        silences: &[],
        routes: &[],
        inhibitions: &[],
        resend: &resend,
    };
    let mut state = DispatchState::default();
    let out = tick(&mut state, 0, &world);
    let shape = |out: &[Dispatched]| -> Vec<_> {
        out.iter().map(|it| (it.message.notifier.clone(), it.message.alerts.len(), it.left_out)).collect()
    };
    let manager = |alerts| (MANAGER.to_owned(), alerts, 0);
    let all = [manager(100), manager(100), manager(50), ("n0".to_owned(), 100, 150)];
    assert_eq!(shape(&out), all);
    assert_eq!(out.iter().map(|it| &it.message.id).collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(shape(&tick(&mut state, RESEND, &world)), all[..3]);
    let ends: Vec<_> =
        live.iter().map(|it| Notice { status: Status::Resolved, ..it.notice.clone() }).collect();
    world.live = &[];
    assert_eq!(shape(&dispatch(&mut state, RESEND + 1, &ends, &world)), all);
    assert_eq!(state.groups.values().map(|it| it.members.len()).sum::<usize>(), 0);
}

#[test]
fn a_circle_of_inhibitions_is_found() {
    let by = |source: &str, target: &str| Inhibition {
        name: String::new(),
        source: source.to_owned(),
        target: target.to_owned(),
        equal: Vec::new(),
    };
    assert_eq!(circle(&[by("a", "b"), by("b", "c"), by("a", "c"), by("c", "c")]), None);
    let found = circle(&[by("x", "a"), by("a", "b"), by("b", "c"), by("c", "a")]).unwrap();
    assert_eq!((found.first(), found.len()), (found.last(), 4));
}

#[test]
fn messages_keep_their_names_between_versions() {
    let plan = plan(None, Vec::new());
    let mut play = Play::new(&plan, false);
    send(&mut play, 0, Op::Fire(1, 0));
    assert_eq!(play.said[0].message.id, "98260ec48cde64e9208ff904d1fbd1b2");
}
