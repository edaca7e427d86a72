use super::*;

const SECOND: i64 = 1_000_000_000;

/// How many messages go out in so many seconds when there is always one waiting.
fn sent(rate: u32, seconds: i64) -> u32 {
    let mut bucket = Bucket::new();
    let mut now = 1000 * SECOND;
    let end = now + seconds * SECOND;
    let mut sent = 0;
    while now < end {
        assert!(bucket.take(rate, now), "rate {rate}: none at {now}, though said");
        sent += 1;
        now = bucket.next_at(rate, now);
    }
    sent
}

#[test]
fn a_minute_has_so_many_messages_and_a_burst() {
    for rate in [1, 2, 7, 30, 60, 600, 6000] {
        let burst = 1 + rate / 10;
        let one = sent(rate, 60);
        assert!((rate..=rate + burst + 1).contains(&one), "rate {rate}: {one} in a minute");
        let ten = sent(rate, 600);
        assert!((10 * rate..=10 * rate + burst + 1).contains(&ten), "rate {rate}: {ten} in ten");
    }
}

#[test]
fn an_empty_bucket_says_when() {
    let mut bucket = Bucket::new();
    assert!(bucket.take(1, 0) && bucket.is_full(1, 10 * 60 * SECOND));
    let next = bucket.next_at(1, 0);
    assert!(next > 50 * SECOND && next <= 61 * SECOND, "{next}");
    assert!(!bucket.take(1, next - SECOND));
    assert!(bucket.take(1, next + SECOND));
}

#[test]
fn a_clock_set_back_gives_nothing() {
    let mut bucket = Bucket::new();
    while bucket.take(10, 1000 * SECOND) {}
    assert!(!bucket.take(10, 0));
    assert!(bucket.next_at(10, 0) <= 7 * SECOND);
}
