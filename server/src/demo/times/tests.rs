use super::*;

fn years() -> [YearRows; 2] {
    [YearRows { year: 2015, rows: 0..1000 }, YearRows { year: 2016, rows: 1000..3000 }]
}

#[test]
fn years_start_where_the_calendar_says() {
    let days = |year| year_start(year) / DAY_NS;
    assert_eq!(
        [1970, 1972, 1973, 2000, 2001, 2015, 2016, 2017, 2019].map(days),
        [0, 730, 1096, 10957, 11323, 16436, 16801, 17167, 17897]
    );
    assert_eq!(date(2018, 333) % WEEK_NS, 0, "2018-11-29 starts a week of date_bin");
}

#[test]
fn each_row_comes_once_within_its_year() {
    let events = schedule(&years());
    for (year, events) in years().iter().zip([&events[..1000], &events[1000..]]) {
        let mut rows: Vec<usize> = events.iter().map(|e| e.row).collect();
        rows.sort_unstable();
        assert_eq!(rows, year.rows.clone().collect::<Vec<_>>());
        let (start, end) = (year_start(year.year), year_start(year.year + 1));
        assert!(events.iter().all(|e| (start..end).contains(&e.time)));
    }
}

#[test]
fn times_rise_and_are_even() {
    let events = schedule(&years());
    assert!(events.is_sorted_by(|a, b| a.time < b.time));
    let steps: Vec<i64> = events[..1000].windows(2).map(|w| w[1].time - w[0].time).collect();
    assert!(steps.iter().all(|s| *s == steps[0]));
}

#[test]
fn order_is_shuffled_and_always_the_same() {
    let events = schedule(&years());
    let first: Vec<usize> = events.iter().take(4).map(|e| e.row).collect();
    assert_eq!(first, schedule(&years()).iter().take(4).map(|e| e.row).collect::<Vec<_>>());
    // Rows that are neighbours in the source are, shuffled, a third of the year apart on average.
    let gaps = events[..1000].windows(2).map(|w| w[0].row.abs_diff(w[1].row)).sum::<usize>() as f64 / 999.0;
    assert!((gaps - 1000.0 / 3.0).abs() < 30.0, "mean gap {gaps}");
}
