//! `driftline-drift`: how often drift reports find a change of one column, and how often they find one where there is none.

mod autoregression;
mod change;
mod columns;
mod judge;
mod sample;
mod speed;

use std::path::PathBuf;

use change::Change;
use clap::Parser;
use driftline_benches::Result;
use driftline_query::Database;
use judge::{Alarms, Bench, Size};

/// Judges windows of 20 columns, of which one changes.
#[derive(Debug, Parser)]
#[command(name = "driftline-drift")]
struct Cli {
    /// A directory with a file a column, a number a line (benches/drift_data makes it).
    #[arg(long, value_name = "DIR", default_value = "target/benches/drift-columns")]
    data: PathBuf,
    /// Where the database is made; what is there goes.
    #[arg(long, value_name = "DIR", default_value = "target/benches/drift")]
    dir: PathBuf,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// Rows of the reference.
    #[arg(long, default_value_t = 10_000)]
    reference: usize,
    /// Rows of a window.
    #[arg(long, default_value_t = 1_000)]
    window: usize,
    /// The chance of an alarm of a window without change.
    #[arg(long, default_value_t = 0.025)]
    alpha: f64,
    /// Flushes and compacts before judging, and shows the plan.
    #[arg(long)]
    compacted: bool,
    /// Changes of other sizes as well.
    #[arg(long)]
    grid: bool,
    /// One column with autoregression as well.
    #[arg(long)]
    autoregression: bool,
    /// How long reports take, and nothing else.
    #[arg(long)]
    speed: bool,
}

/// Calm windows of each seed.
const CALM: usize = 5;
/// An alarm that does not look: one in so many windows.
const BLIND_EVERY: usize = 20;

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    if cli.speed {
        return speed::show(&cli.dir).await;
    }
    let columns = columns::read(&cli.data)?;
    if cli.dir.exists() {
        std::fs::remove_dir_all(&cli.dir)?;
    }
    let db = Database::open(&cli.dir)?;
    let changes: Vec<Change> =
        change::JUDGED.into_iter().chain(change::SHOWN.into_iter().filter(|_| cli.grid)).collect();
    let seeds = cli.first_seed..cli.first_seed + cli.seeds;
    println!(
        "{} real columns; reference {}, window {}; seeds {seeds:?}",
        columns.len(),
        cli.reference,
        cli.window
    );
    for (name, phi) in [("independent rows", 0.0), ("autoregression .3", 0.3)] {
        let size = Size { reference: cli.reference, window: cli.window, calm: CALM };
        let bench =
            Bench { db: &db, columns: &columns, size, phi, changes: &changes, is_compacted: cli.compacted };
        let levels = [Some(cli.alpha), None];
        let mut found: [Vec<Alarms>; 2] = [Vec::new(), Vec::new()];
        for seed in seeds.clone() {
            let alarms = bench.seed(seed, &levels).await?;
            found.iter_mut().zip(alarms).for_each(|(all, alarms)| all.push(alarms));
        }
        for (level, found) in levels.iter().zip(&found) {
            let level =
                level.map_or("alpha by the length of the window".to_owned(), |it| format!("alpha {it}"));
            show(&format!("{name}, {level}"), &changes, found);
        }
        if cli.compacted {
            println!("\n```\n{}\n```", bench.plan().await?);
        }
    }
    println!(
        "\nAlarms that do not look: never 0 and 0, always 1 and 1, every {BLIND_EVERY}th {0} and {0}.",
        1.0 / BLIND_EVERY as f64
    );
    if cli.autoregression {
        for (phi, shift) in [(0.5, 0.25), (0.9, 0.5)] {
            let (calm, shifted, of) =
                autoregression::alarms(&db, phi, shift, cli.first_seed..cli.first_seed + 50).await?;
            println!(
                "One column, autoregression {phi}, alpha .05: {:.3} of {of} calm windows alarm, {:.3} with {shift} sd more",
                calm as f64 / of as f64,
                shifted as f64 / of as f64
            );
        }
    }
    db.close().await?;
    Ok(())
}

fn show(name: &str, changes: &[Change], found: &[Alarms]) {
    let calm: usize = found.iter().map(|alarms| alarms.calm).sum();
    println!("\n## {name}\n\n{calm} alarms in {} windows without change\n", found.len() * CALM);
    println!("| change | share found |\n|---|---|");
    let share = |at: usize| {
        let hits = found.iter().filter(|alarms| alarms.changed.get(at) == Some(&true)).count();
        hits as f64 / found.len().max(1) as f64
    };
    for (at, change) in changes.iter().enumerate() {
        println!("| {} | {:.3} |", change.name(), share(at));
    }
    let judged = change::JUDGED.len();
    println!(
        "| **mean of the first {judged}** | **{:.4}** |",
        (0..judged).map(share).sum::<f64>() / judged as f64
    );
}
