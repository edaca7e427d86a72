"""Loads a workload into ClickHouse (chdb, in this process), and asks it."""

import argparse
import shutil
from pathlib import Path

import pyarrow as pa
from chdb import session

from query_worker import serve

# No cache of answers, nor of which granules passed a filter; columns keep their names before aliases do, as in SQL.
SETTINGS = ["max_threads = 2", "use_query_cache = 0", "use_query_condition_cache = 0", "prefer_column_name_to_alias = 1"]


class Client:
    def __init__(self, connection):
        self.connection = connection

    def run(self, sql):
        self.connection.query(sql, "Native")

    def answer(self, sql):
        return pa.ipc.open_file(pa.py_buffer(self.connection.query(sql, "Arrow").bytes())).read_all()


def connect(path):
    connection = session.Session(str(path))
    for setting in SETTINGS:
        connection.query(f"SET {setting}")
    return connection


def load(arguments):
    shutil.rmtree(arguments.dir, ignore_errors=True)
    connection = connect(arguments.dir)
    connection.query("CREATE DATABASE bench")
    for statement in arguments.create.read_text().split(";"):
        if statement.strip():
            connection.query(statement)
    table = f"bench.{arguments.workload}"
    connection.query(f"INSERT INTO {table} SELECT * FROM file('{arguments.rows.resolve()}', Arrow)")
    connection.query(f"OPTIMIZE TABLE {table} FINAL")
    connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["load", "serve"])
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--workload")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--create", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "load":
        load(arguments)
    else:
        client = Client(connect(arguments.dir))
        serve(lambda: client)


if __name__ == "__main__":
    main()
