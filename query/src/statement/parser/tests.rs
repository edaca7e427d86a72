use proptest::prelude::*;

use super::*;

fn one(sql: &str) -> Statement {
    parse_one(sql).unwrap()
}

#[test]
fn the_text_of_a_query_is_cut_out_by_characters_and_lines() {
    let sql = "CREATE BASELINE b FOR MODEL m AS\n  SELECT 'é', \"ü\"\n  FROM m ;\n";
    let Statement::CreateBaseline(baseline) = one(sql) else { panic!("no baseline") };
    assert_eq!(baseline.text, "SELECT 'é', \"ü\"\n  FROM m");
}

#[test]
fn words_of_ours_are_names_elsewhere() {
    for sql in [
        "SELECT model, key, time, label, feature FROM baseline",
        "SELECT 1 AS model",
        "SHOW TABLES",
        "CREATE VIEW model AS SELECT 1",
        "DROP VIEW model",
        "WITH show AS (SELECT 1 AS models) SELECT models FROM show",
    ] {
        assert!(matches!(one(sql), Statement::Sql(_)), "{sql}");
    }
}

#[test]
fn keywords_may_be_in_any_case_and_names_in_quotes() {
    let Statement::CreateModel(model) = one("create Model if not exists \"My Model\" (\"a b\" double score)")
    else {
        panic!("no model")
    };
    assert_eq!((model.name.as_str(), model.columns[0].name.as_str()), ("My Model", "a b"));
    assert!(model.if_not_exists);
}

#[test]
fn operators_speak_in_statements_of_their_own() {
    let read = |sql| match parse_one(sql).unwrap() {
        Statement::Operate(operation) => operation,
        other => panic!("{other:?}"),
    };
    assert_eq!(read("backup to '/b/it''s'"), Operation::Backup { to: "/b/it's".into() });
    assert_eq!(read("VERIFY"), Operation::Verify { deep: false });
    assert_eq!(read("verify deep;"), Operation::Verify { deep: true });
    assert_eq!(read("COMPACT"), Operation::Compact { table: None });
    assert_eq!(read("COMPACT TABLE \"a b\""), Operation::Compact { table: Some("a b".into()) });
    for sql in ["BACKUP TO daily", "BACKUP", "COMPACT t", "VERIFY all", "COMPACT TABLE"] {
        assert!(parse_one(sql).is_err(), "{sql}");
    }
}

#[test]
fn an_erase_names_a_subject_or_columns_with_values() {
    for sql in [
        "ERASE SUBJECT 'it''s'",
        "erase subject 42 from fraud",
        "ERASE SUBJECT 'a' FROM MODEL \"My Model\";",
        "ERASE FROM TABLE t WHERE a = 'x' AND b = -5 AND c = 0.5 AND d = TRUE",
    ] {
        let read = parse_one(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(matches!(read, Statement::Operate(Operation::Erase(_))), "{sql}: {read:?}");
    }
    for sql in
        ["ERASE t", "ERASE SUBJECT", "ERASE SUBJECT a", "ERASE FROM t WHERE a <> 1", "ERASE FROM t WHERE a"]
    {
        assert!(parse_one(sql).is_err(), "{sql}");
    }
}

#[test]
fn a_text_may_hold_comments_and_many_statements() {
    let statements = parse("-- first\nSELECT 1; /* two */ DROP TABLE t;; SHOW MODELS").unwrap();
    assert_eq!(statements.len(), 3);
    assert!(matches!(statements[1].1, Statement::Drop(_)));
    let texts: Vec<&str> = statements.iter().map(|(text, _)| *text).collect();
    assert_eq!(texts, ["SELECT 1", "DROP TABLE t", "SHOW MODELS"]);
    let texts = parse("SELECT 'é;',\n\n 'ü' ; SELECT 2\n;SELECT\n3").unwrap();
    let texts: Vec<&str> = texts.iter().map(|(text, _)| *text).collect();
    assert_eq!(texts, ["SELECT 'é;',\n\n 'ü'", "SELECT 2", "SELECT\n3"]);
}

const WORDS: [&str; 40] = [
    "CREATE",
    "MODEL",
    "TABLE",
    "BASELINE",
    "FOR",
    "AS",
    "SELECT",
    "1",
    "(",
    ")",
    ",",
    ";",
    "x",
    "DOUBLE",
    "TEXT",
    "KEY",
    "FEATURE",
    "NUMERIC",
    "WITH",
    "=",
    "'a'",
    "IF",
    "NOT",
    "EXISTS",
    "DROP",
    "ADD",
    "COLUMN",
    "RENAME",
    "TO",
    "ALTER",
    "TYPE",
    "SET",
    "RESET",
    "SHOW",
    "MODELS",
    "VECTOR",
    "\"q\"",
    "TIMESTAMP",
    "é",
    "-",
];

proptest! {
    #[test]
    fn any_words_are_read_or_refused_and_never_crash(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..24)) {
        let _ = parse(&words.join(" "));
        let _ = parse(&format!("ALTER MODEL m {}", words.join(" ")));
    }

    #[test]
    fn any_text_is_read_or_refused_and_never_crashes(text in "\\PC{0,60}") {
        let _ = parse(&text);
        let _ = parse(&format!("CREATE BASELINE b FOR MODEL m AS {text}"));
        let _ = parse(&format!("CREATE TABLE t ({text}"));
        let _ = parse(&format!("ALTER TABLE t {text}"));
    }
}

#[test]
fn the_word_column_may_be_left_away() {
    for (sql, same) in [
        ("ALTER TABLE t ADD x DOUBLE", "ALTER TABLE t ADD COLUMN x DOUBLE"),
        ("ALTER TABLE t DROP x", "ALTER TABLE t DROP COLUMN x"),
        ("ALTER TABLE t RENAME x TO y", "alter table t rename column x to y"),
        ("ALTER MODEL t ALTER x TYPE DOUBLE", "ALTER MODEL t ALTER COLUMN x SET DATA TYPE DOUBLE"),
    ] {
        assert_eq!(format!("{:?}", one(sql)), format!("{:?}", one(same)), "{sql}");
    }
    assert!(matches!(one("ALTER VIEW v AS SELECT 1"), Statement::Sql(_)));
}
