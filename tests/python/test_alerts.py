"""From a row that is written to the message that somebody gets, by the server as people run it.

Events of these tests are hours old: an alert judges a window when a row of a later one comes, so a test says by its
rows how late it is. The one that wants the clock says so.
"""

import contextlib
import datetime
import random
import threading

import pytest
from adbc_driver_flightsql import dbapi

from alerts.receivers import HANG, Recorder, check_signature, signing_secret
from alerts.server import HOUR, MINUTE, UTC, Server, rfc3339, serving, text, until, whole_hours_ago
from alerts.words import insert, minute_of, notifier, pushed_body, six_digits, span

KEY = b"0123456789abcdef01234567"
SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def server(binary, tmp_path):
    with serving(binary, tmp_path) as server:
        yield server


@pytest.fixture
def recorder():
    with Recorder() as recorder:
        yield recorder


# ---- US-01: the input drifts -----------------------------------------------------------------------------------------

FRAUD = """
    CREATE MODEL fraud (id TEXT KEY, amount DOUBLE FEATURE NUMERIC, age DOUBLE FEATURE NUMERIC,
                        country TEXT FEATURE CATEGORICAL)
"""
INPUT_DRIFT = """
    CREATE ALERT input_drift ON MODEL fraud SEVERITY high EVERY '1 hour' BY (feature)
      WHEN psi > 0.2 RESOLVE WHEN psi < 0.1 NOTIFY team
      ANNOTATIONS (summary = '{{ feature }} of {{ model }} is not as it was', description = 'R&D asks <why>',
                   action = 'Retrain', action_url = 'https://ci.example.com/retrain?model=fraud&go=1',
                   runbook_url = 'https://wiki.example.com/drift')
      AS SELECT feature, psi, n_current FROM drift('fraud', window => INTERVAL '1 hour')
"""


def fraud_hour(start, factor=1.0, into="fraud"):
    """An hour of 240 predictions: amounts from 0 to 239 in an order of no meaning, times a factor."""
    rows = [
        (
            start + i * MINUTE / 4,
            f"'p{start:%d%H}-{i}', {i * 53 % 240 * factor}, {20 + i * 31 % 50}, '{('DE', 'FR', 'PL')[i % 3]}'",
        )
        for i in range(240)
    ]
    return insert(into, "time, id, amount, age, country", rows)


def slack_body(title, told, facts, evidence):
    """A message of Slack's incoming webhooks, of one alert, as section 6 of our notes on the ecosystem has it."""
    texts = "amount of fraud is not as it was\nR&amp;D asks &lt;why&gt;"
    links = (
        "<https://wiki.example.com/drift|Runbook>  <https://ci.example.com/retrain?model=fraud&amp;go=1|Retrain>"
    )
    mention = [{"type": "section", "text": {"type": "mrkdwn", "text": "<!here> <@U012AB3CD>"}}]
    prefix = "<!here> <@U012AB3CD> "
    if title.startswith("RESOLVED"):
        mention, prefix = [], ""
    return {
        "text": f"{prefix}{title}. {told}. amount of fraud is not as it was",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
            *mention,
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": f"{texts}\n{links}"},
                "fields": [{"type": "mrkdwn", "text": f"*{name}*\n{value}"} for name, value in facts.items()],
            },
            {"type": "context", "elements": [{"type": "mrkdwn", "text": evidence}]},
        ],
    }


def check_slack_bounds(body):
    """What Slack refuses a message for."""
    assert set(body) == {"text", "blocks"} and 0 < len(body["text"]) <= 3000 and 0 < len(body["blocks"]) <= 50
    for block in body["blocks"]:
        assert block["type"] in ("header", "section", "context")
        texts = [block["text"]] if "text" in block else []
        texts += block.get("fields", []) + block.get("elements", [])
        longest = {"header": 150, "section": 3000, "context": 3000}[block["type"]]
        assert texts and all(0 < len(part["text"]) <= longest for part in texts)
        assert len(block.get("fields", [])) <= 10


def psi_of(server, start, feature="amount"):
    asked = f"drift('fraud', from => {text(start)}, to => {text(start + HOUR)})"
    return server.one(f"SELECT psi FROM {asked} WHERE feature = '{feature}'")


def test_a_data_scientist_is_told_by_slack_when_the_input_drifts_and_when_it_is_over(server, recorder):
    start = whole_hours_ago(12)
    hour = lambda n: start + n * HOUR
    # An alert on a table with rows begins now; on an empty one with the first row, which may be of the past.
    server.run(FRAUD, "CREATE TABLE training (time TIMESTAMP TIME, id TEXT, amount DOUBLE, age DOUBLE, country TEXT)")
    server.run(fraud_hour(hour(0), into="training"))
    server.run("CREATE BASELINE usual FOR MODEL fraud AS SELECT * FROM training")
    server.run(notifier("team", "slack", url=f"{recorder.url}/services/T0/B0/x", mention="here, U012AB3CD"))
    server.run(INPUT_DRIFT)

    # As it was, then twice as much for two hours: the first row of an hour ends the one before.
    for n, factor in [(1, 1), (2, 2), (3, 2)]:
        assert server.ask("SELECT * FROM system.alerts") == []
        assert recorder.requests == []
        server.run(fraud_hour(hour(n), factor))
    [fired] = recorder.wait(1)
    psi = psi_of(server, hour(2))
    assert psi > 0.2 and psi_of(server, hour(2), "age") < 0.1
    assert (fired.method, fired.path) == ("POST", "/services/T0/B0/x")
    assert fired.headers["content-type"] == "application/json"
    told = f"psi {six_digits(psi)}, threshold 0.2"
    facts = {"Severity": "high", "Model": "fraud", "Seen": told, "Window": span(hour(2), hour(3))}
    facts |= {"Instance": "feature=amount", "Since": f"{minute_of(hour(3))} UTC"}
    evidence = f"feature=amount, n_current=240, psi={six_digits(psi)}"
    title = "HIGH: input_drift on fraud (feature=amount)"
    assert fired.json == slack_body(title, told, facts, evidence)
    check_slack_bounds(fired.json)

    # It still drifts: nobody is told again.
    server.run(fraud_hour(hour(4)))
    judged = "SELECT window_end FROM system.alerts WHERE state = 'firing'"
    until(lambda: server.one(judged) == hour(4), "the third hour judged")
    recorder.wait(1)

    # It is over, and stays so.
    server.run(fraud_hour(hour(5)))
    over = recorder.wait(2)[1]
    psi = psi_of(server, hour(4))
    told = f"psi {six_digits(psi)}, threshold 0.2"
    lasted = f"2 h, {span(hour(3), hour(5))}"
    facts = {"Severity": "high", "Model": "fraud", "Seen": told, "Window": span(hour(4), hour(5))}
    facts |= {"Instance": "feature=amount", "Lasted": lasted, "Reason": "resolved"}
    title = "RESOLVED: input_drift on fraud (feature=amount)"
    assert over.json == slack_body(title, told, facts, f"feature=amount, n_current=240, psi={six_digits(psi)}")
    check_slack_bounds(over.json)
    server.run(fraud_hour(hour(6)), fraud_hour(hour(7)))
    assert [row["state"] for row in server.settled(2)] == ["sent", "sent"]
    assert server.ask("SELECT * FROM system.alerts") == []
    recorder.wait(2)
    history = server.ask("SELECT what, window_end, value FROM system.alert_history ORDER BY time, what DESC")
    assert [(row["what"], row["window_end"]) for row in history] == [("fired", hour(3)), ("ended", hour(5))]


# ---- US-06: latency spikes -------------------------------------------------------------------------------------------

LATENCY_SPIKE = """
    CREATE ALERT latency_spike ON MODEL ranker METRIC latency_p95 > '500ms' OVER '1 minute' MIN ROWS 20
      SEVERITY medium NOTIFY hook LABELS (owner = 'search')
      ANNOTATIONS (summary = '{{ model }} takes {{ value }} ms', action = 'Scale out')
"""


def ranker_minute(start, ms):
    """A minute of 30 predictions, the last of which take 29 ms longer than the first."""
    rows = [(start + i * MINUTE / 30, f"'p{start:%H%M}-{i}', {ms + i}") for i in range(30)]
    return insert("ranker", "time, id, ms", rows)


def told_of_latency(server, status, value, window, starts_at, ends_at):
    """What stands in `driftline` of the one alert."""
    episodes = server.ask("SELECT DISTINCT episode, fingerprint FROM system.alert_history")
    labels = {"alertname": "latency_spike", "model": "ranker", "owner": "search", "severity": "medium"}
    return {
        "status": status,
        "alert": "latency_spike",
        "id": episodes[0]["episode"],
        "fingerprint": episodes[0]["fingerprint"],
        "model": "ranker",
        "severity": "medium",
        "labels": labels,
        "annotations": {"summary": f"ranker takes {round(value, 1)} ms", "action": "Scale out"},
        "value": value,
        "threshold": 500.0,
        "statistic": "latency_p95",
        "window_start": rfc3339(window - MINUTE),
        "window_end": rfc3339(window),
        "starts_at": rfc3339(starts_at),
        "ends_at": ends_at and rfc3339(ends_at),
        "reason": "resolved" if ends_at else None,
        "query": server.one("SELECT query FROM system.rules"),
        "evidence": [{"value": value, "rows": 30}],
    }


def check_pushed(server, request, notice):
    """A webhook's request: Alertmanager's body with ours beside it, signed."""
    check_signature(request, KEY)
    body = request.json
    driftline = {
        "id": request.headers["webhook-id"],
        "status": notice["status"],
        "late": False,
        "created_at": body["driftline"]["created_at"],
        "alerts": [notice],
    }
    created_at = datetime.datetime.fromisoformat(driftline["created_at"])
    assert abs(datetime.datetime.now(UTC) - created_at) < 5 * MINUTE
    group = {"alertname": "latency_spike", "model": "ranker"}
    assert body == pushed_body(driftline, "hook", group, notice["query"])


def test_an_engineer_hears_of_a_latency_spike_by_a_signed_webhook(server, recorder):
    # The first attempt is refused for now: the next one is the same message.
    recorder.answer = lambda request: 503 if len(recorder.requests) == 1 else 200
    start = whole_hours_ago(3)
    minute = lambda n: start + n * MINUTE
    server.run("CREATE MODEL ranker (id TEXT KEY, ms DOUBLE LATENCY)")
    server.run(notifier("hook", "webhook", url=f"{recorder.url}/hook?team=a", secret=signing_secret(KEY)))
    server.run(LATENCY_SPIKE)
    for n, ms in [(0, 100), (1, 110), (2, 900), (3, 800)]:
        server.run(ranker_minute(minute(n), ms))
    first, again = recorder.wait(2)
    assert (first.method, first.path) == ("POST", "/hook?team=a")
    assert first.headers["content-type"] == "application/json"
    assert first.headers["webhook-id"] == again.headers["webhook-id"] and first.body == again.body
    spike = f"time >= {text(minute(2))} AND time < {text(minute(3))}"
    p95 = server.one(f"SELECT percentile(ms, 0.95) AS p95 FROM ranker WHERE {spike}")
    notice = told_of_latency(server, "firing", p95, minute(3), minute(3), None)
    for request in (first, again):
        check_pushed(server, request, notice)
    server.run(ranker_minute(minute(4), 100), ranker_minute(minute(5), 100))
    over = recorder.wait(3)[2]
    check_pushed(server, over, told_of_latency(server, "resolved", 127.55, minute(5), minute(3), minute(5)))
    assert over.headers["webhook-id"] != first.headers["webhook-id"]
    assert [(row["status"], row["attempts"]) for row in server.settled(2)] == [("firing", 2), ("resolved", 1)]


# ---- the rules of seed 002 -------------------------------------------------------------------------------------------

# As its table has them: rule, metric, condition, threshold, severity.
RULES = [
    ("Low Accuracy", "Accuracy", "<", "0.85", "High"),
    ("High Latency", "Latency p95", ">", "500ms", "Medium"),
    ("Error Spike", "Error Rate", ">", "0.05", "Critical"),
    ("Drift Detected", "Drift Score", ">", "0.3", "High"),
]
CREDIT = """
    CREATE MODEL credit (id TEXT KEY, income DOUBLE FEATURE NUMERIC, age DOUBLE FEATURE NUMERIC,
                         decision TEXT PREDICTION, repaid TEXT LABEL, latency_ms DOUBLE LATENCY, failed BOOLEAN ERROR)
    WITH (type = 'classification', positive = 'yes')
"""
STRETCH = 10 * MINUTE


def credit_rows(start, trouble=None):
    """Ten minutes of 120 predictions, with one thing wrong with them or none."""
    for i in range(120):
        income = i * 37 % 120 * (3 if trouble == "Drift Detected" else 1)
        failed = "true" if trouble == "Error Spike" and i % 10 == 0 else "false"
        ms = 900 if trouble == "High Latency" and i % 8 == 0 else 40
        decision = "no" if i % 3 else "yes"
        yield start + i * STRETCH / 120, f"'{start:%d%H%M}-{i}', {income}, {20 + i % 50}, '{decision}', {ms}, {failed}"


def credit_labels(start, trouble=None):
    """What became of them: one in four is not as it was predicted where that is the trouble."""
    right = lambda i: "no" if i % 3 else "yes"
    wrong = lambda i: "yes" if i % 3 else "no"
    is_wrong = lambda i: trouble == "Low Accuracy" and i % 4 == 0
    rows = ", ".join(f"('{start:%d%H%M}-{i}', '{(wrong if is_wrong(i) else right)(i)}')" for i in range(120))
    return f"INSERT INTO credit (id, repaid) VALUES {rows}"


def test_the_four_rules_of_the_seed_fire_each_for_its_own_reason(server, recorder):
    # Older than a day: labels that come with old rows are known when those are judged.
    start = whole_hours_ago(60)
    columns = "time, id, income, age, decision, latency_ms, failed"
    server.run(CREDIT, notifier("hook", "webhook", url=f"{recorder.url}/hook"))
    types = "income DOUBLE, age DOUBLE, decision TEXT, latency_ms DOUBLE, failed BOOLEAN"
    server.run(f"CREATE TABLE training (time TIMESTAMP TIME, id TEXT, {types})")
    server.run(insert("training", columns, credit_rows(start)))
    server.run("CREATE BASELINE usual FOR MODEL credit AS SELECT * FROM training")
    for name, metric, condition, threshold, severity in RULES:
        server.run(f"""
            CREATE ALERT "{name}" ON MODEL credit METRIC '{metric}' {condition} '{threshold}' SEVERITY {severity}
              OVER '10 minutes' EVERY '10 minutes' NOTIFY hook""")

    story = [None, "Low Accuracy", None, "High Latency", None, "Error Spike", None, "Drift Detected", None, None]
    for n, trouble in enumerate(story):
        at = start + n * STRETCH
        server.run(insert("credit", columns, credit_rows(at, trouble)), credit_labels(at, trouble))
        # What was wrong in the stretch before is told by now, and nothing else.
        before = story[n - 1] if n else None
        expected = [{"alert": before}] if before else []
        until(
            lambda: server.ask("SELECT alert FROM system.alerts") == expected,
            lambda: f"{before} alone fires: {server.ask('SELECT * FROM system.alerts')}",
        )
    server.settled(8)
    bodies = [request.json["driftline"] for request in recorder.wait(8)]
    told = [(alert["alert"], alert["status"], alert["severity"]) for body in bodies for alert in body["alerts"]]
    names = {name: severity.lower() for name, *_, severity in RULES}
    assert told == [(name, how, names[name]) for name in filter(None, story) for how in ("firing", "resolved")]
    seen = {body["alerts"][0]["alert"]: body["alerts"][0] for body in bodies if body["status"] == "firing"}
    values = {name: (alert["value"], alert["threshold"]) for name, alert in seen.items()}
    # How far the column that drifted most is from its baseline, as `drift` says it.
    drifted, threshold = values.pop("Drift Detected")
    assert (drifted, threshold) == (0.5341489457430241, 0.3)
    assert values == {
        "Low Accuracy": (0.75, 0.85),
        "High Latency": (900.0, 500.0),
        "Error Spike": (0.1, 0.05),
    }
    rules = server.ask("SELECT name, metric, condition, threshold_text, severity FROM system.rules ORDER BY name")
    shown = {(r["name"], r["metric"], r["condition"], r["threshold_text"], r["severity"].title()) for r in rules}
    assert shown == {(name, metric.lower().replace(" ", "_"), *rest) for name, metric, *rest in RULES}


# ---- crashes ---------------------------------------------------------------------------------------------------------

ROUNDS = 12
# Attempts of one message that may go wrong, so that the waits between them stay short.
WRONG_MAX = 3


class Moody:
    """A receiver that takes a message, refuses it for now or never answers, as a seed says."""

    def __init__(self, recorder, dice):
        self.recorder, self.dice, self.lock, self.wrong = recorder, dice, threading.Lock(), {}
        recorder.answer = self.answer

    def answer(self, request):
        with self.lock:
            id = request.headers["webhook-id"]
            mood = self.dice.choice([200, 500, HANG])
            if mood == 200 or self.wrong.get(id, 0) >= WRONG_MAX:
                return 200
            self.wrong[id] = self.wrong.get(id, 0) + 1
            return mood


def write_request(server, service, at, ms):
    server.run(insert("requests", "time, service, ms", [(at, f"'{service}', {ms}")]))


class LastRow(threading.Thread):
    """Writes the row that closes a window, while the server may be killed at any moment."""

    def __init__(self, server, at):
        super().__init__()
        self.connection, self.at, self.is_written = server.connect(), at, False
        self.start()

    def run(self):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(insert("requests", "time, service, ms", [(self.at, "'clock', 1")]))
            self.is_written = True
        except dbapi.Error:
            """Killed before it was acknowledged: nobody knows whether it is there."""
        finally:
            with contextlib.suppress(dbapi.Error):
                self.connection.close()


def strike(server, recorder, dice, alert):
    """Kills the server at a moment of the dice: some time after now, or around the delivery of this alert."""
    when, moment = dice.choice(["some time", "request", "answer"]), threading.Event()

    def look(request):
        if alert.encode() in request.body:
            moment.set()

    recorder.on_request = look if when == "request" else lambda request: None
    recorder.on_answered = look if when == "answer" else lambda request: None
    # Within two seconds the window is over, judged and its message on the way; a receiver that hangs answers nothing.
    moment.wait(dice.uniform(0, 2) if when == "some time" else 4)
    server.kill()
    return when


def test_no_alert_is_lost_whenever_the_server_is_killed(binary, tmp_path, recorder):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    server = Server(binary, tmp_path)
    try:
        # By the clock this time: a server that starts again goes by it.
        server.run("CREATE TABLE requests (time TIMESTAMP TIME, service TEXT TAG, ms DOUBLE)")
        options = {"secret": signing_secret(KEY), "timeout": "1 s", "rate_limit": "6000"}
        server.run(notifier("hook", "webhook", url=f"{recorder.url}/hook", **options))
        for n in range(ROUNDS):
            # Once bad it stays so: an alert that came and went while nobody looked is not told.
            server.run(f"""
                CREATE ALERT round_{n}_ EVERY '1 second' WHEN slowest > 500 NOTIFY hook
                  AS SELECT max(ms) AS slowest FROM requests
                     WHERE service = 's{n}' AND time >= now() - INTERVAL '2 hours' AND time < now()""")
        moody = Moody(recorder, random.Random(seed + 1))
        for n in range(ROUNDS):
            alert = f"round_{n}_"
            now = datetime.datetime.now(UTC)
            write_request(server, f"s{n}", now, 900)
            last = LastRow(server, now.replace(microsecond=0) + SECOND)
            whens = [strike(server, recorder, dice, alert)]
            last.join()
            server.start()
            if not last.is_written:
                write_request(server, "clock", last.at, 1)
            if dice.random() < 1 / 3:
                whens.append(strike(server, recorder, dice, alert))
                server.start()
            print(f"{alert}: killed by {whens}, {len(recorder.requests)} requests so far")
            fired = f"SELECT count(*) AS n FROM system.alert_history WHERE alert = '{alert}' AND what = 'fired'"
            until(lambda: server.one(fired), f"{alert} fired; seed {seed}")
        outbox = server.settled(ROUNDS)
        assert server.stop() == 0
        assert "panicked" not in server.said()
    finally:
        server.process.kill()
        print(server.said())

    assert sum(moody.wrong.values()) > 0, "nothing went wrong: this tests nothing"
    all_alerts = sorted(f"round_{n}_" for n in range(ROUNDS))
    assert sorted(row["alert"] for row in outbox) == all_alerts
    assert {row["state"] for row in outbox} == {"sent"}
    requests = {}
    for request in recorder.requests:
        check_signature(request, KEY)
        [told] = request.json["driftline"]["alerts"]
        assert told["status"] == "firing"
        requests.setdefault(told["alert"], []).append(request)
    assert sorted(requests) == all_alerts
    ids = {row["alert"]: row["id"] for row in outbox}
    for alert, all_of_it in requests.items():
        assert 200 in [request.answered for request in all_of_it], alert
        assert {request.headers["webhook-id"] for request in all_of_it} == {ids[alert]}, "a repeat is the same message"
        assert len({request.body for request in all_of_it}) == 1, alert
