//! What becomes of each column, and the statement that makes the table.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, SchemaRef};
use driftline_query::datafusion::sql::sqlparser::keywords::{
    ALL_KEYWORDS, ALL_KEYWORDS_INDEX, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_IDENTIFIER,
    RESERVED_FOR_TABLE_ALIAS,
};
use driftline_query::storage::{ColumnType, Role, TIME_COLUMN};

use super::epoch::Epoch;
use super::error::ImportError;
use super::source::{Found, Survey};
use crate::cli::connection::Connection;
use crate::cli::error::Result as CliResult;

/// What the flags say of columns.
#[derive(Debug)]
pub struct Columns<'a> {
    pub time: Option<&'a str>,
    pub tags: &'a [String],
    pub key: Option<&'a str>,
    /// Whether the rows are labels of a model, which is there and may lack a time.
    pub labels: bool,
}

/// A table that is there already.
#[derive(Debug)]
pub struct Existing {
    /// Its name as the catalog has it.
    name: String,
    schema: SchemaRef,
}

/// What becomes of a column.
#[derive(Debug, PartialEq)]
pub struct Planned {
    /// As the file names it.
    pub source: String,
    /// As the table names it.
    pub name: String,
    pub ty: ColumnType,
    role: Role,
    /// The unit, where it is a time written as a number.
    pub epoch: Option<Epoch>,
}

/// What becomes of a file.
#[derive(Debug)]
pub struct Plan {
    pub table: String,
    /// In the order of the file.
    pub columns: Vec<Planned>,
    /// The statement that makes the table; None where it is there.
    pub create: Option<String>,
    /// What was guessed, to be said aloud.
    pub notes: Vec<String>,
}

/// The table of this name, if there is one.
pub async fn existing(connection: &Connection, table: &str) -> CliResult<Option<Existing>> {
    let sql = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND lower(table_name) = lower({})",
        text_literal(table)
    );
    let found = connection.sql(&sql).await?;
    let name = found
        .iter()
        .find(|batch| batch.num_rows() > 0)
        .and_then(|batch| batch.columns().first()?.as_string_opt::<i32>());
    let Some(name) = name.map(|names| names.value(0).to_owned()) else { return Ok(None) };
    let rows = connection.sql(&format!("SELECT * FROM {} LIMIT 0", quoted(&name))).await?;
    let schema =
        rows.first().map_or_else(|| arrow::datatypes::Schema::empty().into(), |batch| batch.schema());
    Ok(Some(Existing { name, schema }))
}

impl Plan {
    /// Plans the import of a file.
    pub fn new(
        path: &Path,
        table: &str,
        flags: &Columns<'_>,
        survey: &Survey,
        existing: Option<&Existing>,
    ) -> Result<Self, ImportError> {
        check_names(path, survey)?;
        check_flags(path, flags, survey)?;
        let time = time_column(path, flags, survey)?;
        if flags.labels && existing.is_none() {
            return Err(ImportError::NoModel { model: table.to_owned() });
        }
        let mut columns: Vec<Planned> =
            survey.columns.iter().map(|found| planned(found, flags, time)).collect();
        check_targets(path, &columns)?;
        if let Some(existing) = existing {
            columns.iter_mut().for_each(|column| column.ty = existing.type_of(column));
        }
        let notes = columns.iter().filter_map(note).collect();
        let table = existing.map_or(table, |existing| &existing.name).to_owned();
        let create = existing.is_none().then(|| create(&table, &columns));
        Ok(Self { table, columns, create, notes })
    }
}

impl Existing {
    /// The type a column has in the table; its own where it will be new there.
    fn type_of(&self, column: &Planned) -> ColumnType {
        match self.schema.field_with_name(&column.name).map(|field| field.data_type()) {
            Ok(DataType::Boolean) => ColumnType::Boolean,
            Ok(DataType::Int64) => ColumnType::BigInt,
            Ok(DataType::Float64) => ColumnType::Double,
            Ok(DataType::Timestamp(_, _)) => ColumnType::Timestamp,
            Ok(DataType::Utf8) => ColumnType::Text,
            _ => column.ty,
        }
    }
}

fn planned(found: &Found, flags: &Columns<'_>, time: Option<&str>) -> Planned {
    let source = found.name.clone();
    if Some(source.as_str()) == time {
        let is_number = matches!(found.ty, ColumnType::BigInt | ColumnType::Double);
        let epoch = is_number.then(|| Epoch::of_magnitude(found.greatest));
        return Planned {
            source,
            name: TIME_COLUMN.into(),
            ty: ColumnType::Timestamp,
            role: Role::Time,
            epoch,
        };
    }
    let (role, ty) = if flags.tags.contains(&source) {
        (Role::Tag, ColumnType::Text)
    } else if flags.key == Some(&source) {
        // A key is text or a whole number; what else identifies a row is kept as it is written.
        (Role::Key, if found.ty == ColumnType::BigInt { found.ty } else { ColumnType::Text })
    } else {
        (Role::Field, found.ty)
    };
    Planned { name: source.clone(), source, ty, role, epoch: None }
}

fn note(column: &Planned) -> Option<String> {
    let unit = column.epoch?;
    Some(format!("{}: numbers of this size are read as {unit} since 1970", column.source))
}

fn known(survey: &Survey) -> String {
    survey.columns.iter().map(|found| found.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn has(survey: &Survey, name: &str) -> bool {
    survey.columns.iter().any(|found| found.name == name)
}

fn time_column<'a>(
    path: &Path,
    flags: &Columns<'a>,
    survey: &Survey,
) -> Result<Option<&'a str>, ImportError> {
    match flags.time {
        Some(time) => Ok(Some(time)),
        None if has(survey, TIME_COLUMN) => Ok(Some(TIME_COLUMN)),
        None if flags.labels => Ok(None),
        None => Err(ImportError::NoTime { path: path.to_owned(), known: known(survey) }),
    }
}

fn check_flags(path: &Path, flags: &Columns<'_>, survey: &Survey) -> Result<(), ImportError> {
    let tags = flags.tags.iter().map(|tag| ("--tags", tag.as_str()));
    let others = [("--time", flags.time), ("--key", flags.key)];
    let mut named = tags.chain(others.into_iter().filter_map(|(flag, name)| Some((flag, name?))));
    match named.find(|(_, name)| !has(survey, name)) {
        Some((flag, column)) => Err(ImportError::NoColumn {
            path: path.to_owned(),
            column: column.into(),
            flag,
            known: known(survey),
        }),
        None => Ok(()),
    }
}

fn check_names(path: &Path, survey: &Survey) -> Result<(), ImportError> {
    let problem = if survey.columns.is_empty() {
        "it has no columns".to_owned()
    } else if let Some(index) = survey.columns.iter().position(|found| found.name.is_empty()) {
        format!("column {} has no name", index + 1)
    } else {
        return Ok(());
    };
    Err(ImportError::Names { path: path.to_owned(), problem })
}

/// After the time has been renamed no two columns may have one name. The comparison ignores case, as SQL does.
fn check_targets(path: &Path, columns: &[Planned]) -> Result<(), ImportError> {
    let mut names: Vec<String> = columns.iter().map(|column| column.name.to_lowercase()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => {
            let problem = format!("column {} is there twice", pair.first().map_or("", String::as_str));
            Err(ImportError::Names { path: path.to_owned(), problem })
        }
        None => Ok(()),
    }
}

fn create(table: &str, columns: &[Planned]) -> String {
    let time = columns.iter().filter(|column| column.role == Role::Time);
    let others = columns.iter().filter(|column| column.role != Role::Time);
    let columns: Vec<String> = time.chain(others).map(definition).collect();
    format!("CREATE TABLE {} (\n  {}\n)", quoted(table), columns.join(",\n  "))
}

fn definition(column: &Planned) -> String {
    let role = match column.role {
        Role::Time => " TIME",
        Role::Tag => " TAG",
        Role::Key => " KEY",
        Role::Subject | Role::Field => "",
    };
    format!("{} {}{role}", quoted(&column.name), column.ty.sql())
}

/// A name as SQL writes it: in quotes where it would mean something else without.
fn quoted(name: &str) -> String {
    let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty();
    if is_plain && !is_reserved(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Whether the bare name would be read as part of the statement around it.
fn is_reserved(name: &str) -> bool {
    let index = ALL_KEYWORDS.binary_search(&name.to_ascii_uppercase().as_str());
    let keyword = index.ok().and_then(|index| ALL_KEYWORDS_INDEX.get(index));
    let reserved = [RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS, RESERVED_FOR_IDENTIFIER];
    keyword.is_some_and(|keyword| reserved.iter().any(|words| words.contains(keyword)))
}

fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests;
