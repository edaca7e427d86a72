//! `UPDATE model SET label = .. [WHERE ..]`: labels for the predictions that a condition chooses.
//!
//! Only labels change after they were written. The rows are read with the new values beside the old ones, and written as
//! labels with key and time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, LogicalPlanBuilder};
use driftline_storage::{Column, Meaning, Role, TIME_COLUMN, TableSchema};

use crate::catalog::{CatalogView, PUBLIC};
use crate::error::{QueryError, Result};
use crate::write::{Write, WritePart, WriteTarget};

/// Which labels are set.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    table: Arc<TableSchema>,
    key: Column,
    /// The label columns, each with whether it is set.
    labels: Vec<(Column, bool)>,
}

impl Update {
    /// Reads what a plan for an update means.
    pub(crate) fn of(view: &CatalogView, dml: &DmlStatement) -> Result<Self> {
        let is_public = dml.table_name.schema().is_none_or(|schema| schema == PUBLIC);
        let table = view.snapshot().table(dml.table_name.table()).filter(|_| is_public);
        let name = &dml.table_name;
        let table =
            table.ok_or_else(|| QueryError::Invalid(format!("rows of {name} are not changed by hand")))?;
        let key = table.columns.iter().find(|column| column.role == Role::Key);
        let (Some(_), Some(key)) = (view.labels_of(&table.name), key) else {
            return Err(QueryError::Invalid(format!(
                "UPDATE sets labels of models that have a KEY; a row of {name} is changed by writing it again"
            )));
        };
        let set = assigned(&dml.input)?;
        let is_label = |name: &str| {
            table.column_named(name).is_some_and(|column| column.meaning == Some(Meaning::Label))
        };
        if let Some(other) = set.iter().find(|name| !is_label(name)) {
            return Err(QueryError::Invalid(format!(
                "UPDATE sets labels, and {other} of {name} is none; a prediction is changed by writing it again"
            )));
        }
        let labels = table.columns.iter().filter(|column| column.meaning == Some(Meaning::Label));
        let labels = labels.map(|column| (column.clone(), set.contains(&column.name))).collect();
        Ok(Self { table: table.clone(), key: key.clone(), labels })
    }

    /// The plan for the rows, with the columns that matter alone.
    pub(crate) fn rows(&self, dml: &DmlStatement) -> Result<LogicalPlan> {
        let is_label = |name: &str| self.labels.iter().any(|(column, _)| column.name == name);
        let is_wanted = |name: &str| name == self.key.name || name == TIME_COLUMN || is_label(name);
        let columns = dml.input.schema().columns().into_iter().filter(|column| is_wanted(&column.name));
        let plan = LogicalPlanBuilder::from(LogicalPlan::clone(&dml.input));
        Ok(plan.project(columns.map(Expr::Column))?.build()?)
    }

    /// What to write for the rows of the plan, which have key, time and labels.
    pub(crate) fn write(&self, rows: &[RecordBatch]) -> Result<Option<Write>> {
        // A label that is set to itself stays what it is.
        let sets_none = !self.labels.iter().any(|(_, is_set)| *is_set);
        let Some(first) = rows.first().filter(|_| !sets_none) else { return Ok(None) };
        let rows = concat_batches(&first.schema(), rows)?;
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        let target = WriteTarget::Labels(self.table.name.clone());
        let part = |rows| WritePart { target: target.clone(), rows };
        let mut parts = Vec::new();
        if let Some(cleared) = self.cleared(&rows)? {
            // A null beside other labels leaves the one before standing: all are taken back, then the others given.
            parts.push(part(self.labels_of(&cleared, |_| None)?));
            let kept = self.kept(&cleared)?;
            parts.extend(Some(part(kept)).filter(|part| part.rows.num_rows() > 0));
        }
        let others = filter(&rows, |row| self.is_null(&rows, row).iter().all(|null| !null))?;
        if others.num_rows() > 0 {
            parts.push(part(self.labels_of(&others, |(column, is_set)| is_set.then_some(column))?));
        }
        Ok(Some(Write { writer: None, parts }))
    }

    /// The rows of which a label is set to null.
    fn cleared(&self, rows: &RecordBatch) -> Result<Option<RecordBatch>> {
        let cleared = filter(rows, |row| self.is_null(rows, row).contains(&true))?;
        Ok((cleared.num_rows() > 0).then_some(cleared))
    }

    /// Labels of cleared rows that they have all the same.
    fn kept(&self, cleared: &RecordBatch) -> Result<RecordBatch> {
        let has_other = |row: usize| {
            let mut values =
                self.labels.iter().filter_map(|(column, _)| cleared.column_by_name(&column.name));
            values.any(|values| values.is_valid(row))
        };
        self.labels_of(&filter(cleared, has_other)?, |(column, _)| Some(column))
    }

    /// By label that is set, whether a row sets it to null.
    fn is_null(&self, rows: &RecordBatch, row: usize) -> Vec<bool> {
        let set = self.labels.iter().filter(|(_, is_set)| *is_set);
        let values = set.filter_map(|(column, _)| rows.column_by_name(&column.name));
        values.map(|values| values.is_null(row)).collect()
    }

    /// Key, time and labels of rows; null where `value` names no column for a label.
    fn labels_of<'a>(
        &'a self,
        rows: &RecordBatch,
        value: impl Fn(&'a (Column, bool)) -> Option<&'a Column>,
    ) -> Result<RecordBatch> {
        let named = |name: &str| {
            let missing = || QueryError::Invalid(format!("the rows to update lack column {name}"));
            rows.column_by_name(name).cloned().ok_or_else(missing)
        };
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![(&self.key.name, named(&self.key.name)?), (TIME_COLUMN, named(TIME_COLUMN)?)];
        for label in &self.labels {
            let values = match value(label) {
                Some(column) => named(&column.name)?,
                None => new_null_array(&label.0.ty.arrow(), rows.num_rows()),
            };
            columns.push((&label.0.name, values));
        }
        Ok(RecordBatch::try_from_iter(columns)?)
    }
}

/// The columns that an update sets: its plan gives each column of the table, those as they are under their own names.
fn assigned(input: &LogicalPlan) -> Result<Vec<String>> {
    let LogicalPlan::Projection(projection) = input else {
        return Err(QueryError::Invalid("UPDATE in this form is not supported".to_owned()));
    };
    let names = projection.schema.fields().iter().map(|field| field.name().clone());
    let is_set = |(name, expr): &(String, &Expr)| !matches!((*expr).clone().unalias(), Expr::Column(column) if column.name == *name);
    Ok(names.zip(&projection.expr).filter(is_set).map(|(name, _)| name).collect())
}

fn filter(rows: &RecordBatch, keep: impl Fn(usize) -> bool) -> Result<RecordBatch> {
    let kept: UInt32Array = (0..rows.num_rows()).filter(|row| keep(*row)).map(|row| row as u32).collect();
    Ok(take_record_batch(rows, &kept)?)
}
