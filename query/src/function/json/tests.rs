use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::path::Path;
use super::{number, text, whole};

fn find(json: &str, path: &str) -> Option<Value> {
    let found = Path::parse(path).unwrap().find(json)?;
    Some(serde_json::from_str(found).unwrap_or_else(|error| panic!("{found:?} of {json}: {error}")))
}

#[test]
fn a_path_leads_to_members_and_elements() {
    let text = r#"{"a": {"b": [10, {"c.d": "x"}], "e": null}, "f": [[1, 2], [3]]}"#;
    for (path, expected) in [
        ("$.a.b[0]", Some(json!(10))),
        ("$.a.b[1].\"c.d\"", Some(json!("x"))),
        ("$['a'][\"b\"][-1]['c.d']", Some(json!("x"))),
        ("$.a.e", Some(Value::Null)),
        ("$.f[1][0]", Some(json!(3))),
        ("$.f[-2][-1]", Some(json!(2))),
        ("$.f[-3]", None),
        ("$.f[2]", None),
        ("$.a.x", None),
        ("$.a.b.x", None),
        ("$.f.a", None),
        ("$.a[0]", None),
        ("$.a.b[0].c", None),
    ] {
        assert_eq!(find(text, path), expected, "{path}");
    }
}

#[test]
fn what_is_no_json_has_nothing_in_it() {
    let half_a_pair = "{\"\\ud800\": 1}";
    for text in [
        "",
        "{",
        "{\"a\": 1",
        "{\"a\": 1} x",
        "nul",
        "{'a': 1}",
        "{\"a\": 01}",
        "{\"a\": 1.}",
        "{\"a\": .5}",
        "{\"a\": 1e}",
        "{\"a\": +1}",
        "{\"a\": 1,}",
        "{\"a\": [1,]}",
        "{\"a\": \"\\x\"}",
        "{\"a\": \"\n\"}",
        "{\"a\" 1}",
        "{a: 1}",
        half_a_pair,
    ] {
        assert_eq!(find(text, "$.a"), None, "{text}");
    }
    assert_eq!(find("7", "$"), Some(json!(7)));
    assert_eq!(find("7", "$.a"), None);
}

#[test]
fn the_last_of_two_members_of_one_name_counts() {
    assert_eq!(find(r#"{"a": 1, "a": 2}"#, "$.a"), Some(json!(2)));
    assert_eq!(find(r#"{"a": {"b": 1}, "a": {}}"#, "$.a.b"), None);
}

#[test]
fn a_bad_path_is_refused_at_its_place() {
    for (path, place) in [
        ("a.b", "at character 1"),
        ("", "at character 1"),
        ("$a", "at character 2"),
        ("$.", "at character 3"),
        ("$.a..b", "at character 5"),
        ("$.a[x]", "at character 5"),
        ("$.a[0", "at character 6"),
        ("$.é[\"b", "at character 7"),
        ("$.a[*]", "at character 5"),
        ("$.*", "at character 3"),
    ] {
        let error = Path::parse(path).unwrap_err().strip_backtrace();
        assert!(error.ends_with(place) && error.contains(&format!("{path:?}")), "{path}: {error}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9f64..1e9).prop_map(Value::from),
        "[a-c .\"\\\\é]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let map = prop::collection::btree_map("[a-c .\"\\\\é]{0,2}", inner, 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()));
        prop_oneof![list, map]
    })
}

/// Every place of a value with the path to it.
fn places(value: &Value, path: String, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                places(element, format!("{path}[{at}]"), found);
                places(element, format!("{path}[{}]", at as i64 - elements.len() as i64), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                places(member, format!("{path}.{}", super::operator::quoted(name)), found);
            }
        }
        _ => {}
    }
    found.push((path, value.clone()));
}

proptest! {
    /// The oracle walks the value as serde_json holds it.
    #[test]
    fn every_place_is_found_by_its_path(value in any_json()) {
        let json = value.to_string();
        let mut all = Vec::new();
        places(&value, "$".to_owned(), &mut all);
        for (path, expected) in all {
            let found = Path::parse(&path).unwrap().find(&json);
            let expected = expected.to_string();
            prop_assert_eq!(found, Some(expected.as_str()), "{} of {}", path, json);
        }
    }

    /// The oracle is serde_json's own reader, over texts of one letter more or less.
    #[test]
    fn what_is_json_is_what_others_say_is(value in any_json(), spaced in any::<bool>(), at in any::<prop::sample::Index>(), letter in "[\\[\\]{}:,\"\\\\0-9.eE+\\-tfnu \n\u{1}]{0,2}", gone in 0_usize..3) {
        let json = if spaced { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let letters: Vec<char> = json.chars().collect();
        let at = at.index(letters.len() + 1);
        let after = letters.iter().skip(at + gone);
        let json: String = letters.iter().take(at).copied().chain(letter.chars()).chain(after.copied()).collect();
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok();
        prop_assert_eq!(Path::parse("$").unwrap().find(&json).is_some(), valid, "{}", json);
    }

    #[test]
    fn numbers_are_exact(x in any::<f64>(), n in any::<i64>()) {
        prop_assert_eq!(number(&json!(x).to_string()), Some(x).filter(|x| x.is_finite()));
        prop_assert_eq!(whole(&n.to_string()), Some(n));
    }

    #[test]
    fn texts_are_what_was_said(said in any::<String>()) {
        let json = json!(said).to_string();
        prop_assert_eq!(text(&json).map(Cow::into_owned), Some(said));
    }
}

#[test]
fn whole_numbers_are_not_rounded_into_range() {
    for (value, expected) in [
        ("3.0", Some(3)),
        ("3e2", Some(300)),
        ("-0", Some(0)),
        ("3.5", None),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("1e19", None),
        ("true", None),
        ("\"3\"", None),
    ] {
        assert_eq!(whole(value), expected, "{value}");
    }
    assert_eq!([number("1e400"), number("-1e-400"), number("null")], [None, Some(-0.0), None]);
}

#[test]
fn nesting_has_its_limit() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(find(&nested(128), &format!("${}", "[0]".repeat(128))), Some(json!(1)));
    assert_eq!(find(&nested(129), "$"), None);
    assert_eq!(find(&nested(1_000_000), "$[0]"), None);
}
