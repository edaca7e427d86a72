use super::super::findings::{Percentiles, Stored};
use super::super::watch::{Backtest, Message};
use super::*;

#[test]
fn object_has_the_documented_shape() {
    let drift = |period, psi, ks_statistic| Drift {
        model: "employment",
        feature: "AGEP".into(),
        period,
        psi,
        ks_statistic,
        drifted: psi.is_some_and(|psi| psi > 0.2),
        rows: 1000,
    };
    let findings = Findings {
        stored: Stored { rows: 3, labels: 2, bytes_on_disk: 100, model_bytes: 5 },
        percentiles: Percentiles { p50: 0.5, p95: 0.95, p99: 0.99 },
        quality: vec![Quality { year: 2015, figures: [0.1, 0.2, 0.3, 0.4, f64::NAN, 1.0] }],
        drift: vec![
            drift(Period::Year(2016), Some(0.3), Some(0.1)),
            drift(Period::Week("2018-12-13".into()), None, None),
        ],
        output_drift: vec![],
        alerts: vec![Alert {
            model: "employment_incident".into(),
            feature: "AGEP".into(),
            window_start: "2018-12-13".into(),
            psi: 7.0,
        }],
        message: Some(Message { summary: "s".into(), action: "a".into(), state: "sent".into() }),
        backtest: Backtest { model: "employment".into(), firings: 0 },
    };
    let expected = json!({
        "rows": 3, "labels": 2, "bytes_on_disk": 100,
        "percentiles": {"p50": 0.5, "p95": 0.95, "p99": 0.99},
        "quality": [{"year": 2015, "accuracy": 0.1, "precision": 0.2, "recall": 0.3, "f1": 0.4, "roc_auc": null,
                     "coverage": 1.0}],
        "drift": [
            {"model": "employment", "feature": "AGEP", "year": 2016, "psi": 0.3, "ks_statistic": 0.1, "drifted": true},
            {"model": "employment", "feature": "AGEP", "week": "2018-12-13", "psi": null, "ks_statistic": null,
             "drifted": false},
        ],
        "alerts": [{"model": "employment_incident", "feature": "AGEP", "window_start": "2018-12-13", "psi": 7.0}],
        "message": {"summary": "s", "action": "a", "state": "sent"},
        "backtest": {"model": "employment", "firings": 0},
    });
    assert_eq!(object(&findings), expected);
}
