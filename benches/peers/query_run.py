"""Asks DuckDB, ClickHouse and Driftline in turn, compares what they answer, and prints how long they took."""

import argparse
import importlib.util
import json
import math
import shutil
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import query_answers
import query_report
from query_spec import FEATURES, HERE, QUERIES, Size, draws, statement

BENCH = "target/release/driftline-bench"
PEERS = Path(__file__).resolve().parent
# DuckDB's two ways to keep rows; the better one counts, query by query.
LAYOUTS = ["sorted", "arrived"]
UNFLUSHED_PERCENT = 5
FULL = Size(hosts=4_000, predictions=10_000_000)
FULL_TSBS_ROWS = 8_640_000
BINS = 10


class Worker:
    """A process that holds one system open and answers requests."""

    def __init__(self, command):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"{self.command[0]} ended with {self.process.wait()}")
        reply = json.loads(line)
        if reply.get("error"):
            raise RuntimeError(reply["error"])
        return reply

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class System:
    """A way to ask: what the table calls it, who is asked, and whose SQL."""

    def __init__(self, name, worker, sql, layout="", way=None):
        self.name, self.worker, self.sql, self.layout, self.way = name, worker, sql, layout, way

    def statements(self, query, drawn, baseline):
        values = [{"table": f"{QUERIES[query].workload}_{self.layout}", **one} for one in drawn]
        return [statement(query, self.sql, one, baseline) for one in values]

    def ask(self, statements, **request):
        if self.way:
            request["way"] = self.way
        return self.worker.ask(sql=statements, **request)


def python(script, *arguments):
    return [sys.executable, str(PEERS / script), *map(str, arguments)]


class Data:
    """The loaded systems of one size, kept between runs."""

    def __init__(self, root, arguments):
        self.root, self.arguments = root, arguments
        root.mkdir(parents=True, exist_ok=True)
        self.size = ["--quick"] if arguments.quick else ["--rows", str(arguments.rows)] if arguments.rows else []

    def once(self, path, commands):
        """Makes `path` unless an earlier run finished it."""
        if self.is_done(path):
            return path
        shutil.rmtree(path, ignore_errors=True)
        for command in commands:
            print("loading:", " ".join(map(str, command)), file=sys.stderr)
            subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
        self.done(path).touch()
        return path

    def is_done(self, path):
        return self.done(path).exists()

    def done(self, path):
        return path.with_name(path.name + ".done")

    def rows(self, workload):
        path = self.root / f"{workload}.arrow"
        return self.once(path, [[BENCH, "data", "--workload", workload, "--file", path, *self.size]])

    def peer(self, system, workload):
        path = self.root / f"{workload}.{system}"
        if self.is_done(path):
            return path
        create = HERE / "tables" / workload / f"{system}.sql"
        command = python(f"query_{system}.py", "load", "--dir", path, "--rows", self.rows(workload), "--create", create)
        return self.once(path, [command + (["--workload", workload] if system == "clickhouse" else [])])

    def drop(self, pattern):
        for path in self.root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def ours(self, workload, state):
        path = self.root / f"{workload}.driftline-{state}"
        tables = HERE / "tables" / workload
        finish = tables / "driftline-finish.sql"
        command = [BENCH, "query-load", "--workload", workload, "--dir", path, "--create", tables / "driftline.sql"]
        command += ["--finish", finish] if finish.exists() else []
        return self.once(path, [command + self.kept_back(state) + self.size])

    def serve(self, workload, state):
        """What is not flushed would be once the directory is opened again, so that is done to a copy."""
        path = self.ours(workload, state)
        if state == "unflushed":
            copy = path.with_name(path.name + "-copy")
            shutil.rmtree(copy, ignore_errors=True)
            path = shutil.copytree(path, copy)
        command = [BENCH, "query-serve", "--workload", workload, "--dir", str(path)]
        return Worker(command + self.kept_back(state) + self.size)

    def kept_back(self, state):
        return ["--kept-back-percent", str(UNFLUSHED_PERCENT)] if state == "unflushed" else []


def systems(data, workload, state, wanted):
    found = []
    if "duckdb" in wanted:
        worker = Worker(python("query_duckdb.py", "serve", "--dir", data.peer("duckdb", workload)))
        found += [System(f"duckdb {layout}", worker, "duckdb", layout) for layout in LAYOUTS]
    if "clickhouse" in wanted and importlib.util.find_spec("chdb") is None:
        print("chdb is not there: no ClickHouse", file=sys.stderr)
    elif "clickhouse" in wanted:
        worker = Worker(python("query_clickhouse.py", "serve", "--dir", data.peer("clickhouse", workload)))
        found.append(System("clickhouse", worker, "clickhouse"))
    data.drop(f"{workload}.arrow*")  # Larger than all that is made of it, and easily made again.
    if "driftline" in wanted:
        worker = data.serve(workload, state)
        found += [System(way, worker, "driftline", way=way) for way in ("embedded", "flight")]
    return found


def baseline_of(data):
    """Edges and shares of the first two days, as a baseline of ours keeps them: quantiles of the features, one that
    stands for several of them with a bin of its own."""
    import duckdb

    path = data.root / "baseline.json"
    if not path.exists():
        connection = duckdb.connect(str(data.peer("duckdb", "predictions")), read_only=True)
        path.write_text(json.dumps({feature: bins(connection, feature) for feature in FEATURES}))
    return json.loads(path.read_text())


def bins(connection, feature):
    at = [rank / BINS for rank in range(1, BINS)]
    source = "FROM predictions_arrived WHERE time < '2026-01-03'"
    query = f"SELECT typeof(any_value({feature})), quantile_cont({feature}::DOUBLE, {at}) {source}"
    kind, quantiles = connection.execute(query).fetchone()
    edges = []
    for edge in sorted(set(quantiles)):
        edges += [edge, math.nextafter(edge, math.inf)] if quantiles.count(edge) > 1 else [edge]
    if kind == "BIGINT":  # Comparing whole numbers with whole numbers is the peers' faster way.
        edges = sorted({math.ceil(edge) for edge in edges})
    above = ", ".join(f"count(*) FILTER ({feature} >= {edge!r})" for edge in edges)
    above = [*connection.execute(f"SELECT count(*), {above} {source}").fetchone(), 0]
    counts = [more - less for more, less in zip(above, above[1:])]
    return {"edges": edges, "shares": [count / above[0] if count else 1e-4 for count in counts]}


class Run:
    def __init__(self, arguments, data, state, out):
        self.arguments, self.data, self.state, self.out = arguments, data, state, out
        self.failures = []

    def fail(self, text):
        self.failures.append(text)
        print(f"error: {text}", file=sys.stderr, flush=True)

    def line(self, **values):
        print(json.dumps({"state": self.state, **values}), file=self.out, flush=True)

    def workload(self, workload, names, size, baseline):
        asked = systems(self.data, workload, self.state, self.arguments.systems)
        try:
            self.floor(asked)
            for name in names:
                drawn = draws(name, self.arguments.seed, size, self.arguments.runs + 1)
                self.query(name, asked, drawn, baseline)
        finally:
            for worker in {id(system.worker): system.worker for system in asked}.values():
                worker.close()
            self.data.drop(f"{workload}.*-copy")

    def floor(self, asked):
        """What the way alone costs."""
        for system in asked:
            reply = system.ask(["SELECT 1"] * 100)
            self.line(query="floor", system=system.name, ms=statistics.median(reply["ms"][20:]))

    def query(self, name, asked, drawn, baseline):
        answers = self.data.root / "answers"
        shutil.rmtree(answers, ignore_errors=True)
        asked = [system for system in asked if self.answered(name, system, drawn, baseline, answers)]
        if not self.arguments.no_compare:
            self.compare(name, asked, drawn, baseline, answers)
        shutil.rmtree(answers, ignore_errors=True)
        for system in asked:
            self.time(name, system, system.statements(name, drawn, baseline))

    def answered(self, name, system, drawn, baseline, answers):
        """Writes what a system answers; whether it did. Statements that are alike are asked once."""
        directory = answers / system.name.replace(" ", "-")
        directory.mkdir(parents=True)
        try:
            system.ask(distinct(system.statements(name, drawn, baseline)), answers=str(directory.resolve()))
        except RuntimeError as error:
            self.fail(f"{name}: {system.name}: {error}")
            return False
        return True

    def compare(self, name, asked, drawn, baseline, answers):
        """Each system's rows with those of the first; of an approximation, with the exact query's."""
        query = QUERIES[name]
        if not asked:
            return
        first = answers / asked[0].name.replace(" ", "-")
        if query.exact:
            first = answers / "exact"
            first.mkdir()
            asked[0].ask(distinct(asked[0].statements(query.exact, drawn, baseline)), answers=str(first.resolve()))
        for system in asked:
            self.compare_one(name, system, answers, first, len(set(map(str, drawn))))

    def compare_one(self, name, system, answers, first, count):
        worst = 0.0
        for number in range(count):
            found = query_answers.read(answers / system.name.replace(" ", "-"), number)
            try:
                worst = max(worst, query_answers.compare(self.bounds(name), found, query_answers.read(first, number)))
            except query_answers.Differ as difference:
                self.fail(f"{name}: {system.name} differs in draw {number}: {difference}")
                return
        bounds = self.bounds(name)
        self.line(query=name, system=system.name, worst=worst, relative=bounds.relative, absolute=bounds.absolute)

    def bounds(self, name):
        """Approximations are further off where there are fewer rows, hence smaller groups."""
        query, looser = QUERIES[name], max(1, FULL.predictions / sizes(self.arguments).predictions)
        if not query.approximate:
            return query
        return replace(query, relative=query.relative * looser, absolute=query.absolute * looser)

    def time(self, name, system, statements):
        warm, timed = statements[:1], statements[1:]
        try:
            system.ask(warm)
            reply = system.ask(timed, clients=self.arguments.clients)
        except RuntimeError as error:
            return self.fail(f"{name}: {system.name}: {error}")
        milliseconds = statistics.median(reply["ms"])
        rate = len(reply["ms"]) / reply["wall_ms"] * 1e3
        print(f"{self.state:<10} {name:<24} {system.name:<16} {milliseconds:>10.2f} ms", file=sys.stderr, flush=True)
        self.line(query=name, system=system.name, ms=milliseconds, all=reply["ms"], per_second=rate)


def distinct(statements):
    return list(dict.fromkeys(statements))


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the rows: shows that it works")
    parser.add_argument("--rows", type=lambda text: [int(rows) for rows in text.split(",")], default=[None],
                        help="about so many rows of each workload; several, joined by commas, one after another")
    parser.add_argument("--only", type=lambda text: text.split(","), help="these queries, joined by commas")
    parser.add_argument("--systems", type=lambda text: text.split(","), default=["duckdb", "clickhouse", "driftline"])
    parser.add_argument("--states", type=lambda text: text.split(","), default=["compacted", "unflushed"])
    parser.add_argument("--clients", type=int, default=1, help="so many ask at once")
    parser.add_argument("--runs", type=int, default=5, help="after a warm-up")
    parser.add_argument("--seed", type=int, default=1, help="what windows, hosts and ids are drawn from")
    parser.add_argument("--no-compare", action="store_true", help="while working on something that is not right yet")
    parser.add_argument("--fresh", action="store_true", help="load everything anew")
    parser.add_argument("--fresh-ours", action="store_true", help="load Driftline anew, and leave the peers' data")
    parser.add_argument("--dir", type=Path, required=True, help="where data and results lie")
    arguments = parser.parse_args()
    unknown = set(arguments.only or []) - set(QUERIES)
    if unknown:
        parser.error(f"no query {', '.join(sorted(unknown))}; there are {', '.join(QUERIES)}")
    return arguments


def sizes(arguments):
    """As the workloads scale: hosts and predictions."""
    if arguments.quick:
        return Size(hosts=FULL.hosts // 50, predictions=FULL.predictions // 50)
    if arguments.rows:
        return Size(hosts=max(FULL.hosts * arguments.rows // FULL_TSBS_ROWS, 1), predictions=arguments.rows)
    return FULL


def main():
    arguments = parse()
    print(f"seed {arguments.seed}", file=sys.stderr)
    failures = []
    for rows in arguments.rows:
        of_size = argparse.Namespace(**{**vars(arguments), "rows": rows})
        failures += one_size(of_size)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def one_size(arguments):
    """Asks and prints; what went wrong."""
    label = "quick" if arguments.quick else str(arguments.rows or "full")
    root = arguments.dir / label
    if arguments.fresh:
        shutil.rmtree(root, ignore_errors=True)
    data, failures = Data(root, arguments), []
    if arguments.fresh_ours:
        data.drop("*.driftline-*")
    results = root / "results.jsonl"
    with results.open("w") as out:
        for state in arguments.states:
            run = Run(arguments, data, state, out)
            for workload in ("tsbs", "predictions"):
                names = [n for n in arguments.only or QUERIES if QUERIES[n].workload == workload]
                if names:
                    baseline = baseline_of(data) if "p6" in names else {}
                    run.workload(workload, names, sizes(arguments), baseline)
            failures += [f"{label}, {state}: {failure}" for failure in run.failures]
    query_report.show(label, results, arguments)
    return failures


if __name__ == "__main__":
    sys.exit(main())
