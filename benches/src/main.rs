//! `driftline-bench`: one measurement a call, each in a process of its own. `benches/run` puts them together.

/// As in the server: gives memory back once it is free, where the system's own keeps what a load once took.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use driftline_benches::Result;
use driftline_benches::figures::{
    amplification, data, decode, erase, idle, ingest, labels, open, reopen, size, tables,
};
#[cfg(feature = "query")]
use driftline_benches::figures::{queries, watch};
use driftline_benches::report::Report;
use driftline_benches::workload::{Kind, QUICK, SEED, Scale, Workload};

/// Measures Driftline's storage engine.
#[derive(Debug, Parser)]
#[command(name = "driftline-bench", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Adds the figures to this file, a line of JSON each.
    #[arg(long, global = true, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a workload's rows to an Arrow IPC file.
    Data {
        #[command(flatten)]
        rows: Rows,
        /// The file.
        #[arg(long)]
        file: PathBuf,
    },
    /// Load a workload into a new directory and compact it.
    SizeLoad(OneWorkload),
    /// Open what `size-load` left and print its sizes.
    SizeInspect(OneWorkload),
    /// Write for a time with several writers, each batch synced.
    Ingest {
        #[command(flatten)]
        one: OneWorkload,
        #[command(flatten)]
        load: Load,
    },
    /// Read one column of the loaded predictions.
    Decode {
        #[command(flatten)]
        one: OneWorkload,
        /// How often.
        #[arg(long, default_value_t = 10)]
        repeats: u32,
    },
    /// Load predictions with a customer each, and erase one customer.
    Erase(OneWorkload),
    /// Fill the WAL and die.
    ReopenFill {
        #[command(flatten)]
        one: OneWorkload,
        /// Bytes that the WAL should hold.
        #[arg(long, default_value_t = 1_000_000_000)]
        wal_bytes: u64,
    },
    /// Make a directory of very many segments.
    OpenFill {
        /// A new directory.
        #[arg(long)]
        dir: PathBuf,
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        segments: u64,
        /// Over how many tables; each flush adds a segment to each.
        #[arg(long, default_value_t = 100)]
        tables: u64,
    },
    /// Open a directory and print time and memory.
    OpenOnce {
        /// The directory.
        #[arg(long)]
        dir: PathBuf,
        /// What the figures are called.
        #[arg(long)]
        figure: String,
    },
    /// Create very many tables and write to all of them in turn.
    Tables {
        /// A new directory.
        #[arg(long)]
        dir: PathBuf,
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        tables: u64,
        /// Leave the minute out in which nothing is done.
        #[arg(long)]
        quick: bool,
    },
    /// Load predictions, and write labels of those that are 7 days old.
    Labels {
        /// A new directory.
        #[arg(long)]
        dir: PathBuf,
        /// Predictions.
        #[arg(long, default_value_t = 100_000_000)]
        rows: u64,
        /// For how long labels are written, at most, each way; half as long beside other work.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Count what is written while predictions and their labels come for some days.
    Amplification {
        /// A new directory.
        #[arg(long)]
        dir: PathBuf,
        /// Days; so many is also the longest delay of a label.
        #[arg(long, default_value_t = 14)]
        days: u64,
        /// Predictions a second.
        #[arg(long, default_value_t = 100)]
        rate: u64,
        /// What memtables, WAL files and runs are smaller by than they are in use.
        #[arg(long, default_value_t = 1)]
        smaller: u64,
    },
    /// Load TSBS and predictions at reduced size and do nothing.
    Idle {
        /// A new directory.
        #[arg(long)]
        dir: PathBuf,
        /// For how long.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// What the full sizes are divided by.
        #[arg(long, default_value_t = 10)]
        divisor: u64,
    },
    /// Load a workload into a new directory through SQL, to be asked.
    #[cfg(feature = "query")]
    QueryLoad {
        #[command(flatten)]
        one: OneWorkload,
        /// SQL that makes the table or the model.
        #[arg(long)]
        create: PathBuf,
        /// SQL that is run once all rows are there.
        #[arg(long)]
        finish: Option<PathBuf>,
        /// Of a hundred rows so many, the newest, are kept back.
        #[arg(long, default_value_t = 0)]
        kept_back_percent: u64,
    },
    /// Open what `query-load` left and answer requests from standard input.
    #[cfg(feature = "query")]
    QueryServe {
        #[command(flatten)]
        one: OneWorkload,
        /// As it was loaded; these rows are written now and stay in memory.
        #[arg(long, default_value_t = 0)]
        kept_back_percent: u64,
    },
    /// Write predictions at a steady rate beside very many continuous queries and alerts.
    #[cfg(feature = "query")]
    Watch {
        /// A new directory.
        #[arg(long)]
        dir: PathBuf,
        /// For how long, after half a minute of warming up.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// Predictions a second.
        #[arg(long, default_value_t = 10_000)]
        rate: usize,
        /// Continuous queries: 200 filters and groupings by turns.
        #[arg(long, default_value_t = 1_000)]
        queries: usize,
        /// Alerts: a tenth on drift, a tenth on quality.
        #[arg(long, default_value_t = 1_000)]
        alerts: usize,
    },
    /// Write at full speed without and with ten continuous queries.
    #[cfg(feature = "query")]
    WatchIngest {
        /// A new directory.
        #[arg(long)]
        dir: PathBuf,
        /// For how long, each way, three times.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// Fire alerts through a server, and time the messages.
    #[cfg(feature = "query")]
    WatchWebhook {
        /// A new directory.
        #[arg(long)]
        dir: PathBuf,
        /// How many.
        #[arg(long, default_value_t = 300)]
        rounds: usize,
    },
    /// Write through a server in another process.
    #[cfg(feature = "grpc")]
    Grpc {
        #[command(flatten)]
        one: OneWorkload,
        #[command(flatten)]
        load: Load,
        /// The server's program.
        #[arg(long, default_value = "target/release/driftline")]
        binary: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, Args)]
struct Rows {
    /// Which rows.
    #[arg(long, value_enum)]
    workload: Kind,
    /// A fiftieth of the size.
    #[arg(long)]
    quick: bool,
    /// About so many rows: other hosts and devices, or predictions closer together.
    #[arg(long, conflicts_with = "quick")]
    rows: Option<u64>,
    /// What all random numbers come from.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

#[derive(Debug, Args)]
struct OneWorkload {
    #[command(flatten)]
    rows: Rows,
    /// The data directory; new where something is written first.
    #[arg(long)]
    dir: PathBuf,
}

#[derive(Clone, Copy, Debug, Args)]
struct Load {
    /// For how long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Threads that write.
    #[arg(long, default_value_t = 4)]
    writers: u64,
    /// Rows in a batch.
    #[arg(long, default_value_t = 10_000)]
    batch: usize,
    /// Batches that each writer makes before the clock starts.
    #[arg(long, default_value_t = 48)]
    ring: usize,
}

impl Rows {
    fn workload(self) -> Workload {
        let kind = self.workload;
        let scale = match (self.quick, self.rows) {
            (true, _) => Scale::over(QUICK),
            (false, Some(rows)) => Scale::with_rows(kind, rows),
            (false, None) => Scale::FULL,
        };
        Workload { kind, scale, seed: self.seed }
    }
}

impl Load {
    fn load(self) -> ingest::Load {
        ingest::Load {
            seconds: self.seconds,
            writers: self.writers,
            batch_rows: self.batch,
            ring_batches: self.ring,
        }
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut report = Report::new(cli.out.as_deref())?;
    run(cli.command, &mut report)
}

fn run(command: Command, report: &mut Report) -> Result<()> {
    match command {
        Command::Data { rows, file } => data::run(rows.workload(), &file, report),
        Command::SizeLoad(one) => size::load(one.rows.workload(), &one.dir, report),
        Command::SizeInspect(one) => size::inspect(one.rows.workload(), &one.dir, report),
        Command::Ingest { one, load } => ingest::run(one.rows.workload(), &one.dir, load.load(), report),
        Command::Decode { one, repeats } => decode::run(one.rows.workload(), &one.dir, repeats, report),
        Command::Erase(one) => erase::run(one.rows.workload(), &one.dir, report),
        Command::ReopenFill { one, wal_bytes } => reopen::fill(one.rows.workload(), &one.dir, wal_bytes),
        Command::OpenFill { dir, segments, tables } => open::fill(&dir, segments, tables),
        Command::OpenOnce { dir, figure } => reopen::open_once(&figure, &dir, report),
        Command::Tables { dir, tables, quick } => tables::run(&dir, tables, !quick, report),
        Command::Labels { dir, rows, seconds } => {
            labels::run(&dir, rows, Duration::from_secs(seconds), report)
        }
        Command::Amplification { dir, days, rate, smaller } => {
            amplification::run(&dir, amplification::Shape { days, rate, smaller }, report)
        }
        Command::Idle { dir, minutes, divisor } => {
            let workload = |kind| Workload { kind, scale: Scale::over(divisor), seed: SEED };
            let both = [workload(Kind::Tsbs), workload(Kind::Predictions)];
            idle::run(&both, &dir, Duration::from_secs_f64(minutes * 60.0), report)
        }
        #[cfg(feature = "query")]
        Command::QueryLoad { one, create, finish, kept_back_percent } => {
            let load = queries::Load { dir: one.dir, create, finish, kept_back_percent };
            queries::load(one.rows.workload(), &load)
        }
        #[cfg(feature = "query")]
        Command::QueryServe { one, kept_back_percent } => {
            queries::serve(&one.dir, one.rows.workload(), kept_back_percent)
        }
        #[cfg(feature = "query")]
        Command::Watch { dir, seconds, rate, queries, alerts } => {
            let time = Duration::from_secs(seconds);
            watch::load(&watch::Load { dir, time, rate, queries, alerts }, report)
        }
        #[cfg(feature = "query")]
        Command::WatchIngest { dir, seconds } => {
            watch::full_speed(&dir, Duration::from_secs(seconds), report)
        }
        #[cfg(feature = "query")]
        Command::WatchWebhook { dir, rounds } => watch::webhook(&dir, rounds, report),
        #[cfg(feature = "grpc")]
        Command::Grpc { one, load, binary } => {
            let workload = one.rows.workload();
            driftline_benches::figures::grpc::run(workload, &binary, &one.dir, load.load(), report)
        }
    }
}
