use proptest::prelude::*;
use serde_json::{Value, json};

use super::path::Path;

fn find(json: &str, path: &str) -> Option<Value> {
    Path::parse(path).unwrap().find(json)
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
    for text in ["", "{", "{\"a\": 1", "{\"a\": 1} x", "nul", "{'a': 1}"] {
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
        let text = value.to_string();
        let mut all = Vec::new();
        places(&value, "$".to_owned(), &mut all);
        for (path, expected) in all {
            prop_assert_eq!(find(&text, &path), Some(expected), "{} of {}", path, text);
        }
    }
}
