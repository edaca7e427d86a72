//! Very many continuous queries and alerts: filters and groupings by turns, so that few are alike.

use super::stream::{COUNTRIES, DEVICES, REGIONS, VERSIONS};

/// Groupings beside the window.
const GROUPINGS: [&str; 10] = [
    "",
    "region",
    "version",
    "region, version",
    "country",
    "device",
    "country, version",
    "device, region",
    "decision",
    "device, version",
];
/// What is asked of each group; one continuous query has one of them.
const MEASURES: [&str; 5] = [
    "count(*) AS n, avg(amount) AS value",
    "avg(latency_ms) AS value, max(latency_ms) AS most",
    "approx_percentile(latency_ms, 0.95) AS value",
    "avg(CASE WHEN failed THEN 1.0 ELSE 0.0 END) AS value, count(*) AS n",
    "min(score) AS least, avg(score) AS value, stddev(score) AS spread",
];
/// Around these the alerts on each measure are set: some of them change their state as values swing.
const LEVELS: [f64; 5] = [50.0, 40.0, 53.0, 0.02, 0.4];
/// How far the thresholds of a measure lie apart in all.
const SPREADS: [f64; 5] = [24.0, 48.0, 48.0, 0.036, 0.004];
const FEATURES: [&str; 6] = ["amount", "age", "tenure", "distance", "country", "device"];

/// A filter: 20 of them.
fn filter(n: usize) -> String {
    match n % 20 {
        n @ 0..5 => format!("region = '{}'", REGIONS[n]),
        n @ 5..7 => format!("version = '{}'", VERSIONS[n - 5]),
        n @ 7..11 => format!("device = '{}'", DEVICES[n - 7]),
        n @ 11..15 => format!("country = '{}'", COUNTRIES[n - 11]),
        n @ 15..18 => format!("amount > {}", 40 + 10 * (n - 15)),
        18 => "score > 0.4 AND version = 'v1'".to_owned(),
        _ => "true".to_owned(),
    }
}

fn quantity(n: usize) -> (usize, usize, usize) {
    (n % 20, n / 20 % 10, n / 200 % 5)
}

/// The n-th continuous query: 200 filters and groupings, then the same with the next measure.
pub fn continuous(n: usize) -> String {
    let (filtered, grouped, measured) = quantity(n);
    let group = GROUPINGS[grouped];
    let comma = if group.is_empty() { "" } else { ", " };
    format!(
        "CREATE CONTINUOUS QUERY q{n} INTO kept_{n} AS \
         SELECT date_bin(INTERVAL '10 seconds', time) AS time{comma}{group}, {} FROM scoring WHERE {} \
         GROUP BY date_bin(INTERVAL '10 seconds', time){comma}{group}",
        MEASURES[measured],
        filter(filtered)
    )
}

/// The n-th alert of `all`: of ten one is on drift, one on quality, two ask predictions, six the tables that are kept.
pub fn alert(n: usize, queries: usize) -> String {
    // Thresholds lie evenly over the swing of a value, so that at any time some change their state.
    let place = (n / 10 % 100) as f64 / 100.0 - 0.5;
    match n % 10 {
        0 => drift(n),
        1 => quality(n, place),
        2 | 3 => of_predictions(n, place),
        _ => of_kept(n, n % queries.max(1), place),
    }
}

fn drift(n: usize) -> String {
    let feature = FEATURES[n / 10 % FEATURES.len()];
    let threshold = 0.02 + 0.01 * (n / 10 % 50) as f64;
    format!(
        "CREATE ALERT a{n} ON MODEL scoring EVERY '10 seconds' BY (feature) WHEN psi > {threshold} NOTIFY hook \
         AS SELECT feature, psi, n_current FROM drift('scoring', window => INTERVAL '10 seconds') WHERE feature = '{feature}'"
    )
}

fn quality(n: usize, place: f64) -> String {
    let metric = ["accuracy", "precision", "recall", "f1"][n / 10 % 4];
    let level = if metric == "accuracy" { 0.58 } else { 0.3 };
    let over = 10 * (1 + n / 40 % 3);
    format!(
        "CREATE ALERT a{n} ON MODEL scoring METRIC {metric} < {:.4} OVER '{over} seconds' EVERY '10 seconds' NOTIFY hook",
        level + 0.02 * place
    )
}

fn of_predictions(n: usize, place: f64) -> String {
    let measured = n / 10 % 2;
    let column = ["amount", "latency_ms"][measured];
    format!(
        "CREATE ALERT a{n} ON MODEL scoring EVERY '10 seconds' WHEN value > {:.4} NOTIFY hook \
         AS SELECT avg({column}) AS value, count(*) AS n FROM scoring \
         WHERE time >= now() - INTERVAL '10 seconds' AND time < now() AND {}",
        LEVELS[measured] + SPREADS[measured] * place,
        filter(n / 10)
    )
}

fn of_kept(n: usize, query: usize, place: f64) -> String {
    let (_, grouped, measured) = quantity(query);
    let group = GROUPINGS[grouped];
    let (by, comma) = if group.is_empty() { (String::new(), "") } else { (format!(" BY ({group})"), ", ") };
    format!(
        "CREATE ALERT a{n} EVERY '10 seconds'{by} WHEN value > {:.5} NOTIFY hook \
         AS SELECT {group}{comma}value FROM kept_{query} WHERE time >= now() - INTERVAL '10 seconds' AND time < now()",
        LEVELS[measured] + SPREADS[measured] * place
    )
}
