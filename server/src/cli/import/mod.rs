//! `driftline import`: a file into a table.
//!
//! The file is read twice: once to learn what it holds ([`csv`], [`parquet`] with [`infer`]), once to send it. Between
//! the two, [`plan`] decides what becomes of each column and makes the table. [`convert`] makes the rows, [`sink`]
//! writes them under a writer's name that stands for the file's contents, so that a repeated import writes nothing
//! twice, and one that was cut off goes on where it ended.

mod convert;
mod csv;
mod epoch;
mod error;
mod infer;
mod parquet;
mod plan;
mod sink;
mod source;

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::connection::{Connection, Target};
use super::error::Result;
use plan::{Columns, Plan};
use sink::Sink;
use source::Source;

pub use error::ImportError;

const BAR: &str = "{bar:30} {human_pos}/{human_len} rows, {per_sec}, {eta} left";

/// What `driftline import` takes.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    #[command(flatten)]
    target: Target,
    /// The file: .csv (comma, with a header), .tsv or .parquet.
    file: PathBuf,
    /// The table.
    #[arg(long, env = "DRIFTLINE__TABLE", value_name = "TABLE")]
    table: String,
    /// The rows are late labels of the model that --table names: its key, its labels and, if known, the time of the
    /// prediction.
    #[arg(long, conflicts_with_all = ["tags", "key"])]
    labels: bool,
    /// The column with the event time, kept as `time`: timestamps, or numbers since 1970. Without it, the column
    /// named time.
    #[arg(long, env = "DRIFTLINE__TIME", value_name = "COLUMN")]
    time: Option<String>,
    /// Columns that are dimensions of few values (TAG).
    #[arg(long, env = "DRIFTLINE__TAGS", value_name = "COLUMNS", value_delimiter = ',')]
    tags: Vec<String>,
    /// The column that identifies a row (KEY).
    #[arg(long, env = "DRIFTLINE__KEY", value_name = "COLUMN")]
    key: Option<String>,
}

/// Runs it.
pub async fn run(args: ImportArgs) -> Result<()> {
    let source = Source::of(&args.file)?;
    let survey = source.survey()?;
    let of = if args.labels { format!("labels of {}", args.table) } else { args.table.clone() };
    let writer = source.writer_name(&of)?;
    let connection = args.target.open(true).await?;
    let done = import(&args, &source, survey, &connection, &writer).await;
    let closed = connection.close().await;
    done.and(closed)
}

async fn import(
    args: &ImportArgs,
    source: &Source,
    survey: source::Survey,
    connection: &Connection,
    writer: &str,
) -> Result<()> {
    let existing = plan::existing(connection, &args.table).await?;
    let columns = Columns {
        time: args.time.as_deref(),
        tags: &args.tags,
        key: args.key.as_deref(),
        labels: args.labels,
    };
    let plan = Plan::new(&args.file, &args.table, &columns, &survey, existing.as_ref())?;
    plan.notes.iter().for_each(|note| eprintln!("{note}"));
    if let Some(create) = &plan.create {
        println!("{create}");
        connection.sql(create).await?;
    }
    let mut sink = Sink::open(connection, writer, &plan.table, args.labels).await?;
    let bar = bar(survey.rows);
    for batch in source.batches()? {
        let (first_row, batch) = batch?;
        let rows = convert::batch(&args.file, &batch, &plan, first_row)?;
        bar.inc(rows.num_rows() as u64);
        sink.write(rows).await?;
    }
    let sent = sink.finish().await?;
    bar.finish_and_clear();
    let to = if args.labels { format!("the labels of {}", plan.table) } else { plan.table.clone() };
    println!("{}", sent.told(&to));
    Ok(())
}

/// Shown on a terminal only, which indicatif sees to.
fn bar(rows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(rows).with_style(style)
}
