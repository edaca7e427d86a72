//! Reads an ERASE.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Erase, From, Literal, What};
use crate::error::Result;
use crate::statement::Kind;
use crate::statement::parser::Parser;

/// What follows the word ERASE.
pub(in crate::statement) fn parse(parser: &mut Parser<'_>) -> Result<Erase> {
    if parser.eat(&["SUBJECT"]) {
        let what = What::Subject(literal(parser)?);
        let from = parser.eat(&["FROM"]).then(|| from(parser)).transpose()?;
        return Ok(Erase { what, from });
    }
    if !parser.eat(&["FROM"]) {
        return Err(parser.expected("SUBJECT 'value', or FROM a table WHERE column = 'value'"));
    }
    let from = Some(from(parser)?);
    parser.expect(&["WHERE"])?;
    let mut equal = vec![equality(parser)?];
    while parser.eat(&["AND"]) {
        equal.push(equality(parser)?);
    }
    if ["OR", "IN", "LIKE", "BETWEEN", "IS", "NOT"].iter().any(|word| parser.peek_is(word)) {
        return Err(parser.expected("AND or the end: ERASE goes by equalities only"));
    }
    Ok(Erase { what: What::Rows(equal), from })
}

fn from(parser: &mut Parser<'_>) -> Result<From> {
    let kinds = [("MODEL", Kind::Model), ("TABLE", Kind::Table)];
    let kind = kinds.into_iter().find(|(word, _)| parser.eat(&[word])).map(|(_, kind)| kind);
    Ok(From { kind, name: parser.name()? })
}

fn equality(parser: &mut Parser<'_>) -> Result<(String, Literal)> {
    let column = parser.identifier("a column")?;
    if !parser.take(&Token::Eq) {
        return Err(parser.expected("=, since ERASE goes by equalities only"));
    }
    Ok((column, literal(parser)?))
}

fn literal(parser: &mut Parser<'_>) -> Result<Literal> {
    for (word, value) in [("TRUE", true), ("FALSE", false)] {
        if parser.eat(&[word]) {
            return Ok(Literal::Boolean(value));
        }
    }
    let sign = if parser.take(&Token::Minus) { "-" } else { "" };
    match parser.peek().token {
        Token::SingleQuotedString(text) if sign.is_empty() => {
            parser.next();
            Ok(Literal::Text(text))
        }
        Token::Number(digits, _) => {
            parser.next();
            Ok(Literal::Number(format!("{sign}{digits}")))
        }
        _ => Err(parser.expected("a value: a text in single quotes, a number, TRUE or FALSE")),
    }
}
