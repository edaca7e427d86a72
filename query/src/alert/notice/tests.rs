//! From windows to messages, all the way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::alert::dispatch::{DispatchState, Dispatched, News, World, dispatch, next_due, tick};
use crate::alert::state::{AlertState, EndReason, Row, Seen, Window};
use crate::alert::{Hold, Severity};

const MINUTE: i64 = 60_000_000_000;

fn rule() -> Rule {
    let texts = [("summary", "{{ feature }}: PSI {{ psi }}"), ("runbook_url", "https://example.com/drift")];
    Rule {
        name: "drift".to_owned(),
        model: Some("fraud".to_owned()),
        severity: Severity::High,
        enabled: true,
        every: MINUTE,
        delay: 0,
        by: vec!["feature".to_owned()],
        when: "psi > 0.2".to_owned(),
        resolve_when: None,
        hold: Hold::Windows(1),
        keep_firing: 0,
        no_data_after: Some(3 * MINUTE),
        expire_after: 5 * MINUTE,
        repeat_every: None,
        notify: vec!["slack".to_owned()],
        labels: [("team", "risk"), ("feature", "hidden"), ("alertname", "hidden")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        annotations: texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
        query: "SELECT 1".to_owned(),
        metric: None,
        created_at: 0,
        altered_at: None,
        unchecked: false,
    }
}

fn row(feature: &str, psi: Option<f64>) -> Row {
    Row {
        identity: BTreeMap::from([("feature".to_owned(), feature.to_owned())]),
        when: psi.map(|psi| psi > 0.2),
        resolve: None,
        value: psi,
        columns: json!({ "feature": feature, "psi": psi }).as_object().unwrap().clone(),
    }
}

fn window(at: i64) -> Window {
    Window { start: (at - 1) * MINUTE, end: at * MINUTE }
}

#[test]
fn a_notice_says_what_the_row_said() {
    let (rule, mut state) = (rule(), AlertState::default());
    let told = state.judge(&rule, window(1), Seen::Rows(vec![row("amount", Some(0.25340000001))]));
    let fired = notice(&rule, &told[0], vec![json!({"bin": 1})]).unwrap();
    assert_eq!((fired.status, fired.starts_at, fired.ends_at), (Status::Firing, MINUTE, None));
    assert_eq!(fired.annotations["summary"], "amount: PSI 0.2534");
    let labels = ["alertname=drift", "feature=amount", "model=fraud", "severity=high", "team=risk"];
    let got: Vec<_> = fired.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(got, labels);
    let over = state.judge(&rule, window(2), Seen::Rows(vec![row("amount", Some(0.1))]));
    let over = notice(&rule, &over[0], Vec::new()).unwrap();
    assert_eq!((over.status, over.starts_at, over.ends_at), (Status::Resolved, MINUTE, Some(2 * MINUTE)));
    assert_eq!((over.id, over.value, over.reason.as_deref()), (fired.id, Some(0.1), Some("resolved")));
}

#[test]
fn an_error_is_told_without_a_row() {
    let (rule, mut state) = (rule(), AlertState::default());
    let told = state.judge(&rule, window(1), Seen::Failed("no table fraud".to_owned()));
    let error = notice(&rule, &told[0], Vec::new()).unwrap();
    assert_eq!(error.status, Status::Error);
    assert_eq!(error.annotations["summary"], "drift: no table fraud");
    assert_eq!(error.annotations["runbook_url"], "https://example.com/drift");
}

/// The messages of one step, the world being as the state says.
fn tell(
    told: &mut DispatchState,
    state: &AlertState,
    rule: &Rule,
    now: i64,
    events: &[Notice],
) -> Vec<Dispatched> {
    let live = state.live(rule);
    let live: Vec<_> = live
        .iter()
        .filter_map(|it| notice(rule, it, Vec::new()))
        .map(|notice| News { notice, notify: rule.notify.clone(), repeat_every: rule.repeat_every })
        .collect();
    let (acknowledged, resend) = (BTreeSet::new(), BTreeSet::new());
    let world = World {
        live: &live,
        acknowledged: &acknowledged,
        silences: &[],
        routes: &[],
        inhibitions: &[],
        resend: &resend,
    };
    if events.is_empty() { tick(told, now, &world) } else { dispatch(told, now, events, &world) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_firing_told_has_one_end_told(
        windows in vec(option::weighted(0.9, [0, 1].map(|_| option::weighted(0.8, option::weighted(0.8, 0..2)))), 0..60)
    ) {
        let (rule, mut state, mut told) = (rule(), AlertState::default(), DispatchState::default());
        let mut messages = Vec::new();
        for (at, answer) in windows.iter().enumerate() {
            let window = window(at as i64 + 1);
            let seen = answer.map_or(Seen::Failed("down".to_owned()), |rows| {
                let named = ["amount", "country"].into_iter().zip(rows);
                Seen::Rows(named.filter_map(|(name, psi)| Some(row(name, psi?.map(f64::from)))).collect())
            });
            while let Some(due) = next_due(&told).filter(|due| *due < window.end) {
                messages.extend(tell(&mut told, &state, &rule, due, &[]));
            }
            let changes = state.judge(&rule, window, seen);
            let events: Vec<_> = changes.iter().filter_map(|it| notice(&rule, it, Vec::new())).collect();
            messages.extend(tell(&mut told, &state, &rule, window.end, &events));
        }
        let ended = state.end_all(&rule, EndReason::Dropped, 100 * MINUTE);
        let events: Vec<_> = ended.iter().filter_map(|it| notice(&rule, it, Vec::new())).collect();
        messages.extend(tell(&mut told, &state, &rule, 100 * MINUTE, &events));
        let (mut begun, mut over) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, usize>::new());
        for (id, status) in messages.iter().flat_map(|it| &it.told) {
            let times = if *status == Status::Resolved { &mut over } else { &mut begun };
            *times.entry(id.clone()).or_default() += 1;
        }
        prop_assert!(over.values().all(|times| *times == 1));
        prop_assert!(begun.keys().eq(over.keys()));
        prop_assert!(told.groups.values().all(|group| group.members.is_empty()));
    }
}
