use arrow::datatypes::IntervalMonthDayNano;
use proptest::prelude::*;

use super::Buckets;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 1_440 * MINUTE;

fn buckets(months: i64, nanos: i64, zone: Option<&str>) -> Buckets {
    let stride = IntervalMonthDayNano::new(months as i32, (nanos / DAY) as i32, nanos % DAY);
    Buckets::new("f", stride, zone).unwrap()
}

/// The oracle is Python's zoneinfo, looking at the clock minute by minute; see make_time_zone.py.
#[test]
fn buckets_begin_when_the_clock_says_so() {
    let json = include_str!("../../../tests/golden/time_zone.json");
    let cases: Vec<(String, i64, i64, i64, i64, i64)> = serde_json::from_str(json).unwrap();
    assert!(cases.len() > 1_000);
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(zone, months, minutes, time, start, next)| {
            let buckets = buckets(*months, minutes * MINUTE, Some(zone));
            let found = buckets.start(time * SECOND).unwrap();
            let after = buckets.next(found).unwrap();
            let expected = (start * SECOND, next * SECOND);
            let case = || {
                format!(
                    "{zone}, {months} months {minutes} min, {time}: {:?}, not {expected:?}",
                    (found, after)
                )
            };
            ((found, after) != expected).then(case)
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

const ZONES: [Option<&str>; 6] = [
    None,
    Some("Europe/London"),
    Some("America/Havana"),
    Some("Australia/Lord_Howe"),
    Some("Pacific/Apia"),
    Some("-03:30"),
];

fn any_buckets() -> impl Strategy<Value = Buckets> {
    let hours = [1, 2, 3, 4, 6, 8, 12, 24, 168].map(|hours| hours * 60 * MINUTE);
    let stride = prop_oneof![
        prop::sample::select(vec![SECOND, 20 * MINUTE, 30 * MINUTE]).prop_map(|nanos| (0, nanos)),
        prop::sample::select(hours.to_vec()).prop_map(|nanos| (0, nanos)),
        (1_i64..14).prop_map(|months| (months, 0)),
    ];
    (stride, prop::sample::select(ZONES.to_vec()))
        .prop_map(|((months, nanos), zone)| buckets(months, nanos, zone))
}

proptest! {
    /// 1990 to 2030, with times where clocks were moved twice as likely as they come.
    #[test]
    fn every_time_is_in_one_bucket(buckets in any_buckets(), time in 631_152_000_000_000_000_i64..1_893_456_000_000_000_000) {
        let start = buckets.start(time).unwrap();
        let next = buckets.next(start).unwrap();
        prop_assert!(start <= time && time < next, "{start} {time} {next}");
        prop_assert_eq!(buckets.start(start).unwrap(), start);
        prop_assert_eq!(buckets.start(next - 1).unwrap(), start);
        prop_assert_eq!(buckets.start(next).unwrap(), next);
    }

    /// By the definition: whole strides from 1970.
    #[test]
    fn in_utc_they_are_strides_from_1970(nanos in 1_i64..2 * DAY, time in any::<i64>()) {
        let stride = IntervalMonthDayNano::new(0, 0, nanos);
        match Buckets::new("f", stride, None).unwrap().start(time) {
            Ok(start) => prop_assert_eq!(i128::from(start), i128::from(time).div_euclid(nanos.into()) * i128::from(nanos)),
            Err(error) => prop_assert!(error.to_string().contains("1677") && time < i64::MIN + nanos),
        }
    }
}

#[test]
fn strides_that_fit_nothing_are_refused() {
    let refused = |months, days, nanos, zone: Option<&str>| {
        let stride = IntervalMonthDayNano::new(months, days, nanos);
        Buckets::new("f", stride, zone).unwrap_err().strip_backtrace()
    };
    for (months, days, nanos) in [(0, 0, 0), (0, -1, 0), (1, 1, 0), (-1, 0, 0), (0, i32::MAX, i64::MAX)] {
        assert!(
            refused(months, days, nanos, None).contains("`stride` must be above 0"),
            "{months} {days} {nanos}"
        );
    }
    for nanos in [7 * MINUTE, 90 * MINUTE, 300 * MINUTE, DAY + 1] {
        assert!(refused(0, 0, nanos, Some("Europe/Berlin")).contains("must go into an hour"), "{nanos}");
    }
    assert!(refused(0, 1, 0, Some("Europe/Bern")).contains("no time zone \"Europe/Bern\""));
}

#[test]
fn the_ends_of_time_are_an_error() {
    let year = buckets(12, 0, Some("Asia/Tokyo"));
    assert!(year.start(i64::MIN).is_err() && year.start(i64::MAX).is_err());
    let last = buckets(0, DAY, None).start(i64::MAX).unwrap();
    assert!(buckets(0, DAY, None).next(last).is_err());
}
