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


def size(arguments):
    report = Report(arguments, f"parquet zstd {LEVEL} sorted")
    path = arguments.dir / "rows.parquet"
    table = rows(arguments.rows)
    table = table.sort_by([(name, "ascending") for name in [*TAGS[arguments.workload], "time"]])
    write(table, path)
    query = check_query(table.schema, f"read_parquet('{path}')",
                        ["epoch_ns(min(time))", "epoch_ns(max(time))"], "strlen")
    report.check(check_of(table.schema, duckdb.execute(query).fetchone()))
    report.sizes(table.num_rows, path.stat().st_size, AT_REST)


def ingest(arguments):
    table = rows(arguments.rows)
    with clock() as seconds:
        write(table, arguments.dir / "ingest.parquet")
    Report(arguments, f"parquet zstd {LEVEL}").load(table.num_rows, seconds[0], "not synced; one thread")


if __name__ == "__main__":
    parsed = arguments(__doc__)
    {"size": size, "ingest": ingest}[parsed.figure](parsed)
