//! A write being checked: what becomes of its rows, and of the tables they are for.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, ID_TIME_ANY, ID_TIME_OPTION, Meaning, Snapshot, TableId,
    TableSchema, WriteBatch, WriterSequence,
};

use super::divert::{self, Rejected};
use super::exact::{self, Exactness, Inexact};
use super::rules::Rules;
use super::{is_model, label, row};
use crate::catalog::name;
use crate::error::{QueryError, Result};
use crate::model::{REJECTED, is_reserved, labels_table, model_of_labels};

/// When a write came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// Nanoseconds since 1970.
    pub(super) now_nanos: i64,
    /// When the next of its labels counts as received.
    pub(super) received_at: i64,
}

/// A write being checked.
pub(super) struct WritePlan<'a> {
    snapshot: Snapshot,
    exactness: &'a mut Exactness,
    arrival: Arrival,
    /// Tables that get new columns, or DOUBLE ones where they were BIGINT, by id.
    altered: BTreeMap<TableId, TableSchema>,
    /// Rows by table id, in the schema their table had when they were checked.
    rows: Vec<(TableId, RecordBatch)>,
    rejected: Vec<Rejected>,
    /// Whether it is by a continuous query, for the tables that these keep.
    is_keeping: bool,
}

/// A write that was checked.
pub(super) struct Planned {
    /// What the engine is given.
    pub(super) batch: WriteBatch,
    /// Rows that go to `system.rejected`.
    pub(super) diverted: u64,
}

impl<'a> WritePlan<'a> {
    /// A write of nothing yet.
    pub(super) fn new(snapshot: Snapshot, exactness: &'a mut Exactness, arrival: Arrival) -> Self {
        Self {
            snapshot,
            exactness,
            arrival,
            altered: BTreeMap::new(),
            rows: Vec::new(),
            rejected: Vec::new(),
            is_keeping: false,
        }
    }

    /// The same by continuous queries.
    pub(super) fn keeping(self) -> Self {
        Self { is_keeping: true, ..self }
    }

    /// Adds rows for a table.
    pub(super) fn add_rows(&mut self, name: &str, rows: &RecordBatch) -> Result<()> {
        let found = self.table(name, rows)?;
        if !self.is_keeping {
            super::kept::refuse(&found)?;
        }
        let mut table = self.now(&found);
        let diverts = divert::is_on(&table);
        let has_new = row::add_new_columns(&mut table, rows)?;
        let is_wider = self.widen(&mut table, rows, diverts)?;
        let rules = Rules::of_table(&table, self.arrival.now_nanos)?;
        let fitted = if diverts {
            let (fitted, rejected) = divert::fit(&table, rows, &rules, rows)?;
            self.rejected.extend(rejected);
            fitted
        } else {
            row::fit(&table, rows, &rules)?
        };
        let is_far = self.takes_far_ids(&mut table, &fitted);
        self.rows.push((table.id, fitted));
        if has_new || is_wider || is_far {
            self.alter(table);
        }
        Ok(())
    }

    /// Notes in a table with labels that these rows lie far from the times that their keys embed, if that is new: labels
    /// are looked for everywhere from now on.
    fn takes_far_ids(&self, table: &mut TableSchema, rows: &RecordBatch) -> bool {
        let is_known = table.options.contains_key(ID_TIME_OPTION);
        // Also of a model that has no labels yet.
        if is_known || !is_model(&self.snapshot, &table.name) || !label::has_far(table, rows) {
            return false;
        }
        table.options.insert(ID_TIME_OPTION.to_owned(), ID_TIME_ANY.to_owned());
        true
    }

    /// Adds labels for a model.
    pub(super) fn add_labels(&mut self, model: &str, sent: &RecordBatch) -> Result<()> {
        let target = label::Target::find(&self.snapshot, model)?;
        let diverts = target.diverts(&self.snapshot);
        let mut labels = self.now(&target.labels);
        let is_wider = self.widen(&mut labels, sent, diverts)?;
        let target = target.with(labels.clone());
        let rows = target.received(sent, self.arrival.received_at)?;
        self.arrival.received_at += sent.num_rows() as i64;
        let rules = target.rules(self.arrival)?;
        let fitted = if diverts {
            let (fitted, rejected) = divert::fit(&labels, &rows, &rules, sent)?;
            self.rejected.extend(rejected);
            fitted
        } else {
            row::fit(&labels, &rows, &rules)?
        };
        self.rows.push((labels.id, fitted));
        if is_wider {
            self.alter(labels);
        }
        Ok(())
    }

    /// What is written. Rows that were checked before their table changed in the same write follow it now.
    pub(super) fn finish(
        mut self,
        engine: &Engine,
        writer: Option<WriterSequence>,
        fingerprint: Option<u64>,
    ) -> Result<Planned> {
        let mut catalog = Vec::new();
        catalog.extend(self.keep_rejected(engine)?);
        let Self { altered, rows, rejected, .. } = self;
        let follow = |(id, batch): (TableId, RecordBatch)| match altered.get(&id) {
            Some(table) => (id, row::widen(table, &batch)),
            None => (id, batch),
        };
        let rows = rows.into_iter().map(follow).collect();
        catalog.extend(altered.into_values().map(CatalogChange::AlterTable));
        let batch = WriteBatch { writer, fingerprint, catalog, rows, ..WriteBatch::default() };
        Ok(Planned { batch, diverted: rejected.len() as u64 })
    }

    /// Puts rejected rows among those written; the table for them, where these are the first.
    fn keep_rejected(&mut self, engine: &Engine) -> Result<Option<CatalogChange>> {
        if self.rejected.is_empty() {
            return Ok(None);
        }
        let known = self.snapshot.table(REJECTED).map(|table| TableSchema::clone(table));
        let is_new = known.is_none();
        let table =
            known.unwrap_or_else(|| TableSchema { id: engine.allocate_table_id(), ..divert::schema() });
        let rows = divert::batch(&table, &self.rejected, self.arrival.now_nanos)?;
        self.rows.push((table.id, rows));
        Ok(is_new.then_some(CatalogChange::CreateTable(table)))
    }

    /// The table that rows are for, or what to say where there is none.
    fn table(&self, wanted: &str, rows: &RecordBatch) -> Result<Arc<TableSchema>> {
        let shown = || self.snapshot.tables().keys().map(String::as_str).filter(|name| !is_reserved(name));
        if let Some(found) = name::find("table", shown(), wanted)?
            && let Some(table) = self.snapshot.table(found)
        {
            return Ok(Arc::clone(table));
        }
        if model_of_labels(wanted).is_some() {
            return Err(QueryError::Invalid(format!(
                "{wanted} is not written to; write labels of the model"
            )));
        }
        if wanted == REJECTED {
            return Err(QueryError::Invalid(
                "system.rejected is not written to: rows that do not fit their table come there by themselves"
                    .to_owned(),
            ));
        }
        let remedy = format!("Create it first, for example: {}", row::create_for(wanted, rows));
        Err(name::missing("table", wanted, shown(), &remedy))
    }

    /// A table with what this write changed of it so far.
    fn now(&self, table: &TableSchema) -> TableSchema {
        self.altered.get(&table.id).unwrap_or(table).clone()
    }

    fn alter(&mut self, mut table: TableSchema) {
        table.version += u32::from(!self.altered.contains_key(&table.id));
        self.altered.insert(table.id, table);
    }

    /// Makes BIGINT columns DOUBLE that get numbers which no BIGINT is; whether there were any.
    ///
    /// Where a value that is there already cannot follow, that is an error, unless bad rows are diverted: then the
    /// column stays as it is, and the rows do not fit.
    fn widen(&mut self, table: &mut TableSchema, rows: &RecordBatch, diverts: bool) -> Result<bool> {
        let mut is_wider = false;
        for row::Misfit { at, conflict } in row::beyond_bigint(table, rows)? {
            let Some(column) = table.columns.get(at).cloned() else { continue };
            let partner = self.partner(table, &column);
            let mut inexact = self.inexact(table, &column)?;
            if inexact.is_none()
                && let Some((partner, column)) = &partner
            {
                inexact = self.inexact(partner, column)?;
            }
            match inexact {
                Some(_) if diverts => continue,
                Some(found) => {
                    return Err(QueryError::Invalid(format!(
                        "{conflict}; the column cannot become DOUBLE: {found}"
                    )));
                }
                None => make_double(table, &column),
            }
            if let Some((mut partner, column)) = partner {
                make_double(&mut partner, &column);
                self.alter(partner);
            }
            is_wider = true;
        }
        Ok(is_wider)
    }

    /// A value of a BIGINT column, written before or with this write, that no DOUBLE is.
    fn inexact(&mut self, table: &TableSchema, column: &Column) -> Result<Option<Inexact>> {
        let at = table.columns.iter().position(|known| known.id == column.id);
        let own = self.rows.iter().filter(|(id, _)| *id == table.id);
        let found = own.filter_map(|(_, batch)| exact::in_column(batch.columns().get(at?)?)).next();
        if found.is_some() {
            return Ok(found);
        }
        self.exactness.first_inexact(&self.snapshot, table, column)
    }

    /// For a LABEL the same column of the other table that has it: a model's predictions, or its labels. Both are of one
    /// type, since the newest label stands in the place of the one written with its prediction.
    fn partner(&self, table: &TableSchema, column: &Column) -> Option<(TableSchema, Column)> {
        if column.meaning != Some(Meaning::Label) {
            return None;
        }
        let name = match model_of_labels(&table.name) {
            Some(model) => model.to_owned(),
            None if is_model(&self.snapshot, &table.name) => labels_table(&table.name),
            None => return None,
        };
        let partner = self.now(self.snapshot.table(&name)?);
        let column = partner.column_named(&column.name)?.clone();
        (column.ty == ColumnType::BigInt).then_some((partner, column))
    }
}

fn make_double(table: &mut TableSchema, column: &Column) {
    if let Some(column) = table.columns.iter_mut().find(|known| known.id == column.id) {
        column.ty = ColumnType::Double;
    }
}
