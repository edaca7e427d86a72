"""The same rows in DuckDB: one bulk load, checkpointed. As they arrive, and sorted by tags and time."""

import duckdb

from common import TAGS, Report, arguments, check_of, check_query, clock, rows

DURABILITY = "one transaction, one checkpoint at the end"
AT_REST = "checkpointed file"


def connect(path):
    path.unlink(missing_ok=True)
    connection = duckdb.connect(str(path))
    connection.execute("SET threads = 2")
    return connection


def load(connection, table, order):
    """Makes the table of what the Arrow table `table` holds; DuckDB finds it by the name of this variable."""
    connection.execute(f"CREATE TABLE rows AS SELECT * FROM table {order}")
    connection.execute("CHECKPOINT")


def size(arguments):
    table = rows(arguments.rows)
    tags = ", ".join(TAGS[arguments.workload])
    for system, order in [("duckdb", ""), ("duckdb sorted", f"ORDER BY {tags}, time")]:
        report = Report(arguments, system)
        path = arguments.dir / f"{system.replace(' ', '-')}.duckdb"
        connection = connect(path)
        load(connection, table, order)
        query = check_query(table.schema, "rows", ["epoch_ns(min(time))", "epoch_ns(max(time))"], "strlen")
        report.check(check_of(table.schema, connection.execute(query).fetchone()))
        connection.close()
        report.sizes(table.num_rows, path.stat().st_size, AT_REST)


def ingest(arguments):
    table = rows(arguments.rows)
    connection = connect(arguments.dir / "ingest.duckdb")
    with clock() as seconds:
        load(connection, table, "")
    Report(arguments, "duckdb").load(table.num_rows, seconds[0], DURABILITY)


if __name__ == "__main__":
    parsed = arguments(__doc__)
    {"size": size, "ingest": ingest}[parsed.figure](parsed)
