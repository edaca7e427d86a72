"""Compares what the systems hold, then prints one table: figure, ours, peers, ratio, durability, command."""

import argparse
import fnmatch
import json
import math
import sys
from pathlib import Path

OURS = "driftline"
# What is to be reached, in the units of the figure.
TARGETS = {
    "size/tsbs/bytes_per_value": ("<=", 0.305),
    "size/predictions/bytes_per_row": ("<=", 46.5),
    "size/predictions/cells_and_summaries": ("<=", 3.0),
    "ingest/tsbs/rows_per_second": (">=", 1_000_000),
    "ingest/predictions/rows_per_second": (">=", 500_000),
    "grpc/tsbs/rows_per_second": (">=", 600_000),
    "decode/latency_ms/median": (">=", 1.3),
    "reopen/*/open_seconds": ("<=", 5.0),
    "reopen/*/peak_percent": ("<=", 100.0),
    "open/*/open_seconds": ("<=", 0.2),
    "labels/given/labels_per_second": (">=", 50_000),
    "labels/embedded/labels_per_second": (">=", 20_000),
    "labels/reads/ratio": ("<=", 1.2),
    "labels/ingest/ratio": (">=", 0.7),
    # amplification/ratio has none: it grows with the flushes of a day, and no run has as many as are meant (below 4).
    "idle/cpu_percent": ("<", 0.5),
    "idle/rss_anon_mb_most": ("<", 100.0),
}


def compare(lines):
    """Every system must hold what the generator made. Sums of doubles may differ by the order of adding."""
    checks = [line for line in lines if "check" in line]
    for line in checks:
        base = next(c for c in checks if c["workload"] == line["workload"])
        for key in ("rows", "first", "last", "counts"):
            if line["check"][key] != base["check"][key]:
                yield f"{line['workload']}: {key} of {line['system']} and {base['system']} differ"
        for name, value in line["check"]["sums"].items():
            if not math.isclose(value, base["check"]["sums"][name], rel_tol=1e-9, abs_tol=1e-9):
                yield f"{line['workload']}: sum of {name} of {line['system']} and {base['system']} differ"
    for workload in sorted({c["workload"] for c in checks}):
        print(f"{workload}: the same rows, counts and sums in",
              ", ".join(c["system"] for c in checks if c["workload"] == workload))


def target(figure, systems):
    value = systems[OURS]["value"]
    if figure == "size/series/bytes":
        bound = min(line["value"] for name, line in systems.items() if name.startswith("duckdb"))
        return f"<= DuckDB {'reached' if value <= bound else 'MISSED'}"
    for pattern, (sign, bound) in TARGETS.items():
        if fnmatch.fnmatch(figure, pattern):
            reached = {"<=": value <= bound, ">=": value >= bound, "<": value < bound}[sign]
            return f"{sign} {bound:,g} {'reached' if reached else 'MISSED'}"
    return ""


def number(value):
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"


def cells(figure, systems, quick):
    ours = systems.get(OURS)
    peers = {name: line for name, line in systems.items() if name != OURS}
    shown = "; ".join(f"{name} {number(line['value'])}" for name, line in peers.items())
    ratios = "; ".join(f"{ours['value'] / line['value']:.2f}" for line in peers.values() if line["value"]) if ours else ""
    durability = "; ".join(f"{name}: {line['durability']}" for name, line in systems.items())
    first = ours or next(iter(peers.values()))
    return [figure, number(ours["value"]) if ours else "-", first["unit"], shown or "-", ratios or "-",
            target(figure, systems) if ours and not quick else "", durability, first["command"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--quick", action="store_true", help="the run was too small to judge targets by")
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    differences = list(compare(lines))
    figures = {}
    for line in lines:
        if "figure" in line:
            figures.setdefault(line["figure"], {})[line["system"]] = line
    print()
    print("| figure | ours | unit | peers | ours / peer | target | durability | command |")
    print("|---|---|---|---|---|---|---|---|")
    for figure, systems in figures.items():
        print("| " + " | ".join(cells(figure, systems, arguments.quick)) + " |")
    for difference in differences:
        print(f"error: {difference}; no figure above compares the same rows", file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
