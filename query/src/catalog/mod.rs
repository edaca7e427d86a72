//! Names: which table, model or baseline a statement means, at one moment.

pub(crate) mod name;
mod provider;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use driftline_storage::{Meaning, Snapshot, TableSchema};
pub(crate) use provider::{CATALOG, PUBLIC, SYSTEM, catalogs};

use crate::error::Result;
use crate::govern::Governor;
use crate::model::{
    BASELINE_PREFIX, Baseline, MODEL_PREFIX, Model, decode_baseline, decode_model, is_reserved, labels_table,
    model_key,
};
use crate::scan::{Held, Table};
use crate::write::Ingest;

/// The catalog as one query sees it: one snapshot, names resolved without regard to case unless ambiguous.
/// Found by functions through `SessionConfig::get_extension::<CatalogView>()`.
#[derive(Debug)]
pub struct CatalogView {
    snapshot: Snapshot,
    now_nanos: i64,
    /// Rows of this time and later are not seen.
    horizon: Option<i64>,
    /// Labels that came later are not seen.
    known_at: Option<i64>,
    /// Rows that several queries of a step read.
    held: Option<Arc<Held>>,
    ingest: Arc<Ingest>,
    governor: Arc<Governor>,
}

impl CatalogView {
    /// This moment, as `ingest`'s engine sees it.
    pub(crate) fn new(ingest: Arc<Ingest>, governor: Arc<Governor>) -> Self {
        let (snapshot, now_nanos) = (ingest.engine().snapshot(), ingest.now_nanos());
        Self { snapshot, now_nanos, horizon: None, known_at: None, held: None, ingest, governor }
    }

    /// The same at the moment of a snapshot, with rows that others read too.
    pub(crate) fn over(self, snapshot: Snapshot, held: Arc<Held>) -> Self {
        Self { snapshot, held: Some(held), ..self }
    }

    /// Rows that several queries of a step read.
    pub(crate) fn held(&self) -> Option<&Arc<Held>> {
        self.held.as_ref()
    }

    /// The same at a time: that is `now()`, and rows of that time and later are not seen; nor labels that came after
    /// `known_at`, where that is given.
    pub(crate) fn at(self, nanos: i64, known_at: Option<i64>) -> Self {
        Self { now_nanos: nanos, horizon: Some(nanos), known_at, ..self }
    }

    /// Before when rows and labels are seen, where not all are.
    pub(crate) fn horizon(&self) -> Option<i64> {
        self.horizon
    }

    /// Up to when labels are seen, where not all are.
    pub(crate) fn known_at(&self) -> Option<i64> {
        self.known_at
    }

    /// The moment it shows.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// When the query began: what `now()` is, in nanoseconds since 1970.
    pub fn now_nanos(&self) -> i64 {
        self.now_nanos
    }

    /// The schema of a table of schema `public`.
    pub fn table(&self, name: &str) -> Result<Arc<TableSchema>> {
        match self.find_table(name)? {
            Some(table) => Ok(table),
            None => Err(name::missing("table", name, self.table_names(), "")),
        }
    }

    /// A model.
    pub fn model(&self, name: &str) -> Result<Arc<Model>> {
        match self.find_model(name)? {
            Some(model) => Ok(model),
            None => {
                let remedy = "Make it with CREATE MODEL";
                Err(name::missing("model", name, self.model_names(), remedy))
            }
        }
    }

    /// A baseline of a model: the one named, or the model's only or newest one.
    pub fn baseline(&self, model: &str, name: Option<&str>) -> Result<Arc<Baseline>> {
        let model = &self.model(model)?.name;
        let mut baselines = self.baselines_of(model)?;
        let remedy = format!("Make it with CREATE BASELINE .. FOR MODEL {model} AS SELECT ..");
        let names: Vec<String> = baselines.iter().map(|b| b.name.clone()).collect();
        let names = || names.iter().map(String::as_str);
        let found = match name {
            Some(wanted) => name::find("baseline", names(), wanted)?
                .and_then(|found| baselines.iter().position(|b| b.name == found)),
            None => baselines.iter().enumerate().max_by_key(|(_, b)| b.created_at).map(|(at, _)| at),
        };
        match (found, name) {
            (Some(at), _) => Ok(Arc::new(baselines.swap_remove(at))),
            (None, Some(wanted)) => {
                Err(name::missing(&format!("baseline of model {model}"), wanted, names(), &remedy))
            }
            (None, None) => {
                Err(crate::QueryError::NotFound(format!("model {model} has no baseline. {remedy}")))
            }
        }
    }

    /// What scans a table (for a model, with its labels joined).
    pub fn provider(&self, name: &str) -> Result<Arc<dyn TableProvider>> {
        let table = self.table(name)?;
        Ok(self.scan_of(&table))
    }

    /// What writes rows for this view's database.
    pub(crate) fn ingest(&self) -> &Arc<Ingest> {
        &self.ingest
    }

    /// The statements of this view's database.
    pub(crate) fn governor(&self) -> &Arc<Governor> {
        &self.governor
    }

    /// What scans a table found before.
    pub(crate) fn scan_of(&self, table: &Arc<TableSchema>) -> Arc<dyn TableProvider> {
        let scan = Table::new(self, Arc::clone(table));
        match self.known_at.filter(|_| self.labels_of(&table.name).is_some()) {
            Some(known_at) => Arc::new(scan.known_at(known_at)),
            None => Arc::new(scan),
        }
    }

    /// The same with the labels that had arrived by then, in nanoseconds since 1970.
    pub(crate) fn scan_as_of(&self, table: &Arc<TableSchema>, as_of: i64) -> Arc<dyn TableProvider> {
        Arc::new(Table::new(self, Arc::clone(table)).known_at(as_of))
    }

    /// A table by its name as a person writes it. Reserved tables answer to their exact name only.
    pub(crate) fn find_table(&self, name: &str) -> Result<Option<Arc<TableSchema>>> {
        if let Some(exact) = self.snapshot.table(name) {
            return Ok(Some(Arc::clone(exact)));
        }
        let found = name::find("table", self.table_names(), name)?;
        Ok(found.and_then(|found| self.snapshot.table(found)).map(Arc::clone))
    }

    /// A model by its name as a person writes it.
    pub(crate) fn find_model(&self, name: &str) -> Result<Option<Arc<Model>>> {
        let Some(found) = name::find("model", self.model_names(), name)? else { return Ok(None) };
        let key = model_key(found);
        let Some(bytes) = self.snapshot.entries().get(&key) else { return Ok(None) };
        Ok(Some(Arc::new(decode_model(&key, bytes)?)))
    }

    /// The tables of schema `public`: those that keep labels are shown through their model, rejected rows in `system`.
    pub(crate) fn table_names(&self) -> impl Iterator<Item = &str> {
        self.snapshot.tables().keys().map(String::as_str).filter(|name| !is_reserved(name))
    }

    /// All models.
    pub(crate) fn model_names(&self) -> impl Iterator<Item = &str> {
        self.snapshot.entries().keys().filter_map(|key| key.strip_prefix(MODEL_PREFIX))
    }

    /// All baselines of one model, by its exact name.
    pub(crate) fn baselines_of(&self, model: &str) -> Result<Vec<Baseline>> {
        self.baseline_entries(&format!("{BASELINE_PREFIX}{model}/"))
    }

    /// All baselines of all models.
    pub(crate) fn baselines(&self) -> Result<Vec<Baseline>> {
        self.baseline_entries(BASELINE_PREFIX)
    }

    fn baseline_entries(&self, prefix: &str) -> Result<Vec<Baseline>> {
        let entries = self.snapshot.entries().range(prefix.to_owned()..);
        let entries = entries.take_while(|(key, _)| key.starts_with(prefix));
        entries.map(|(key, bytes)| decode_baseline(key, bytes)).collect()
    }

    /// The table that keeps the labels of a model, where it has one.
    pub(crate) fn labels_of(&self, model: &str) -> Option<&Arc<TableSchema>> {
        self.snapshot.table(&labels_table(model))
    }

    /// Whether a table is a model's.
    pub(crate) fn is_model(&self, table: &str) -> bool {
        self.snapshot.entries().contains_key(&model_key(table))
    }
}

/// The columns of a table that are labels.
pub(crate) fn label_columns(table: &TableSchema) -> impl Iterator<Item = &driftline_storage::Column> {
    table.columns.iter().filter(|column| column.meaning == Some(Meaning::Label))
}
