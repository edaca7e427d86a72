//! Taking several statements apart, since a server takes one at a time.

use driftline_query::datafusion::sql::sqlparser::dialect::GenericDialect;
use driftline_query::datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::error::{CliError, Result};

/// The statements of a text, without the semicolons between them. Semicolons in strings, names and comments separate
/// nothing.
pub fn split(sql: &str) -> Result<Vec<&str>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| CliError::Sql(error.to_string()))?;
    let mut statements = Vec::new();
    let (mut start, mut holds_something) = (0, false);
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::SemiColon => {
                let end = offset(sql, span.start);
                statements.extend(sql.get(start..end).filter(|_| holds_something));
                (start, holds_something) = (end + 1, false);
            }
            Token::Whitespace(_) | Token::EOF => {}
            _ => holds_something = true,
        }
    }
    statements.extend(sql.get(start..).filter(|_| holds_something));
    Ok(statements.into_iter().map(str::trim).collect())
}

/// The byte at a line and column, which count from 1, columns in characters.
fn offset(sql: &str, at: Location) -> usize {
    let before = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    let line: usize = sql.split_inclusive('\n').take(before(at.line)).map(str::len).sum();
    let rest = sql.get(line..).unwrap_or_default();
    line + rest.chars().take(before(at.column)).map(char::len_utf8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_semicolons_between_statements_separate() {
        let sql = "SELECT ';' AS \"a;b\" -- no; really\n;\n\n /* ; */ ; SELECT 'ä;ö';SELECT 2";
        let expected = ["SELECT ';' AS \"a;b\" -- no; really", "SELECT 'ä;ö'", "SELECT 2"];
        assert_eq!(split(sql).unwrap(), expected);
    }

    #[test]
    fn an_empty_text_has_no_statements() {
        for sql in ["", " ; ;\n", "-- nothing"] {
            assert!(split(sql).unwrap().is_empty(), "{sql:?}");
        }
    }

    #[test]
    fn an_open_string_is_an_error() {
        assert!(split("SELECT 'x").is_err());
    }
}
