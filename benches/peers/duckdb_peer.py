"""The same rows in DuckDB: one bulk load, checkpointed. As they arrive, and sorted by tags and time."""

import duckdb

from common import TAGS, Report, arguments, check_of, check_query, clock, rows

DURABILITY = "bulk load, one transaction, one checkpoint at the end"
AT_REST = "checkpointed file"


def connect(path):
    path.unlink(missing_ok=True)
    connection = duckdb.connect(str(path))
    connection.execute("SET threads = 2")
    return connection


def load(connection, arrived, order):
    """Makes the table of what the Arrow table `arrived` holds; DuckDB finds it by the name of this variable."""
    connection.execute(f"CREATE TABLE loaded AS SELECT * FROM arrived {order}")
    connection.execute("CHECKPOINT")


def check(connection, schema):
    query = check_query(schema, "loaded", ["epoch_ns(min(time))", "epoch_ns(max(time))"], "strlen")
    return check_of(schema, connection.execute(query).fetchone())


def size(arguments):
    table = rows(arguments.rows)
    tags = ", ".join(TAGS[arguments.workload])
    for system, order in [("duckdb", ""), ("duckdb sorted", f"ORDER BY {tags}, time")]:
        report = Report(arguments, system)
        path = arguments.dir / f"{system.replace(' ', '-')}.duckdb"
        connection = connect(path)
        load(connection, table, order)
        report.check(check(connection, table.schema))
        connection.close()
        report.sizes(table.num_rows, path.stat().st_size, AT_REST)


def ingest(arguments):
    table = rows(arguments.rows)
    connection = connect(arguments.dir / "ingest.duckdb")
    with clock() as seconds:
        load(connection, table, "")
    report = Report(arguments, "duckdb")
    report.check(check(connection, table.schema))
    report.load(table.num_rows, seconds[0], DURABILITY)


if __name__ == "__main__":
    parsed = arguments(__doc__)
    {"size": size, "ingest": ingest}[parsed.figure](parsed)
