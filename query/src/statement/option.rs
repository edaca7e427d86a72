//! Options as CREATE writes them: `WITH (name = value, ..)`.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::tokenizer::{Location, Token};
use driftline_storage::{RETENTION_BYTES_OPTION, size_bytes};

use super::parser::{Parser, wrong_at};
use crate::duration;
use crate::error::Result;

/// What a model can be told.
const OF_MODELS: [&str; 10] = [
    "type",
    "positive",
    "threshold",
    "label_delay",
    "primary_metric",
    "retention",
    "owner",
    "description",
    DEDUP,
    RETENTION_BYTES_OPTION,
];
/// What a table can be told.
const OF_TABLES: [&str; 4] = ["retention", "description", DEDUP, RETENTION_BYTES_OPTION];
/// What tells rows apart, of which the last stays: series and time, nothing, or else the KEY where there is one.
pub(crate) const DEDUP: &str = "dedup";
/// Rows are only ever added.
pub(crate) const DEDUP_NONE: &str = "none";
const DEDUPS: [&str; 2] = ["last", DEDUP_NONE];
/// What a model can be.
const MODEL_TYPES: [&str; 2] = ["classification", "regression"];

/// One option as written.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    name: String,
    value: String,
    at: Location,
}

/// `[WITH (name = value, ..)]`.
pub(super) fn list(parser: &mut Parser<'_>) -> Result<Vec<Setting>> {
    let mut settings = Vec::new();
    if !parser.eat(&["WITH"]) {
        return Ok(settings);
    }
    if !parser.take(&Token::LParen) {
        return Err(parser.expected("( and the options"));
    }
    loop {
        settings.push(setting(parser)?);
        if parser.take(&Token::RParen) {
            return Ok(settings);
        }
        if !parser.take(&Token::Comma) {
            return Err(parser.expected("a comma or )"));
        }
    }
}

fn setting(parser: &mut Parser<'_>) -> Result<Setting> {
    let at = parser.peek().span.start;
    let name = match parser.peek().token {
        Token::SingleQuotedString(name) => {
            parser.next();
            name
        }
        _ => parser.identifier("the name of an option")?,
    };
    if !parser.take(&Token::Eq) {
        return Err(parser.expected("="));
    }
    Ok(Setting { name: name.to_lowercase(), value: value(parser)?, at })
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

fn checked(what: &str, known: &[&str], settings: &[Setting]) -> Result<BTreeMap<String, String>> {
    let mut options = BTreeMap::new();
    for setting in settings {
        if !known.contains(&setting.name.as_str()) {
            let message = format!("unknown option {} of a {what}; it has {}", setting.name, known.join(", "));
            return Err(wrong_at(&message, setting.at));
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
        _ => Ok(()),
    }
}
