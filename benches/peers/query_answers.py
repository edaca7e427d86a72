"""Whether two systems gave the same answer."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types


# ClickHouse's DateTime and Date leave as numbers of seconds and days; in microseconds.
CLICKHOUSE_UNITS = {pa.uint32(): 1_000_000, pa.uint16(): 86_400_000_000}


class Differ(Exception):
    pass


def read(directory, number):
    """The rows of a statement; None where a system gave no batch, hence no rows."""
    path = directory / f"{number}.arrow"
    return pa.ipc.open_file(path).read_all() if path.exists() else None


def compare(query, found, expected):
    """Raises `Differ` with the first difference; else the greatest one among the doubles, relative to both bounds: 1 is
    as far as the bounds allow. Rows may come in any order; columns go by place."""
    if found is None or expected is None:
        counts = [0 if table is None else table.num_rows for table in (found, expected)]
        if counts != [0, 0]:
            raise Differ("{} rows, not {}".format(*counts))
        return 0.0
    if found.num_rows != expected.num_rows:
        raise Differ(f"{found.num_rows} rows, not {expected.num_rows}")
    if found.num_columns != expected.num_columns:
        raise Differ(f"{found.num_columns} columns, not {expected.num_columns}")
    found, expected = ordered(query, found, expected), ordered(query, expected, found)
    worst = 0.0
    for at, name in enumerate(expected.column_names):
        worst = max(worst, column(query, name, found.column(at), expected.column(at)))
    return worst


def ordered(query, table, other):
    """The columns in comparable types under the names c0, c1, .., the rows in order of the query's keys."""
    columns = [comparable(table.column(at), other.column(at).type) for at in range(table.num_columns)]
    table = pa.table(columns, names=[f"c{at}" for at in range(len(columns))])
    return table.sort_by([(f"c{at}", "ascending") for at in range(min(query.keys, table.num_columns))])


def comparable(column, other):
    """Texts as such, times as microseconds (DuckDB keeps no more), numbers as they are; a NaN is a null."""
    kind = column.type
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if types.is_integer(kind) and types.is_timestamp(other):
        return pc.multiply(column.cast(pa.int64()), CLICKHOUSE_UNITS[kind])
    if types.is_date(kind):
        column, kind = column.cast(pa.timestamp("us")), pa.timestamp("us")
    if types.is_timestamp(kind):
        return pc.cast(column, pa.timestamp("us", tz=kind.tz), safe=False).cast(pa.int64())
    if types.is_decimal(kind):
        return column.cast(pa.float64())
    if types.is_floating(kind):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    if types.is_integer(kind):
        return column.cast(pa.int64())
    return column.cast(pa.string())


def column(query, name, found, expected):
    if types.is_floating(found.type) or types.is_floating(expected.type):
        return doubles(query, name, found, expected)
    if found.type != expected.type:
        raise Differ(f"column {name} is {found.type}, not {expected.type}")
    same = np.asarray(pc.fill_null(pc.equal(found, expected), False)) | np.asarray(
        pc.and_(pc.is_null(found), pc.is_null(expected)))
    if not same.all():
        at = int(np.argmin(same))
        raise Differ(f"column {name}: {found[at]}, not {expected[at]}, in row {at}")
    return 0.0


def doubles(query, name, found, expected):
    found, expected = (np.asarray(c.cast(pa.float64()).fill_null(math.nan)) for c in (found, expected))
    if not (np.isnan(found) == np.isnan(expected)).all():
        at = int(np.argmax(np.isnan(found) != np.isnan(expected)))
        raise Differ(f"column {name}: {found[at]}, not {expected[at]}, in row {at}")
    allowed = query.absolute + query.relative * np.maximum(np.abs(found), np.abs(expected))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(found == expected, 0.0, np.abs(found - expected) / allowed)
    share = np.nan_to_num(share, nan=0.0, posinf=math.inf)
    worst = float(share.max(initial=0.0))
    if worst > 1:
        at = int(share.argmax())
        raise Differ(f"column {name}: {found[at]!r}, not {expected[at]!r}, in row {at}")
    return worst
