//! Random rules over random windows, against a second way to say the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::naive::{self, Cell, Timeline};
use super::*;
use crate::alert::{Hold, Severity};

const EVERY: i64 = 60;
const NAMES: [&str; 3] = ["amount", "country", "device"];

/// `WHEN` and `RESOLVE WHEN` of a row.
type Said = (Option<bool>, Option<bool>);

#[derive(Clone, Debug)]
enum Answer {
    Failed,
    /// A row for some of the identities, and one of them twice.
    Rows([Option<Said>; 3], Option<usize>),
}

#[derive(Clone, Debug)]
struct Turn {
    /// Windows left out before this one.
    left_out: i64,
    answer: Answer,
    /// Whose episode somebody then ends.
    resolve: Option<usize>,
    /// Whose episode somebody then acknowledges.
    acknowledge: Option<usize>,
}

fn rule_of(hold: Hold, keep_firing: i64, has_resolve: bool, no_data: Option<i64>, expire_after: i64) -> Rule {
    Rule {
        name: "drift".to_owned(),
        model: Some("fraud".to_owned()),
        severity: Severity::High,
        enabled: true,
        every: EVERY,
        delay: 0,
        by: vec!["feature".to_owned()],
        when: "psi > 0.2".to_owned(),
        resolve_when: has_resolve.then(|| "psi < 0.1".to_owned()),
        hold,
        keep_firing,
        no_data_after: no_data,
        expire_after,
        repeat_every: None,
        notify: Vec::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        query: "SELECT 1".to_owned(),
        metric: None,
        created_at: 7,
        altered_at: None,
        unchecked: false,
    }
}

fn rules() -> impl Strategy<Value = Rule> {
    let hold = prop_oneof![(0u32..4).prop_map(Hold::Windows), (0i64..4 * EVERY).prop_map(Hold::Time)];
    let keep = prop_oneof![Just(0), 1i64..4 * EVERY];
    (hold, keep, any::<bool>(), option::of(1i64..4 * EVERY), 1i64..6 * EVERY)
        .prop_map(|(hold, keep, resolve, no_data, expire)| rule_of(hold, keep, resolve, no_data, expire))
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let truth = || prop_oneof![3 => Just(Some(true)), 2 => Just(Some(false)), 1 => Just(None)];
    let cell = move || option::weighted(0.8, (truth(), truth()));
    let rows = ([cell(), cell(), cell()], option::weighted(0.05, 0usize..3));
    let answer = prop_oneof![
        1 => Just(Answer::Failed),
        1 => Just(Answer::Rows([None; 3], None)),
        9 => rows.prop_map(|(rows, twice)| Answer::Rows(rows, twice)),
    ];
    let left_out = prop_oneof![9 => Just(0), 1 => 1i64..4];
    let whose = || option::weighted(0.08, 0usize..3);
    let turn = (left_out, answer, whose(), whose())
        .prop_map(|(left_out, answer, resolve, acknowledge)| Turn { left_out, answer, resolve, acknowledge });
    vec(turn, 0..40)
}

fn identity(which: usize) -> BTreeMap<String, String> {
    BTreeMap::from([("feature".to_owned(), NAMES[which].to_owned())])
}

fn row(which: usize, (when, resolve): Said) -> Row {
    let columns = serde_json::Map::from_iter([("psi".to_owned(), serde_json::json!(0.25))]);
    Row { identity: identity(which), when, resolve, value: Some(0.25), columns }
}

fn seen(answer: &Answer) -> Seen {
    match answer {
        Answer::Failed => Seen::Failed("no such table".to_owned()),
        Answer::Rows(rows, twice) => {
            let rows = rows.iter().enumerate().filter_map(|(at, said)| Some(row(at, (*said)?)));
            let more = twice.map(|at| [row(at, (Some(true), None)), row(at, (Some(false), None))]);
            Seen::Rows(rows.chain(more.into_iter().flatten()).collect())
        }
    }
}

fn mark(at: i64) -> Mark {
    Mark { who: "ann".to_owned(), comment: None, at }
}

fn ends(turns: &[Turn]) -> Vec<i64> {
    turns
        .iter()
        .scan(0, |end, turn| {
            *end += EVERY * (1 + turn.left_out);
            Some(*end)
        })
        .collect()
}

fn play(state: &mut AlertState, rule: &Rule, turns: &[Turn], ends: &[i64]) -> Vec<Transition> {
    let mut out = Vec::new();
    for (turn, end) in turns.iter().zip(ends) {
        let window = Window { start: end - EVERY, end: *end };
        out.extend(state.judge(rule, window, seen(&turn.answer)));
        let live = |state: &AlertState, which: usize| {
            let instance = state.instances.get(&fingerprint(&identity(which)))?;
            instance.is_live().then(|| instance.episode.clone())
        };
        if let Some(id) = turn.acknowledge.and_then(|which| live(state, which)) {
            out.push(state.acknowledge(rule, &id, mark(*end)).unwrap());
        }
        if let Some(id) = turn.resolve.and_then(|which| live(state, which)) {
            out.push(state.resolve(rule, &id, mark(*end)).unwrap());
        }
    }
    out
}

fn cell(rule: &Rule, answer: &Answer, which: usize) -> Cell {
    let rows = match answer {
        Answer::Rows(rows, None) => rows,
        _ => return Cell::Failed,
    };
    match (rows[which], rule.resolve_when.is_some()) {
        (None, _) | (Some((None, None)), true) | (Some((None, _)), false) => Cell::NoData,
        (Some((Some(bad), _)), false) => Cell::Data { bad, well: !bad },
        (Some((when, resolve)), true) => Cell::Data { bad: when == Some(true), well: resolve == Some(true) },
    }
}

/// By window, alert first, then by fingerprint, what people did last.
fn expected(rule: &Rule, turns: &[Turn], ends: &[i64]) -> BTreeSet<(String, naive_key::Key)> {
    let mut out = BTreeSet::new();
    let failed: Vec<_> = turns.iter().map(|turn| !matches!(turn.answer, Answer::Rows(_, None))).collect();
    let rows: Vec<_> =
        turns.iter().map(|turn| matches!(seen(&turn.answer), Seen::Rows(rows) if !rows.is_empty())).collect();
    for change in naive::troubles(rule, ends, &failed, &rows) {
        out.insert((alert_fingerprint(), naive_key::of(change, ends)));
    }
    for which in 0..NAMES.len() {
        let cells = turns.iter().map(|turn| cell(rule, &turn.answer, which)).collect();
        let resolved = turns.iter().map(|turn| turn.resolve == Some(which)).collect();
        for change in (Timeline { rule, ends, cells, resolved }).changes() {
            out.insert((fingerprint(&identity(which)), naive_key::of(change, ends)));
        }
    }
    out
}

mod naive_key {
    use super::naive::Change;

    pub type Key = (i64, String, String, String, i64);

    pub fn of((at, kind, from, to, began): Change, ends: &[i64]) -> Key {
        (ends[at], format!("{kind:?}"), format!("{from:?}"), format!("{to:?}"), began)
    }
}

fn got(transitions: &[Transition]) -> BTreeSet<(String, naive_key::Key)> {
    let changes = transitions.iter().filter(|it| it.kind != Kind::Acknowledged);
    changes
        .map(|it| {
            let names = (format!("{:?}", it.kind), format!("{:?}", it.from), format!("{:?}", it.to));
            (it.fingerprint.clone(), (it.at, names.0, names.1, names.2, it.began_at))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_says_what_the_whole_list_says(rule in rules(), turns in turns()) {
        let ends = ends(&turns);
        let transitions = play(&mut AlertState::default(), &rule, &turns, &ends);
        prop_assert_eq!(got(&transitions), expected(&rule, &turns, &ends));
        prop_assert_eq!(got(&transitions).len(),
            transitions.iter().filter(|it| it.kind != Kind::Acknowledged).count());
    }

    #[test]
    fn a_state_kept_as_json_goes_on_as_if_nothing_was(
        rule in rules(), turns in turns(), cut in 0usize..40, bytes in any::<bool>()
    ) {
        let ends = ends(&turns);
        let mut whole = AlertState::default();
        let all = play(&mut whole, &rule, &turns, &ends);
        let cut = cut.min(turns.len());
        let mut state = AlertState::default();
        let mut parts = play(&mut state, &rule, &turns[..cut], &ends[..cut]);
        if bytes {
            state = serde_json::from_slice(&serde_json::to_vec(&state).unwrap()).unwrap();
        }
        parts.extend(play(&mut state, &rule, &turns[cut..], &ends[cut..]));
        prop_assert_eq!(parts, all);
        prop_assert_eq!(state, whole);
    }

    #[test]
    fn what_fires_ends_once_or_goes_on(rule in rules(), turns in turns()) {
        let ends = ends(&turns);
        let mut state = AlertState::default();
        let transitions = play(&mut state, &rule, &turns, &ends);
        let count = |wanted: fn(Kind) -> bool| {
            let mut count = BTreeMap::<&str, usize>::new();
            let instances = transitions.iter().filter(|it| !it.identity.is_empty() && wanted(it.kind));
            instances.for_each(|it| *count.entry(it.episode.as_str()).or_default() += 1);
            count
        };
        let fired = count(|kind| kind == Kind::Fired);
        let ended = count(|kind| matches!(kind, Kind::Ended(_)));
        prop_assert!(fired.values().chain(ended.values()).all(|times| *times == 1));
        let live: BTreeSet<_> =
            state.instances.values().filter(|it| it.is_live()).map(|it| it.episode.as_str()).collect();
        let still: BTreeSet<_> = fired.keys().filter(|id| !ended.contains_key(*id)).copied().collect();
        prop_assert_eq!(live, still);
        prop_assert!(ended.keys().all(|id| fired.contains_key(id)));
    }

    #[test]
    fn nothing_outlives_its_data(rule in rules(), turns in turns()) {
        let ends = ends(&turns);
        let mut state = AlertState::default();
        for at in 0..turns.len() {
            play(&mut state, &rule, &turns[at..=at], &ends[at..=at]);
            for instance in state.instances.values() {
                prop_assert!(ends[at] - instance.last.window.end < rule.expire_after
                    || instance.last.window.end == ends[at]);
            }
        }
    }

    #[test]
    fn a_window_is_judged_once(rule in rules(), turns in turns(), again in 0usize..40) {
        let ends = ends(&turns);
        let mut state = AlertState::default();
        play(&mut state, &rule, &turns, &ends);
        let before = state.clone();
        if let Some(end) = ends.get(again) {
            let window = Window { start: end - EVERY, end: *end };
            prop_assert!(state.judge(&rule, window, Seen::Failed("again".to_owned())).is_empty());
        }
        prop_assert_eq!(state, before);
    }

    #[test]
    fn an_end_of_all_ends_what_is_live(rule in rules(), turns in turns()) {
        let ends = ends(&turns);
        let mut state = AlertState::default();
        play(&mut state, &rule, &turns, &ends);
        let live: BTreeSet<_> = state.live(&rule).into_iter().map(|it| it.episode).collect();
        let told = state.end_all(&rule, EndReason::Dropped, 1_000_000);
        let ended: Vec<_> = told.iter().filter(|it| it.kind == Kind::Ended(EndReason::Dropped)).collect();
        prop_assert!(told.iter().all(|it| it.at == 1_000_000 && it.to == Standing::Normal));
        prop_assert_eq!(ended.len(), live.len());
        prop_assert!(ended.iter().all(|it| live.contains(&it.episode)));
        prop_assert!(state.instances.is_empty() && state.trouble.is_none());
        prop_assert_eq!(state.judged_until, ends.last().copied());
    }
}

fn simple() -> Rule {
    rule_of(Hold::Windows(1), 0, false, None, 100 * EVERY)
}

fn judge(state: &mut AlertState, rule: &Rule, at: i64, rows: Vec<Row>) -> Vec<Transition> {
    state.judge(rule, Window { start: (at - 1) * EVERY, end: at * EVERY }, Seen::Rows(rows))
}

#[test]
fn rows_of_one_identity_are_an_error_that_names_it() {
    let (rule, mut state) = (simple(), AlertState::default());
    let bad = (Some(true), None);
    judge(&mut state, &rule, 1, vec![row(0, bad)]);
    let before = state.instances.clone();
    let told = judge(&mut state, &rule, 2, vec![row(0, bad), row(1, bad), row(1, bad), row(1, bad)]);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].from, told[0].to), (Standing::Normal, Standing::Error));
    let why = told[0].reason.as_ref().unwrap();
    assert!(why.starts_with("3 rows have the identity {feature=\"country\"}"), "{why}");
    assert_eq!(state.instances, before);
}

#[test]
fn more_instances_than_the_limit_are_an_error() {
    let (rule, mut state) = (simple(), AlertState::default());
    let many = |from: usize, count: usize, when: bool| -> Vec<Row> {
        let name = |at: usize| BTreeMap::from([("feature".to_owned(), at.to_string())]);
        (from..from + count)
            .map(|at| Row { identity: name(at), when: Some(when), ..Row::default() })
            .collect()
    };
    assert_eq!(judge(&mut state, &rule, 1, many(0, INSTANCES_MAX, true)).len(), INSTANCES_MAX);
    let told = judge(&mut state, &rule, 2, many(1, INSTANCES_MAX, true));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].to, Standing::Error);
    assert_eq!(judge(&mut state, &rule, 3, many(0, INSTANCES_MAX, false)).len(), INSTANCES_MAX + 1);
    assert!(state.instances.is_empty());
}

#[test]
fn what_somebody_ended_fires_again_only_after_it_was_not_bad() {
    let (rule, mut state) = (simple(), AlertState::default());
    let fired = judge(&mut state, &rule, 1, vec![row(0, (Some(true), None))]);
    let mark = Mark { comment: Some("known".to_owned()), ..mark(EVERY + 5) };
    let told = state.resolve(&rule, &fired[0].episode, mark.clone()).unwrap();
    assert_eq!((told.from, told.to, told.at), (Standing::Firing, Standing::Normal, EVERY + 5));
    assert_eq!(told.reason.as_deref(), Some("resolved by ann: known"));
    assert_eq!(
        state.resolve(&rule, &fired[0].episode, mark),
        Err(PeopleError::Unknown(fired[0].episode.clone()))
    );
    assert!(judge(&mut state, &rule, 2, vec![row(0, (Some(true), None))]).is_empty());
    assert!(judge(&mut state, &rule, 3, vec![]).is_empty());
    assert!(judge(&mut state, &rule, 4, vec![row(0, (Some(true), None))]).is_empty());
    assert!(judge(&mut state, &rule, 5, vec![row(0, (Some(false), None))]).is_empty());
    let again = judge(&mut state, &rule, 6, vec![row(0, (Some(true), None))]);
    assert_eq!(again[0].kind, Kind::Fired);
    assert_ne!(again[0].episode, fired[0].episode);
}

#[test]
fn open_is_firing_and_not_acknowledged() {
    let rule = rule_of(Hold::Windows(2), 0, false, None, 100 * EVERY);
    let mut state = AlertState::default();
    let bad = || vec![row(0, (Some(true), None))];
    let pending = judge(&mut state, &rule, 1, bad());
    let id = &pending[0].episode;
    assert_eq!(state.acknowledge(&rule, id, mark(1)), Err(PeopleError::Pending(id.clone())));
    assert_eq!(state.resolve(&rule, id, mark(1)), Err(PeopleError::Pending(id.clone())));
    assert_eq!(state.comment(&rule, id, mark(1)).unwrap().kind, Kind::Commented);
    judge(&mut state, &rule, 2, bad());
    assert!(state.episode(id).unwrap().1.is_open());
    assert_eq!(state.acknowledged().count(), 0);
    state.acknowledge(&rule, id, mark(3)).unwrap();
    assert!(!state.episode(id).unwrap().1.is_open());
    assert_eq!(state.acknowledged().collect::<Vec<_>>(), vec![id]);
    state.acknowledge(&rule, id, Mark { who: "ben".to_owned(), ..mark(4) }).unwrap();
    assert_eq!(state.episode(id).unwrap().1.acknowledged.as_ref().unwrap().who, "ann");
}

#[test]
fn an_error_is_acknowledged_but_not_resolved() {
    let (rule, mut state) = (simple(), AlertState::default());
    let told = state.judge(&rule, Window { start: 0, end: EVERY }, Seen::Failed("gone".to_owned()));
    let id = &told[0].episode;
    assert_eq!(state.resolve(&rule, id, mark(70)), Err(PeopleError::Trouble(id.clone())));
    state.acknowledge(&rule, id, mark(70)).unwrap();
    assert_eq!(state.acknowledged().collect::<Vec<_>>(), vec![id]);
}

#[test]
fn fingerprints_keep_names_and_values_apart() {
    let of = |pairs: &[(&str, &str)]| {
        fingerprint(&pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    };
    let all =
        [of(&[]), of(&[("a", "bc")]), of(&[("ab", "c")]), of(&[("a", "b"), ("c", "")]), alert_fingerprint()];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert!(all.iter().all(|it| it.len() == 16));
}

#[test]
fn names_of_episodes_do_not_change_between_versions() {
    let (rule, mut state) = (simple(), AlertState::default());
    let told = judge(&mut state, &rule, 1, vec![row(0, (Some(true), None))]);
    assert_eq!(told[0].fingerprint, "72841d78bd9d8ef8");
    assert_eq!(told[0].episode, "2a1691d3f7c6bdd021148b5b115eb723");
}
