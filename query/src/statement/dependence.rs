//! How much the rows of a baseline, in order of time, are like those before them. Its query is asked once more for that: the
//! first time counts the values, and only then is it known where each lies among them.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::Query;
use driftline_storage::TIME_COLUMN;
use driftline_storage::distribution::{Categorical, Distribution, Numeric};
use futures::StreamExt;

use super::baseline::as_type;
use crate::database::Access;
use crate::error::{QueryError, Result};
use crate::function::unusable;
use crate::limits::DEPENDENCE_ROWS_MAX;
use crate::session::Session;
use crate::stats::Score;
use crate::stats::dependence::{Levels, Stretch};
use crate::stats::judge::Inflation;

/// What it is for each column of a baseline; None where the query's answer has no time to order its rows by. Of the first
/// [`DEPENDENCE_ROWS_MAX`] rows.
pub(super) async fn dependence(
    session: &Session,
    query: &Query,
    access: Access,
    columns: &BTreeMap<String, Distribution>,
    schema: &SchemaRef,
) -> Result<Option<BTreeMap<String, Inflation>>> {
    let has_time = schema
        .field_with_name(TIME_COLUMN)
        .is_ok_and(|field| matches!(field.data_type(), DataType::Timestamp(_, _)));
    if !has_time {
        return Ok(None);
    }
    let mut seen: Vec<(&str, Seen)> =
        columns.iter().map(|(name, counts)| (name.as_str(), Seen::new(counts))).collect();
    let mut rows = session.run(in_order(query, seen.iter().map(|(name, _)| *name))?, access).await?;
    while let Some(batch) = rows.next().await {
        push(&mut seen, &batch?)?;
    }
    Ok(Some(seen.into_iter().map(|(name, seen)| (name.to_owned(), seen.inflation())).collect()))
}

/// The rows of a query in order of time.
fn in_order<'a>(query: &Query, columns: impl Iterator<Item = &'a str>) -> Result<SqlStatement> {
    let quoted: Vec<String> = columns.map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let text = format!(
        "SELECT {} FROM ({query}) AS \"baseline rows\" ORDER BY \"{TIME_COLUMN}\" LIMIT {DEPENDENCE_ROWS_MAX}",
        quoted.join(", ")
    );
    match super::parse_one(&text)? {
        super::Statement::Sql(statement) => Ok(*statement),
        _ => Err(QueryError::Invalid(format!("the baseline's query is no query: {query}"))),
    }
}

fn push(seen: &mut [(&str, Seen)], batch: &RecordBatch) -> Result<()> {
    for ((name, seen), values) in seen.iter_mut().zip(batch.columns()) {
        seen.push(values, name)?;
    }
    Ok(())
}

/// A column as its rows come.
struct Seen {
    values: Values,
    missing: Stretch,
}

enum Values {
    Numbers(Ranks, Box<[Stretch; 4]>),
    Categories(Levels),
}

/// Where numbers lie among all: the value of each point and its mid-rank over their number.
struct Ranks(Vec<(f64, f64)>);

impl Ranks {
    fn new(numbers: &Numeric) -> Self {
        let (mut below, all) = (0.0, numbers.count() as f64);
        let points = numbers.points().into_iter().map(|(value, count)| {
            let middle = (below + count as f64 / 2.0) / all;
            below += count as f64;
            (value, middle)
        });
        Self(points.collect())
    }

    /// The mid-rank of the first point that is no less; of values counted by bucket it may be that of the next bucket.
    fn of(&self, value: f64) -> f64 {
        let at = self.0.partition_point(|(point, _)| *point < value);
        self.0.get(at).or(self.0.last()).map_or(0.5, |(_, rank)| *rank)
    }
}

impl Seen {
    fn new(counts: &Distribution) -> Self {
        let (values, absent) = match counts {
            Distribution::Numeric(numbers) => (Values::numbers(numbers), unusable(numbers)),
            Distribution::Categorical(categories) => {
                (Values::categories(categories), categories.null_count())
            }
        };
        let rows = counts.count().saturating_add(absent);
        Self { values, missing: Stretch::new(absent as f64 / rows.max(1) as f64) }
    }

    fn push(&mut self, values: &ArrayRef, name: &str) -> Result<()> {
        match &mut self.values {
            Values::Numbers(ranks, scores) => {
                let values = as_type(values, &DataType::Float64, name)?;
                for value in values.as_primitive::<Float64Type>() {
                    let value = value.filter(|value| value.is_finite());
                    self.missing.push(f64::from(u8::from(value.is_none())));
                    let Some(rank) = value.map(|value| ranks.of(value)) else { continue };
                    Score::ALL.iter().zip(scores.iter_mut()).for_each(|(score, it)| it.push(score.of(rank)));
                }
            }
            Values::Categories(levels) => {
                let values = as_type(values, &DataType::Utf8, name)?;
                for value in values.as_string::<i32>() {
                    self.missing.push(f64::from(u8::from(value.is_none())));
                    value.into_iter().for_each(|value| levels.push(value));
                }
            }
        }
        Ok(())
    }

    fn inflation(&self) -> Inflation {
        let missing = self.missing.inflation();
        match &self.values {
            Values::Numbers(_, scores) => {
                Inflation { scores: scores.each_ref().map(Stretch::inflation), missing, ..Inflation::NONE }
            }
            Values::Categories(levels) => {
                Inflation { levels: levels.inflation(), missing, ..Inflation::NONE }
            }
        }
    }
}

impl Values {
    fn numbers(numbers: &Numeric) -> Self {
        let (ranks, points) = (Ranks::new(numbers), numbers.points());
        let all = numbers.count().max(1) as f64;
        let scores = Score::ALL.map(|score| {
            let sum: f64 = points
                .iter()
                .zip(&ranks.0)
                .map(|((_, count), (_, rank))| *count as f64 * score.of(*rank))
                .sum();
            Stretch::new(sum / all)
        });
        Self::Numbers(ranks, Box::new(scores))
    }

    fn categories(categories: &Categorical) -> Self {
        let counts = categories.counts().iter().map(|(name, count)| (name.as_str(), *count));
        Self::Categories(Levels::new(counts, categories.count()))
    }
}
