//! `CREATE ALERT`, in both its forms: over a query, and of a metric of models.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::change::{CLAUSES, Changes};
use super::clause::{self, Clauses};
use super::query::query;
use crate::alert::metric::{self, HOUR, MINUTE, Metric};
use crate::alert::{Hold, MetricRule, Rule, Severity};
use crate::error::Result;
use crate::statement::parser::{Parser, wrong_at};

/// The length of windows, where nothing was said.
const EVERY_DEFAULT: i64 = MINUTE;
/// After how long without data a firing instance ends, where nothing was said.
pub(super) const EXPIRE_DEFAULT: i64 = 24 * HOUR;

/// An alert to make.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateAlert {
    /// Whether it is well if there is one already.
    pub(crate) if_not_exists: bool,
    /// What was written, and defaults for the rest. Names are as written, `created_at` is 0. Of a metric the query is
    /// still empty: [`crate::alert::metric::query`] makes it for each model; without a model it is of all of them.
    pub(crate) rule: Rule,
}

/// What was written.
#[derive(Default)]
struct Written {
    on: Option<On>,
    metric: Option<MetricRule>,
    query: Option<String>,
    rest: Changes,
}

/// What an alert is about.
enum On {
    Model(String),
    AllModels,
}

/// What follows `CREATE ALERT`.
pub(super) fn create(parser: &mut Parser<'_>) -> Result<CreateAlert> {
    let if_not_exists = parser.eat(&["IF", "NOT", "EXISTS"]);
    let at = parser.peek().span.start;
    let name = parser.name()?;
    let written = written(parser)?;
    let is_whole = written.metric.is_some() && clause::is_end(parser);
    if written.query.is_none() && !is_whole {
        return Err(parser.expected(&format!(
            "ON MODEL name, ON ALL MODELS, METRIC accuracy < 0.85, {CLAUSES}, AS SELECT .."
        )));
    }
    let rule = written.rule(name).map_err(|what| wrong_at(&what, at))?;
    Ok(CreateAlert { if_not_exists, rule })
}

fn written(parser: &mut Parser<'_>) -> Result<Written> {
    let (mut clauses, mut written) = (Clauses::default(), Written::default());
    loop {
        if clauses.begin(parser, &["ON"])? {
            written.on = Some(on(parser)?);
        } else if clauses.begin(parser, &["METRIC"])? {
            written.metric = Some(metric(parser)?);
        } else if clauses.begin(parser, &["DISABLED"])? {
            written.rest.enabled = Some(false);
        } else if parser.eat(&["AS"]) {
            written.query = Some(query(parser)?);
            return Ok(written);
        } else if !written.rest.clause(&mut clauses, parser)? {
            return Ok(written);
        }
    }
}

fn on(parser: &mut Parser<'_>) -> Result<On> {
    if parser.eat(&["ALL", "MODELS"]) {
        return Ok(On::AllModels);
    }
    parser.expect(&["MODEL"]).map_err(|_| parser.expected("MODEL and its name, or ALL MODELS"))?;
    parser.name().map(On::Model)
}

/// `accuracy < 0.85`, `latency_p95 > '500ms'`.
fn metric(parser: &mut Parser<'_>) -> Result<MetricRule> {
    let at = parser.peek().span.start;
    let name = match parser.peek().token {
        Token::SingleQuotedString(_) => clause::text(parser, "a metric")?,
        _ => parser.identifier("a metric, such as accuracy")?,
    };
    let condition = condition(parser)?;
    let threshold = clause::value(parser)?;
    metric::read(&name, &condition, &threshold).map_err(|what| wrong_at(&what, at))
}

fn condition(parser: &mut Parser<'_>) -> Result<String> {
    let token = parser.peek().token;
    let is_one = matches!(
        token,
        Token::Gt
            | Token::Lt
            | Token::GtEq
            | Token::LtEq
            | Token::Eq
            | Token::DoubleEq
            | Token::Neq
            | Token::Word(_)
    );
    if !is_one {
        return Err(parser.expected(">, <, >=, <=, = or !="));
    }
    parser.next();
    Ok(token.to_string())
}

impl Written {
    /// The rule, or what is wrong with it.
    fn rule(self, name: String) -> Result<Rule, String> {
        let Self { on, metric, query, rest } = self;
        let model = match (on, &metric) {
            (None, Some(_)) => {
                return Err("METRIC is of models: write ON MODEL name or ON ALL MODELS".to_owned());
            }
            (Some(On::AllModels), None) => {
                return Err("ON ALL MODELS goes with METRIC: a query names its model itself".to_owned());
            }
            (Some(On::Model(model)), _) => Some(model),
            (Some(On::AllModels), _) | (None, None) => None,
        };
        if metric.is_some() && query.is_some() {
            return Err("METRIC brings its query: leave AS SELECT out, or METRIC".to_owned());
        }
        if metric.is_none() && rest.when.is_none() {
            return Err("WHEN is missing: a condition over the columns of the query, such as WHEN psi > 0.2"
                .to_owned());
        }
        let mut rule = Rule { model, query: query.unwrap_or_default(), ..empty(name, metric)? };
        rest.apply(&mut rule)?;
        Ok(rule)
    }
}

/// A rule of which nothing was said.
fn empty(name: String, of: Option<MetricRule>) -> Result<Rule, String> {
    let known = of.as_ref().map(|rule| rule.metric.parse::<Metric>()).transpose()?;
    Ok(Rule {
        name,
        model: None,
        severity: Severity::Medium,
        enabled: true,
        every: known.map_or(EVERY_DEFAULT, Metric::every),
        delay: 0,
        by: Vec::new(),
        when: of.as_ref().map(metric::when).unwrap_or_default(),
        resolve_when: None,
        hold: Hold::Windows(1),
        keep_firing: 0,
        no_data_after: None,
        expire_after: EXPIRE_DEFAULT,
        repeat_every: None,
        notify: Vec::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        query: String::new(),
        metric: of,
        created_at: 0,
        altered_at: None,
        unchecked: false,
    })
}
