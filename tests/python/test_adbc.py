"""Python's Flight SQL driver against `driftline serve`, as people use it: connect, prepare, execute, fetch, look around."""

import contextlib
import datetime
import warnings

import pandas
import pyarrow
import pytest
from adbc_driver_flightsql import dbapi

DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
MODEL = """
    CREATE MODEL loans (prediction_id TEXT KEY, amount DOUBLE FEATURE NUMERIC, country TEXT FEATURE CATEGORICAL,
                        score DOUBLE SCORE, decision BIGINT PREDICTION, repaid BIGINT LABEL)
    WITH (type = 'classification', positive = '1', threshold = 0.5, label_delay = '7 days')
"""


@contextlib.contextmanager
def connect(served):
    # Flight SQL has no transactions here; autocommit is what the driver falls back to, with or without a warning.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with dbapi.connect(f"grpc://{served.address}", autocommit=True) as connection:
            yield connection


@pytest.fixture(scope="module")
def connection(served):
    with connect(served) as connection:
        run(connection, "CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, id TEXT KEY, ms DOUBLE, ok BOOLEAN)")
        rows = ", ".join(
            f"(TIMESTAMP '2026-01-01T{i:02}:00:00Z', '{'ab'[i % 2]}', 'r{i}', {i}.5, {'true' if i % 3 else 'false'})"
            for i in range(24)
        )
        run(connection, f"INSERT INTO requests (time, model, id, ms, ok) VALUES {rows}")
        yield connection


def run(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def ask(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetch_arrow_table()


def test_answers_are_arrow_tables_of_plain_types(connection):
    table = ask(connection, "SELECT time, model, id, ms, ok FROM requests ORDER BY time")
    expected = [
        ("time", pyarrow.timestamp("ns", "UTC")),
        ("model", pyarrow.string()),
        ("id", pyarrow.string()),
        ("ms", pyarrow.float64()),
        ("ok", pyarrow.bool_()),
    ]
    assert [(field.name, field.type) for field in table.schema] == expected
    rows = table.to_pylist()
    assert len(rows) == 24
    assert rows[3] == {"time": DAY + datetime.timedelta(hours=3), "model": "b", "id": "r3", "ms": 3.5, "ok": False}


def test_rows_can_be_fetched_as_the_database_api_says(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT model, count(*) AS n FROM requests GROUP BY model ORDER BY model")
        assert [column[0] for column in cursor.description] == ["model", "n"]
        assert cursor.fetchone() == ("a", 12)
        assert cursor.fetchall() == [("b", 12)]


def test_parameters_are_bound(connection):
    sql = "SELECT id FROM requests WHERE model = $1 AND ms > $2 ORDER BY ms"
    assert ask(connection, sql, ("b", 18.0)).column("id").to_pylist() == ["r19", "r21", "r23"]
    assert ask(connection, sql, ("a", 21.0)).column("id").to_pylist() == ["r22"]


def test_a_statement_is_prepared_with_its_schema(connection):
    with connection.cursor() as cursor:
        schema = cursor.adbc_execute_schema("SELECT time, percentile(ms, 0.95) AS p95 FROM requests GROUP BY time")
    assert schema.names == ["time", "p95"]
    assert schema.field("p95").type == pyarrow.float64()


def test_no_rows_still_have_a_schema(connection):
    table = ask(connection, "SELECT model, ms FROM requests WHERE ms < 0")
    assert (table.num_rows, table.schema.names) == (0, ["model", "ms"])


def test_metadata(connection):
    catalogs = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    schemas = [schema for catalog in catalogs for schema in catalog["catalog_db_schemas"]]
    tables = {t["table_name"]: t for s in schemas if s["db_schema_name"] == "public" for t in s["db_schema_tables"]}
    columns = [column["column_name"] for column in tables["requests"]["table_columns"]]
    assert columns == ["time", "model", "id", "ms", "ok"]
    schema = connection.adbc_get_table_schema("requests")
    assert schema.field("time").type == pyarrow.timestamp("ns", "UTC")
    assert connection.adbc_get_table_types()
    assert "vendor_name" in connection.adbc_get_info()


def test_pandas_reads_sql(connection):
    frame = pandas.read_sql("SELECT model, avg(ms) AS ms FROM requests GROUP BY model ORDER BY model", connection)
    assert frame.to_dict("list") == {"model": ["a", "b"], "ms": [11.5, 12.5]}


def test_a_model_and_its_functions(connection):
    run(connection, MODEL)
    rows = ", ".join(
        f"(TIMESTAMP '2026-01-0{1 + i // 100}T00:00:00Z', 'p{i}', {i % 100}.0, 'DE', {i % 10 / 10}, {int(i % 10 >= 5)})"
        for i in range(200)
    )
    columns = "time, prediction_id, amount, country, score, decision"
    run(connection, f"INSERT INTO loans ({columns}) VALUES {rows}")
    run(connection, "CREATE BASELINE first FOR MODEL loans AS SELECT * FROM loans WHERE time < '2026-01-02'")
    drift = ask(
        connection,
        "SELECT feature, psi, drifted FROM drift('loans', baseline => 'first', from => '2026-01-02', to => '2026-01-03')",
    )
    found = {row["feature"]: row for row in drift.to_pylist()}
    # The second day has the values of the first again.
    assert found["amount"]["psi"] == pytest.approx(0, abs=1e-12)
    assert found["country"]["drifted"] is False


@pytest.mark.parametrize(
    "sql, said",
    [
        ("SELEC 1", "SELEC"),
        ("SELECT 1 FROM nowhere", "nowhere"),
        ("SELECT speed FROM requests", "speed"),
        ("SELECT * FROM drift('nowhere', window => INTERVAL '7 days')", "nowhere"),
        ("CREATE TABLE requests (time TIMESTAMP TIME)", "requests"),
        ("CREATE TABLE odd (time TIMESTAMP TIME, x DOUBLE COLOUR)", "COLOUR"),
        ("CREATE EXTERNAL TABLE passwords STORED AS CSV LOCATION '/etc/passwd'", "network"),
        ("SELECT * FROM '/etc/passwd'", "passwd"),
        ("COPY requests TO '/tmp/requests.csv'", "network"),
    ],
)
def test_errors_name_the_thing_and_leave_the_server_up(served, connection, sql, said):
    with pytest.raises(dbapi.Error) as raised:
        ask(connection, sql)
    assert said.lower() in str(raised.value).lower()
    assert not isinstance(raised.value, dbapi.InternalError), "the caller's mistake is not the server's"
    assert served.is_up()
    assert ask(connection, "SELECT count(*) AS n FROM requests").to_pylist() == [{"n": 24}]


def test_a_wrong_statement_is_a_programming_error(connection):
    for sql in ("SELEC 1", "SELECT speed FROM requests"):
        with pytest.raises(dbapi.ProgrammingError):
            ask(connection, sql)


def test_many_connections_at_once(served):
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(served)) for _ in range(8)]
        for connection in connections:
            assert ask(connection, "SELECT sum(ms) AS ms FROM requests").to_pylist() == [{"ms": 288.0}]
