//! The function `as_of`: a model as it was known at a moment.

use std::sync::Arc;

use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;

use super::arguments::Arguments;
use super::definition::Definition;
use super::provider::{catalog, external};

/// `as_of`: the rows of a model with the labels that had arrived by `at`, and no others.
pub(super) static AS_OF: Definition = Definition {
    name: "as_of",
    arguments: &["model", "at"],
    table: |arguments, session| table(arguments, session),
};

fn table(arguments: &Arguments<'_>, session: &dyn Session) -> Result<Arc<dyn TableProvider>> {
    let at = arguments.moment("at")?.ok_or_else(|| arguments.missing("at"))?;
    let view = catalog(AS_OF.name, session)?;
    let model = view.model(&arguments.required_text("model")?).map_err(external)?;
    let table = view.table(&model.name).map_err(external)?;
    Ok(view.scan_as_of(&table, at))
}
