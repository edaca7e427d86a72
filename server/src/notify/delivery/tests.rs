use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use driftline_query::alert::{Message, NotifierKind, Status};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::super::outbox::Outcome;
use super::super::sample;
use super::*;

const SECOND: i64 = 1_000_000_000;
/// When the tests begin.
const START: i64 = sample::DAY;

#[derive(Clone, Debug)]
struct Row {
    outgoing: Outgoing,
    due_at: i64,
    end: Option<Outcome>,
}

/// An outbox in memory, as the contract asks.
#[derive(Default)]
struct Memory {
    rows: Mutex<Vec<Row>>,
    new: Notify,
    /// So many settlements fail first.
    broken: Mutex<u32>,
}

#[derive(Clone, Default)]
struct Shelf(Arc<Memory>);

impl Outbox for Shelf {
    async fn due(&self, now: i64, max: usize) -> (Vec<Outgoing>, Option<i64>) {
        let rows = self.0.rows.lock().unwrap();
        let mut held: Vec<(String, BTreeMap<String, String>)> = Vec::new();
        let mut taken: HashMap<String, usize> = HashMap::new();
        let (mut due, mut next) = (Vec::new(), None::<i64>);
        for row in rows.iter().filter(|row| row.end.is_none()) {
            let message = &row.outgoing.message;
            let lane = (message.notifier.clone(), message.group.clone());
            if held.contains(&lane) {
                continue;
            }
            if row.due_at > now {
                held.push(lane);
                next = next.into_iter().chain([row.due_at]).min();
                continue;
            }
            let taken = taken.entry(message.notifier.clone()).or_default();
            if *taken < max {
                *taken += 1;
                due.push(row.outgoing.clone());
            }
        }
        (due, next)
    }

    async fn settle(&self, message: &Message, outcome: &Outcome) -> Result<(), String> {
        let mut broken = self.0.broken.lock().unwrap();
        if *broken > 0 {
            *broken -= 1;
            return Err("the disk is full".to_owned());
        }
        let mut rows = self.0.rows.lock().unwrap();
        let row = rows.iter_mut().find(|row| row.outgoing.message.id == message.id).unwrap();
        assert_eq!(row.end, None, "{} settled twice", message.id);
        match outcome {
            Outcome::Later { at, .. } => {
                row.due_at = *at;
                row.outgoing.attempts += 1;
                row.outgoing.first_attempt_at.get_or_insert(START);
            }
            end => row.end = Some(end.clone()),
        }
        Ok(())
    }

    async fn changed(&self) {
        self.0.new.notified().await;
    }
}

impl Shelf {
    fn put(&self, id: &str, notifier: &str, group: &str) {
        self.put_with(id, notifier, group, |_| {});
    }

    fn put_with(&self, id: &str, notifier: &str, group: &str, change: impl FnOnce(&mut Outgoing)) {
        let message = Message {
            id: id.to_owned(),
            notifier: notifier.to_owned(),
            group: sample::texts(&[("alertname", group)]),
            ..sample::message(vec![sample::in_state(Status::Firing)])
        };
        let kind = sample::notifier(
            NotifierKind::Webhook,
            &[("url", "https://example.com"), ("rate_limit", "6000")],
        );
        let notifier = Notifier { name: notifier.to_owned(), ..kind };
        let mut outgoing =
            Outgoing { message, notifier: Some(notifier), attempts: 0, first_attempt_at: None };
        change(&mut outgoing);
        self.0.rows.lock().unwrap().push(Row { outgoing, due_at: START, end: None });
        self.0.new.notify_one();
    }

    fn end(&self, id: &str) -> Option<Outcome> {
        let rows = self.0.rows.lock().unwrap();
        rows.iter().find(|row| row.outgoing.message.id == id).unwrap().end.clone()
    }

    fn attempts(&self, id: &str) -> u32 {
        let rows = self.0.rows.lock().unwrap();
        rows.iter().find(|row| row.outgoing.message.id == id).unwrap().outgoing.attempts
    }
}

/// Answers as the test says, given notifier, id, and how often this message came before.
type Answers = Box<dyn Fn(&str, &str, usize) -> Step + Send + Sync>;

enum Step {
    Now(Result<(), SendError>),
    After(Duration, Result<(), SendError>),
    Panic,
}

struct Fake {
    answers: Answers,
    clock: Clock,
    /// Id and time of each attempt.
    log: Arc<Mutex<Vec<(String, i64)>>>,
}

impl Courier for Fake {
    async fn send(&self, notifier: &Notifier, message: &Message, _now: i64) -> Result<(), SendError> {
        let before = {
            let mut log = self.log.lock().unwrap();
            log.push((message.id.clone(), (self.clock)() - START));
            log.iter().filter(|(id, _)| *id == message.id).count() - 1
        };
        match (self.answers)(&notifier.name, &message.id, before) {
            Step::Now(result) => result,
            Step::After(wait, result) => {
                tokio::time::sleep(wait).await;
                result
            }
            Step::Panic => panic!("on purpose"),
        }
    }
}

struct Running {
    shelf: Shelf,
    log: Arc<Mutex<Vec<(String, i64)>>>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    clock: Clock,
}

impl Running {
    fn start(shelf: Shelf, answers: impl Fn(&str, &str, usize) -> Step + Send + Sync + 'static) -> Self {
        let began = Instant::now();
        let clock: Clock = Arc::new(move || START + i64::try_from(began.elapsed().as_nanos()).unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let fake = Fake { answers: Box::new(answers), clock: Arc::clone(&clock), log: Arc::clone(&log) };
        let (stop, stopped) = oneshot::channel();
        let task =
            tokio::spawn(deliver(
                shelf.clone(),
                fake,
                Arc::clone(&clock),
                async move { drop(stopped.await) },
            ));
        Self { shelf, log, stop, task, clock }
    }

    /// The clock is the runtime's own and jumps: this takes no time.
    async fn run_for(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    fn sent(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
    }

    /// Seconds of the attempts at a message.
    fn times(&self, id: &str) -> Vec<i64> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|(other, _)| other == id).map(|(_, at)| at / SECOND).collect()
    }

    /// Stops it; how long that took.
    async fn stop(self) -> i64 {
        let before = (self.clock)();
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        (self.clock)() - before
    }
}

fn later() -> Step {
    Step::Now(Err(SendError::later("busy")))
}

fn busy_for(seconds: u64) -> Step {
    Step::Now(Err(SendError::Later {
        what: "busy".to_owned(),
        retry_after: Some(Duration::from_secs(seconds)),
    }))
}

fn good() -> Step {
    Step::Now(Ok(()))
}

#[tokio::test(start_paused = true)]
async fn what_is_due_goes_out_in_order_and_what_comes_later_too() {
    let shelf = Shelf::default();
    for i in 0..5 {
        shelf.put(&format!("a{i}"), "a", "g");
    }
    let running = Running::start(shelf, |_, _, _| good());
    running.run_for(1).await;
    assert_eq!(running.sent(), ["a0", "a1", "a2", "a3", "a4"]);
    running.shelf.put("a5", "a", "g");
    running.run_for(1).await;
    assert_eq!(running.shelf.end("a5"), Some(Outcome::Sent));
    assert_eq!(running.times("a5"), [1]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_never_overtakes_its_beginning() {
    let shelf = Shelf::default();
    for id in ["firing", "resolved"] {
        shelf.put(id, "a", "g");
    }
    shelf.put("other", "a", "h");
    let running =
        Running::start(shelf, |_, id, before| if id == "firing" && before < 3 { later() } else { good() });
    running.run_for(60).await;
    assert_eq!(running.sent(), ["firing", "other", "firing", "firing", "firing", "resolved"]);
    assert_eq!(running.shelf.attempts("resolved"), 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_the_first_waits_waits_too() {
    let shelf = Shelf::default();
    shelf.put("firing", "a", "g");
    let running = Running::start(
        shelf,
        |_, id, before| if id == "firing" && before == 0 { busy_for(30) } else { good() },
    );
    running.run_for(10).await;
    running.shelf.put("resolved", "a", "g");
    running.run_for(10).await;
    assert_eq!(running.sent(), ["firing"]);
    running.run_for(20).await;
    assert_eq!(running.sent(), ["firing", "firing", "resolved"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_the_dead_let_others_pass() {
    let shelf = Shelf::default();
    shelf.put("dead", "a", "g");
    shelf.put("next", "a", "g");
    let running = Running::start(shelf, |_, id, _| if id == "dead" { later() } else { good() });
    running.run_for(24 * 3600).await;
    let times = running.times("dead");
    assert_eq!(times.len(), usize::try_from(super::super::backoff::ATTEMPTS_MAX).unwrap());
    let waits: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        waits[0] <= 1 && (128..=256).contains(&waits[8]) && waits.iter().all(|wait| *wait <= 301),
        "{waits:?}"
    );
    let Some(Outcome::Dead { error }) = running.shelf.end("dead") else { panic!("not dead") };
    assert_eq!(error, "given up after 30 attempts: busy");
    assert_eq!(running.shelf.end("next"), Some(Outcome::Sent));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_too_old_is_given_up() {
    let shelf = Shelf::default();
    shelf.put("slow", "a", "g");
    let running = Running::start(shelf, |_, _, _| busy_for(3600));
    running.run_for(25 * 3600).await;
    assert_eq!(running.times("slow").len(), 25);
    assert!(matches!(running.shelf.end("slow"), Some(Outcome::Dead { error }) if error.contains("24 hours")));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_not_tried_again() {
    let shelf = Shelf::default();
    shelf.put("bad", "a", "g");
    shelf.put("good", "a", "g");
    let refuse = |_: &str, id: &str, _| match id {
        "bad" => Step::Now(Err(SendError::Refused("no such channel".to_owned()))),
        _ => good(),
    };
    let running = Running::start(shelf, refuse);
    running.run_for(3600).await;
    assert_eq!(running.sent(), ["bad", "good"]);
    assert_eq!(running.shelf.end("bad"), Some(Outcome::Dead { error: "no such channel".to_owned() }));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_is_gone_or_off_sends_nothing() {
    let shelf = Shelf::default();
    shelf.put_with("gone", "a", "g", |outgoing| outgoing.notifier = None);
    shelf.put_with("off", "b", "g", |outgoing| outgoing.notifier.as_mut().unwrap().enabled = false);
    let running = Running::start(shelf, |_, _, _| good());
    running.run_for(1).await;
    assert!(running.sent().is_empty());
    assert_eq!(
        running.shelf.end("gone"),
        Some(Outcome::Dead { error: "the notifier a has been dropped".to_owned() })
    );
    assert_eq!(
        running.shelf.end("off"),
        Some(Outcome::Skipped { reason: "the notifier b is off".to_owned() })
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_notifier_does_not_hold_up_the_others() {
    let shelf = Shelf::default();
    for i in 0..100 {
        shelf.put(&format!("slow{i}"), "slow", "g");
    }
    shelf.put("quick", "quick", "g");
    let answers = |name: &str, _: &str, _| {
        if name == "slow" { Step::After(Duration::from_secs(60), Ok(())) } else { good() }
    };
    let running = Running::start(shelf, answers);
    running.run_for(1).await;
    assert_eq!(running.times("quick"), [0]);
    running.shelf.put("later", "quick", "g");
    running.run_for(1).await;
    assert_eq!(running.times("later"), [1]);
    assert_eq!(running.times("slow1"), [] as [i64; 0]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn so_many_notifiers_send_at_once_and_all_get_their_turn() {
    let shelf = Shelf::default();
    for i in 0..3 * NOTIFIERS_AT_ONCE_MAX {
        shelf.put(&format!("m{i}"), &format!("n{i}"), "g");
    }
    let running = Running::start(shelf, |_, _, _| Step::After(Duration::from_secs(10), Ok(())));
    for round in 1..=3 {
        running.run_for(if round == 1 { 5 } else { 10 }).await;
        assert_eq!(running.sent().len(), round * NOTIFIERS_AT_ONCE_MAX);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept() {
    let shelf = Shelf::default();
    for i in 0..200 {
        shelf.put_with(&format!("m{i}"), "a", &format!("g{i}"), |outgoing| {
            let options = &mut outgoing.notifier.as_mut().unwrap().options;
            options.insert("rate_limit".to_owned(), "30".to_owned());
        });
    }
    let running = Running::start(shelf, |_, _, _| good());
    running.run_for(60).await;
    let minute = running.sent().len();
    assert!((30..=35).contains(&minute), "{minute}");
    running.run_for(120).await;
    let three = running.sent().len();
    assert!((90..=95).contains(&three), "{three}");
    assert_eq!(running.sent()[..3], ["m0", "m1", "m2"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_names_a_time_is_left_alone_until_then() {
    let shelf = Shelf::default();
    for i in 0..10 {
        shelf.put(&format!("m{i}"), "a", &format!("g{i}"));
    }
    let running = Running::start(shelf, |_, _, before| if before == 0 { busy_for(100) } else { good() });
    running.run_for(99).await;
    assert_eq!(running.sent(), ["m0"]);
    assert_eq!(running.shelf.attempts("m1"), 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_is_not_sent_again() {
    let shelf = Shelf::default();
    shelf.put("m0", "a", "g");
    shelf.put("m1", "a", "h");
    *shelf.0.broken.lock().unwrap() = 9;
    let running = Running::start(shelf, |_, _, _| good());
    running.run_for(3600).await;
    assert_eq!(running.sent(), ["m0", "m1"]);
    assert_eq!(running.shelf.end("m0"), Some(Outcome::Sent));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_a_rest_and_nothing_else() {
    let shelf = Shelf::default();
    shelf.put("bad", "a", "g");
    shelf.put("good", "b", "g");
    let running =
        Running::start(shelf, |_, id, before| if id == "bad" && before < 2 { Step::Panic } else { good() });
    running.run_for(300).await;
    assert_eq!(running.times("bad"), [0, 60, 120]);
    assert_eq!(running.times("good"), [0]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_may_finish_when_it_stops() {
    let shelf = Shelf::default();
    shelf.put("m0", "a", "g");
    shelf.put("m1", "a", "g");
    let running = Running::start(shelf.clone(), |_, _, _| Step::After(Duration::from_secs(3), Ok(())));
    running.run_for(1).await;
    let took = running.stop().await;
    assert_eq!(took / SECOND, 2);
    assert_eq!((shelf.end("m0"), shelf.end("m1")), (Some(Outcome::Sent), None));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_finish_is_left_and_still_due() {
    let shelf = Shelf::default();
    shelf.put("m0", "a", "g");
    let running = Running::start(shelf.clone(), |_, _, _| Step::After(Duration::from_secs(600), Ok(())));
    running.run_for(1).await;
    let took = running.stop().await;
    assert_eq!(took / SECOND, i64::try_from(GRACE.as_secs()).unwrap());
    assert_eq!(shelf.end("m0"), None);
    let again = Running::start(shelf.clone(), |_, _, _| good());
    again.run_for(1).await;
    assert_eq!(shelf.end("m0"), Some(Outcome::Sent));
    again.stop().await;
}

#[tokio::test(start_paused = true)]
async fn any_failures_keep_the_order_within_a_group() {
    for seed in 0..30u64 {
        let shelf = Shelf::default();
        for i in 0..40u64 {
            let mix = (seed + 1) * (i + 7) * 2_654_435_761 % 1009;
            shelf.put(&format!("{i:02}"), &format!("n{}", mix % 3), &format!("g{}", mix % 2));
        }
        let fails = move |_: &str, id: &str, before: usize| {
            let mix = (seed * 31 + id.parse::<u64>().unwrap() * 17 + before as u64 * 13) % 11;
            match mix {
                0..=3 => later(),
                4 => busy_for(mix * 7),
                5 => Step::After(Duration::from_secs(4), Ok(())),
                _ => good(),
            }
        };
        let running = Running::start(shelf.clone(), fails);
        running.run_for(7200).await;
        let rows = shelf.0.rows.lock().unwrap().clone();
        assert!(rows.iter().all(|row| row.end.is_some()), "seed {seed}: some are left");
        let mut last: HashMap<(String, BTreeMap<String, String>), String> = HashMap::new();
        for id in running.sent() {
            let message = &rows.iter().find(|row| row.outgoing.message.id == id).unwrap().outgoing.message;
            let lane = (message.notifier.clone(), message.group.clone());
            if let Some(before) = last.insert(lane, id.clone()) {
                assert!(before <= id, "seed {seed}: {id} after {before}");
            }
        }
        running.stop().await;
    }
}
