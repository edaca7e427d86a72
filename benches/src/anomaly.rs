//! `driftline-anomaly`: the score of the default anomaly detector on the Numenta Anomaly Benchmark.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Parser;
use driftline_benches::Result;
use driftline_benches::nab::{
    Judged, LOW_FALSE_NEGATIVES, LOW_FALSE_POSITIVES, Labelled, Profile, STANDARD, read_corpus, score,
    score_at,
};
use driftline_query::stats::anomaly::{AnomalyDetector, AnomalyParameters};

/// Rows between the alarms of the detector that does not look.
const BLIND_EVERY: usize = 500;

/// Scores the anomaly detector, one configuration and one threshold for all files.
#[derive(Debug, Parser)]
#[command(name = "driftline-anomaly")]
struct Cli {
    /// The benchmark's files, with `combined_windows.json` beside their folders.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

fn main() -> Result<()> {
    let corpus = read_corpus(&Cli::parse().data)?;
    let found = corpus.iter().map(detect).collect::<Result<Vec<_>>>()?;
    let blind: Vec<_> = corpus.iter().map(|file| blind(file.values.len())).collect();
    println!("| | files | windows | standard | low FP | low FN |\n|---|---|---|---|---|---|");
    let folders: BTreeSet<&str> = corpus.iter().map(Labelled::folder).collect();
    for folder in folders {
        line(folder, &corpus, &found, |file| file.folder() == folder);
    }
    line("all", &corpus, &found, |_| true);
    line(&format!("an alarm every {BLIND_EVERY} rows"), &corpus, &blind, |_| true);
    for profile in [STANDARD, LOW_FALSE_POSITIVES, LOW_FALSE_NEGATIVES] {
        if let Some((_, threshold)) = score(&judged(&corpus, &found, |_| true), &profile) {
            println!("Threshold, {}: {threshold:.4}", profile.name);
        }
    }
    Ok(())
}

/// The detector's score of each row that is news. Season and quiet time are a day by the file's times.
fn detect(file: &Labelled) -> Result<Vec<f64>> {
    let parameters = AnomalyParameters { season: Some(file.day), quiet: file.day, ..Default::default() };
    let mut detector = AnomalyDetector::new(parameters)?;
    let verdicts = file.values.iter().map(|value| detector.update(*value));
    Ok(verdicts.map(|verdict| if verdict.is_new { verdict.score } else { 0.0 }).collect())
}

fn blind(rows: usize) -> Vec<f64> {
    (0..rows).map(|row| if row % BLIND_EVERY == 0 { 1.0 } else { 0.0 }).collect()
}

/// Prints the scores of some of the files at the threshold that is best for all.
fn line(name: &str, corpus: &[Labelled], scores: &[Vec<f64>], within: impl Fn(&Labelled) -> bool) {
    let some = judged(corpus, scores, within);
    let at = |profile: Profile| {
        let (_, threshold) = score(&judged(corpus, scores, |_| true), &profile)?;
        score_at(&some, &profile, threshold)
    };
    let text = |profile| at(profile).map_or("-".to_string(), |score| format!("{score:.1}"));
    let [standard, low_fp, low_fn] = [STANDARD, LOW_FALSE_POSITIVES, LOW_FALSE_NEGATIVES].map(text);
    let windows: usize = some.iter().map(|file| file.windows.len()).sum();
    println!("| {name} | {} | {windows} | {standard} | {low_fp} | {low_fn} |", some.len());
}

fn judged<'a>(
    corpus: &'a [Labelled],
    scores: &'a [Vec<f64>],
    within: impl Fn(&Labelled) -> bool,
) -> Vec<Judged<'a>> {
    let files = corpus.iter().zip(scores).filter(|(file, _)| within(file));
    files.map(|(file, scores)| Judged { windows: &file.windows, scores }).collect()
}
