//! The report as text for a terminal of 100 columns.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result, Write as _};

use indicatif::{HumanBytes, HumanCount};

use super::data::FEATURES;
use super::findings::{Drift, Findings, Period, QUALITY};
use super::story::{INCIDENT, MODEL, PRODUCTION_YEARS};
use super::watch::{Alert, Backtest};

/// Weeks that share one mark of a sparkline: 155 weeks in 39 marks.
const WEEKS_A_MARK: usize = 4;
/// From no drift to the rule's threshold and above.
const MARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const THRESHOLD: f64 = 0.2;

/// Writes itself out.
pub struct Report<'a>(pub &'a Findings);

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter) -> Result {
        let Self(findings) = self;
        stored(findings, f)?;
        quality(findings, f)?;
        let drift = Grid::new(&findings.drift);
        calm(&drift, findings, f)?;
        incident(&drift, f)?;
        alerts(findings, f)
    }
}

fn heading(f: &mut Formatter, text: &str) -> Result {
    writeln!(f, "\n{text}\n{}", "─".repeat(text.chars().count()))
}

fn stored(findings: &Findings, f: &mut Formatter) -> Result {
    let stored = &findings.stored;
    let each = stored.model_bytes as f64 / stored.rows.max(1) as f64;
    let p = findings.percentiles;
    heading(f, "Predictions of employment, Massachusetts, US Census 2015 to 2018")?;
    line(f, "predictions", HumanCount(stored.rows.unsigned_abs()).to_string(), "")?;
    line(f, "with a label", HumanCount(stored.labels.unsigned_abs()).to_string(), "")?;
    line(
        f,
        "on disk",
        HumanBytes(stored.bytes_on_disk.unsigned_abs()).to_string(),
        "   both models, labels, baselines, log",
    )?;
    line(f, "bytes a prediction", format!("{each:.1}"), "   of employment alone, its label included")?;
    line(f, "probability", format!("p50 {:.4}", p.p50), &format!("   p95 {:.4}   p99 {:.4}", p.p95, p.p99))
}

fn line(f: &mut Formatter, name: &str, value: String, note: &str) -> Result {
    writeln!(f, "  {name:<20}{value:>12}{note}")
}

fn quality(findings: &Findings, f: &mut Formatter) -> Result {
    heading(f, "Quality by year, labels joined as they came")?;
    write!(f, "  {:<6}", "year")?;
    QUALITY.iter().try_for_each(|(name, _)| write!(f, "{name:>12}"))?;
    writeln!(f)?;
    for year in &findings.quality {
        write!(f, "  {:<6}", year.year)?;
        year.figures.iter().try_for_each(|figure| write!(f, "{figure:>12.4}"))?;
        writeln!(f)?;
    }
    Ok(())
}

/// Rows of drift by model and feature, in the order of the features.
struct Grid<'a>(BTreeMap<(&'static str, usize), Vec<&'a Drift>>);

impl<'a> Grid<'a> {
    fn new(drift: &'a [Drift]) -> Self {
        let mut grid: BTreeMap<_, Vec<&Drift>> = BTreeMap::new();
        for row in drift {
            let place =
                FEATURES.iter().position(|f| f.eq_ignore_ascii_case(&row.feature)).unwrap_or(FEATURES.len());
            grid.entry((row.model, place)).or_default().push(row);
        }
        Self(grid)
    }

    fn of(&self, model: &str) -> impl Iterator<Item = &[&'a Drift]> {
        self.0.iter().filter(move |((m, _), _)| *m == model).map(|(_, rows)| rows.as_slice())
    }
}

fn week_of<'a>(row: &&'a Drift) -> Option<(&'a str, f64)> {
    match &row.period {
        Period::Week(start) => Some((start, row.psi?)),
        Period::Year(_) => None,
    }
}

fn calm(grid: &Grid, findings: &Findings, f: &mut Formatter) -> Result {
    heading(f, "Drift of each feature against 2015: PSI by year, and by week from 2016 to 2018")?;
    write!(f, "  {:<9}", "feature")?;
    PRODUCTION_YEARS.iter().try_for_each(|year| write!(f, "{year:>8}"))?;
    writeln!(f, "   {:<39}  worst week", "by week, each mark the worst of four")?;
    grid.of(MODEL).try_for_each(|rows| feature(rows, f))?;
    writeln!(
        f,
        "  {} is no drift, {} is more than {THRESHOLD}, where a feature counts as drifted.",
        MARKS[0], MARKS[7]
    )?;
    for output in findings.output_drift.chunk_by(|a, b| a.period == b.period) {
        let Some(Period::Year(year)) = output.first().map(|row| &row.period) else { continue };
        let figures = output.iter().map(|row| format!("{} {:.4}", row.feature, row.psi.unwrap_or(f64::NAN)));
        writeln!(f, "  The classifier's own output, {year}: {}.", figures.collect::<Vec<_>>().join(", "))?;
    }
    verdict(findings, f)
}

fn feature(rows: &[&Drift], f: &mut Formatter) -> Result {
    let Some(first) = rows.first() else { return Ok(()) };
    write!(f, "  {:<9}", first.feature)?;
    for year in PRODUCTION_YEARS {
        let psi = rows.iter().find(|row| row.period == Period::Year(year)).and_then(|row| row.psi);
        write!(f, "{:>8.4}", psi.unwrap_or(f64::NAN))?;
    }
    let weeks: Vec<(&str, f64)> = rows.iter().filter_map(week_of).collect();
    let (start, worst) = weeks.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("", f64::NAN));
    writeln!(f, "   {:<39}  {worst:.4}  {start}", sparkline(&weeks))
}

fn sparkline(weeks: &[(&str, f64)]) -> String {
    let worst = weeks.chunks(WEEKS_A_MARK).map(|weeks| weeks.iter().map(|(_, psi)| *psi).fold(0.0, f64::max));
    worst.map(mark).collect()
}

fn mark(psi: f64) -> char {
    let top = MARKS.len() - 1;
    // The last mark is kept for what the rule calls drift.
    if psi > THRESHOLD {
        MARKS[top]
    } else {
        MARKS[(psi / THRESHOLD * top as f64).min(top as f64 - 1.0) as usize]
    }
}

fn verdict(findings: &Findings, f: &mut Formatter) -> Result {
    let of_model = || findings.drift.iter().filter(|row| row.model == MODEL);
    let is_year = |row: &&Drift| matches!(row.period, Period::Year(_));
    let (years, drifted_years) =
        (of_model().filter(is_year).count(), of_model().filter(is_year).filter(|r| r.drifted).count());
    let (all, drifted) = (of_model().count(), of_model().filter(|r| r.drifted).count());
    let (weeks, drifted_weeks) = (all - years, drifted - drifted_years);
    let word = if drifted == 0 { "The data are calm" } else { "Most of the data are calm" };
    writeln!(
        f,
        "  {word}: not drifted are {} of {years} values by year and {} of {weeks} by week.",
        years - drifted_years,
        weeks - drifted_weeks
    )
}

fn incident(grid: &Grid, f: &mut Formatter) -> Result {
    heading(f, "The incident: a fault that this demonstration injected")?;
    writeln!(f, "  The four weeks from 2018-11-29 again, to model {INCIDENT} with the same baseline;")?;
    writeln!(f, "  from 2018-12-13 on AGEP is sent in months instead of years. PSI by week:\n")?;
    for (i, rows) in grid.of(INCIDENT).enumerate() {
        let weeks: Vec<(&str, f64)> = rows.iter().filter_map(week_of).collect();
        if i == 0 {
            write!(f, "  {:<9}", "feature")?;
            weeks.iter().try_for_each(|(start, _)| write!(f, "{start:>14}"))?;
            writeln!(f)?;
        }
        write!(f, "  {:<9}", rows.first().map_or("", |row| &row.feature))?;
        for (_, psi) in &weeks {
            let flag = if *psi > THRESHOLD { "!" } else { " " };
            write!(f, "{:>14}", format!("{flag} {psi:.4}"))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn alerts(findings: &Findings, f: &mut Formatter) -> Result {
    heading(f, "Alerts: psi > 0.2 in a closed week of at least 500 predictions, judged as the weeks came")?;
    for Alert { model, feature, window_start, psi } in &findings.alerts {
        writeln!(f, "  {model:<20}  {feature:<9}  fired, week of {window_start}  PSI {psi:.4}")?;
    }
    if let Some(message) = &findings.message {
        writeln!(f, "  The message, {} to a webhook of this process:", message.state)?;
        writeln!(f, "    {}", message.summary)?;
        writeln!(f, "    {}", message.action)?;
    }
    let Backtest { model, firings } = &findings.backtest;
    writeln!(f, "  {model:<20}  held against 2016 to 2018 (BACKTEST ALERT): fired {firings} times")?;
    let named: std::collections::BTreeSet<&str> =
        findings.alerts.iter().map(|alert| alert.feature.as_str()).collect();
    match named.into_iter().collect::<Vec<_>>().as_slice() {
        ["AGEP"] => writeln!(f, "  The injected fault was found, in AGEP, and nothing else was named."),
        others => writeln!(f, "  Named: {others:?}. The injected fault is in AGEP alone."),
    }
}

/// What to do next: where the server listens and what to ask it.
pub fn invitation(program: &str, url: &str) -> String {
    let mut text =
        format!("\nServing ingest (gRPC) and SQL (Arrow Flight) at {url}. Ctrl-C stops it. Try:\n");
    for sql in TRY {
        // Writing to a String does not fail.
        let _ = writeln!(text, "\n  {program} sql --url {url} \\\n    \"{sql}\"");
    }
    text
}

const TRY: [&str; 3] = [
    "SELECT date_trunc('month', time) AS month, accuracy(employed, y_pred) AS accuracy, count(*) FROM employment GROUP BY 1 ORDER BY 1",
    "SELECT feature, psi, statistic, drifted FROM drift('employment', baseline => 'year_2015', from => '2018-01-01', to => '2019-01-01') ORDER BY psi DESC",
    "SELECT window_start, psi FROM drift_over_time('employment_incident', baseline => 'year_2015', window => INTERVAL '7 days') WHERE feature = 'AGEP'",
];

#[cfg(test)]
mod tests;
