//! What is to be erased, as a search and as entries of the ledger; and what a ledger asks to be erased again.

use std::collections::{BTreeMap, HashSet};

use super::search::{Link as Linked, Rule, Search};
use super::{Erasure, LinkedRows};
use crate::catalog::Catalog;
use crate::change::{Comparison, Filter, Predicate};
use crate::error::{Result, StorageError};
use crate::ledger::{Entry, Hash, Ledger, Link, Name, Scope, text_of};
use crate::schema::{Column, ColumnId, Role, TableId, TableSchema};

/// The rows that an erasure is about.
pub(super) fn search(erasure: &Erasure, catalog: &Catalog) -> Result<Search> {
    let schema = catalog.table(erasure.table)?;
    if erasure.values.is_empty() {
        return Err(StorageError::Invalid(format!("table {}: nothing says what to erase", schema.name)));
    }
    for (id, _) in &erasure.values {
        let column = column(schema, *id)?;
        if column.role == Role::Tag {
            return Err(StorageError::TagErased { table: schema.name.clone(), tag: column.name.clone() });
        }
    }
    let equal = |(column, value): &(ColumnId, _)| Predicate::Compare {
        column: *column,
        by: Comparison::Equal,
        value: Clone::clone(value),
    };
    let filter = Filter::new(Predicate::And(erasure.values.iter().map(equal).collect()), schema)?;
    let linked = erasure.linked.iter().map(|linked| link(linked, schema, catalog)).collect::<Result<_>>()?;
    let columns = filter.columns().to_vec();
    Ok(Search {
        table: erasure.table,
        columns,
        rule: Rule::Condition(filter, erasure.values.clone()),
        linked,
    })
}

fn column(schema: &TableSchema, id: ColumnId) -> Result<&Column> {
    let missing = || StorageError::Invalid(format!("table {}: there is no column with id {id}", schema.name));
    schema.column(id).ok_or_else(missing)
}

fn link(linked: &LinkedRows, schema: &TableSchema, catalog: &Catalog) -> Result<Linked> {
    Ok(match linked {
        LinkedRows::Keys { own, table, theirs } => {
            let theirs = column(catalog.table(*table)?, *theirs)?.clone();
            Linked::Keys { own: column(schema, *own)?.clone(), table: *table, theirs }
        }
        LinkedRows::Mentions { table, column: first, others, texts, values, .. } => {
            let other = catalog.table(*table)?;
            let columns = std::iter::once(first).chain(texts).map(|id| column(other, *id).cloned());
            let others = others.iter().cloned().collect();
            let rule = Rule::Mentions { others, values: values.clone() };
            let columns = columns.collect::<Result<_>>()?;
            Linked::Rows(Search { table: *table, columns, rule, linked: Vec::new() })
        }
    })
}

/// What the ledger is told, in which no value stands.
pub(super) fn entries(
    erasures: &[Erasure],
    subject: Option<&str>,
    catalog: &Catalog,
    ledger: &Ledger,
    time: i64,
) -> Result<Vec<Entry>> {
    let all = subject.map(|value| Entry {
        time,
        scope: Scope::Subject,
        hash: ledger.hash([value]),
        linked: Vec::new(),
    });
    let mut entries: Vec<Entry> = all.into_iter().collect();
    for Erasure { table, values, linked } in erasures {
        let schema = catalog.table(*table)?;
        let texts: Vec<String> = values.iter().map(|(_, value)| text_of(value)).collect();
        let columns = values.iter().map(|(id, _)| Ok(name_of(column(schema, *id)?)));
        let scope = Scope::Columns { table: name(schema), columns: columns.collect::<Result<_>>()? };
        let hash = ledger.hash(texts.iter().map(String::as_str));
        let linked =
            linked.iter().map(|linked| entry_link(linked, schema, catalog)).collect::<Result<_>>()?;
        entries.push(Entry { time, scope, hash, linked });
    }
    Ok(entries)
}

fn entry_link(linked: &LinkedRows, schema: &TableSchema, catalog: &Catalog) -> Result<Link> {
    Ok(match linked {
        LinkedRows::Keys { own, table, theirs } => {
            let other = catalog.table(*table)?;
            let (own, theirs) = (name_of(column(schema, *own)?), name_of(column(other, *theirs)?));
            Link::Keys { own, table: name(other), theirs }
        }
        LinkedRows::Mentions { table, column: first, of, .. } => {
            let other = catalog.table(*table)?;
            Link::Rows { table: name(other), column: name_of(column(other, *first)?), text: of.clone() }
        }
    })
}

fn name(schema: &TableSchema) -> Name {
    Name { id: schema.id, name: schema.name.clone() }
}

fn name_of(column: &Column) -> Name {
    Name { id: column.id, name: column.name.clone() }
}

/// Where hashes are looked for: a table, and columns of it.
type Place = (TableId, Vec<ColumnId>);

/// The searches that bring a database which knows so many entries to where its ledger is. What the ledger knows of tables or columns that
/// the catalog does not have is nothing to look for.
pub(super) fn of_ledger(ledger: &Ledger, known: u64, catalog: &Catalog) -> Vec<Search> {
    let mut places: BTreeMap<Place, (HashSet<Hash>, Vec<Link>)> = BTreeMap::new();
    for entry in ledger.entries_after(known) {
        for place in places_of(&entry.scope, catalog) {
            let (hashes, linked) = places.entry(place).or_default();
            hashes.insert(entry.hash);
            linked.extend(
                entry.linked.iter().filter(|link| !linked.contains(link)).cloned().collect::<Vec<_>>(),
            );
        }
    }
    let search = |((table, ids), (hashes, linked)): (Place, (HashSet<Hash>, Vec<Link>))| {
        let schema = catalog.by_id.get(&table)?;
        let columns = ids.iter().map(|id| schema.column(*id).cloned()).collect::<Option<_>>()?;
        let linked = linked.iter().filter_map(|link| search_link(link, schema, catalog)).collect();
        Some(Search { table, columns, rule: Rule::Hashes(ledger.clone(), hashes), linked })
    };
    places.into_iter().filter_map(search).collect()
}

fn places_of(scope: &Scope, catalog: &Catalog) -> Vec<Place> {
    match scope {
        Scope::Subject => {
            let subject = |schema: &TableSchema| {
                let column = schema.columns.iter().find(|column| column.role == Role::Subject)?;
                Some((schema.id, vec![column.id]))
            };
            catalog.by_id.values().filter_map(|schema| subject(schema)).collect()
        }
        Scope::Columns { table, columns } => {
            let place = |schema: &TableSchema| {
                let ids = columns.iter().map(|column| Some(find_column(schema, table, column)?.id));
                Some((schema.id, ids.collect::<Option<Vec<_>>>()?))
            };
            tables(catalog, table).filter_map(place).collect()
        }
    }
}

/// The table of this id, and one that has taken its name since or had it before.
fn tables<'a>(catalog: &'a Catalog, wanted: &'a Name) -> impl Iterator<Item = &'a TableSchema> {
    let is_meant = |schema: &&TableSchema| schema.id == wanted.id || schema.name == wanted.name;
    catalog.by_id.values().map(AsRef::as_ref).filter(is_meant)
}

fn find_column<'a>(schema: &'a TableSchema, table: &Name, wanted: &Name) -> Option<&'a Column> {
    match schema.id == table.id {
        true => schema.column(wanted.id),
        false => schema.column_named(&wanted.name),
    }
}

fn search_link(link: &Link, schema: &TableSchema, catalog: &Catalog) -> Option<Linked> {
    match link {
        Link::Keys { own, table, theirs } => {
            let other = tables(catalog, table).next()?;
            let theirs = find_column(other, table, theirs)?.clone();
            let own = schema.column_named(&own.name).or_else(|| schema.column(own.id))?.clone();
            Some(Linked::Keys { own, table: other.id, theirs })
        }
        Link::Rows { table, column, text } => {
            let other = tables(catalog, table).next()?;
            let column = find_column(other, table, column)?.clone();
            let rule = Rule::Texts(HashSet::from([text.clone()]));
            Some(Linked::Rows(Search { table: other.id, columns: vec![column], rule, linked: Vec::new() }))
        }
    }
}
