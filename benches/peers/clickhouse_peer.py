"""The same rows in ClickHouse (chdb, in this process): MergeTree ordered by tags and time, zstd, merged to one part."""

import shutil

import pyarrow as pa
from chdb import session

from common import TAGS, Report, arguments, check_of, check_query, clock, rows

AT_REST = "active parts, merged"
DURABILITY = "bulk load, no fsync (ClickHouse's default)"
# Texts that are nearly all distinct; ClickHouse advises against LowCardinality there.
MANY_VALUES = {("predictions", "id"), ("series", "device")}
CODECS = "zstd 3; deltas of whole numbers"


def column(workload, field):
    if field.name == "time":
        return "time DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(3))"
    if pa.types.is_integer(field.type):
        return f"{field.name} Int64 CODEC(Delta, ZSTD(3))"
    if pa.types.is_floating(field.type):
        return f"{field.name} Float64 CODEC(ZSTD(3))"
    text = "Nullable(String)" if field.name == "label" else "String"
    kind = text if (workload, field.name) in MANY_VALUES else f"LowCardinality({text})"
    return f"{field.name} {kind} CODEC(ZSTD(3))"


def create(workload, schema):
    columns = ", ".join(column(workload, field) for field in schema)
    order = ", ".join([*TAGS[workload], "time"])
    return f"CREATE TABLE bench.rows ({columns}) ENGINE = MergeTree ORDER BY ({order})"


def load(arguments, schema):
    """A new database with all rows."""
    path = arguments.dir / "clickhouse"
    shutil.rmtree(path, ignore_errors=True)
    connection = session.Session(str(path))
    connection.query("CREATE DATABASE bench")
    connection.query("SET max_threads = 2")
    connection.query(create(arguments.workload, schema))
    with clock() as seconds:
        names = ", ".join(schema.names)
        connection.query(f"INSERT INTO bench.rows SELECT {names} FROM file('{arguments.rows.resolve()}', Arrow)")
    return connection, seconds[0]


def check(connection, schema):
    time = ["toUnixTimestamp64Nano(min(time))", "toUnixTimestamp64Nano(max(time))"]
    query = check_query(schema, "bench.rows", time, "length").replace('"', "`")
    return check_of(schema, one_row(connection, query))


def size(arguments):
    report = Report(arguments, "clickhouse")
    schema = rows(arguments.rows).schema
    connection, _ = load(arguments, schema)
    connection.query("OPTIMIZE TABLE bench.rows FINAL")
    report.check(check(connection, schema))
    parts = "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'rows'"
    count, size = map(int, one_row(connection, parts))
    report.sizes(count, size, f"{AT_REST}; {CODECS}")


def ingest(arguments):
    table = rows(arguments.rows)
    connection, seconds = load(arguments, table.schema)
    report = Report(arguments, "clickhouse")
    report.check(check(connection, table.schema))
    report.load(table.num_rows, seconds, DURABILITY)


def one_row(connection, query):
    return str(connection.query(query, "TSV")).strip().split("\t")


if __name__ == "__main__":
    parsed = arguments(__doc__)
    {"size": size, "ingest": ingest}[parsed.figure](parsed)
