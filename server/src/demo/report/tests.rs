use super::super::findings::{Percentiles, Quality, Stored};
use super::super::watch::Message;
use super::*;

fn drift(model: &'static str, feature: &str, period: Period, psi: f64) -> Drift {
    let drifted = psi > THRESHOLD;
    Drift { model, feature: feature.into(), period, psi: Some(psi), ks_statistic: None, drifted, rows: 1320 }
}

fn week(i: usize) -> Period {
    Period::Week(format!("2016-{:02}-{:02}", 1 + i / 4, 1 + 7 * (i % 4)))
}

fn findings() -> Findings {
    let mut all = Vec::new();
    for feature in FEATURES {
        all.extend(PRODUCTION_YEARS.map(|year| drift(MODEL, feature, Period::Year(year), 0.0123)));
        all.extend((0..155).map(|i| drift(MODEL, feature, week(i), 0.001 * i as f64)));
        let fault = |i| if feature == "AGEP" && i >= 2 { 7.125 } else { 0.01 };
        all.extend((0..4).map(|i| drift(INCIDENT, feature, week(i), fault(i))));
    }
    let alert = Alert {
        model: INCIDENT.into(),
        feature: "AGEP".into(),
        window_start: "2018-12-13".into(),
        psi: 7.125,
    };
    let message =
        Message { summary: "AGEP is not as it was".into(), action: "Look".into(), state: "sent".into() };
    Findings {
        stored: Stored { rows: 277_677, labels: 277_677, bytes_on_disk: 12 << 20, model_bytes: 5 },
        percentiles: Percentiles { p50: 0.5, p95: 0.95, p99: 0.96 },
        quality: vec![Quality { year: 2015, figures: [0.8272; QUALITY.len()] }],
        drift: all,
        output_drift: vec![drift(MODEL, "y_pred", Period::Year(2016), 0.001)],
        alerts: vec![alert],
        message: Some(message),
        backtest: Backtest { model: MODEL.into(), firings: 0 },
    }
}

#[test]
fn fits_a_terminal_of_100_columns() {
    let text = Report(&findings()).to_string();
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn says_calm_where_nothing_drifted() {
    let text = Report(&findings()).to_string();
    let verdict = "The data are calm: not drifted are 48 of 48 values by year and 2480 of 2480 by week.";
    assert!(text.contains(verdict), "{text}");
    assert!(text.contains("BACKTEST ALERT): fired 0 times"), "{text}");
    assert!(text.contains("sent to a webhook") && text.contains("AGEP is not as it was"), "{text}");
    assert!(text.contains("The injected fault was found, in AGEP, and nothing else was named."), "{text}");
}

#[test]
fn says_so_where_something_drifted_or_was_named_wrongly() {
    let mut findings = findings();
    findings.drift[0] = drift(MODEL, "AGEP", Period::Year(2016), 0.3);
    findings.alerts.push(Alert {
        model: INCIDENT.into(),
        feature: "SEX".into(),
        window_start: String::new(),
        psi: 1.0,
    });
    let text = Report(&findings).to_string();
    assert!(text.contains("Most of the data are calm: not drifted are 47 of 48 values by year"), "{text}");
    assert!(text.contains("The injected fault is in AGEP alone"), "{text}");
}

#[test]
fn marks_rise_and_the_last_means_drifted() {
    let marks: Vec<char> = (0..=250).map(|i| mark(f64::from(i) / 1000.0)).collect();
    assert!(marks.is_sorted());
    assert_eq!((marks[0], marks[200], marks[201]), (MARKS[0], MARKS[6], MARKS[7]));
}
