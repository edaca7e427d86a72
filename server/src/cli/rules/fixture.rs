//! A test of alerts as it is written: statements of SQL, and three of its own.
//!
//! ```sql
//! CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE);
//! ROWS requests FROM 'requests.csv';                  -- or INSERT INTO ..
//! RULES 'alerts.sql';                                 -- applied, as driftline apply does
//! EXPECT slow AT '2026-01-01T00:03:00Z' FIRING (model = 'fraud') VALUE 900;
//! EXPECT slow AT '2026-01-01T00:05:00Z' NOTHING;
//! ```

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema};
use driftline_query::datafusion::sql::sqlparser::dialect::GenericDialect;
use driftline_query::datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::files;
use crate::cli::error::{CliError, Result};

/// Rows of one INSERT.
const ROWS_AT_ONCE: usize = 500;

/// A step of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Any other statement.
    Sql(String),
    /// `ROWS table FROM 'file.csv'`: what is empty is NULL.
    Rows { table: String, file: PathBuf },
    /// `RULES 'path'`: files of statements to apply.
    Rules(PathBuf),
    /// `EXPECT alert AT 'time' ..`.
    Expect(Expect),
}

/// What one alert must say at a moment: all that fires and is pending then, no more and no less.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    pub alert: String,
    /// The windows that ended up to then are judged.
    pub at: String,
    pub firing: Vec<Instance>,
    pub pending: Vec<Instance>,
}

/// One instance of an alert: the columns that tell it from others, and its value where that is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    pub labels: BTreeMap<String, String>,
    pub value: Option<f64>,
}

/// The steps of a test.
pub fn read(path: &Path) -> Result<Vec<Step>> {
    let text = files::read(path)?;
    let statements = crate::cli::statements::split(&text).map_err(|error| wrong(path, error.to_string()))?;
    statements.into_iter().map(|sql| step(sql).map_err(|what| wrong(path, what))).collect()
}

fn step(sql: &str) -> Result<Step, String> {
    let mut words = Words::of(sql)?;
    if words.eat("RULES") {
        let path = words.text("a path in quotes")?.into();
        return words.last(Step::Rules(path));
    }
    if words.eat("ROWS") {
        let table = words.name("a table")?;
        words.expect("FROM")?;
        let file = words.text("a file in quotes")?.into();
        return words.last(Step::Rows { table, file });
    }
    if words.eat("EXPECT") {
        let expect = words.expectation()?;
        return words.last(Step::Expect(expect));
    }
    Ok(Step::Sql(sql.to_owned()))
}

/// A statement word by word.
struct Words<'a> {
    sql: &'a str,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl<'a> Words<'a> {
    fn of(sql: &'a str) -> Result<Self, String> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().map_err(|error| error.to_string())?;
        let tokens: Vec<Token> =
            tokens.into_iter().filter(|it| !matches!(it, Token::Whitespace(_))).collect();
        Ok(Self { sql, tokens: tokens.into_iter().peekable() })
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let is_it =
            |token: &Token| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(wanted));
        self.tokens.next_if(is_it).is_some()
    }

    fn take(&mut self, wanted: &Token) -> bool {
        self.tokens.next_if_eq(wanted).is_some()
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        if self.eat(wanted) { Ok(()) } else { Err(self.expected(wanted)) }
    }

    fn expected(&mut self, what: &str) -> String {
        let found = self.tokens.peek().map_or("the end".to_owned(), ToString::to_string);
        format!("expected {what}, found {found} in: {}", self.sql)
    }

    fn name(&mut self, what: &str) -> Result<String, String> {
        match self.tokens.next_if(|token| matches!(token, Token::Word(_))) {
            Some(Token::Word(word)) => Ok(word.value),
            _ => Err(self.expected(what)),
        }
    }

    fn text(&mut self, what: &str) -> Result<String, String> {
        match self.tokens.next_if(|token| matches!(token, Token::SingleQuotedString(_))) {
            Some(Token::SingleQuotedString(text)) => Ok(text),
            _ => Err(self.expected(what)),
        }
    }

    fn number(&mut self) -> Result<f64, String> {
        let sign = if self.take(&Token::Minus) { -1.0 } else { 1.0 };
        match self.tokens.next_if(|token| matches!(token, Token::Number(..))) {
            Some(Token::Number(digits, _)) => {
                digits.parse::<f64>().map(|n| sign * n).map_err(|e| e.to_string())
            }
            _ => Err(self.expected("a number")),
        }
    }

    /// `alert AT 'time' NOTHING`, or `.. FIRING (..) VALUE 1, (..) PENDING (..)`.
    fn expectation(&mut self) -> Result<Expect, String> {
        let alert = self.name("an alert")?;
        self.expect("AT")?;
        let mut expect = Expect { alert, at: self.text("a time in quotes")?, ..Expect::default() };
        if self.eat("NOTHING") {
            return Ok(expect);
        }
        if self.eat("FIRING") {
            expect.firing = self.instances()?;
        }
        if self.eat("PENDING") {
            expect.pending = self.instances()?;
        }
        match expect.firing.is_empty() && expect.pending.is_empty() {
            true => Err(self.expected("NOTHING, FIRING or PENDING")),
            false => Ok(expect),
        }
    }

    fn instances(&mut self) -> Result<Vec<Instance>, String> {
        let mut all = vec![self.instance()?];
        while self.take(&Token::Comma) {
            all.push(self.instance()?);
        }
        Ok(all)
    }

    /// `(model = 'fraud', ..) VALUE 900`; an alert of one row has no columns: `()`.
    fn instance(&mut self) -> Result<Instance, String> {
        let mut labels = BTreeMap::new();
        if !self.take(&Token::LParen) {
            return Err(self.expected("( and columns, such as (model = 'fraud')"));
        }
        while !self.take(&Token::RParen) {
            let name = self.name("a column")?;
            if !self.take(&Token::Eq) {
                return Err(self.expected("="));
            }
            labels.insert(name, self.text("a text in quotes")?);
            self.take(&Token::Comma);
        }
        let value = if self.eat("VALUE") { Some(self.number()?) } else { None };
        Ok(Instance { labels, value })
    }

    fn last<T>(&mut self, whole: T) -> Result<T, String> {
        if self.tokens.peek().is_none_or(|token| *token == Token::EOF) {
            Ok(whole)
        } else {
            Err(self.expected("the end"))
        }
    }
}

/// The statements that write the rows of a file of CSV.
pub fn inserts(test: &Path, table: &str, file: &Path) -> Result<Vec<String>> {
    let file = beside(test, file);
    let batches = csv(&files::read(&file)?).map_err(|error| wrong(&file, error.to_string()))?;
    Ok(batches.iter().filter(|rows| rows.num_rows() > 0).map(|rows| insert(table, rows)).collect())
}

fn insert(table: &str, rows: &RecordBatch) -> String {
    let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let value = |column: &dyn Array, row: usize| match column.is_null(row) {
        true => "NULL".to_owned(),
        false => format!("'{}'", column.as_string::<i32>().value(row).replace('\'', "''")),
    };
    let row = |row: usize| {
        let values: Vec<String> = rows.columns().iter().map(|column| value(&**column, row)).collect();
        format!("({})", values.join(", "))
    };
    let all: Vec<String> = (0..rows.num_rows()).map(row).collect();
    format!("INSERT INTO {table} ({}) VALUES {}", names.join(", "), all.join(", "))
}

fn csv(text: &str) -> Result<Vec<RecordBatch>, arrow::error::ArrowError> {
    let format = Format::default().with_header(true);
    let (found, _) = format.infer_schema(Cursor::new(text), Some(0))?;
    let field = |name: &str| Field::new(name.trim(), DataType::Utf8, true);
    let schema = Schema::new(found.fields().iter().map(|it| field(it.name())).collect::<Vec<_>>());
    let builder = ReaderBuilder::new(Arc::new(schema)).with_header(true).with_batch_size(ROWS_AT_ONCE);
    builder.build(Cursor::new(text))?.collect()
}

/// A path that a test names.
pub fn beside(test: &Path, path: &Path) -> PathBuf {
    test.parent().unwrap_or(Path::new(".")).join(path)
}

/// What is wrong with a test.
pub fn wrong(path: &Path, reason: String) -> CliError {
    CliError::Rules { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_names_all_that_fires() {
        let sql = "EXPECT slow AT '2026-01-01' FIRING (model = 'a') VALUE -9.5, (model = 'b') PENDING ()";
        let labels = |name: &str| BTreeMap::from([("model".to_owned(), name.to_owned())]);
        let firing = vec![
            Instance { labels: labels("a"), value: Some(-9.5) },
            Instance { labels: labels("b"), value: None },
        ];
        let (alert, at, pending) = ("slow".into(), "2026-01-01".into(), vec![Instance::default()]);
        assert_eq!(step(sql).unwrap(), Step::Expect(Expect { alert, at, firing, pending }));
        assert_eq!(step("SELECT 1").unwrap(), Step::Sql("SELECT 1".into()));
        for (wrong, what) in [
            ("EXPECT slow AT 5", "a time in quotes, found 5"),
            ("EXPECT slow AT '1' FIRE", "NOTHING, FIRING or PENDING, found FIRE"),
            ("EXPECT slow AT '1' NOTHING more", "the end, found more"),
            ("ROWS t IN 'x'", "FROM, found IN"),
        ] {
            assert!(step(wrong).unwrap_err().contains(what), "{:?}", step(wrong));
        }
    }

    #[test]
    fn rows_are_written_as_they_stand() {
        let rows = csv("time, name,n\n2026-01-01T00:00:00Z,o'x,\n").unwrap();
        let expected = "INSERT INTO t (time, name, n) VALUES ('2026-01-01T00:00:00Z', 'o''x', NULL)";
        assert_eq!(insert("t", &rows[0]), expected);
    }
}
