"""The same rows in ClickHouse (chdb, in this process): MergeTree ordered by tags and time, zstd, merged to one part."""

import shutil

import pyarrow as pa
from chdb import session

from common import TAGS, Report, arguments, check_of, check_query, clock, rows

AT_REST = "active parts, merged"
DURABILITY = "no fsync (ClickHouse's default)"
CODECS = "zstd 3; deltas of whole numbers"


def create(schema, tags):
    columns = []
    for field in schema:
        nullable = "Nullable({})" if field.name == "label" else "{}"
        if field.name == "time":
            columns.append("time DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(3))")
        elif pa.types.is_integer(field.type):
            columns.append(f"{field.name} Int64 CODEC(Delta, ZSTD(3))")
        elif pa.types.is_floating(field.type):
            columns.append(f"{field.name} Float64 CODEC(ZSTD(3))")
        else:
            text = nullable.format("String")
            low = field.name not in ("id", "device") or "model" in tags and field.name != "id"
            columns.append(f"{field.name} {f'LowCardinality({text})' if low else text} CODEC(ZSTD(3))")
    order = ", ".join([*tags, "time"])
    return f"CREATE TABLE bench.rows ({', '.join(columns)}) ENGINE = MergeTree ORDER BY ({order})"


def load(arguments, schema):
    """A new database with all rows."""
    path = arguments.dir / "clickhouse"
    shutil.rmtree(path, ignore_errors=True)
    connection = session.Session(str(path))
    connection.query("CREATE DATABASE bench")
    connection.query("SET max_threads = 2")
    connection.query(create(schema, TAGS[arguments.workload]))
    with clock() as seconds:
        names = ", ".join(schema.names)
        connection.query(f"INSERT INTO bench.rows SELECT {names} FROM file('{arguments.rows.resolve()}', Arrow)")
    return connection, seconds[0]


def size(arguments):
    report = Report(arguments, "clickhouse")
    schema = rows(arguments.rows).schema
    connection, _ = load(arguments, schema)
    connection.query("OPTIMIZE TABLE bench.rows FINAL")
    time = ["toUnixTimestamp64Nano(min(time))", "toUnixTimestamp64Nano(max(time))"]
    query = check_query(schema, "bench.rows", time, "length").replace('"', "`")
    report.check(check_of(schema, one_row(connection, query)))
    parts = "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'rows'"
    count, size = map(int, one_row(connection, parts))
    report.sizes(count, size, f"{AT_REST}; {CODECS}")


def ingest(arguments):
    table = rows(arguments.rows)
    _, seconds = load(arguments, table.schema)
    Report(arguments, "clickhouse").load(table.num_rows, seconds, DURABILITY)


def one_row(connection, query):
    return str(connection.query(query, "TSV")).strip().split("\t")


if __name__ == "__main__":
    parsed = arguments(__doc__)
    {"size": size, "ingest": ingest}[parsed.figure](parsed)
