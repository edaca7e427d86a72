"""Each kind of notifier by what it sends, against receivers that are real where they can be; and what becomes of
messages that cannot go out."""

import datetime
import json

import pytest
from adbc_driver_flightsql import dbapi

from alerts.receivers import Alertmanager, MailServer, Recorder, free_port, signing_secret
from alerts.server import MINUTE, UTC, rfc3339, serving, until, whole_hours_ago
from alerts.words import insert, minute_of, notifier, span


@pytest.fixture
def server(binary, tmp_path):
    with serving(binary, tmp_path) as server:
        yield server


@pytest.fixture
def recorder():
    with Recorder() as recorder:
        yield recorder


class Queue:
    """A model whose regions wait too long, or not; its minutes go by as rows come."""

    ALERT = """
        CREATE ALERT {name} ON MODEL ranker SEVERITY {severity} BY (region) WHEN waited > 500 NOTIFY {notify}
          ANNOTATIONS (summary = '{{{{ region }}}} waits {{{{ waited }}}} ms', description = 'p99 & <b>more</b>',
                       action = 'Scale out', action_url = 'https://ci.example.com/scale?to=2&now=1',
                       runbook_url = 'https://wiki.example.com/slow')
          AS SELECT region, max(ms) AS waited FROM ranker
             WHERE time >= now() - INTERVAL '1 minute' AND time < now() GROUP BY region
    """

    def __init__(self, server, *notify, name="slow", severity="critical"):
        # Of the past: an alert on an empty table goes by its rows, not by the clock.
        self.server, self.start, self.n = server, whole_hours_ago(2), 0
        server.run("CREATE MODEL ranker (id TEXT KEY, region TEXT TAG, ms DOUBLE LATENCY)")
        server.run(self.ALERT.format(name=name, severity=severity, notify=", ".join(notify)))

    def minute(self, **waits):
        """A minute in which regions waited so long. It is judged when the next one has begun."""
        at = self.start + self.n * MINUTE
        self.server.run(insert("ranker", "time, id, region, ms", [
            (at + i * MINUTE / 4, f"'{self.n}-{i}', '{region}', {ms}") for i, (region, ms) in enumerate(waits.items())
        ]))
        self.n += 1
        return at

    def change(self, **waits):
        """Two such minutes: the end of the first, which is judged by now."""
        at = self.minute(**waits)
        self.minute(**waits)
        return at + MINUTE


def episode(server):
    [found] = server.ask("SELECT DISTINCT episode, fingerprint FROM system.alert_history")
    return found


# ---- bodies, field by field ------------------------------------------------------------------------------------------

QUERY = (
    "SELECT region, max(ms) AS waited FROM ranker\n"
    "             WHERE time >= now() - INTERVAL '1 minute' AND time < now() GROUP BY region"
)
LABELS = {"alertname": "slow", "model": "ranker", "severity": "critical", "region": "eu"}
LINKS = [("Runbook", "https://wiki.example.com/slow"), ("Scale out", "https://ci.example.com/scale?to=2&now=1")]


def facts(value, window, since=None, lasted=None):
    """What messages for people list, in their order."""
    all_facts = {
        "Severity": "critical",
        "Model": "ranker",
        "Seen": f"waited {value}, threshold 500",
        "Window": span(window - MINUTE, window),
        "Instance": "region=eu",
    }
    if lasted:
        return {**all_facts, "Lasted": lasted, "Reason": "resolved"}
    return {**all_facts, "Since": f"{minute_of(since)} UTC"}


def one_story(server, recorder, kind, **options):
    """An alert that fires with 900 ms and ends with 40: when it did, and the two requests."""
    server.run(notifier("oncall", kind, **options))
    queue = Queue(server, "oncall")
    fired = queue.change(eu=900)
    recorder.wait(1)
    ended = queue.change(eu=40)
    recorder.wait(2)
    return fired, ended, recorder.requests


def test_pagerduty_gets_events_of_version_2(server, recorder):
    options = {"routing_key": "R0UT1NG", "url": f"{recorder.url}/v2/enqueue"}
    fired, ended, requests = one_story(server, recorder, "pagerduty", **options)
    names = episode(server)

    def event(action, status, value, window, ends_at):
        return {
            "routing_key": "R0UT1NG",
            "event_action": action,
            "dedup_key": names["fingerprint"],
            "client": "Driftline",
            "links": [{"href": href, "text": words} for words, href in LINKS],
            "payload": {
                "summary": f"{'CRITICAL' if action == 'trigger' else 'RESOLVED'}: slow on ranker (region=eu). "
                f"waited {value}, threshold 500. eu waits {value} ms",
                "source": "ranker",
                "severity": "critical",
                "timestamp": rfc3339(ends_at or fired),
                "component": "waited",
                "group": "ranker",
                "class": "slow",
                "custom_details": {
                    "status": status,
                    "alert": "slow",
                    "id": names["episode"],
                    "fingerprint": names["fingerprint"],
                    "model": "ranker",
                    "severity": "critical",
                    "labels": LABELS,
                    "annotations": {
                        "summary": f"eu waits {value} ms",
                        "description": "p99 & <b>more</b>",
                        "action": "Scale out",
                        "action_url": LINKS[1][1],
                        "runbook_url": LINKS[0][1],
                    },
                    "value": value,
                    "threshold": 500,
                    "statistic": "waited",
                    "window_start": rfc3339(window - MINUTE),
                    "window_end": rfc3339(window),
                    "starts_at": rfc3339(fired),
                    "ends_at": ends_at and rfc3339(ends_at),
                    "reason": "resolved" if ends_at else None,
                    "query": QUERY,
                    "evidence": [{"region": "eu", "waited": value}],
                    "late": False,
                    "state": f"eu waits {value} ms\np99 & <b>more</b>",
                },
            },
        }

    assert [(request.method, request.path) for request in requests] == [("POST", "/v2/enqueue")] * 2
    assert requests[0].json == event("trigger", "firing", 900, fired, None)
    assert requests[1].json == event("resolve", "resolved", 40, ended, ended)


def test_opsgenie_gets_an_alert_and_its_end(server, recorder):
    options = {"responders": "team:ml, user:ada@example.com", "tags": "prod"}
    fired, ended, requests = one_story(server, recorder, "opsgenie", api_key="4p1-k3y", url=recorder.url, **options)
    names = episode(server)

    def description(value, listed):
        lines = [f"eu waits {value} ms", "p99 & <b>more</b>", *(f"{name}: {fact}" for name, fact in listed.items())]
        return "\n".join([*lines, *(f"{words}: {href}" for words, href in LINKS), f"region=eu, waited={value}"])

    opened, closed = requests
    assert (opened.method, opened.path) == ("POST", "/v2/alerts")
    assert {request.headers["authorization"] for request in requests} == {"GenieKey 4p1-k3y"}
    assert opened.json == {
        "message": "CRITICAL: slow on ranker (region=eu)",
        "alias": names["fingerprint"],
        "description": description(900, facts(900, fired, since=fired)),
        "responders": [{"type": "team", "name": "ml"}, {"type": "user", "username": "ada@example.com"}],
        "tags": ["prod", "critical", "firing"],
        "details": {
            "alert_id": names["episode"],
            "window": f"{rfc3339(fired - MINUTE)}/{rfc3339(fired)}",
            "query": QUERY,
            **LABELS,
        },
        "entity": "ranker",
        "source": "Driftline",
        "priority": "P1",
    }
    assert (closed.method, closed.path) == ("POST", f"/v2/alerts/{names['fingerprint']}/close?identifierType=alias")
    lasted = f"{(ended - fired) // MINUTE} min, {span(fired, ended)}"
    assert closed.json == {"source": "Driftline", "note": description(40, facts(40, ended, lasted=lasted))}


def test_teams_gets_an_adaptive_card(server, recorder):
    fired, ended, requests = one_story(server, recorder, "teams", url=f"{recorder.url}/workflows/1?sig=s1g")

    def card(title, color, value, listed):
        block = lambda words, **more: {"type": "TextBlock", "text": words, "wrap": True, **more}
        blocks = [
            block(title, size="Large", weight="Bolder", color=color),
            block(f"eu waits {value} ms", weight="Default"),
            block("p99 & <b>more</b>", weight="Default"),
            {"type": "FactSet", "facts": [{"title": name, "value": fact} for name, fact in listed.items()]},
            block(f"region=eu, waited={value}", isSubtle=True, size="Small", fontType="Monospace"),
        ]
        content = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": blocks,
            "actions": [{"type": "Action.OpenUrl", "title": words, "url": href} for words, href in LINKS],
            "msteams": {"width": "full"},
        }
        kind = "application/vnd.microsoft.card.adaptive"
        return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": content}]}

    assert [(request.method, request.path) for request in requests] == [("POST", "/workflows/1?sig=s1g")] * 2
    title = "slow on ranker (region=eu)"
    assert requests[0].json == card(f"CRITICAL: {title}", "Attention", 900, facts(900, fired, since=fired))
    lasted = f"{(ended - fired) // MINUTE} min, {span(fired, ended)}"
    assert requests[1].json == card(f"RESOLVED: {title}", "Good", 40, facts(40, ended, lasted=lasted))


@pytest.mark.parametrize("kind, options, path, key", [
    ("pagerduty", {"routing_key": "R0UT1NG"}, "/v2/enqueue", "dedup_key"),
    ("opsgenie", {"api_key": "4p1-k3y"}, "", "alias"),
])
def test_two_alerts_are_two_incidents(server, recorder, kind, options, path, key):
    """What an incident is found again by must tell alerts apart: the end of one is not the end of the other."""
    server.run(notifier("oncall", kind, url=f"{recorder.url}{path}", **options))
    queue = Queue(server, "oncall", name="slow")
    server.run(Queue.ALERT.format(name="slower", severity="high", notify="oncall"))
    queue.change(eu=900, us=950)
    recorder.wait(4)
    assert len({request.json[key] for request in recorder.requests}) == 4


def test_two_models_are_two_incidents(server, recorder):
    """The same of one alert of all models."""
    start = whole_hours_ago(2)
    server.run(notifier("oncall", "pagerduty", url=recorder.url, routing_key="R0UT1NG"))
    server.run(*(f"CREATE MODEL {model} (id TEXT KEY, ms DOUBLE LATENCY)" for model in ("ada", "bob")))
    server.run("CREATE ALERT slow ON ALL MODELS METRIC latency_p95 > '500ms' MIN ROWS 1 NOTIFY oncall")
    for model in ("ada", "bob"):
        server.run(insert(model, "time, id, ms", [(start, "'1', 900"), (start + MINUTE, "'2', 900")]))
    keys = {request.json["payload"]["source"]: request.json["dedup_key"] for request in recorder.wait(2)}
    assert set(keys) == {"ada", "bob"} and len(set(keys.values())) == 2, keys


# ---- real receivers --------------------------------------------------------------------------------------------------


def test_an_alertmanager_takes_groups_and_resolves(server, recorder, tmp_path):
    if not Alertmanager.is_there():
        pytest.skip(f"{Alertmanager.PROGRAM} is not installed: apt-get install prometheus-alertmanager")
    with Alertmanager(tmp_path, recorder) as alertmanager:
        server.run(notifier("am", "alertmanager", url=alertmanager.url))
        queue = Queue(server, "am")
        fired = queue.change(eu=900, us=700)
        held = until(lambda: len(found := alertmanager.alerts()) == 2 and found, "two alerts in the API")
        held.sort(key=lambda alert: alert["labels"]["region"])
        for alert, region, value in zip(held, ("eu", "us"), (900, 700)):
            assert alert["labels"] == {**LABELS, "region": region}
            assert datetime.datetime.fromisoformat(alert["startsAt"]) == fired
            # It is told again every minute; one that hears nothing for five takes it as over.
            left = datetime.datetime.fromisoformat(alert["endsAt"]) - datetime.datetime.now(UTC)
            assert 4 * MINUTE < left <= 5 * MINUTE
            assert alert["status"]["state"] == "active"
            assert alert["annotations"] == {
                "summary": f"{region} waits {value} ms",
                "description": "p99 & <b>more</b>",
                "action": "Scale out",
                "action_url": LINKS[1][1],
                "runbook_url": LINKS[0][1],
                "driftline_status": "firing",
                "driftline_value": f"waited {value}, threshold 500",
                "driftline_window": span(fired - MINUTE, fired),
            }
        # What it tells others: both as one group.
        def group(status):
            bodies = [request.json for request in recorder.requests]
            return [body for body in bodies if body["status"] == status and len(body["alerts"]) == 2]

        firing = until(lambda: group("firing"), "both in one group")[0]
        assert firing["groupLabels"] == {"alertname": "slow", "model": "ranker"}
        queue.change(eu=40, us=40)
        until(lambda: group("resolved"), "the end of both in one group")
        until(lambda: alertmanager.alerts() == [], "no alert in the API")

        # Our own webhook's body is one like that, with `driftline` beside it.
        server.run(notifier("ours", "webhook", url=f"{recorder.url}/ours"), "TEST NOTIFIER ours")
        ours = until(lambda: [it for it in recorder.requests if it.path == "/ours"], "a test")[0].json
        del ours["driftline"]
        assert shape(ours) == shape(firing)
        assert {row["state"] for row in server.outbox()} == {"sent"}


def shape(value):
    """Names and kinds of a body of Alertmanager's, without labels and texts."""
    if isinstance(value, dict):
        free = lambda name: name in ("labels", "annotations") or name.startswith("common") or name == "groupLabels"
        return {name: "texts" if free(name) else shape(inner) for name, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value).__name__


def test_a_mail_server_takes_mails_of_one_thread(server):
    with MailServer() as mail:
        people = {"from": "Driftline <driftline@example.com>"}
        people |= {"recipients": "Ada <ada@example.com>, oncall@example.org"}
        server.run(notifier("post", "email", smtp="localhost", port=mail.port, tls="none", **people))
        queue = Queue(server, "post")
        fired = queue.change(eu=900)
        until(lambda: len(mail.box.mails) == 1, "a mail")
        ended = queue.change(eu=40)
        until(lambda: len(mail.box.mails) == 2, "a mail of the end")
        assert [row["state"] for row in server.settled(2)] == ["sent", "sent"]
    assert mail.box.envelopes == [("driftline@example.com", ["ada@example.com", "oncall@example.org"])] * 2
    first, second = mail.box.mails
    ids = [row["id"] for row in server.outbox()]
    assert [it["message-id"] for it in (first, second)] == [f"<{id}.message@example.com>" for id in ids]
    root = f"<{episode(server)['fingerprint']}.alert@example.com>"
    assert {it["references"] for it in (first, second)} == {it["in-reply-to"] for it in (first, second)} == {root}
    assert first["subject"] == "CRITICAL: slow on ranker (region=eu)"
    assert second["subject"] == "RESOLVED: slow on ranker (region=eu)"
    assert first["to"] == "Ada <ada@example.com>, oncall@example.org"
    assert first["list-id"] == "<post.driftline.example.com>"
    assert first.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]
    plain, html = [part.get_content() for part in first.iter_parts()]
    listed = [f"{name}: {fact}" for name, fact in facts(900, fired, since=fired).items()]
    for line in ["eu waits 900 ms", "p99 & <b>more</b>", *(f"{words}: {href}" for words, href in LINKS), *listed]:
        assert line in plain.splitlines()
    assert "region=eu, waited=900" in plain
    assert "p99 &amp; &lt;b&gt;more&lt;/b&gt;" in html and "<b>" not in html
    assert f'href="{LINKS[1][1].replace("&", "&amp;")}"' in html
    lasted = f"Lasted: {(ended - fired) // MINUTE} min, {span(fired, ended)}"
    assert lasted in next(second.iter_parts()).get_content().splitlines()


# ---- what can be done with a notifier, and what can go wrong ---------------------------------------------------------


def test_a_notifier_can_be_tried(server, recorder):
    kinds = {
        "slack": {"url": f"{recorder.url}/slack"},
        "webhook": {"url": f"{recorder.url}/webhook", "method": "PUT", "headers": "X-Team: ml"},
        "pagerduty": {"routing_key": "k3y1", "url": f"{recorder.url}/pagerduty"},
        "opsgenie": {"api_key": "k3y2", "url": f"{recorder.url}/opsgenie"},
        "teams": {"url": f"{recorder.url}/teams"},
        "alertmanager": {"url": f"{recorder.url}/alertmanager"},
    }
    for kind, options in kinds.items():
        server.run(notifier(f"to_{kind}", kind, **options))
    Queue(server, *(f"to_{kind}" for kind in kinds))
    server.run(*(f"TEST NOTIFIER to_{kind}" for kind in kinds))
    requests = {request.path.split("/")[1]: request for request in recorder.wait(len(kinds))}
    assert set(requests) == set(kinds)
    for kind, request in requests.items():
        said = request.body.decode()
        assert f"This is a test of notifier to_{kind}. Nothing is wrong." in said
    assert requests["slack"].json["blocks"][0]["text"]["text"] == "TEST: test"
    assert requests["webhook"].json["driftline"]["status"] == "test"
    assert (requests["webhook"].method, requests["webhook"].headers["x-team"]) == ("PUT", "ml")
    assert requests["pagerduty"].json["payload"]["severity"] == "info"
    assert (requests["opsgenie"].path, requests["opsgenie"].json["priority"]) == ("/opsgenie/v2/alerts", "P5")
    assert requests["alertmanager"].path == "/alertmanager/api/v2/alerts"
    rows = server.settled(len(kinds))
    assert {(row["alert"], row["status"], row["state"]) for row in rows} == {("test", "test", "sent")}
    with pytest.raises(dbapi.ProgrammingError, match="to_slak.*to_slack"):
        server.run("TEST NOTIFIER to_slak")


def test_one_that_is_tried_before_there_is_any_alert_is_in_the_outbox(server, recorder):
    recorder.answer = lambda request: (404, "no_service", {})
    server.run(notifier("hook", "webhook", url=recorder.url), "TEST NOTIFIER hook")
    recorder.wait(1)
    [row] = server.settled(1)
    assert (row["state"], row["error"]) == ("dead", "127.0.0.1 answered 404 Not Found: no_service")


def test_one_that_is_switched_off_is_skipped(server, recorder):
    server.run(*(notifier(name, "webhook", url=f"{recorder.url}/{name}") for name in ("on", "off")))
    server.run("ALTER NOTIFIER off DISABLE")
    assert server.one("SELECT enabled FROM system.notifiers WHERE name = 'off'") is False
    queue = Queue(server, "on", "off")
    queue.change(eu=900)
    rows = {row["notifier"]: row for row in server.settled(2)}
    assert (rows["on"]["state"], rows["on"]["error"]) == ("sent", None)
    assert (rows["off"]["state"], rows["off"]["error"]) == ("skipped", "the notifier off is off")
    assert rows["off"]["attempts"] == 0
    # What was skipped stays so; what comes later is sent.
    server.run("ALTER NOTIFIER off ENABLE", "TEST NOTIFIER off")
    assert [row["state"] for row in server.settled(3)].count("sent") == 2
    assert sorted(request.path for request in recorder.wait(2)) == ["/off", "/on"]


@pytest.mark.parametrize("answer, options, said", [
    ((404, "no_service", {}), {}, "127.0.0.1 answered 404 Not Found: no_service"),
    ((307, "", {"location": "http://127.0.0.1/elsewhere"}), {}, "redirects are not followed"),
    (200, {"allow_private": "false"}, "127.0.0.1, a loopback address, which notifiers do not call"),
    (200, {"url": "http://169.254.169.254/latest"}, "a cloud's metadata service, which no notifier may call"),
])
def test_a_wrong_address_ends_in_a_dead_letter_that_says_why(server, recorder, answer, options, said):
    recorder.answer = lambda request: answer
    server.run(notifier("hook", "webhook", **{"url": f"{recorder.url}/s3cret-path", **options}))
    Queue(server, "hook").change(eu=900)
    [row] = server.settled(1)
    assert (row["state"], row["attempts"]) == ("dead", 1)
    assert said in row["error"] and "s3cret-path" not in row["error"]
    # Refused is refused: it is not tried again, and the log says it too.
    assert len(recorder.requests) == (0 if options else 1)
    until(lambda: said in server.said(), "the error in the log")


def test_what_cannot_be_reached_waits_and_goes_out_when_the_address_is_put_right(server, recorder):
    server.run(notifier("hook", "webhook", url=f"http://127.0.0.1:{free_port()}/hook"))
    Queue(server, "hook").change(eu=900)
    tried_twice = lambda: [row for row in server.outbox() if row["attempts"] >= 2]
    [row] = until(tried_twice, lambda: f"a second attempt: {server.outbox()}")
    assert row["state"] == "waiting" and "cannot connect to 127.0.0.1" in row["error"]
    assert server.one("SELECT next_at > first_attempt_at AS later FROM system.outbox")
    server.run(f"ALTER NOTIFIER hook SET (url = '{recorder.url}/right')")
    [request] = recorder.wait(1)
    assert (request.path, request.headers["webhook-id"]) == ("/right", row["id"])
    [row] = server.settled(1)
    assert (row["state"], row["error"]) == ("sent", None)


# ---- secrets ---------------------------------------------------------------------------------------------------------

SECRETS = {
    "slack": {"url": "{url}/services/T1/B1/5l4ckp4th"},
    "webhook": {
        "url": "{url}/h00k5/t0k3n1npath?key=qu3rykey",
        "secret": signing_secret(b"5tandardwebhooks-secret!"),
        "headers": "X-Api-Key: h34derk3y",
        "bearer_token": "b34rert0ken",
    },
    "pagerduty": {"routing_key": "r0ut1ngk3y", "url": "{url}/pagerduty"},
    "opsgenie": {"api_key": "g3n1ek3y", "url": "{url}/opsgenie"},
    "teams": {"url": "{url}/w0rkfl0w/t34ms?sig=s1gn4ture"},
    "alertmanager": {"url": "{url}/am", "username": "ada", "password": "l0vel4ce"},
}
HIDDEN = [
    "5l4ckp4th", "t0k3n1npath", "qu3rykey", signing_secret(b"5tandardwebhooks-secret!")[6:], "h34derk3y", "b34rert0ken",
    "r0ut1ngk3y", "g3n1ek3y", "w0rkfl0w", "t34ms?sig", "s1gn4ture", "l0vel4ce",
]


def test_secrets_are_shown_nowhere(binary, tmp_path, recorder):
    # A receiver that says all it was sent in its answer, which is what an error shows.
    def echo(request):
        said = json.dumps({"path": request.path, "headers": request.headers})
        return 403, said + request.body.decode(), {}

    recorder.answer = echo
    with serving(binary, tmp_path, log="info,driftline=trace") as server:
        for kind, options in SECRETS.items():
            options = {name: value.format(url=recorder.url) for name, value in options.items()}
            server.run(notifier(f"to_{kind}", kind, **options))
        # Mistakes beside a secret, of every sort that there is.
        for sql in [
            "CREATE NOTIFIER x TYPE slack WITH (url = 'http://h/5l4ckp4th' 'http://h/5l4ckp4th')",
            "CREATE NOTIFIER x TYPE slack WITH (url = 5l4ckp4th)",
            "CREATE NOTIFIER x TYPE slack WITH (url = 'not an address 5l4ckp4th')",
            "CREATE NOTIFIER x TYPE slack WITH (token = '5l4ckp4th', colour = '5l4ckp4th')",
            "CREATE NOTIFIER x TYPE webhook WITH (url = 'http://h/', secret = 'b34rert0ken')",
            "CREATE NOTIFIER x TYPE webhook WITH (url = 'http://h/', bearer_token = 'b34rert0ken', password = 'l0vel4ce')",
            "CREATE NOTIFIER x TYPE email WITH (smtp = 'h', from = 'a@b', password = 'l0vel4ce')",
            "ALTER NOTIFIER to_slack SET (url = 'http://h/5l4ckp4th') 5l4ckp4th",
            "ALTER NOTIFIER nobody SET (url = 'http://h/5l4ckp4th')",
            "/* NOTIFIER */ CREATE NOTIFIER x TYPE slack WITH (url = 'http://h/5l4ckp4th', url = '5l4ckp4th')",
            "CREATE NOTIFIER x TYPE pagerduty WITH (routing_key = 'r0ut1ngk3y",
        ]:
            # Whoever wrote it may read it in the error; others must not, see below.
            with pytest.raises(dbapi.Error):
                server.run(sql)
        Queue(server, *(f"to_{kind}" for kind in SECRETS))
        server.run(*(f"TEST NOTIFIER to_{kind}" for kind in SECRETS))
        rows = server.settled(len(SECRETS))
        assert {row["state"] for row in rows} == {"dead"} and all("403" in row["error"] for row in rows)
        sent = "".join(f"{it.path} {it.headers} {it.body}" for it in recorder.requests)
        # The signing secret signs, and is sent to nobody; a password goes as base64.
        not_sent = [secret for secret in HIDDEN if secret not in sent]
        assert not_sent == [signing_secret(b"5tandardwebhooks-secret!")[6:], "l0vel4ce"]
        basic = "YWRhOmwwdmVsNGNl"
        assert basic in sent
        shown = {
            sql: json.dumps(server.ask(sql), default=str)
            for sql in [
                "SELECT * FROM system.notifiers", "SHOW NOTIFIERS", "SELECT * FROM system.outbox",
                "SELECT * FROM system.alert_history", "SELECT * FROM system.rules", "SELECT * FROM system.queries",
            ]
        }
        assert "CREATE NOTIFIER" in shown["SELECT * FROM system.queries"]
        assert "***" in shown["SELECT * FROM system.notifiers"]
    shown["the log"] = server.said()
    for where, said in shown.items():
        for secret in [*HIDDEN, basic]:
            at = said.find(secret)
            assert at < 0, f"{where}: {said[max(0, at - 300):at + 100]}"
