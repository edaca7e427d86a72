use super::*;
use crate::schema::{Column, ColumnType, Meaning, Role};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;

fn day() -> Partition {
    Partition::of(0, Partition::DAY)
}

fn width(text: &str) -> Width {
    parse_width(text).unwrap()
}

fn table(meaning: Option<Meaning>) -> TableSchema {
    let mut value = Column::new("value", ColumnType::Double, Role::Field);
    value.meaning = meaning;
    TableSchema::new("t", vec![Column::new("time", ColumnType::Timestamp, Role::Time), value])
}

#[test]
fn the_finest_width_with_enough_rows_a_cell_is_taken() {
    // A reading every 10 s: 8,640 a day, 360 an hour.
    let ten_seconds = Rate::of(vec![361; 4_000], HOUR);
    assert_eq!(choose(ten_seconds, true, day()), width("1d"));
    assert_eq!(choose(ten_seconds, false, day()), width("1h"));
    // 1,000 a second fill 8,192 within 10 minutes and 128 within one.
    let busy = Rate::of(vec![60_001], 60 * SECOND);
    assert_eq!(choose(busy, true, day()), width("1m"));
    let rows = Rate::of(vec![6_001], 60 * SECOND);
    assert_eq!(choose(rows, true, day()), width("10m"));
}

#[test]
fn the_width_depends_on_the_rate_and_not_on_how_much_was_seen() {
    for rows in [1_u64, 10, 600, 3_600, 86_400] {
        let rate = Rate::of(vec![rows + 1; 3], rows as i64 * SECOND * 10);
        let expected = Rate::of(vec![100_001], 100_000 * SECOND * 10);
        // Below a minute nothing is known of the rest of it.
        if rows as i64 * 10 >= 60 {
            assert_eq!(choose(rate, false, day()), choose(expected, false, day()), "{rows} rows");
        }
    }
}

#[test]
fn one_reading_a_series_or_a_burst_is_not_taken_for_a_high_rate() {
    assert_eq!(choose(Rate::of(vec![1; 1_000_000], 0), false, day()), width("1d"));
    assert_eq!(choose(Rate::of(vec![1; 10], 0), false, Partition::of(0, Partition::LONG)), width("28d"));
    // 200 rows in a millisecond are 200 a minute, not 200,000 a second.
    assert_eq!(choose(Rate::of(vec![200], 1_000_000), true, day()), width("1h"));
    assert_eq!(choose(Rate::of(Vec::new(), 0), true, day()), width("1d"));
}

#[test]
fn a_width_always_divides_its_partition() {
    for rows in [0, 1, 2, 100, 10_000, 1_000_000_000] {
        for span in [0, 1, SECOND, HOUR, 30 * Partition::DAY, i64::MAX] {
            for length in [Partition::DAY, Partition::LONG] {
                let partition = Partition::of(span, length);
                let found = choose(Rate::of(vec![rows], span), true, partition);
                assert_eq!(length % found.nanos(), 0);
                let again = choose_again(Rate::of(vec![rows], span), true, partition, Width::MAX);
                assert_eq!(length % again.nanos(), 0);
            }
        }
    }
}

#[test]
fn a_rate_near_the_border_keeps_the_width_it_has() {
    let just_over = Rate::of(vec![8_193], HOUR);
    let just_under = Rate::of(vec![8_100], HOUR);
    assert_eq!(choose(just_over, true, day()), width("1h"));
    assert_eq!(choose(just_under, true, day()), width("6h"));
    for current in ["1h", "6h"] {
        assert_eq!(choose_again(just_over, true, day(), width(current)), width(current));
        assert_eq!(choose_again(just_under, true, day(), width(current)), width(current));
    }
    assert_eq!(choose_again(just_over, true, day(), width("1m")), width("1h"));
}

#[test]
fn quiet_tables_have_long_partitions() {
    let hourly = Rate::of(vec![25], Partition::DAY);
    assert_eq!(partition_length(hourly, &table(None)), Partition::LONG);
    let ten_seconds = Rate::of(vec![8_641], Partition::DAY);
    assert_eq!(partition_length(ten_seconds, &table(None)), Partition::DAY);
    assert_eq!(partition_length(ten_seconds, &table(Some(Meaning::Score))), Partition::DAY);
    assert_eq!(
        partition_length(Rate::of(vec![8_000], Partition::DAY), &table(Some(Meaning::Score))),
        Partition::LONG
    );
}

#[test]
fn the_owner_may_set_the_width() {
    let mut schema = table(None);
    schema.options.insert(INTERVAL_OPTION.into(), "7d".into());
    assert_eq!(
        for_flush(Rate::of(vec![1_000_000], HOUR), &schema, Partition::of(0, Partition::LONG)),
        width("7d")
    );
    assert_eq!(
        for_flush(Rate::of(vec![1_000_000], HOUR), &schema, day()),
        width("1d"),
        "a day holds a day at most"
    );
    assert_eq!(partition_length(Rate::of(vec![1_000_000], HOUR), &schema), Partition::LONG);
    schema.options.insert(INTERVAL_OPTION.into(), "soon".into());
    assert_eq!(for_flush(Rate::of(vec![361], HOUR), &schema, day()), width("1h"));
    assert_eq!(parse_width("2h"), None);
    assert_eq!(Width::all().count(), NAMES.len());
}

#[test]
fn partitions_never_share_time() {
    let seed = 0x5eed_0001_u64;
    println!("seed {seed}");
    let mut state = seed;
    let mut present: Vec<Partition> = Vec::new();
    for _ in 0..2_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let time = ((state >> 20) % 300) as i64 * Partition::DAY / 2;
        let length = if state >> 63 == 0 { Partition::DAY } else { Partition::LONG };
        let found = partition_at(time, length, present.iter().copied());
        assert!(found.contains(time));
        if !present.contains(&found) {
            assert!(present.iter().all(|p| p.end() < found.start || found.end() < p.start), "seed {seed}");
            present.push(found);
        }
    }
    assert!(present.iter().any(|p| p.length == Partition::LONG));
}
