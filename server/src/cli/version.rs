//! `driftline version`.

use super::error::Result;

/// The version of this build.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of the files it writes.
const FORMAT_VERSION: u16 = 0;

/// What `driftline version` takes.
#[derive(Debug, clap::Args)]
pub struct VersionArgs {
    /// How to print it.
    #[arg(long, env = "DRIFTLINE__FORMAT", value_enum, default_value_t)]
    format: VersionFormat,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum VersionFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Runs it.
pub fn run(args: &VersionArgs) -> Result<()> {
    match args.format {
        VersionFormat::Text => println!("driftline {VERSION} (data format {FORMAT_VERSION})"),
        VersionFormat::Json => {
            println!("{}", serde_json::json!({ "version": VERSION, "data_format": FORMAT_VERSION }));
        }
    }
    Ok(())
}
