use super::super::data::Employment;
use super::super::times::{WEEK_NS, schedule};
use super::*;

fn events() -> Vec<Event> {
    schedule(Employment::carried().unwrap().years())
}

#[test]
fn each_event_is_predicted_once_then_labelled_once() {
    let events = events();
    let mut state = vec![0u8; events.len()];
    for step in plan(&events) {
        let before = u8::from(matches!(step, Step::Labels(_)));
        for state in &mut state[step.events().clone()] {
            assert_eq!(*state, before);
            *state += 1;
        }
    }
    assert!(state.iter().all(|s| *s == 2));
}

#[test]
fn labels_come_three_to_six_weeks_after_their_predictions() {
    let events = events();
    // Backwards: the clock of labels is the time of the next prediction sent.
    let mut clock = None;
    let mut checked = 0;
    for step in plan(&events).iter().rev() {
        let (first, last) = (events[step.events().start].time, events[step.events().end - 1].time);
        match (step, clock) {
            (Step::Predictions(_), _) => clock = Some(first),
            (Step::Labels(_), Some(clock)) => {
                assert!(clock - last >= 3 * WEEK_NS && clock - first <= 6 * WEEK_NS);
                checked += step.events().len();
            }
            (Step::Labels(_), None) => {}
        }
    }
    assert!(checked > 270_000, "{checked} labels went out before the replay's end");
}

#[test]
fn few_events_make_one_batch_each() {
    let events = [Event { time: 0, row: 0 }, Event { time: 1, row: 1 }];
    assert_eq!(plan(&events), [Step::Predictions(0..2), Step::Labels(0..2)]);
    assert_eq!(plan(&[]), []);
}
