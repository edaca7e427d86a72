//! `driftline sql`.

use super::connection::Target;
use super::error::Result;
use super::output::{self, Format};

/// What `driftline sql` takes.
#[derive(Debug, clap::Args)]
pub struct SqlArgs {
    #[command(flatten)]
    target: Target,
    /// How to print the rows.
    #[arg(long, env = "DRIFTLINE__FORMAT", value_enum, default_value_t)]
    format: Format,
    /// One or more statements; the rows of the last one are printed.
    sql: String,
}

/// Runs it.
pub async fn run(args: SqlArgs) -> Result<()> {
    let connection = args.target.open(false).await?;
    let rows = connection.sql(&args.sql).await;
    let closed = connection.close().await;
    output::print(&rows?, args.format)?;
    closed
}
