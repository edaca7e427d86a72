use super::*;

const HOUR_NS: i64 = 3_600_000_000_000;

#[test]
fn waits_double_up_to_the_longest() {
    for seed in 0..500 {
        for attempt in 1..60 {
            let full = FIRST.saturating_mul(2u32.saturating_pow(attempt - 1)).min(LONGEST);
            let wait = delay(attempt, None, seed);
            assert!(wait >= full / 2 && wait <= full, "seed {seed}, attempt {attempt}: {wait:?}");
        }
    }
    assert!(delay(0, None, 1) <= FIRST && delay(u32::MAX, None, 1) <= LONGEST);
}

#[test]
fn messages_do_not_come_back_at_once() {
    let mut waits: Vec<Duration> = (0..1000).map(|seed| delay(9, None, seed)).collect();
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 990);
    // A quarter of them in each quarter of the range, more or less.
    let quarter = |i: u32| LONGEST.min(Duration::from_secs(256)) / 8 * (4 + i);
    for i in 0..4 {
        let n = waits.iter().filter(|wait| **wait >= quarter(i) && **wait < quarter(i + 1)).count();
        assert!((180..320).contains(&n), "{i}: {n}");
    }
}

#[test]
fn the_same_seed_waits_the_same() {
    assert_eq!(delay(5, None, 42), delay(5, None, 42));
}

#[test]
fn the_other_side_can_ask_for_more_but_not_for_a_year() {
    assert_eq!(delay(1, Some(Duration::from_secs(90)), 7), Duration::from_secs(90));
    assert_eq!(delay(1, Some(Duration::from_secs(31_536_000)), 7), RETRY_AFTER_MAX);
    assert_eq!(delay(9, Some(Duration::ZERO), 7), delay(9, None, 7));
}

#[test]
fn messages_are_given_up_after_so_many_attempts_or_so_long() {
    assert_eq!(given_up(ATTEMPTS_MAX - 1, 0, HOUR_NS), None);
    assert!(given_up(ATTEMPTS_MAX, 0, HOUR_NS).unwrap().contains("30 attempts"));
    assert_eq!(given_up(1, 0, 24 * HOUR_NS - 1), None);
    assert!(given_up(1, 0, 24 * HOUR_NS).unwrap().contains("24 hours"));
    // A clock that was set back ends nothing.
    assert_eq!(given_up(1, 24 * HOUR_NS, 0), None);
}
