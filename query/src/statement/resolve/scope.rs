//! What names mean at one place of a statement.

use datafusion::sql::sqlparser::ast::Ident;

use crate::catalog::name;
use crate::error::Result;

/// A table, sub-query or function in FROM.
#[derive(Clone, Debug, Default)]
pub(super) struct Relation {
    /// The name by which its columns can be qualified, as it is planned.
    pub(super) name: Option<String>,
    /// Its columns as they are planned; empty where they are not known.
    pub(super) columns: Vec<String>,
}

impl Relation {
    /// One whose columns are not known.
    pub(super) fn named(name: String) -> Self {
        Self { name: Some(name), columns: Vec::new() }
    }
}

/// The names that can be used at one place.
#[derive(Debug, Default)]
pub(super) struct Scope<'o> {
    /// What stands in FROM.
    pub(super) relations: Vec<Relation>,
    /// The aliases of SELECT, as they are planned.
    pub(super) aliases: Vec<String>,
    /// The scope around a sub-query.
    pub(super) outer: Option<&'o Scope<'o>>,
}

/// Which meaning wins where a name is both: ORDER BY means the alias, all else the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefer {
    /// The column.
    Columns,
    /// The alias.
    Aliases,
}

impl Scope<'_> {
    /// Gives an unqualified column its spelling.
    pub(super) fn column(&self, ident: &mut Ident, prefer: Prefer) -> Result<()> {
        if ident.quote_style.is_some() {
            return Ok(());
        }
        let columns = || self.relations.iter().flat_map(|relation| &relation.columns);
        let (mut first, mut second) = (find(columns(), ident)?, find(&self.aliases, ident)?);
        if prefer == Prefer::Aliases {
            std::mem::swap(&mut first, &mut second);
        }
        match (first.or(second), self.outer) {
            (Some(found), _) => quote(ident, &found),
            (None, Some(outer)) => outer.column(ident, Prefer::Columns)?,
            (None, None) => {}
        }
        Ok(())
    }

    /// Gives the qualifier of a column its spelling; the relation it names.
    pub(super) fn qualifier(&self, ident: &mut Ident) -> Option<&Relation> {
        let wanted = |relation: &&Relation| match (&relation.name, ident.quote_style) {
            (Some(name), Some(_)) => *name == ident.value,
            (Some(name), None) => name::same(name, &ident.value),
            (None, _) => false,
        };
        match self.relations.iter().find(wanted) {
            Some(relation) => {
                quote(ident, relation.name.as_deref().unwrap_or_default());
                Some(relation)
            }
            None => self.outer.and_then(|outer| outer.qualifier(ident)),
        }
    }

    /// Gives a qualified column its spelling. Where the first part names no relation it is a column with fields.
    pub(super) fn qualified(&self, parts: &mut [Ident], prefer: Prefer) -> Result<()> {
        let [.., qualifier, column] = parts else { return Ok(()) };
        if let Some(relation) = self.qualifier(qualifier) {
            if column.quote_style.is_none()
                && let Some(found) = find(&relation.columns, column)?
            {
                quote(column, &found);
            }
            return Ok(());
        }
        match parts.first_mut() {
            Some(first) => self.column(first, prefer),
            None => Ok(()),
        }
    }
}

/// The one of `known` that an unquoted name means. A column of two joined tables counts once here: which of the two
/// is for the planner to ask.
fn find<'n>(known: impl IntoIterator<Item = &'n String>, ident: &Ident) -> Result<Option<String>> {
    let mut alike: Vec<&str> =
        known.into_iter().map(String::as_str).filter(|k| name::same(k, &ident.value)).collect();
    alike.sort_unstable();
    alike.dedup();
    Ok(name::find("column", alike, &ident.value)?.map(str::to_owned))
}

/// A name as it is planned: lowered unless quoted.
pub(super) fn lowered(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

/// Writes the name in quotes, so that it is planned as it stands; its place in the text is kept for messages.
pub(super) fn quote(ident: &mut Ident, name: &str) {
    name.clone_into(&mut ident.value);
    ident.quote_style = Some('"');
}
