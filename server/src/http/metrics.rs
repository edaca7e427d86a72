//! Newest windows of continuous queries in Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use driftline_query::{Exposed, ExposedValue};

/// What all our metrics begin with.
const PREFIX: &str = "driftline";

/// All of them: a gauge a column, `driftline_TABLE_COLUMN`, and when the window began, so that one that stands still can be
/// told from one that goes on.
pub(super) fn text(exposed: &[Exposed]) -> String {
    let mut out = String::new();
    let mut families: BTreeMap<String, (String, Vec<&ExposedValue>)> = BTreeMap::new();
    for query in exposed {
        for value in &query.values {
            let name = name(&[PREFIX, &query.table, &value.column]);
            let help = || format!("Column {} of table {}, its newest window.", value.column, query.table);
            families.entry(name).or_insert_with(|| (help(), Vec::new())).1.push(value);
        }
    }
    for (name, (help, values)) in &families {
        head(&mut out, name, help);
        for value in values {
            sample(
                &mut out,
                name,
                value.labels.iter().map(|(name, text)| (name.as_str(), text.as_str())),
                value.value,
            );
        }
    }
    let start = |query: &Exposed| query.window_start as f64 / 1e9;
    by_query(
        &mut out,
        "driftline_window_start_seconds",
        "When the newest window of a continuous query began.",
        exposed,
        start,
    );
    let left_out = |query: &Exposed| query.left_out as f64;
    by_query(
        &mut out,
        "driftline_values_left_out",
        "Values of the newest window that are not shown.",
        exposed,
        left_out,
    );
    out
}

/// A gauge of continuous queries themselves.
fn by_query(out: &mut String, name: &str, help: &str, exposed: &[Exposed], value: impl Fn(&Exposed) -> f64) {
    head(out, name, help);
    for query in exposed {
        let labels = [("query", query.query.as_str()), ("table", query.table.as_str())];
        sample(out, name, labels.into_iter(), value(query));
    }
}

fn head(out: &mut String, name: &str, help: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} gauge", escaped(help, false));
}

fn sample<'a>(out: &mut String, metric: &str, labels: impl Iterator<Item = (&'a str, &'a str)>, value: f64) {
    let labels: Vec<String> =
        labels.map(|(label, text)| format!("{}=\"{}\"", name(&[label]), escaped(text, true))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(out, "{metric}{labels} {}", number(value));
}

/// A name of letters, digits and underscores.
fn name(parts: &[&str]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = parts.join("_").chars().map(plain).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_a_gauge_and_texts_are_labels() {
        let value = |column: &str, region: &str, value| ExposedValue {
            column: column.into(),
            labels: vec![("region".into(), region.into())],
            value,
        };
        let values =
            vec![value("p95", "eu", 12.5), value("p95", "a\"b\\c\nd", f64::NAN), value("n", "eu", 3.0)];
        let (query, table) = ("q".into(), "latency-1m".into());
        let exposed = Exposed { query, table, window_start: 1_500_000_000, values, left_out: 0 };
        let expected = "\
# HELP driftline_latency_1m_n Column n of table latency-1m, its newest window.
# TYPE driftline_latency_1m_n gauge
driftline_latency_1m_n{region=\"eu\"} 3
# HELP driftline_latency_1m_p95 Column p95 of table latency-1m, its newest window.
# TYPE driftline_latency_1m_p95 gauge
driftline_latency_1m_p95{region=\"eu\"} 12.5
driftline_latency_1m_p95{region=\"a\\\"b\\\\c\\nd\"} NaN
# HELP driftline_window_start_seconds When the newest window of a continuous query began.
# TYPE driftline_window_start_seconds gauge
driftline_window_start_seconds{query=\"q\",table=\"latency-1m\"} 1.5
# HELP driftline_values_left_out Values of the newest window that are not shown.
# TYPE driftline_values_left_out gauge
driftline_values_left_out{query=\"q\",table=\"latency-1m\"} 0
";
        assert_eq!(text(&[exposed]), expected);
    }
}
