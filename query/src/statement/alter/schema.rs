//! What a change makes of a schema.

use driftline_storage::{Column, ColumnType, Meaning, Role, TableSchema};

use super::option::{DEDUP, DEDUP_LAST, DEDUP_NONE};
use super::{Change, column, option};
use crate::catalog::{label_columns, name};
use crate::error::{QueryError, Result};

/// A table or model as messages call it, and its schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Its schema before the change; for a model that of its predictions.
    pub(super) table: &'a TableSchema,
    /// Whether it is a model.
    pub(super) is_model: bool,
}

impl Target<'_> {
    /// The schema after the change, its version not raised yet; None where there is nothing to do. Options are those
    /// of the table: what else a model has is its entry's.
    pub(super) fn changed(&self, change: &Change) -> Result<Option<TableSchema>> {
        self.refuse_dedup(change)?;
        match change {
            Change::Add { column, retention, if_not_exists } => {
                let added = self.add(column, *if_not_exists)?;
                added.map(|after| self.retained(after, &column.name, retention.clone())).transpose()
            }
            Change::Retain { name, age } => self.retain(name, age.clone()).map(Some),
            Change::Drop { name, if_exists } => self.drop(name, *if_exists),
            Change::RenameColumn { from, to } => self.rename_column(from, to),
            Change::Rename(to) => Ok(Some(TableSchema { name: to.clone(), ..self.table.clone() })),
            Change::Retype { name, ty } => self.retype(name, *ty),
            Change::Set(settings) if !self.is_model => {
                let mut after = self.table.clone();
                after.options.extend(option::of_table(settings)?);
                column::check_retention(&self.shown(), &after.options)?;
                Ok(Some(after))
            }
            Change::Reset(names) if !self.is_model => {
                names.iter().try_for_each(|name| option::check_name(false, name))?;
                let mut after = self.table.clone();
                after.options.retain(|name, _| !names.contains(name));
                Ok(Some(after))
            }
            Change::Set(_) | Change::Reset(_) => Ok(Some(self.table.clone())),
        }
    }

    /// The table or model, as messages call it.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", if self.is_model { "model" } else { "table" }, self.table.name)
    }

    /// A column by its name as a person writes it.
    fn find(&self, wanted: &str) -> Result<Option<&Column>> {
        let names = self.table.columns.iter().map(|column| column.name.as_str());
        let what = format!("column of {}", self.shown());
        Ok(name::find(&what, names, wanted)?.and_then(|found| self.table.column_named(found)))
    }

    /// The column of this name.
    pub(super) fn column(&self, wanted: &str) -> Result<&Column> {
        let names = self.table.columns.iter().map(|column| column.name.as_str());
        match self.find(wanted)? {
            Some(column) => Ok(column),
            None => Err(name::missing(&format!("{}: column", self.shown()), wanted, names, "")),
        }
    }

    fn add(&self, new: &Column, if_not_exists: bool) -> Result<Option<TableSchema>> {
        if if_not_exists && self.table.columns.iter().any(|column| name::same(&column.name, &new.name)) {
            return Ok(None);
        }
        self.refuse_taken(&new.name, None)?;
        if new.role == Role::Key && self.table.options.get(DEDUP).is_some_and(|what| what == DEDUP_LAST) {
            return Err(QueryError::Invalid(format!(
                "{} cannot get a KEY: rows replace those of their series and time, and what they replaced would come back",
                self.shown()
            )));
        }
        let mut after = self.table.clone();
        after.columns.push(new.clone());
        column::check_together(&self.shown(), &after.columns)?;
        Ok(Some(after))
    }

    fn drop(&self, wanted: &str, if_exists: bool) -> Result<Option<TableSchema>> {
        if if_exists && self.find(wanted)?.is_none() {
            return Ok(None);
        }
        let column = self.column(wanted)?;
        let refuse =
            |why: &str| Err(QueryError::Invalid(format!("column {} of {} {why}", column.name, self.shown())));
        if column.role == Role::Time {
            return refuse("cannot be dropped: every row has the time of its event");
        }
        if column.role == Role::Key && self.has_labels() {
            return refuse(
                "cannot be dropped: labels find their prediction by it; drop the LABEL columns first",
            );
        }
        if column.role == Role::Key && self.table.options.get(DEDUP).is_none_or(|what| what != DEDUP_NONE) {
            return refuse(
                "cannot be dropped: rows replace those of their KEY, and what they replaced would come back",
            );
        }
        let mut after = self.table.clone();
        after.columns.retain(|other| other.id != column.id);
        after.options.remove(&column::retention_option(&column.name));
        Ok(Some(after))
    }

    fn rename_column(&self, from: &str, to: &str) -> Result<Option<TableSchema>> {
        let column = self.column(from)?;
        if column.role == Role::Time {
            return Err(QueryError::Invalid(format!(
                "column {} of {} cannot be renamed: the TIME column of every table has this name",
                column.name,
                self.shown()
            )));
        }
        self.refuse_taken(to, Some(column))?;
        let mut after = self.with(column, |column| to.clone_into(&mut column.name));
        if let Some(age) = after.options.remove(&column::retention_option(&column.name)) {
            after.options.insert(column::retention_option(to), age);
        }
        Ok(Some(after))
    }

    fn retain(&self, wanted: &str, age: Option<String>) -> Result<TableSchema> {
        let column = self.column(wanted)?;
        if !column::can_go(column.role) {
            return Err(QueryError::Invalid(format!("{}: {}", self.shown(), column::stays(column))));
        }
        self.retained(self.table.clone(), &column.name, age)
    }

    /// With the values of a column kept for so long.
    fn retained(&self, mut after: TableSchema, column: &str, age: Option<String>) -> Result<TableSchema> {
        let option = column::retention_option(column);
        match age {
            Some(age) => after.options.insert(option, age),
            None => after.options.remove(&option),
        };
        column::check_retention(&self.shown(), &after.options)?;
        Ok(after)
    }

    fn retype(&self, wanted: &str, ty: ColumnType) -> Result<Option<TableSchema>> {
        let column = self.column(wanted)?;
        if column.ty == ty {
            return Ok(None);
        }
        let refuse = |why: &str| {
            Err(QueryError::Invalid(format!(
                "column {} of {} is {} and cannot become {}: {why}; ADD COLUMN with another name instead",
                column.name,
                self.shown(),
                column.ty.sql(),
                ty.sql()
            )))
        };
        if (column.ty, ty) != (ColumnType::BigInt, ColumnType::Double) {
            return refuse("a BIGINT can become DOUBLE, and nothing else can change its type");
        }
        if column.meaning == Some(Meaning::CategoricalFeature) {
            return refuse("its values are categories, and 7 would become 7.0");
        }
        let after = Column { ty, ..column.clone() };
        if let Some(needed) = column::unsuited(&after) {
            return refuse(needed);
        }
        Ok(Some(self.with(column, |column| column.ty = ty)))
    }

    fn with(&self, changed: &Column, change: impl FnOnce(&mut Column)) -> TableSchema {
        let mut after = self.table.clone();
        if let Some(column) = after.columns.iter_mut().find(|column| column.id == changed.id) {
            change(column);
        }
        after
    }

    /// Names that differ only in case are one name: otherwise no statement could name either without quotes.
    fn refuse_taken(&self, wanted: &str, but: Option<&Column>) -> Result<()> {
        let mut others = self.table.columns.iter().filter(|column| but.is_none_or(|but| but.id != column.id));
        match others.find(|column| name::same(&column.name, wanted)) {
            Some(taken) => {
                Err(QueryError::Exists(format!("{} has a column {} already", self.shown(), taken.name)))
            }
            None => Ok(()),
        }
    }

    /// Which rows were replaced is worked out again and again: with another answer some would come back, or go.
    fn refuse_dedup(&self, change: &Change) -> Result<()> {
        let is_named = match change {
            Change::Set(settings) => settings.iter().any(|setting| setting.name() == DEDUP),
            Change::Reset(names) => names.iter().any(|name| name == DEDUP),
            _ => false,
        };
        match is_named {
            true => Err(QueryError::Invalid(format!(
                "option {DEDUP} of {} cannot change: rows that were replaced would come back, or others go; it is set \
                 when the table is made",
                self.shown()
            ))),
            false => Ok(()),
        }
    }

    fn has_labels(&self) -> bool {
        self.is_model && label_columns(self.table).next().is_some()
    }
}
