use super::*;
use crate::notify::sample::{instances, message, notice};

fn filled(template: &str) -> Result<String, String> {
    render(template, &message(vec![notice()]), &[("to", "+49 1")])
}

#[test]
fn all_names_are_known() {
    let template = "{{ title }}|{{ text }}|{{ status }}|{{ late }}|{{ group.model }}|{{ alert }}|{{ severity }}|{{ model }}|\
                    {{ value }}|{{ threshold }}|{{ statistic }}|{{ window }}|{{ labels.feature }}|\
                    {{ annotations.summary }}|{{ alerts | length }}|{{ to | urlencode }}|{{ alert | tojson }}";
    let expected = "HIGH: amount_drift on fraud (feature=amount)|HIGH: amount_drift on fraud (feature=amount). \
                    psi 0.312346, threshold 0.2. amount drifts|firing|False|fraud|amount_drift|high|fraud|\
                    0.312345678|0.2|psi|2026-01-01 03:00 to 04:00 UTC|amount|amount drifts|1|%2B49%201|\"amount_drift\"";
    assert_eq!(filled(template).unwrap(), expected);
}

#[test]
fn nothing_is_escaped_by_itself() {
    assert_eq!(filled("{{ annotations.description }}").unwrap(), "Orders <100 EUR & more");
}

#[test]
fn what_is_wrong_is_said_and_where() {
    assert!(filled("{{ title").unwrap_err().contains("template:1"));
    assert!(filled("{{ title | shout }}").unwrap_err().contains("shout"));
}

#[test]
fn what_does_not_end_is_ended() {
    let endless = "{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}";
    assert!(filled(endless).unwrap_err().contains("fuel"));
    let many = message(instances(1000));
    let long = "{% for a in alerts %}{{ a.query }}{{ a.query }}{{ a.query }}{% endfor %}";
    assert!(render(long, &many, &[]).is_err());
}
