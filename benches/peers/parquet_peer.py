"""The same rows as one Parquet file, sorted by tags and time: format version 2, data pages 2, zstd."""

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet

from common import TAGS, Report, arguments, check_of, check_query, clock, rows

AT_REST = "one file, not synced"
LEVEL = 9


def write(table, path):
    """Whole numbers and times as deltas, texts and flags as dictionaries, doubles as bytes split by place."""
    integers = [f.name for f in table.schema if pa.types.is_integer(f.type) or pa.types.is_timestamp(f.type)]
    texts = [f.name for f in table.schema if pa.types.is_string(f.type) and f.name != "id"]
    encodings = {name: "DELTA_BINARY_PACKED" for name in integers}
    encodings |= {"id": "DELTA_BYTE_ARRAY"} if "id" in table.column_names else {}
    encodings |= {f.name: "BYTE_STREAM_SPLIT" for f in table.schema if pa.types.is_floating(f.type)}
    parquet.write_table(table, path, version="2.6", data_page_version="2.0", compression="zstd",
                        compression_level=LEVEL, use_dictionary=texts, column_encoding=encodings)


def check(path, schema):
    """As DuckDB reads the file."""
    query = check_query(schema, f"read_parquet('{path}')", ["epoch_ns(min(time))", "epoch_ns(max(time))"], "strlen")
    return check_of(schema, duckdb.execute(query).fetchone())


def size(arguments):
    report = Report(arguments, f"parquet zstd {LEVEL} sorted")
    path = arguments.dir / "rows.parquet"
    table = rows(arguments.rows)
    table = table.sort_by([(name, "ascending") for name in [*TAGS[arguments.workload], "time"]])
    write(table, path)
    report.check(check(path, table.schema))
    report.sizes(table.num_rows, path.stat().st_size, AT_REST)


def ingest(arguments):
    table = rows(arguments.rows)
    path = arguments.dir / "ingest.parquet"
    with clock() as seconds:
        write(table, path)
    report = Report(arguments, f"parquet zstd {LEVEL}")
    report.check(check(path, table.schema))
    report.load(table.num_rows, seconds[0], "one file as the rows arrive, not synced; one thread")


if __name__ == "__main__":
    parsed = arguments(__doc__)
    {"size": size, "ingest": ingest}[parsed.figure](parsed)
