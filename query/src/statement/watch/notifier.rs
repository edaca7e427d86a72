//! `CREATE NOTIFIER`, `ALTER NOTIFIER`.

use std::collections::BTreeMap;

use super::clause;
use crate::alert::NotifierKind;
use crate::error::Result;
use crate::statement::option;
use crate::statement::parser::{Parser, wrong_at};

/// A notifier to make.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CreateNotifier {
    /// Its name as written.
    pub(crate) name: String,
    /// Whether it is well if there is one already.
    pub(crate) if_not_exists: bool,
    /// What it speaks to.
    pub(crate) kind: NotifierKind,
    /// What stands in `WITH (..)`, names made small, not checked.
    pub(crate) options: BTreeMap<String, String>,
    /// Whether it sends from the start.
    pub(crate) enabled: bool,
}

/// A notifier to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AlterNotifier {
    /// Its name as written.
    pub(crate) name: String,
    /// Whether it is well if there is none.
    pub(crate) if_exists: bool,
    /// What changes.
    pub(crate) change: NotifierChange,
}

/// One change of a notifier.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum NotifierChange {
    /// `SET (option = value, ..)`, names made small, not checked.
    Set(BTreeMap<String, String>),
    /// `RESET (option, ..)`, names made small.
    Reset(Vec<String>),
    /// `ENABLE`.
    Enable,
    /// `DISABLE`.
    Disable,
}

/// Values are secrets as often as not: none is printed.
impl std::fmt::Debug for CreateNotifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateNotifier")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("options", &self.options.keys())
            .finish_non_exhaustive()
    }
}

/// As above.
impl std::fmt::Debug for NotifierChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set(options) => f.debug_tuple("Set").field(&options.keys()).finish(),
            Self::Reset(options) => f.debug_tuple("Reset").field(options).finish(),
            Self::Enable => f.write_str("Enable"),
            Self::Disable => f.write_str("Disable"),
        }
    }
}

/// What follows `CREATE NOTIFIER`.
pub(super) fn create(parser: &mut Parser<'_>) -> Result<CreateNotifier> {
    let if_not_exists = parser.eat(&["IF", "NOT", "EXISTS"]);
    let name = parser.name()?;
    parser.expect(&["TYPE"])?;
    let kind = kind(parser)?;
    let options = if parser.eat(&["WITH"]) { clause::options(parser)? } else { BTreeMap::new() };
    let enabled = !parser.eat(&["DISABLED"]);
    Ok(CreateNotifier { name, if_not_exists, kind, options, enabled })
}

fn kind(parser: &mut Parser<'_>) -> Result<NotifierKind> {
    let names = NotifierKind::ALL.map(NotifierKind::name).join(", ");
    let at = parser.peek().span.start;
    let word = parser.identifier(&format!("the type of a notifier: {names}"))?;
    let found = NotifierKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(&word));
    found.ok_or_else(|| wrong_at(&format!("{word} is no type of a notifier; there are {names}"), at))
}

/// What follows `ALTER NOTIFIER`.
pub(super) fn alter(parser: &mut Parser<'_>) -> Result<AlterNotifier> {
    let if_exists = parser.eat(&["IF", "EXISTS"]);
    let name = parser.name()?;
    let change = if parser.eat(&["SET"]) {
        NotifierChange::Set(clause::options(parser)?)
    } else if parser.eat(&["RESET"]) {
        NotifierChange::Reset(option::names_in_parens(parser)?)
    } else if parser.eat(&["ENABLE"]) {
        NotifierChange::Enable
    } else if parser.eat(&["DISABLE"]) {
        NotifierChange::Disable
    } else {
        return Err(parser.expected("SET (option = 'value', ..), RESET (option, ..), ENABLE or DISABLE"));
    };
    Ok(AlterNotifier { name, if_exists, change })
}
