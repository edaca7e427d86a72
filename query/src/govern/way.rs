//! Which limits a statement is under.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Visit, Visitor};

use crate::catalog::SYSTEM;
use crate::statement::{self, Statement};

/// Under which limits a statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It waits for a place, and can be ended until it writes.
    Limited,
    /// It reads only what the database knows about itself: it waits for nobody, so that one can see what fills all
    /// places.
    Aside,
    /// It changes or looks after the database: it neither waits nor is ended before it is done.
    Change,
}

impl Way {
    /// That of a statement.
    pub(crate) fn of(statement: &Statement) -> Self {
        match statement {
            Statement::Sql(sql) => match statement::ast(sql).map(reads_only_itself) {
                Some(true) => Self::Aside,
                _ => Self::Limited,
            },
            Statement::CreateBaseline(_) => Self::Limited,
            Statement::Watch(watch) if statement::watch::schema(watch).is_some() => Self::Limited,
            _ => Self::Change,
        }
    }
}

/// Whether all tables that a statement names are in the schemas about the database itself, and it names some.
fn reads_only_itself(ast: &impl Visit) -> bool {
    let mut relations = Relations { some: false };
    ast.visit(&mut relations).is_continue() && relations.some
}

struct Relations {
    some: bool,
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.some = true;
        let parts: Vec<_> = relation.0.iter().filter_map(|part| part.as_ident()).collect();
        let schema = match parts.as_slice() {
            [schema, _] | [_, schema, _] => &schema.value,
            _ => return ControlFlow::Break(()),
        };
        match [SYSTEM, "information_schema"].iter().any(|own| schema.eq_ignore_ascii_case(own)) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}
