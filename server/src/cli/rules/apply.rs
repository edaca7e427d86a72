//! `driftline apply`.

use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};

use super::files::{self, STATEMENTS};
use crate::cli::connection::{Connection, Target};
use crate::cli::error::{CliError, Result};
use crate::cli::output::say;

/// What `driftline apply` takes.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    target: Target,
    /// A file of statements, or a directory with files *.sql: CREATE TABLE, MODEL, NOTIFIER, CONTINUOUS QUERY, ALERT, ROUTE,
    /// SILENCE, INHIBITION. ${NAME} stands for a variable of the environment.
    #[arg(short, long, value_name = "PATH")]
    file: PathBuf,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs it: what is not there is made, what is otherwise is changed, the rest left alone.
pub async fn apply(args: ApplyArgs) -> Result<()> {
    let statements = statements(&args.file)?;
    let connection = args.target.open(false).await?;
    let done = run(&connection, &statements, args.dry_run).await;
    connection.close().await?;
    say(&told(&done?, args.dry_run))
}

/// The statements of all files, as one text.
pub(super) fn statements(path: &Path) -> Result<String> {
    let mut all = String::new();
    for file in files::find(path, STATEMENTS)?.into_iter().filter(|file| !files::is_test(file)) {
        let text = files::filled(&file, &files::read(&file)?, |name| std::env::var(name).ok())?;
        // Here, so that the error names the file.
        crate::cli::statements::split(&text)
            .map_err(|error| CliError::Rules { path: file.clone(), reason: error.to_string() })?;
        all.push_str(text.trim_end().trim_end_matches(';'));
        all.push_str("\n;\n");
    }
    Ok(all)
}

pub(super) async fn run(
    connection: &Connection,
    statements: &str,
    dry_run: bool,
) -> Result<Vec<RecordBatch>> {
    let dry = if dry_run { "DRY RUN " } else { "" };
    connection.sql(&format!("APPLY {dry}'{}'", statements.replace('\'', "''"))).await
}

fn told(rows: &[RecordBatch], dry_run: bool) -> String {
    let (mut text, mut counts) = (String::new(), [0_usize; 3]);
    for batch in rows {
        let column = |at: usize| batch.column(at).as_string::<i32>();
        for row in 0..batch.num_rows() {
            let (kind, name, action) = (column(0).value(row), column(1).value(row), column(2).value(row));
            let (place, sign) = match action {
                "create" => (0, '+'),
                "change" => (1, '~'),
                _ => (2, '='),
            };
            counts[place] += 1;
            text += &format!("{sign} {kind} {name}\n");
            let lines = column(3).value(row).lines().filter(|_| action == "change");
            text.extend(lines.map(|line| format!("    {line}\n")));
        }
    }
    let [made, changed, same] = counts;
    let would = if dry_run { "Nothing was done; it would be: " } else { "" };
    text + &format!("{would}{made} made, {changed} changed, {same} as they were.\n")
}
