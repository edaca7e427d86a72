use proptest::prelude::*;
use serde_json::json;

use super::*;

fn fill(template: &str) -> String {
    let row = json!({
        "psi": 0.25340000001, "n": 12345, "feature": "amount", "note": null, "value": "of the column", "big": 1e20,
        "text": "x".repeat(5000), "list": [1, 2],
    });
    let labels = [("region", "eu"), ("feature", "of the label")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    render(
        template,
        &Facts {
            columns: row.as_object().unwrap(),
            labels: &labels,
            value: Some(0.5),
            threshold: Some(0.2),
            window_start: 1_767_225_600_000_000_000,
            window_end: 1_767_229_200_000_000_000,
            alert: "drift",
            model: None,
        },
    )
}

#[test]
fn templates_say_what_the_row_says() {
    for (template, text) in [
        ("{{ feature }}: PSI {{ psi }} over {{ n }} rows", "amount: PSI 0.2534 over 12345 rows"),
        ("{{ alert }} {{ value }} > {{ threshold }} {{ model }}", "drift 0.5 > 0.2 null"),
        ("{{ window_start }} {{ window_end }}", "2026-01-01T00:00:00Z 2026-01-01T01:00:00Z"),
        ("{{ columns.value }} {{ labels.feature }} {{ region }}", "of the column of the label eu"),
        (
            "{{ psi | percent }} {{ psi | round(1) }} {{ psi | times(100) }} {{ region | upper }}",
            "25.34 % 0.3 25.34 EU",
        ),
        ("{% if psi > threshold %}high{% else %}low{% endif %} {{ note }} {{ list }}", "high null [1,2]"),
        ("{{ nosuch | default('-') }} {% if nosuch is defined %}{{ nosuch }}{% endif %}", "- "),
        ("100 * 2 {{ '*' }} {# a * b #} {", "100 * 2 *  {"),
        (r"{{ '\'*' }}", "'*"),
        ("no template", "no template"),
    ] {
        assert_eq!(fill(template), text);
        assert_eq!(check(template), Ok(()), "{template}");
    }
}

#[test]
fn a_mistake_shows_the_template_and_what_is_wrong() {
    for (template, why) in [
        ("PSI {{ nosuch }}", "undefined"),
        ("PSI {{ psi", "unexpected end"),
        ("{{ psi | nosuch }}", "nosuch"),
        ("{{ psi * 100 }}", "times(100)"),
        ("{%- set x = 'a' %}{{ x }}", "the tag \"set\" is not taken"),
        ("{{ feature + 1 }}", "tried to use +"),
        ("{% for a in text %}{% for b in text %}{% endfor %}{% endfor %}", "20000 steps"),
    ] {
        let text = fill(template);
        assert!(text.starts_with(template) && text.contains(why), "{text}");
    }
}

#[test]
fn create_refuses_what_is_wrong_with_any_row() {
    for template in
        ["{{ psi", "{{ psi | nosuch }}", "{{ psi * 100 }}", "{% macro a() %}{% endmacro %}", "{{ f() }}"]
    {
        assert!(check(template).is_err(), "{template}");
    }
    assert!(check(&"x".repeat(TEMPLATE_BYTES_MAX + 1)).is_err());
    assert_eq!(
        names("{{ psi }} {% for a in b %}{{ a.c }}{% endfor %}"),
        ["b", "psi"].map(String::from).into()
    );
}

#[test]
fn a_long_text_is_cut() {
    let text = fill(&"{{ text }}".repeat(9));
    assert_eq!(text.len(), TEXT_BYTES_MAX);
    assert!(text.ends_with("x…") && text.starts_with("xxx"));
    let endless = "{% for a in text %}{% for b in text %}{{ text }}{% endfor %}{% endfor %}";
    assert_eq!(fill(endless), text, "the loops are left when the text is full");
}

#[test]
fn numbers_are_short() {
    for (number, text) in [
        (0.25340000001, "0.2534"),
        (0.1 + 0.2, "0.3"),
        (-1234.5678, "-1235"),
        (12.0, "12"),
        (100.0, "100"),
        (0.99999999, "1"),
        (0.0000123456, "0.00001235"),
        (1e-12, "1.000e-12"),
        (1e20, "1.000e20"),
        (-0.0, "0"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        assert_eq!(short(number), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_text(template in "(\\{\\{|\\}\\}|\\{%|%\\}|for a in text|endfor|if|psi|text|\\||['\"]|[ -~]|ß){0,30}") {
        prop_assert!(fill(&template).len() <= TEXT_BYTES_MAX);
        let _ = (check(&template), names(&template));
    }

    #[test]
    fn a_short_number_is_near(number in prop::num::f64::NORMAL) {
        let back: f64 = short(number).parse().unwrap();
        prop_assert!((back - number).abs() <= number.abs() * 6e-4);
    }
}
