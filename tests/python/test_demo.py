"""`driftline demo --once --format json` gives the figures that scikit-learn and counting by hand give for the same data."""

import json
import re
import signal
import subprocess

import pytest

ROWS = 277_677
# year: accuracy, precision, recall, F1, AUC by scikit-learn.
QUALITY = {
    2015: (0.8272, 0.8000, 0.8685, 0.8329, 0.9034),
    2016: (0.8253, 0.8042, 0.8610, 0.8316, 0.9020),
    2017: (0.8292, 0.8115, 0.8602, 0.8352, 0.9051),
    2018: (0.8282, 0.8108, 0.8608, 0.8350, 0.9057),
}
# PSI against 2015, each code a bin, a zero share 1e-4.
PSI = {
    ("ANC", 2016): 0.004896,
    ("ANC", 2017): 0.008966,
    ("ANC", 2018): 0.014122,
    ("SCHL", 2016): 0.000862,
    ("SCHL", 2017): 0.002042,
    ("SCHL", 2018): 0.003917,
}
# Of the probability, by numpy.percentile.
PERCENTILES = {"p50": 0.578843773973308, "p95": 0.9324570788331883, "p99": 0.9554610441113698}
FEATURES = "AGEP SCHL MAR RELP DIS ESP CIT MIG MIL ANC NATIVITY DEAR DEYE DREM SEX RAC1P".split()
INCIDENT = "employment_incident"


def command(binary, directory):
    return [binary, "demo", "--once", "--format", "json", "--data-dir", directory, "--grpc", "127.0.0.1:0"]


def demo(binary, directory):
    done = subprocess.run(command(binary, directory), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def report(binary, directory):
    return demo(binary, directory)[0]


def test_the_object_has_the_promised_keys(report):
    keys = ["rows", "labels", "bytes_on_disk", "percentiles", "quality", "drift", "alerts"]
    keys += ["message", "backtest"]
    assert sorted(report) == sorted(keys)
    assert (report["rows"], report["labels"]) == (ROWS, ROWS)
    # The same rows as CSV have 16 MB; both models, labels and baselines are counted.
    assert 0 < report["bytes_on_disk"] < 40_000_000
    assert {"model", "feature", "psi", "ks_statistic", "drifted"} < set(report["drift"][0])


def test_percentiles_are_numpys(report):
    assert report["percentiles"] == pytest.approx(PERCENTILES, abs=1e-12)


def test_quality_of_each_year(report):
    for row in report["quality"]:
        found = [row[name] for name in ("accuracy", "precision", "recall", "f1", "roc_auc")]
        assert tuple(round(figure, 4) for figure in found) == QUALITY[row["year"]], row["year"]
        assert row["coverage"] == 1.0
    assert [row["year"] for row in report["quality"]] == list(QUALITY)


def test_yearly_drift(report):
    years = {(row["feature"], row["year"]): row for row in report["drift"] if "year" in row}
    assert set(years) == {(feature, year) for feature in FEATURES for year in (2016, 2017, 2018)}
    assert {key: round(years[key]["psi"], 6) for key in PSI} == PSI
    assert max(row["psi"] for row in years.values()) == years["ANC", 2018]["psi"]
    assert not any(row["drifted"] for row in years.values())


def test_weekly_drift(report):
    weeks = [row for row in report["drift"] if "week" in row]
    calm = {(row["feature"], row["week"]) for row in weeks if row["model"] == "employment"}
    # From Thursday 2016-01-07 on; the week of 2018-12-27 ends in 2019.
    starts = sorted({week for _, week in calm})
    assert (len(starts), starts[0], starts[-1]) == (155, "2016-01-07", "2018-12-20")
    assert len(calm) == 155 * len(FEATURES)
    faulty = {row["week"] for row in weeks if row["model"] == INCIDENT}
    assert sorted(faulty) == ["2018-11-29", "2018-12-06", "2018-12-13", "2018-12-20"]
    for row in report["drift"]:
        assert row["drifted"] == (row["psi"] > 0.2)
        assert (row["ks_statistic"] is None) == (row["feature"] != "AGEP")


def test_the_alert_fires_for_the_injected_fault_and_nothing_else(report):
    [alert] = report["alerts"]
    assert (alert["model"], alert["feature"], alert["window_start"]) == (INCIDENT, "AGEP", "2018-12-13")
    assert alert["psi"] > 0.2
    message = report["message"]
    assert message["state"] == "sent"
    assert message["summary"].startswith(f"AGEP of {INCIDENT} is not as in 2015: PSI {round(alert['psi'], 2)} in ")
    assert report["backtest"] == {"model": "employment", "firings": 0}


def test_again_on_the_same_directory_doubles_nothing(binary, directory, report):
    again, said = demo(binary, directory)
    # Alerts go on, so that what they remember is written anew.
    report = dict(report)
    sizes = [found.pop("bytes_on_disk") for found in (again, report)]
    assert max(sizes) < 1.01 * min(sizes)
    assert again == report
    assert "already" in said


def test_a_replay_that_was_killed_goes_on(binary, tmp_path, report):
    with subprocess.Popen(command(binary, tmp_path), stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if re.search(r"[1-9]\d* batches acknowledged", line):
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    found, _ = demo(binary, tmp_path)
    for key in ("rows", "labels", "percentiles", "quality", "drift", "alerts", "message", "backtest"):
        assert found[key] == report[key], key


def test_it_serves_the_queries_it_suggests_until_interrupted(binary, directory, report):
    serving = [binary, "demo", "--data-dir", directory, "--grpc", "127.0.0.1:0"]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        suggested, url = [], None
        while len(suggested) < 3:
            line = process.stderr.readline()
            assert line, "it ended before it suggested three queries"
            url = url or (re.search(r"http://127\.0\.0\.1:\d+", line) or [None])[0]
            suggested += re.findall(r'^ +"(SELECT .*)"$', line.rstrip("\n"))
        for sql in suggested:
            rows = subprocess.run([binary, "sql", "--url", url, "--format", "json", sql], capture_output=True, text=True)
            assert rows.returncode == 0, rows.stderr
            assert json.loads(rows.stdout)
        process.send_signal(signal.SIGINT)
        text = process.stdout.read()
    assert process.returncode == 0
    assert "The data are calm" in text and "The injected fault was found, in AGEP" in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_a_directory_in_use_is_refused(binary, tmp_path):
    server = [binary, "serve", "--data-dir", tmp_path, "--grpc", "127.0.0.1:0"]
    with subprocess.Popen(server, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        process.stdout.readline()
        refused = subprocess.run(command(binary, tmp_path), capture_output=True, text=True)
        process.terminate()
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert str(tmp_path) in refused.stderr
