use super::*;

const KINDS: [NotifierKind; 8] = NotifierKind::ALL;

fn options(pairs: &[(&str, &str)]) -> Options {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The least that each kind takes.
fn least(kind: NotifierKind) -> Options {
    options(match kind {
        NotifierKind::Slack => &[("url", "https://hooks.slack.com/services/T/B/x")],
        NotifierKind::Email => {
            &[("smtp", "mail.example.com"), ("from", "d@example.com"), ("recipients", "a@example.com")]
        }
        NotifierKind::Webhook => &[("url", "https://example.com/hook")],
        NotifierKind::PagerDuty => &[("routing_key", "k")],
        NotifierKind::OpsGenie => &[("api_key", "k")],
        NotifierKind::Teams => &[("url", "https://example.com/flow")],
        NotifierKind::Alertmanager => &[("url", "http://am.example.com:9093")],
        NotifierKind::Sms => &[("url", "https://sms.example.com/send"), ("to", "+491511234567")],
    })
}

fn with(kind: NotifierKind, pairs: &[(&str, &str)]) -> Result<(), String> {
    let mut all = least(kind);
    all.extend(options(pairs));
    check(kind, &all)
}

#[test]
fn each_kind_is_made_of_the_least_and_not_of_less() {
    for kind in KINDS {
        let all = least(kind);
        assert_eq!(check(kind, &all), Ok(()), "{kind:?}");
        for name in all.keys() {
            let less: Options =
                all.iter().filter(|(n, _)| *n != name).map(|(n, v)| (n.clone(), v.clone())).collect();
            let error = check(kind, &less).unwrap_err();
            assert!(error.starts_with(&format!("notifier {} needs {name}, ", kind.name())), "{error}");
            assert!(error.contains("WITH ("), "{error}");
        }
    }
}

#[test]
fn an_unknown_option_is_answered_with_those_known() {
    for kind in KINDS {
        let error = with(kind, &[("chanel", "x")]).unwrap_err();
        assert!(
            error.contains("\"chanel\"") && error.contains("allow_private, rate_limit, timeout"),
            "{error}"
        );
    }
}

#[test]
fn every_kind_takes_the_common_options() {
    for kind in KINDS {
        let common = [("allow_private", "true"), ("rate_limit", "30"), ("timeout", "30s")];
        assert_eq!(with(kind, &common), Ok(()), "{kind:?}");
        for wrong in
            [("allow_private", "yes"), ("rate_limit", "0"), ("rate_limit", "6001"), ("timeout", "0s")]
        {
            assert!(with(kind, &[wrong]).is_err(), "{kind:?} {wrong:?}");
        }
    }
}

#[test]
fn values_are_checked() {
    use NotifierKind::{Email, OpsGenie, Slack, Sms, Webhook};
    let right = [
        (Slack, "mention", "U012AB3CD, @here,S0A, channel"),
        (Slack, "url", "http://localhost:8080/x"),
        (Email, "port", "587"),
        (Email, "tls", "none"),
        (Email, "smtp", "::1"),
        (Email, "recipients", "A B <a@example.com>, c@d.example"),
        (Email, "subject", "{{ title }}"),
        (Webhook, "method", "PUT"),
        (Webhook, "headers", "X-A: b\nX-C: d:e ; X-F:g"),
        (Webhook, "secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"),
        (
            Webhook,
            "secret",
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3 whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3OA==",
        ),
        (Webhook, "bearer_token", "abc"),
        (Webhook, "body", "alertmanager"),
        (OpsGenie, "responders", "team:ops, user:ada@example.com"),
        (OpsGenie, "tags", "ml,prod"),
        (Sms, "body", "to={{ to | urlencode }}"),
    ];
    for (kind, name, value) in right {
        assert_eq!(with(kind, &[(name, value)]), Ok(()), "{kind:?} {name} {value:?}");
    }
    let wrong = [
        (Slack, "mention", "ada"),
        (Slack, "mention", "u012"),
        (Slack, "mention", ""),
        (Slack, "url", "ftp://example.com"),
        (Slack, "url", "hooks.slack.com/services"),
        (Slack, "url", "https://"),
        (Slack, "url", "https://user:pass@example.com"),
        (Email, "port", "0"),
        (Email, "port", "70000"),
        (Email, "tls", "ssl"),
        (Email, "smtp", "smtp://mail.example.com"),
        (Email, "smtp", "mail.example.com:587"),
        (Email, "smtp", ""),
        (Email, "from", "nobody"),
        (Email, "from", "a@b\r\nBcc: c@d"),
        (Email, "recipients", "a@example.com, b"),
        (Email, "recipients", ","),
        (Webhook, "method", "GET"),
        (Webhook, "headers", "X-A"),
        (Webhook, "headers", "X A: b"),
        (Webhook, "headers", "Content-Length: 3"),
        (Webhook, "headers", "X-A: b\rc"),
        (Webhook, "headers", "X-A: \u{e4}"),
        (Webhook, "secret", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"),
        (Webhook, "secret", "whsec_c2hvcnQ="),
        (Webhook, "secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY"),
        (Webhook, "secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3OA"),
        (Webhook, "secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NT*3"),
        (Webhook, "bearer_token", "a\nb"),
        (OpsGenie, "responders", "ops"),
        (OpsGenie, "responders", "group:ops"),
        (Sms, "to", ""),
        (Sms, "body", " "),
    ];
    for (kind, name, value) in wrong {
        let error = with(kind, &[(name, value)]).expect_err(&format!("{kind:?} {name} {value:?}"));
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn no_error_repeats_a_secret() {
    for (kind, name) in [
        (NotifierKind::Slack, "url"),
        (NotifierKind::Webhook, "secret"),
        (NotifierKind::Webhook, "headers"),
        (NotifierKind::Webhook, "bearer_token"),
        (NotifierKind::PagerDuty, "routing_key"),
    ] {
        let error = with(kind, &[(name, "hunter2 \u{e4}")]).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn slack_has_a_webhook_or_a_bot() {
    let slack = |pairs: &[(&str, &str)]| check(NotifierKind::Slack, &options(pairs));
    let url = ("url", "https://hooks.slack.com/x");
    assert_eq!(slack(&[("token", "xoxb-1"), ("channel", "#ml")]), Ok(()));
    assert!(slack(&[url, ("channel", "#ml")]).unwrap_err().contains("token = 'xoxb-...'"));
    assert!(slack(&[url, ("token", "xoxb-1"), ("channel", "#ml")]).unwrap_err().contains("leave one out"));
    assert!(slack(&[("token", "xoxb-1")]).unwrap_err().contains("needs channel"));
    assert!(slack(&[url, ("api_url", "https://example.com")]).unwrap_err().contains("api_url"));
}

#[test]
fn what_signs_in_is_whole_and_one() {
    for kind in [NotifierKind::Webhook, NotifierKind::Sms, NotifierKind::Alertmanager] {
        assert!(with(kind, &[("username", "u")]).is_err());
        assert!(with(kind, &[("password", "p")]).is_err());
        assert_eq!(with(kind, &[("username", "u"), ("password", "p")]), Ok(()));
        assert!(with(kind, &[("username", "u"), ("password", "p"), ("bearer_token", "t")]).is_err());
    }
}

#[test]
fn a_mail_password_is_not_sent_in_the_clear() {
    let sign_in = [("username", "u"), ("password", "p"), ("tls", "none")];
    assert!(with(NotifierKind::Email, &sign_in).unwrap_err().contains("unencrypted"));
    let private = [&sign_in[..], &[("allow_private", "true")]].concat();
    assert_eq!(with(NotifierKind::Email, &private), Ok(()));
}

#[test]
fn secrets_are_known_as_such() {
    for kind in [NotifierKind::Slack, NotifierKind::Teams, NotifierKind::Webhook, NotifierKind::Sms] {
        assert!(is_secret(kind, "url"));
    }
    for kind in [NotifierKind::PagerDuty, NotifierKind::OpsGenie, NotifierKind::Alertmanager] {
        assert!(!is_secret(kind, "url"));
    }
    for name in
        ["token", "password", "routing_key", "api_key", "secret", "headers", "bearer_token", "made_up"]
    {
        for kind in KINDS {
            assert!(is_secret(kind, name), "{kind:?} {name}");
        }
    }
    assert!(!is_secret(NotifierKind::Slack, "channel") && !is_secret(NotifierKind::Email, "timeout"));
}

#[test]
fn durations_are_read() {
    for (text, ms) in
        [("30s", 30_000), ("30 s", 30_000), ("500ms", 500), ("2 minutes", 120_000), ("1h", 3_600_000)]
    {
        assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
    }
    for text in
        ["", "30", "s", "-1s", "1.5s", "1 fortnight", "99999999999999999999s", "18446744073709551615h"]
    {
        assert!(duration(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let none = Options::new();
    assert_eq!(
        (timeout(&none), rate_limit(&none), allow_private(&none)),
        (TIMEOUT_DEFAULT, RATE_DEFAULT, false)
    );
    let some = options(&[("timeout", "2s"), ("rate_limit", "5"), ("allow_private", "true")]);
    assert_eq!((timeout(&some), rate_limit(&some), allow_private(&some)), (Duration::from_secs(2), 5, true));
}
