//! Reads statements: ours by their first words, all others by DataFusion's parser.

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParser, DFParserBuilder, Statement as SqlStatement};
use datafusion::sql::sqlparser::ast::{Expr, Query, Statement as Ast};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::{
    Create, CreateBaseline, Drop, Kind, Operation, Statement, alter, column, erase, option, set, watch,
};
use crate::error::{QueryError, Result};
use crate::limits::RECURSION_MAX;

/// The statements of a text, separated by semicolons, each with its own text.
pub(crate) fn parse(sql: &str) -> Result<Vec<(&str, Statement)>> {
    let mut parser = Parser::new(sql)?;
    let mut cursor = Cursor::default();
    let mut statements = Vec::new();
    loop {
        while parser.take(&Token::SemiColon) {}
        if parser.peek().token == Token::EOF {
            return Ok(statements);
        }
        let from = cursor.go_to(sql, parser.peek().span.start);
        let statement = parser.statement()?;
        let to = cursor.go_to(sql, parser.inner.parser.get_current_token().span.end);
        statements.push((sql.get(from..to).unwrap_or(sql).trim_end(), statement));
        if !matches!(parser.peek().token, Token::SemiColon | Token::EOF) {
            return Err(parser.expected("; or the end of the statement"));
        }
    }
}

/// The one statement of a text.
pub(crate) fn parse_one(sql: &str) -> Result<Statement> {
    let mut statements = parse(sql)?;
    match (statements.pop(), statements.len()) {
        (Some((_, only)), 0) => Ok(only),
        (None, _) => Err(QueryError::Invalid("the text holds no statement".to_owned())),
        (Some(_), more) => Err(QueryError::Invalid(format!(
            "the text holds {} statements; send them one at a time",
            more + 1
        ))),
    }
}

/// A place in a text that only goes on: finding all statements reads the text once, however many they are.
#[derive(Default)]
struct Cursor {
    at: usize,
    /// Lines and characters passed, from 0.
    line: u64,
    column: u64,
}

impl Cursor {
    /// The byte of a location, or the end of the text.
    fn go_to(&mut self, sql: &str, location: Location) -> usize {
        let goal = (location.line.saturating_sub(1), location.column.saturating_sub(1));
        for c in sql.get(self.at..).unwrap_or_default().chars() {
            if (self.line, self.column) >= goal {
                break;
            }
            self.at += c.len_utf8();
            (self.line, self.column) =
                if c == '\n' { (self.line + 1, 0) } else { (self.line, self.column + 1) };
        }
        self.at
    }
}

/// A text being read.
pub(super) struct Parser<'a> {
    sql: &'a str,
    inner: DFParser<'a>,
}

impl<'a> Parser<'a> {
    fn new(sql: &'a str) -> Result<Self> {
        let inner = DFParserBuilder::new(sql).with_recursion_limit(RECURSION_MAX).build()?;
        Ok(Self { sql, inner })
    }

    fn statement(&mut self) -> Result<Statement> {
        if self.eat(&["CREATE", "MODEL"]) || self.eat(&["REGISTER", "MODEL"]) {
            return Ok(Statement::CreateModel(self.create("model")?));
        }
        if self.eat(&["CREATE", "TABLE"]) {
            return Ok(Statement::CreateTable(self.create("table")?));
        }
        if self.eat(&["CREATE", "BASELINE"]) {
            return self.create_baseline();
        }
        for (word, kind) in [("MODEL", Kind::Model), ("TABLE", Kind::Table), ("BASELINE", Kind::Baseline)] {
            if self.eat(&["DROP", word]) {
                return self.drop(kind);
            }
        }
        for (word, kind) in [("MODEL", Kind::Model), ("TABLE", Kind::Table)] {
            if self.eat(&["ALTER", word]) {
                return alter::parse(self, kind);
            }
        }
        if self.eat(&["SET", "DRIFTLINE"]) {
            return set::parse(self).map(Statement::Set);
        }
        if let Some(operation) = self.operation()? {
            return Ok(Statement::Operate(operation));
        }
        if self.eat(&["SHOW", "MODELS"]) {
            return query("SELECT * FROM system.models ORDER BY name");
        }
        if self.eat(&["SHOW", "BASELINES"]) {
            return query("SELECT * FROM system.baselines ORDER BY model, created_at, name");
        }
        if let Some(statement) = watch::parse(self)? {
            return Ok(statement);
        }
        Ok(Statement::Sql(Box::new(self.inner.parse_statement()?)))
    }

    fn operation(&mut self) -> Result<Option<Operation>> {
        if self.eat(&["BACKUP", "TO"]) {
            let Token::SingleQuotedString(to) = self.peek().token else {
                return Err(self.expected("a directory in single quotes"));
            };
            self.next();
            return Ok(Some(Operation::Backup { to }));
        }
        if self.eat(&["COMPACT"]) {
            let table = self.eat(&["TABLE"]).then(|| self.name()).transpose()?;
            return Ok(Some(Operation::Compact { table }));
        }
        if self.eat(&["KILL", "QUERY"]) {
            let Token::SingleQuotedString(id) = self.peek().token else {
                return Err(self.expected("the id of a query in single quotes, as system.queries shows it"));
            };
            self.next();
            return Ok(Some(Operation::Kill { id }));
        }
        if self.eat(&["ERASE"]) {
            return erase::parse(self).map(|erase| Some(Operation::Erase(erase)));
        }
        let verify = self.eat(&["VERIFY"]);
        Ok(verify.then(|| Operation::Verify { deep: self.eat(&["DEEP"]) }))
    }

    fn create(&mut self, what: &str) -> Result<Create> {
        let if_not_exists = self.eat(&["IF", "NOT", "EXISTS"]);
        let name = self.name()?;
        if what == "table" && self.peek_is("AS") {
            return Err(QueryError::Invalid(format!(
                "CREATE TABLE {name} AS is not supported: CREATE TABLE {name} (time TIMESTAMP TIME, ..), \
                 then INSERT INTO {name} SELECT .."
            )));
        }
        let (columns, column_options) = column::list(self)?;
        let options = option::list(self)?;
        Ok(Create { name, columns, column_options, options, if_not_exists })
    }

    fn create_baseline(&mut self) -> Result<Statement> {
        let if_not_exists = self.eat(&["IF", "NOT", "EXISTS"]);
        let name = self.name()?;
        self.expect(&["FOR", "MODEL"])?;
        let model = self.name()?;
        self.expect(&["AS"])?;
        let (query, text) = self.query()?;
        Ok(Statement::CreateBaseline(CreateBaseline { name, model, query, text, if_not_exists }))
    }

    /// Passes a query; what it is and its text.
    pub(super) fn query(&mut self) -> Result<(Box<Query>, String)> {
        let from = self.offset(self.peek().span.start);
        let query = self.inner.parser.parse_query().map_err(DataFusionError::from)?;
        Ok((query, self.text_from(from)))
    }

    /// Passes an expression; what it is and its text.
    pub(super) fn expression(&mut self) -> Result<(Expr, String)> {
        let from = self.offset(self.peek().span.start);
        let expr = self.inner.parser.parse_expr().map_err(DataFusionError::from)?;
        Ok((expr, self.text_from(from)))
    }

    /// The text from a byte to the last word passed. A comment behind that is left out: one that goes to the end of
    /// its line would swallow what is written behind the text later.
    fn text_from(&self, from: usize) -> String {
        let tokens = &self.inner.parser;
        let mut passed = (0..tokens.index()).rev().map(|at| tokens.token_at(at));
        let last = passed.find(|token| !matches!(token.token, Token::Whitespace(_)));
        let to = last.map_or(from, |token| self.offset(token.span.end));
        self.sql.get(from..to).unwrap_or_default().to_owned()
    }

    fn drop(&mut self, kind: Kind) -> Result<Statement> {
        let if_exists = self.eat(&["IF", "EXISTS"]);
        let name = self.name()?;
        let of_model = kind == Kind::Baseline && self.eat(&["FOR", "MODEL"]);
        let model = of_model.then(|| self.name()).transpose()?;
        Ok(Statement::Drop(Drop { kind, name, model, if_exists }))
    }

    /// A name, as written. Names become keys and files of their own, so they hold no `/`, and `$` is ours.
    pub(super) fn name(&mut self) -> Result<String> {
        let at = self.peek();
        let name = self.identifier("a name")?;
        if name.is_empty() || name.contains(['/', '$']) || name.chars().any(char::is_control) {
            return Err(wrong_at(
                &format!(
                    "{name:?} cannot be a name: names are not empty and hold no /, no $ and no control characters"
                ),
                at.span.start,
            ));
        }
        if self.peek().token == Token::Period {
            return Err(wrong_at(
                "models and tables are made in schema public, without a prefix",
                at.span.start,
            ));
        }
        Ok(name)
    }

    /// An identifier, as written.
    pub(super) fn identifier(&mut self, what: &str) -> Result<String> {
        match self.peek().token {
            Token::Word(word) => {
                self.next();
                Ok(word.value)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// Takes these words if they come next (unquoted, any case).
    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        let hit =
            words.iter().enumerate().all(|(at, word)| is_word(&self.inner.parser.peek_nth_token(at), word));
        if hit {
            words.iter().for_each(|_| self.next());
        }
        hit
    }

    /// Whether this word comes next.
    pub(super) fn peek_is(&self, word: &str) -> bool {
        is_word(&self.peek(), word)
    }

    pub(super) fn expect(&mut self, words: &[&str]) -> Result<()> {
        if self.eat(words) { Ok(()) } else { Err(self.expected(&words.join(" "))) }
    }

    /// Takes this token if it comes next.
    pub(super) fn take(&mut self, token: &Token) -> bool {
        self.inner.parser.consume_token(token)
    }

    /// The token that comes next.
    pub(super) fn peek(&self) -> TokenWithSpan {
        self.inner.parser.peek_token()
    }

    /// Passes a token.
    pub(super) fn next(&mut self) {
        self.inner.parser.next_token();
    }

    /// What to say where something else should stand.
    pub(super) fn expected(&self, what: &str) -> QueryError {
        let found = self.peek();
        match found.token {
            Token::EOF => QueryError::Invalid(format!("expected {what}, found the end of the statement")),
            token => wrong_at(&format!("expected {what}, found {token}"), found.span.start),
        }
    }

    /// Locations count lines and characters from 1; line 0 is the end.
    fn offset(&self, location: Location) -> usize {
        let (Some(line), Some(column)) = (location.line.checked_sub(1), location.column.checked_sub(1))
        else {
            return self.sql.len();
        };
        let before: usize = self.sql.split_inclusive('\n').take(line as usize).map(str::len).sum();
        let rest = self.sql.get(before..).unwrap_or_default();
        let within = rest.char_indices().nth(column as usize).map_or(rest.len(), |(at, _)| at);
        before + within
    }
}

/// An error at a place of the text.
pub(super) fn wrong_at(what: &str, at: Location) -> QueryError {
    QueryError::Invalid(format!("{what} (line {}, column {})", at.line, at.column))
}

fn is_word(token: &TokenWithSpan, wanted: &str) -> bool {
    matches!(&token.token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

/// The query that a text is.
pub(crate) fn query_of(sql: &str) -> Result<Box<Query>> {
    let other = || QueryError::Invalid(format!("{sql:?} is no query"));
    let Statement::Sql(statement) = parse_one(sql)? else { return Err(other()) };
    let SqlStatement::Statement(ast) = *statement else { return Err(other()) };
    if let Ast::Query(query) = *ast { Ok(query) } else { Err(other()) }
}

/// A query as a statement.
pub(crate) fn of_query(query: Box<Query>) -> SqlStatement {
    SqlStatement::Statement(Box::new(Ast::Query(query)))
}

/// The expression that a text is.
pub(crate) fn expression_of(text: &str) -> Result<Expr> {
    let mut parser = Parser::new(text)?;
    let expr = parser.inner.parser.parse_expr().map_err(DataFusionError::from)?;
    if parser.peek().token == Token::EOF {
        Ok(expr)
    } else {
        Err(parser.expected("the end of the condition"))
    }
}

/// A query of ours, in place of a statement that is short for it.
pub(super) fn query(sql: &str) -> Result<Statement> {
    let statement = DFParserBuilder::new(sql).build()?.parse_statement()?;
    debug_assert!(matches!(&statement, SqlStatement::Statement(ast) if matches!(**ast, Ast::Query(_))));
    Ok(Statement::Sql(Box::new(statement)))
}

#[cfg(test)]
mod tests;
