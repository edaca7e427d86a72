"""What all peers share: the rows, where figures go, and the counts and sums by which rows are compared."""

import argparse
import json
import shlex
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

# The tags of each workload, by which a peer that sorts its rows sorts them; then comes the time.
TAGS = {
    "tsbs": ["hostname", "region", "datacenter", "rack", "os", "arch", "team", "service", "service_version",
             "service_environment"],
    "predictions": ["model", "version"],
    "series": ["device", "site"],
}
# Values by which "bytes per value" divides; predictions count by row.
VALUES = {"tsbs": 10, "series": 2}


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("figure", choices=["size", "ingest"])
    parser.add_argument("--workload", choices=TAGS, required=True)
    parser.add_argument("--rows", type=Path, required=True, help="the Arrow IPC file of `driftline-bench data`")
    parser.add_argument("--dir", type=Path, required=True, help="where to keep what is measured")
    parser.add_argument("--out", type=Path, required=True, help="where figures are added, a line of JSON each")
    parsed = parser.parse_args()
    parsed.dir.mkdir(parents=True, exist_ok=True)
    return parsed


def rows(path):
    """All rows, mapped from the file. Times are in UTC; peers get them without the zone, as 64-bit nanoseconds."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return table.set_column(0, "time", table["time"].cast(pa.timestamp("ns")))


class Report:
    def __init__(self, arguments, system):
        self.arguments, self.system = arguments, system

    def line(self, **values):
        values = {"system": self.system, "command": shlex.join(["peers/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
                  **values}
        with self.arguments.out.open("a") as file:
            file.write(json.dumps(values) + "\n")

    def figure(self, name, value, unit, durability):
        print(f"{name:<44} {value:>16.4f} {unit:<14} {self.system}: {durability}")
        self.line(figure=name, value=value, unit=unit, durability=durability)

    def sizes(self, count, size, durability):
        workload = self.arguments.workload
        if workload in VALUES:
            self.figure(f"size/{workload}/bytes_per_value", size / (count * VALUES[workload]), "B/value", durability)
        self.figure(f"size/{workload}/bytes_per_row", size / count, "B/row", durability)
        self.figure(f"size/{workload}/bytes", size, "B", durability)

    def check(self, check):
        self.line(workload=self.arguments.workload, check=check)

    def load(self, count, seconds, durability):
        self.figure(f"ingest/{self.arguments.workload}/rows_per_second", count / seconds, "rows/s, bulk", durability)


def check_query(schema, source, first_and_last, length):
    """SQL that gives rows, first and last time, then of every other column its count and its sum (texts: of lengths)."""
    terms = ["count(*)", *first_and_last]
    for field in others(schema):
        text = pa.types.is_string(field.type)
        terms += [f'count("{field.name}")', f'sum({length}("{field.name}"))' if text else f'sum("{field.name}")']
    return f"SELECT {', '.join(terms)} FROM {source}"


def check_of(schema, answer):
    """The answer to `check_query`, as `driftline-bench` writes its own."""
    count, first, last, *rest = answer
    names = [field.name for field in others(schema)]
    counts = {"time": int(count), **{name: int(value) for name, value in zip(names, rest[0::2])}}
    sums = {name: float(value or 0) for name, value in zip(names, rest[1::2])}
    return {"rows": int(count), "first": int(first), "last": int(last), "counts": counts, "sums": sums}


def others(schema):
    return [field for field in schema if field.name != "time"]


@contextmanager
def clock():
    """The seconds that the body took, once it is left."""
    seconds = []
    begun = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - begun)
