//! What unquoted names mean: `agep` finds column `AGEP`.
//!
//! DataFusion lowers unquoted names and then matches them exactly. Before it plans, this pass walks the syntax tree
//! with the scopes of SQL (WITH, FROM, aliases, outer queries) and writes each unquoted name that means exactly one
//! known table or column, but for its case, as that name in quotes. Names it does not know stay as they are, and
//! DataFusion reports them with their place.

mod expression;
mod scope;

use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::sql::parser::{CopyToSource, Statement as SqlStatement};
use datafusion::sql::sqlparser::ast::{
    AssignmentTarget, Cte, Delete, Distinct, ExcludeSelectItem, Expr, FromTable, FunctionArg, GroupByExpr,
    Ident, Insert, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, OrderByKind, Query,
    Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement as Ast, TableAlias, TableFactor,
    TableObject, TableWithJoins, Update, WildcardAdditionalOptions,
};
use driftline_storage::{Meaning, Role, TableSchema};

use self::scope::{Prefer, Relation, Scope, lowered, quote};
use crate::catalog::{CATALOG, CatalogView, PUBLIC, SYSTEM, name};
use crate::error::{QueryError, Result};
use crate::system;

/// Gives every unquoted name of the statement its spelling.
pub(crate) fn resolve(
    statement: &mut SqlStatement,
    view: &CatalogView,
    external: Option<&MemorySchemaProvider>,
) -> Result<()> {
    Resolver { view, external, ctes: Vec::new() }.statement(statement)
}

/// The same of the names in an expression over the columns of a table.
pub(crate) fn resolve_expression(
    expression: &mut Expr,
    view: &CatalogView,
    table: &TableSchema,
) -> Result<()> {
    let columns = table.columns.iter().map(|column| column.name.clone()).collect();
    let relations = vec![Relation { name: Some(table.name.clone()), columns }];
    let scope = Scope { relations, ..Scope::default() };
    Resolver { view, external: None, ctes: Vec::new() }.expressions(expression, &scope, Prefer::Columns)
}

/// Walks a statement. Fields of the syntax tree that SQL does not use are left alone.
struct Resolver<'a> {
    view: &'a CatalogView,
    external: Option<&'a MemorySchemaProvider>,
    /// The WITH queries in scope, innermost last: name as planned, and columns.
    ctes: Vec<(String, Vec<String>)>,
}

impl Resolver<'_> {
    fn statement(&mut self, statement: &mut SqlStatement) -> Result<()> {
        match statement {
            SqlStatement::Statement(ast) => self.ast(ast),
            SqlStatement::Explain(explain) => self.statement(&mut explain.statement),
            SqlStatement::CopyTo(copy) => match &mut copy.source {
                CopyToSource::Relation(name) => self.table(name).map(drop),
                CopyToSource::Query(query) => self.query(query, None).map(drop),
            },
            _ => Ok(()),
        }
    }

    fn ast(&mut self, ast: &mut Ast) -> Result<()> {
        match ast {
            Ast::Query(query) => self.query(query, None).map(drop),
            Ast::Insert(insert) => self.insert(insert),
            Ast::Delete(delete) => self.delete(delete),
            Ast::Update(update) => self.update(update),
            Ast::Truncate(truncate) => {
                truncate.table_names.iter_mut().try_for_each(|target| self.table(&mut target.name).map(drop))
            }
            Ast::Explain { statement, .. } => self.ast(statement),
            Ast::ExplainTable { table_name, .. } => self.table(table_name).map(drop),
            Ast::ShowColumns { show_options, .. } => {
                match show_options.show_in.as_mut().and_then(|within| within.parent_name.as_mut()) {
                    Some(name) => self.table(name).map(drop),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn insert(&mut self, insert: &mut Insert) -> Result<()> {
        if let TableObject::TableName(name) = &mut insert.table {
            refuse_system(name)?;
            let scope = Scope { relations: vec![self.table(name)?], ..Scope::default() };
            for column in &mut insert.columns {
                if let [ObjectNamePart::Identifier(ident)] = column.0.as_mut_slice() {
                    scope.column(ident, Prefer::Columns)?;
                }
            }
            self.insert_labels(name, &insert.columns);
        }
        match &mut insert.source {
            Some(query) => self.query(query, None).map(drop),
            None => Ok(()),
        }
    }

    /// Rows of a model that have nothing but its KEY and labels, and no time, are labels: they go to the table of these.
    fn insert_labels(&self, name: &mut ObjectName, columns: &[ObjectName]) {
        let Some(ObjectNamePart::Identifier(table)) = name.0.last_mut() else { return };
        let Some(predictions) = self.view.snapshot().table(&table.value) else { return };
        let Some(labels) = self.view.labels_of(&predictions.name) else { return };
        let named = |column: &ObjectName| match column.0.as_slice() {
            [ObjectNamePart::Identifier(ident)] => labels.column_named(&ident.value),
            _ => None,
        };
        let are_labels = columns.iter().all(|column| {
            named(column).is_some_and(|c| c.role == Role::Key || c.meaning == Some(Meaning::Label))
        });
        if !columns.is_empty() && are_labels {
            labels.name.clone_into(&mut table.value);
            table.quote_style = Some('"');
        }
    }

    fn update(&mut self, update: &mut Update) -> Result<()> {
        if let TableFactor::Table { name, .. } = &mut update.table.relation {
            refuse_system(name)?;
        }
        let mut scope = Scope::default();
        self.table_with_joins(&mut update.table, &mut scope)?;
        for assignment in &mut update.assignments {
            if let AssignmentTarget::ColumnName(column) = &mut assignment.target
                && let [ObjectNamePart::Identifier(ident)] = column.0.as_mut_slice()
            {
                scope.column(ident, Prefer::Columns)?;
            }
            self.expressions(&mut assignment.value, &scope, Prefer::Columns)?;
        }
        self.expressions(&mut update.selection, &scope, Prefer::Columns)
    }

    fn delete(&mut self, delete: &mut Delete) -> Result<()> {
        let mut scope = Scope::default();
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &mut delete.from;
        for table in tables.iter_mut().chain(delete.using.iter_mut().flatten()) {
            self.table_with_joins(table, &mut scope)?;
        }
        self.expressions(&mut delete.selection, &scope, Prefer::Columns)
    }

    /// Resolves a query; the names of its columns, as far as they are known.
    fn query(&mut self, query: &mut Query, outer: Option<&Scope<'_>>) -> Result<Vec<String>> {
        let before = self.ctes.len();
        if let Some(with) = &mut query.with {
            for cte in &mut with.cte_tables {
                self.cte(cte, with.recursive, outer)?;
            }
        }
        let (columns, scope) = self.body(&mut query.body, outer)?;
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(keys) = &mut order.kind
        {
            self.expressions(keys, &scope, Prefer::Aliases)?;
        }
        self.ctes.truncate(before);
        Ok(columns)
    }

    fn cte(&mut self, cte: &mut Cte, recursive: bool, outer: Option<&Scope<'_>>) -> Result<()> {
        let name = lowered(&cte.alias.name);
        let named: Vec<String> = cte.alias.columns.iter().map(|column| lowered(&column.name)).collect();
        let before = self.ctes.len();
        if recursive {
            self.ctes.push((name.clone(), named.clone()));
        }
        let columns = self.query(&mut cte.query, outer)?;
        self.ctes.truncate(before);
        self.ctes.push((name, if named.is_empty() { columns } else { named }));
        Ok(())
    }

    fn body<'o>(
        &mut self,
        body: &mut SetExpr,
        outer: Option<&'o Scope<'o>>,
    ) -> Result<(Vec<String>, Scope<'o>)> {
        let columns = match body {
            SetExpr::Select(select) => return self.select(select, outer),
            SetExpr::Query(query) => self.query(query, outer)?,
            SetExpr::SetOperation { left, right, .. } => {
                let (columns, _) = self.body(left, outer)?;
                self.body(right, outer)?;
                columns
            }
            SetExpr::Values(values) => {
                let scope = Scope { outer, ..Scope::default() };
                self.expressions(&mut values.rows, &scope, Prefer::Columns)?;
                let width = values.rows.first().map_or(0, |row| row.content.len());
                (1..=width).map(|n| format!("column{n}")).collect()
            }
            _ => Vec::new(),
        };
        let scope = Scope { relations: Vec::new(), aliases: columns.clone(), outer };
        Ok((columns, scope))
    }

    fn select<'o>(
        &mut self,
        select: &mut Select,
        outer: Option<&'o Scope<'o>>,
    ) -> Result<(Vec<String>, Scope<'o>)> {
        let mut scope = Scope { outer, ..Scope::default() };
        for table in &mut select.from {
            self.table_with_joins(table, &mut scope)?;
        }
        let mut columns = Vec::new();
        let mut aliases = Vec::new();
        for item in &mut select.projection {
            self.item(item, &scope, &mut columns, &mut aliases)?;
        }
        self.expressions(&mut select.selection, &scope, Prefer::Columns)?;
        scope.aliases = aliases;
        if let GroupByExpr::Expressions(keys, modifiers) = &mut select.group_by {
            self.expressions(keys, &scope, Prefer::Columns)?;
            self.expressions(modifiers, &scope, Prefer::Columns)?;
        }
        self.expressions(&mut select.having, &scope, Prefer::Columns)?;
        self.expressions(&mut select.qualify, &scope, Prefer::Columns)?;
        self.expressions(&mut select.named_window, &scope, Prefer::Columns)?;
        self.expressions(&mut select.sort_by, &scope, Prefer::Aliases)?;
        if let Some(Distinct::On(keys)) = &mut select.distinct {
            self.expressions(keys, &scope, Prefer::Columns)?;
        }
        Ok((columns, scope))
    }

    fn item(
        &mut self,
        item: &mut SelectItem,
        scope: &Scope<'_>,
        columns: &mut Vec<String>,
        aliases: &mut Vec<String>,
    ) -> Result<()> {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                self.expressions(expr, scope, Prefer::Columns)?;
                columns.extend(expression::name_of(expr));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.expressions(expr, scope, Prefer::Columns)?;
                columns.push(lowered(alias));
                aliases.push(lowered(alias));
            }
            SelectItem::Wildcard(options) => {
                wildcard(options, scope)?;
                columns.extend(scope.relations.iter().flat_map(|relation| relation.columns.clone()));
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                wildcard(options, scope)?;
                if let [.., ObjectNamePart::Identifier(qualifier)] = name.0.as_mut_slice()
                    && let Some(relation) = scope.qualifier(qualifier)
                {
                    columns.extend(relation.columns.clone());
                }
            }
            SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) => {}
        }
        Ok(())
    }

    fn table_with_joins(&mut self, table: &mut TableWithJoins, scope: &mut Scope<'_>) -> Result<()> {
        self.factor(&mut table.relation, scope)?;
        table.joins.iter_mut().try_for_each(|join| self.join(join, scope))
    }

    fn join(&mut self, join: &mut Join, scope: &mut Scope<'_>) -> Result<()> {
        self.factor(&mut join.relation, scope)?;
        if let JoinOperator::AsOf { match_condition, .. } = &mut join.join_operator {
            self.expressions(match_condition, scope, Prefer::Columns)?;
        }
        match constraint(&mut join.join_operator) {
            Some(JoinConstraint::On(expr)) => self.expressions(expr, scope, Prefer::Columns),
            Some(JoinConstraint::Using(names)) => {
                for name in names {
                    if let [ObjectNamePart::Identifier(ident)] = name.0.as_mut_slice() {
                        scope.column(ident, Prefer::Columns)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn factor(&mut self, factor: &mut TableFactor, scope: &mut Scope<'_>) -> Result<()> {
        let relation = match factor {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                return Err(QueryError::Invalid(
                    "TABLESAMPLE is not supported: it would be ignored; filter with random() < 0.1 instead"
                        .into(),
                ));
            }
            TableFactor::Table { name, alias, args: None, .. } => {
                let relation = self.table(name)?;
                aliased(relation, alias.as_ref())
            }
            TableFactor::Table { name, alias, args: Some(args), .. } => {
                self.expressions(&mut args.args, scope, Prefer::Columns)?;
                aliased(Relation::named(last_name(name)), alias.as_ref())
            }
            TableFactor::Function { name, args, alias, .. } => {
                refuse_named(name, args)?;
                self.expressions(args, scope, Prefer::Columns)?;
                aliased(Relation::named(last_name(name)), alias.as_ref())
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let columns = self.query(subquery, Some(scope))?;
                aliased(Relation { name: None, columns }, alias.as_ref())
            }
            TableFactor::UNNEST { array_exprs, alias, .. } => {
                self.expressions(array_exprs, scope, Prefer::Columns)?;
                aliased(Relation::default(), alias.as_ref())
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                return self.table_with_joins(table_with_joins, scope);
            }
            _ => return Ok(()),
        };
        scope.relations.push(relation);
        Ok(())
    }

    /// Resolves the name of a table; the relation it brings into scope.
    fn table(&mut self, name: &mut ObjectName) -> Result<Relation> {
        let mut idents: Vec<&mut Ident> = name
            .0
            .iter_mut()
            .filter_map(|part| match part {
                ObjectNamePart::Identifier(ident) => Some(ident),
                ObjectNamePart::Function(_) => None,
            })
            .collect();
        match idents.as_mut_slice() {
            [table] => match self.ctes.iter().rev().find(|(cte, _)| *cte == lowered(table)) {
                Some((cte, columns)) => Ok(Relation { name: Some(cte.clone()), columns: columns.clone() }),
                None => self.in_public(table),
            },
            [schema, table] => self.in_schema(schema, table),
            [catalog, schema, table] if name::same(&catalog.value, CATALOG) => self.in_schema(schema, table),
            _ => Ok(Relation::default()),
        }
    }

    fn in_schema(&mut self, schema: &Ident, table: &mut Ident) -> Result<Relation> {
        match lowered(schema).as_str() {
            PUBLIC => self.in_public(table),
            SYSTEM => match system::columns(&lowered(table)) {
                Some(columns) => Ok(Relation { name: Some(lowered(table)), columns }),
                None => Err(name::missing("table of schema system", &table.value, system::NAMES, "")),
            },
            // DataFusion's own, all in lower case.
            "information_schema" => Ok(Relation::named(lowered(table))),
            other => Err(QueryError::NotFound(format!(
                "schema {other} does not exist; there is {PUBLIC}, {SYSTEM}, information_schema"
            ))),
        }
    }

    fn in_public(&mut self, table: &mut Ident) -> Result<Relation> {
        let quoted = table.quote_style.is_some();
        let view = self.view;
        let found = if quoted {
            view.snapshot().table(&table.value).cloned()
        } else {
            view.find_table(&table.value)?
        };
        if let Some(found) = found {
            quote(table, &found.name);
            let columns = found.columns.iter().map(|column| column.name.clone()).collect();
            return Ok(Relation { name: Some(found.name.clone()), columns });
        }
        let planned = lowered(table);
        if self.external.is_some_and(|external| external.table_exist(&planned)) {
            return Ok(Relation::named(planned));
        }
        Err(name::missing("table", &table.value, view.table_names(), ""))
    }
}

/// Its tables are made for each query: rows would be taken and lost.
fn refuse_system(table: &ObjectName) -> Result<()> {
    let schema = table.0.len().checked_sub(2).and_then(|at| table.0.get(at));
    match schema {
        Some(ObjectNamePart::Identifier(schema)) if lowered(schema) == SYSTEM => Err(QueryError::Invalid(
            format!("{table} is not written to: schema {SYSTEM} shows what the database knows about itself"),
        )),
        _ => Ok(()),
    }
}

/// `* EXCLUDE (..)` and `* EXCEPT (..)`.
fn wildcard(options: &mut WildcardAdditionalOptions, scope: &Scope<'_>) -> Result<()> {
    let mut idents: Vec<&mut Ident> = Vec::new();
    match &mut options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => idents.extend(only_ident(name)),
        Some(ExcludeSelectItem::Multiple(names)) => idents.extend(names.iter_mut().filter_map(only_ident)),
        None => {}
    }
    if let Some(except) = &mut options.opt_except {
        idents.push(&mut except.first_element);
        idents.extend(&mut except.additional_elements);
    }
    idents.into_iter().try_for_each(|ident| scope.column(ident, Prefer::Columns))
}

fn only_ident(name: &mut ObjectName) -> Option<&mut Ident> {
    match name.0.as_mut_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(ident),
        _ => None,
    }
}

fn last_name(name: &ObjectName) -> String {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => lowered(ident),
        _ => name.to_string(),
    }
}

fn aliased(relation: Relation, alias: Option<&TableAlias>) -> Relation {
    let Some(alias) = alias else { return relation };
    let columns: Vec<String> = alias.columns.iter().map(|column| lowered(&column.name)).collect();
    let columns = if columns.is_empty() { relation.columns } else { columns };
    Relation { name: Some(lowered(&alias.name)), columns }
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::RightAnti(constraint)
        | JoinOperator::StraightJoin(constraint)
        | JoinOperator::AsOf { constraint, .. } => Some(constraint),
        _ => None,
    }
}

/// `LATERAL f(a => 1)` is planned with its arguments by position, their names dropped: a silent mistake.
fn refuse_named(function: &ObjectName, args: &[FunctionArg]) -> Result<()> {
    match args.iter().any(|arg| !matches!(arg, FunctionArg::Unnamed(_))) {
        true => Err(QueryError::Invalid(format!(
            "LATERAL {function}(..) takes no named arguments; leave LATERAL away"
        ))),
        false => Ok(()),
    }
}
