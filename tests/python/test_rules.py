"""Rules as files by the command line, alerts that come with the database, and what Prometheus scrapes."""

import os
import pathlib
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from alerts.server import MINUTE, serving, until, whole_hours_ago
from alerts.words import insert

RULES = pathlib.Path(__file__).resolve().parents[1] / "rules"


def driftline(binary, *arguments, **environment):
    known = {**os.environ, **environment}
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, env=known)


@pytest.fixture
def server(binary, tmp_path):
    with serving(binary, tmp_path) as server:
        yield server


def test_rules_of_files_are_applied_shown_and_left_alone_the_second_time(binary, server, tmp_path):
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    server.run("CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE)")

    def apply(*flags):
        where = ["--url", f"http://{server.address}", "-f", rules]
        done = driftline(binary, "apply", *where, *flags, ON_CALL_URL="http://127.0.0.1:9/s3cr3t")
        assert done.returncode == 0, done.stderr
        return done.stdout

    three = ["notifier on_call", "continuous query latency_1m", "alert slow"]
    made = "".join(f"+ {what}\n" for what in three)
    assert apply("--dry-run") == f"{made}Nothing was done; it would be: 3 made, 0 changed, 0 as they were.\n"
    assert server.ask("SHOW ALERT RULES") == []
    assert apply() == f"{made}3 made, 0 changed, 0 as they were.\n"
    same = "".join(f"= {what}\n" for what in three)
    assert apply() == f"{same}0 made, 0 changed, 3 as they were.\n"
    text = (rules / "latency.sql").read_text()
    (rules / "latency.sql").write_text(text.replace("WHEN p95 > 500", "WHEN p95 > 600"))
    told = "    - WHEN p95 > 500\n    + WHEN p95 > 600\n"
    expected = f"= notifier on_call\n= continuous query latency_1m\n~ alert slow\n{told}"
    assert apply("--dry-run").startswith(expected)
    assert apply() == f"{expected}0 made, 1 changed, 2 as they were.\n"
    for shown in ("SELECT * FROM system.notifiers", "SELECT sql FROM system.queries", "SELECT * FROM system.outbox"):
        assert "s3cr3t" not in str(server.ask(shown)), shown
    assert "s3cr3t" not in server.said()


def test_what_is_wrong_in_a_file_is_named_and_nothing_is_done(binary, server, tmp_path):
    where = ["--url", f"http://{server.address}", "-f", tmp_path / "a.sql"]
    for text, says in [
        ("CREATE ALERT a WHEN n > 1 AS SELECT count(*) AS n FROM system.tables; DROP TABLE x", "DROP TABLE x"),
        ("CREATE NOTIFIER n TYPE slack WITH (url = '${NOBODY_SET_THIS}')", "line 1: the environment has no variable"),
        ("CREATE ALERT a WHEN n > 1 AS SELECT count(*) AS n FROM system.tables WHERE 'open", "a.sql"),
    ]:
        (tmp_path / "a.sql").write_text(text)
        done = driftline(binary, "apply", *where)
        assert done.returncode == 1 and says in done.stderr, done.stderr
    done = driftline(binary, "apply", "--url", f"http://{server.address}", "-f", tmp_path / "none")
    assert done.returncode == 1 and "none" in done.stderr
    assert server.ask("SHOW ALERT RULES") == []


def test_rules_are_held_against_rows_beside_them(binary, tmp_path):
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    url = {"ON_CALL_URL": "http://127.0.0.1:9/"}
    done = driftline(binary, "test", rules, **url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"ok      {rules}/latency_test.sql  5 of 5 met\n5 passed, 0 failed\n"
    test = rules / "latency_test.sql"
    test.write_text(test.read_text().replace("VALUE 800", "VALUE 801").replace("00:05:00Z' NOTHING", "00:05:00Z' FIRING ()"))
    done = driftline(binary, "test", test, **url)
    assert done.returncode == 1 and "2 expectations are not met" in done.stderr
    assert "firing: expected {model=fraud} with value 801, found {model=fraud} with value 800" in done.stdout
    assert "slow at 2026-01-01T00:05:00Z:\n    firing: expected {}, found none" in done.stdout
    assert done.stdout.endswith("3 passed, 2 failed\n")


def test_default_alerts_are_made_once_and_wait_for_their_tables(server):
    server.run("CREATE DEFAULT ALERTS", "CREATE DEFAULT ALERTS")
    states = {row["name"]: row["state"] for row in server.ask("SELECT name, state FROM system.rules")}
    assert len(states) == 11 and states["gpu_overheating"] == "dormant" and states["silent_model"] != "dormant"
    actions = server.ask("SELECT annotations FROM system.rules")
    assert all('"action":' in row["annotations"] and '"action_url":' in row["annotations"] for row in actions)
    hour = whole_hours_ago(3)
    server.run("CREATE TABLE gpu_metrics (time TIMESTAMP TIME, host TEXT TAG, gpu_id TEXT TAG, temperature DOUBLE)")
    # It is taken up as soon as the table is there; rows from before that are history.
    state = "SELECT state FROM system.rules WHERE name = 'gpu_overheating'"
    until(lambda: server.one(state) == "waiting", lambda: server.ask("SELECT name, state, error FROM system.rules"))
    for minute in range(6):
        at = [(hour + minute * MINUTE, "'a', '0', 91"), (hour + minute * MINUTE, "'a', '1', 60")]
        server.run(insert("gpu_metrics", "time, host, gpu_id, temperature", at))
    fired = "SELECT labels FROM system.alerts WHERE alert = 'gpu_overheating' AND state = 'firing'"
    [row] = until(lambda: server.ask(fired), "the hot card is told of")
    assert row["labels"] == '{"gpu_id":"0","host":"a"}'


def test_prometheus_scrapes_the_newest_window_of_what_is_exposed(binary, tmp_path):
    command = [binary, "serve", "--data-dir", tmp_path / "data", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        said = [process.stdout.readline() for _ in range(3)]
        grpc = re.search(r"http://\S+", said[1]).group(0)
        metrics = re.search(r"http://\S+/metrics", said[2]).group(0)
        hour = whole_hours_ago(3)
        rows = ", ".join(
            f"('{(hour + n * MINUTE / 2).isoformat()}', '{('eu', 'us')[n % 2]}', {n})" for n in range(10)
        )
        for sql in [
            "CREATE TABLE requests (time TIMESTAMP TIME, region TEXT TAG, ms DOUBLE)",
            "CREATE CONTINUOUS QUERY q INTO latency WITH (expose = 'prometheus') AS SELECT "
            "date_bin(INTERVAL '1 minute', time) AS time, region, max(ms) AS most FROM requests GROUP BY 1, 2",
            f"INSERT INTO requests VALUES {rows}",
        ]:
            done = driftline(binary, "sql", "--url", grpc, sql)
            assert done.returncode == 0, done.stderr

        def scraped():
            with urllib.request.urlopen(metrics) as answer:
                assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
                text = answer.read().decode()
            return text if "driftline_latency_most{" in text else None

        text = until(scraped, "metrics of a window")
        lines = [line for line in text.splitlines() if line.startswith("driftline_latency_most{")]
        assert len(lines) == 2 and {re.sub(r" .*", "", line) for line in lines} == {
            'driftline_latency_most{region="eu"}',
            'driftline_latency_most{region="us"}',
        }
        assert "# TYPE driftline_latency_most gauge" in text
        with urllib.request.urlopen(metrics.replace("/metrics", "/healthz")) as answer:
            assert answer.read() == b"ok\n"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(metrics.replace("/metrics", "/secrets"))
        assert refused.value.code == 404
        process.terminate()
    assert process.returncode == 0
