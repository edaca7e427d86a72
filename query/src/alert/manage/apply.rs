//! `APPLY [DRY RUN] 'statements'`: makes what the statements say of tables, notifiers, continuous queries and alerts, and
//! changes what is there under their names and otherwise. Said again, it changes nothing.
//!
//! All statements are looked at before the first is run: one that cannot be leaves everything as it is. What fails after that
//! (somebody else changes the same) leaves those before it done; saying it again goes on from there.

mod difference;
mod item;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use self::item::Item;
use crate::database::{Access, Database};
use crate::error::Result;

/// What the statements of one call make, which others of them may name before it is there.
#[derive(Debug, Default)]
pub(crate) struct Coming {
    pub(super) tables: BTreeSet<String>,
    pub(super) models: BTreeSet<String>,
    pub(super) notifiers: BTreeSet<String>,
    pub(super) alerts: BTreeSet<String>,
}

/// What is to be done of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Planned {
    action: &'static str,
    /// The lines that go (`- `) and come (`+ `).
    difference: String,
}

const CREATE: &str = "create";
const CHANGE: &str = "change";
const UNCHANGED: &str = "unchanged";

/// The columns of the answer, a row a statement: `action` is create, change or unchanged.
pub(crate) fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![text("kind"), text("name"), text("action"), text("difference")]))
}

/// Applies statements; what was done of each, or would be.
pub(crate) async fn apply(
    database: &Database,
    text: &str,
    dry_run: bool,
    access: Access,
) -> Result<RecordBatch> {
    let items = item::read(text)?;
    let mut coming = Coming::default();
    items.iter().for_each(|item| item.announce(&mut coming));
    let mut planned = Vec::with_capacity(items.len());
    for item in &items {
        planned.push(item.plan(database, &coming, access).await.map_err(|error| item.named(error))?);
    }
    if !dry_run {
        for (item, planned) in items.iter().zip(&planned) {
            item.run(database, planned.action, access).await.map_err(|error| item.named(error))?;
        }
        database.runner().await.reload(database).await?;
        database.start_runner()?;
    }
    answer(&items, &planned)
}

fn answer(items: &[Item], planned: &[Planned]) -> Result<RecordBatch> {
    let text = |all: Vec<&str>| -> ArrayRef { Arc::new(all.into_iter().map(Some).collect::<StringArray>()) };
    let columns = vec![
        text(items.iter().map(Item::kind).collect()),
        text(items.iter().map(Item::name).collect()),
        text(planned.iter().map(|it| it.action).collect()),
        text(planned.iter().map(|it| it.difference.as_str()).collect()),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}
