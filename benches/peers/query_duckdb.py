"""Loads a workload into DuckDB, and asks it."""

import argparse
from pathlib import Path

import duckdb

from common import rows
from query_worker import serve

THREADS = 2
MEMORY = "6GB"


class Client:
    def __init__(self, connection):
        self.cursor = connection.cursor()

    def answer(self, sql):
        return self.cursor.sql(sql).to_arrow_table()

    run = answer


def connect(path):
    connection = duckdb.connect(str(path))
    connection.execute(f"SET threads = {THREADS}; SET memory_limit = '{MEMORY}'; SET TimeZone = 'UTC'")
    return connection


def load(arguments):
    """DuckDB finds the rows by the name of the variable `arrived`."""
    arguments.dir.unlink(missing_ok=True)
    connection = connect(arguments.dir)
    connection.register("arrived", rows(arguments.rows))
    connection.execute(arguments.create.read_text())
    connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["load", "serve"])
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--create", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "load":
        load(arguments)
    else:
        connection = connect(arguments.dir)
        serve(lambda: Client(connection))


if __name__ == "__main__":
    main()
