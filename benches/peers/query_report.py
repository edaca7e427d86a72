"""One table a state: milliseconds of each system, and how many times faster than the better peer we are."""

import json

from query_spec import QUERIES

HEAD = ["query", "DuckDB ms", "kept", "ClickHouse ms", "embedded ms", "Flight ms", "above the floor ms",
        "better peer / embedded", "better peer / above the floor", "to reach", "answers"]

# What each column's time is of, and what was on disk.
LEGEND = """
DuckDB: in process, rows as an Arrow table; checkpointed file, 2 threads. ClickHouse: chdb in process, rows in Native format;
merged parts, not synced, 2 threads, caches of answers and conditions off. embedded: Database::sql, Arrow batches collected.
Flight: the client over TCP on this machine to a server in the same process, plain statements; above the floor: without
SELECT 1 by that way. Ours was loaded unsynced; all that is asked lies in the page cache, the unflushed rows in the memtable."""


def number(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def times(peer, ours):
    return f"{peer / ours:.2f} x" if peer and ours else "-"


def show(label, results, arguments):
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    for state in dict.fromkeys(line["state"] for line in lines):
        one(f"{label}, {state}", [line for line in lines if line["state"] == state], arguments)
    print(LEGEND)


def one(heading, lines, arguments):
    timed = {(line["query"], line["system"]): line for line in lines if "ms" in line}
    compared = [line for line in lines if "worst" in line]
    floors = {system: line["ms"] for (query, system), line in timed.items() if query == "floor"}
    print(f"\n{heading}: {arguments.runs} runs after a warm-up, medians, seed {arguments.seed}, clients "
          f"{arguments.clients}; SELECT 1: " + ", ".join(f"{name} {number(ms)} ms" for name, ms in floors.items()) + "\n")
    print("| " + " | ".join(HEAD) + " |")
    print("|---" * len(HEAD) + "|")
    for query in dict.fromkeys(query for query, _ in timed if query != "floor"):
        milliseconds = {system: line["ms"] for (of, system), line in timed.items() if of == query}
        print("| " + " | ".join(cells(query, milliseconds, floors, compared, arguments)) + " |")
    if arguments.clients > 1:
        rates(lines)


def rates(lines):
    """What many clients get done together; each line of the table above is what one of them waits."""
    asked = {(line["query"], line["system"]): line["per_second"] for line in lines if "per_second" in line}
    names = list(dict.fromkeys(system for _, system in asked))
    print("\n| statements a second | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for query in dict.fromkeys(query for query, _ in asked):
        print(f"| {query} | " + " | ".join(number(asked.get((query, name))) for name in names) + " |")


def cells(query, milliseconds, floors, compared, arguments):
    duckdb = min(((ms, name.split()[1]) for name, ms in milliseconds.items() if name.startswith("duckdb")),
                 default=(None, "-"))
    clickhouse, embedded, flight = (milliseconds.get(name) for name in ("clickhouse", "embedded", "flight"))
    above = None if flight is None else max(flight - floors["flight"], 1e-3)
    peer = min((ms for ms in (duckdb[0], clickhouse) if ms is not None), default=None)
    reach = QUERIES[query].reach
    reached = "" if not peer or above is None or arguments.quick else \
        " reached" if peer / above >= reach else " MISSED"
    return [query, number(duckdb[0]), duckdb[1], number(clickhouse), number(embedded), number(flight), number(above),
            times(peer, embedded), times(peer, above), f">= {reach:g} x{reached}", answers(query, compared)]


def answers(query, compared):
    """How far apart the answers were."""
    of = [line for line in compared if line["query"] == query]
    if not of:
        return "not compared"
    if not QUERIES[query].approximate:
        return f"the same in {len(of)}"
    absolute, relative = of[0]["absolute"], of[0]["relative"]
    bound = absolute or relative
    furthest = ", ".join(f"{line['system']} {line['worst'] * bound:.2g}" for line in of)
    return f"within {bound:g} {'' if absolute else 'relative '}in {len(of)}; furthest {furthest}"
