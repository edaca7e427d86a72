//! A database as commands reach it: opened in this process, or behind a server.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use driftline_client::Client;
use driftline_query::{Access, Database, QueryError};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::error::{CliError, Result};
use super::statements;

/// Rows on their way.
pub type Rows = BoxStream<'static, Result<RecordBatch>>;

/// Which database a command works on.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// Open this data directory in this process; no server may be using it. [env: DRIFTLINE__DATA_DIR]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data_dir: Option<PathBuf>,
    /// Ask the server at this address, such as http://127.0.0.1:8815. [env: DRIFTLINE__URL]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// An open one.
#[derive(Debug)]
pub enum Connection {
    Local(Database),
    Remote(Client),
}

impl Target {
    /// Opens it. A directory that is not there is made only where `make` says so: SQL on a mistyped name must not
    /// answer from an empty database.
    pub async fn open(&self, make: bool) -> Result<Connection> {
        match self.chosen()? {
            Self { data_dir: Some(path), .. } => Ok(Connection::Local(open_directory(&path, make)?)),
            Self { url, .. } => Ok(Connection::Remote(Client::connect(&url.unwrap_or_default()).await?)),
        }
    }

    /// The data directory, where that is what was named; else it is a server.
    pub fn directory(&self) -> Result<Option<PathBuf>> {
        Ok(self.chosen()?.data_dir)
    }

    /// The flags, else the environment; one of the two and not both. clap's own handling of variables would take a
    /// variable for a conflict with the other flag.
    fn chosen(&self) -> Result<Self> {
        if self.data_dir.is_some() || self.url.is_some() {
            return Ok(self.clone());
        }
        let data_dir = std::env::var_os("DRIFTLINE__DATA_DIR").map(PathBuf::from);
        let url = std::env::var("DRIFTLINE__URL").ok();
        match (&data_dir, &url) {
            (None, None) => {
                Err(CliError::Usage("which database? Name one with --data-dir DIR or --url URL".into()))
            }
            (Some(_), Some(_)) => Err(CliError::Usage(
                "both DRIFTLINE__DATA_DIR and DRIFTLINE__URL are set; choose with --data-dir or --url".into(),
            )),
            _ => Ok(Self { data_dir, url }),
        }
    }
}

fn open_directory(path: &Path, make: bool) -> Result<Database> {
    if !make && !path.is_dir() {
        return Err(CliError::NoDatabase { path: path.to_owned() });
    }
    Database::open(path).map_err(|source| CliError::Open { path: path.to_owned(), source })
}

impl Connection {
    /// Runs one or more statements; the rows of the last. Where there are none, one empty batch carries the columns.
    pub async fn sql(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let mut rows = Vec::new();
        for statement in statements::split(sql)? {
            rows = match self {
                Self::Local(database) => local(database, statement).await?,
                Self::Remote(client) => client.sql(statement).await?,
            };
        }
        Ok(rows)
    }

    /// Runs one statement; its rows as they come, and their schema.
    pub async fn stream(&self, statement: &str) -> Result<(SchemaRef, Rows)> {
        match self {
            Self::Local(database) => {
                let rows = database.prepare(statement, Access::Embedded).await?.execute(&[]).await?;
                let schema = rows.schema();
                Ok((schema, rows.map_err(|error| QueryError::from(error).into()).boxed()))
            }
            Self::Remote(client) => {
                let (schema, rows) = client.stream(statement).await?;
                Ok((schema, rows.map_err(CliError::from).boxed()))
            }
        }
    }

    /// Gives it back; what was acknowledged is on disk.
    pub async fn close(self) -> Result<()> {
        match self {
            Self::Local(database) => Ok(database.close().await?),
            Self::Remote(_) => Ok(()),
        }
    }
}

async fn local(database: &Database, statement: &str) -> Result<Vec<RecordBatch>> {
    let prepared = database.prepare(statement, Access::Embedded).await?;
    let rows = prepared.execute(&[]).await?;
    let schema = rows.schema();
    let mut rows: Vec<RecordBatch> = rows.try_collect().await.map_err(QueryError::from)?;
    if rows.is_empty() {
        rows.push(RecordBatch::new_empty(schema));
    }
    Ok(rows)
}
