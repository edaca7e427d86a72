//! Options as CREATE writes them: `WITH (name = value, ..)`.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::tokenizer::{Location, Token};
use driftline_storage::{
    RETENTION_BYTES_OPTION, RETENTION_OPTION, SERIES_MAX_OPTION, TAG_VALUES_MAX_OPTION, size_bytes,
};

use super::parser::{Parser, wrong_at};
use crate::duration;
use crate::error::{QueryError, Result};
use crate::write::{DIVERT, ON_BAD_ROW, REFUSE};

const DESCRIPTION: &str = "description";
/// What a model can be told.
const OF_MODELS: [&str; 13] = [
    "type",
    "positive",
    "threshold",
    "label_delay",
    "primary_metric",
    "retention",
    "owner",
    DESCRIPTION,
    DEDUP,
    RETENTION_BYTES_OPTION,
    ON_BAD_ROW,
    SERIES_MAX_OPTION,
    TAG_VALUES_MAX_OPTION,
];
/// What a table can be told.
const OF_TABLES: [&str; 7] = [
    RETENTION_OPTION,
    DESCRIPTION,
    DEDUP,
    RETENTION_BYTES_OPTION,
    ON_BAD_ROW,
    SERIES_MAX_OPTION,
    TAG_VALUES_MAX_OPTION,
];
/// What tells rows apart, of which the last stays: series and time, nothing, or else the KEY where there is one.
pub(crate) const DEDUP: &str = "dedup";
/// Rows are only ever added.
pub(crate) const DEDUP_NONE: &str = "none";
/// Series and time tell rows apart, also without a KEY.
pub(crate) const DEDUP_LAST: &str = "last";
const DEDUPS: [&str; 2] = [DEDUP_LAST, DEDUP_NONE];
/// What becomes of rows that do not fit.
const BAD_ROWS: [&str; 2] = [REFUSE, DIVERT];
/// What a model can be.
const MODEL_TYPES: [&str; 2] = ["classification", "regression"];

/// One option as written.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    name: String,
    value: String,
    at: Location,
}

impl Setting {
    /// Which option it is.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// `[WITH (name = value, ..)]`.
pub(super) fn list(parser: &mut Parser<'_>) -> Result<Vec<Setting>> {
    if parser.eat(&["WITH"]) { in_parens(parser) } else { Ok(Vec::new()) }
}

/// `(name = value, ..)`.
pub(super) fn in_parens(parser: &mut Parser<'_>) -> Result<Vec<Setting>> {
    listed(parser, setting)
}

/// `(name, ..)`.
pub(super) fn names_in_parens(parser: &mut Parser<'_>) -> Result<Vec<String>> {
    listed(parser, name)
}

fn listed<T>(parser: &mut Parser<'_>, item: fn(&mut Parser<'_>) -> Result<T>) -> Result<Vec<T>> {
    if !parser.take(&Token::LParen) {
        return Err(parser.expected("( and the options"));
    }
    let mut items = Vec::new();
    loop {
        items.push(item(parser)?);
        if parser.take(&Token::RParen) {
            return Ok(items);
        }
        if !parser.take(&Token::Comma) {
            return Err(parser.expected("a comma or )"));
        }
    }
}

fn setting(parser: &mut Parser<'_>) -> Result<Setting> {
    let at = parser.peek().span.start;
    let name = name(parser)?;
    if !parser.take(&Token::Eq) {
        return Err(parser.expected("="));
    }
    Ok(Setting { name, value: value(parser)?, at })
}

fn name(parser: &mut Parser<'_>) -> Result<String> {
    let name = match parser.peek().token {
        Token::SingleQuotedString(name) => {
            parser.next();
            name
        }
        _ => parser.identifier("the name of an option")?,
    };
    Ok(name.to_lowercase())
}

fn value(parser: &mut Parser<'_>) -> Result<String> {
    let minus = parser.take(&Token::Minus);
    match parser.peek().token {
        Token::SingleQuotedString(text) if !minus => {
            parser.next();
            Ok(text)
        }
        Token::Number(digits, _) => {
            parser.next();
            Ok(if minus { format!("-{digits}") } else { digits })
        }
        Token::Word(word) if !minus => {
            parser.next();
            Ok(word.value)
        }
        _ => Err(parser.expected("a value, such as 'text' or 0.5")),
    }
}

/// The options of a model by name, checked.
pub(super) fn of_model(settings: &[Setting]) -> Result<BTreeMap<String, String>> {
    checked("model", &OF_MODELS, settings)
}

/// The options of a table by name, checked.
pub(super) fn of_table(settings: &[Setting]) -> Result<BTreeMap<String, String>> {
    checked("table", &OF_TABLES, settings)
}

/// Refuses a name that is no option of a model or table.
pub(super) fn check_name(of_model: bool, name: &str) -> Result<()> {
    let (what, known): (_, &[&str]) = if of_model { ("model", &OF_MODELS) } else { ("table", &OF_TABLES) };
    match known.contains(&name) {
        true => Ok(()),
        false => Err(QueryError::Invalid(unknown(name, what, known))),
    }
}

/// Those options of a model that are for the table of its predictions: what rows go by, not what people read.
pub(super) fn of_predictions(options: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_of_rows = |name: &str| OF_TABLES.contains(&name) && name != DESCRIPTION;
    let kept = options.iter().filter(|(name, _)| is_of_rows(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn unknown(name: &str, what: &str, known: &[&str]) -> String {
    format!("unknown option {name} of a {what}; it has {}", known.join(", "))
}

fn checked(what: &str, known: &[&str], settings: &[Setting]) -> Result<BTreeMap<String, String>> {
    let mut options = BTreeMap::new();
    for setting in settings {
        if !known.contains(&setting.name.as_str()) {
            return Err(wrong_at(&unknown(&setting.name, what, known), setting.at));
        }
        check_value(setting)?;
        if options.insert(setting.name.clone(), setting.value.clone()).is_some() {
            return Err(wrong_at(&format!("option {} is there twice", setting.name), setting.at));
        }
    }
    Ok(options)
}

fn check_value(setting: &Setting) -> Result<()> {
    let wrong = |what: String| Err(wrong_at(&format!("option {}: {what}", setting.name), setting.at));
    match setting.name.as_str() {
        "retention" | "label_delay" => match duration::nanos(&setting.value) {
            Ok(_) => Ok(()),
            Err(error) => wrong(error.to_string()),
        },
        "threshold" if setting.value.parse::<f64>().is_ok_and(f64::is_finite) => Ok(()),
        "threshold" => wrong(format!("{:?} is no number", setting.value)),
        RETENTION_BYTES_OPTION if size_bytes(&setting.value).is_some() => Ok(()),
        RETENTION_BYTES_OPTION => wrong(format!(
            "{:?} is no size; write a whole number and a unit, such as '500 MB' or '2 GiB'",
            setting.value
        )),
        DEDUP if DEDUPS.contains(&setting.value.as_str()) => Ok(()),
        DEDUP => wrong(format!("{:?} is unknown; it is {}", setting.value, DEDUPS.join(" or "))),
        "type" if MODEL_TYPES.contains(&setting.value.as_str()) => Ok(()),
        "type" => wrong(format!("{:?} is unknown; a model is {}", setting.value, MODEL_TYPES.join(" or "))),
        ON_BAD_ROW if BAD_ROWS.contains(&setting.value.as_str()) => Ok(()),
        ON_BAD_ROW => wrong(format!("{:?} is unknown; it is {}", setting.value, BAD_ROWS.join(" or "))),
        SERIES_MAX_OPTION | TAG_VALUES_MAX_OPTION => match setting.value.parse::<u64>() {
            Ok(1..) => Ok(()),
            _ => wrong(format!("{:?} is no whole number above 0", setting.value)),
        },
        _ => Ok(()),
    }
}
