"""A server of one test: it can be asked, killed and started again, and what it says is kept."""

import contextlib
import datetime
import os
import re
import subprocess
import time
import warnings

from adbc_driver_flightsql import dbapi

# Seconds that anything may take before a test gives up; a healthy server needs a fraction of it.
PATIENCE = 30
UTC = datetime.timezone.utc
MINUTE = datetime.timedelta(minutes=1)
HOUR = datetime.timedelta(hours=1)


def until(look, what, seconds=PATIENCE):
    """What `look` finds, as soon as it is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)
    return found


def text(moment):
    """A moment in SQL."""
    return f"'{rfc3339(moment)}'"


def rfc3339(moment):
    """As messages write it: no fraction where there is none."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def whole_hours_ago(hours):
    """The beginning of an hour. Events are of the past: then rows alone say how late it is, and no test waits."""
    now = datetime.datetime.now(UTC)
    return now.replace(minute=0, second=0, microsecond=0) - hours * HOUR


class Server:
    """`driftline serve` on a directory of its own."""

    def __init__(self, binary, directory, log="info"):
        self.binary, self.data, self.file = binary, directory / "data", directory / "server.log"
        self.environment = {**os.environ, "DRIFTLINE__LOG": log}
        self.connection = None
        self.start()

    def start(self):
        known = self.file.stat().st_size if self.file.exists() else 0
        command = [self.binary, "serve", "--data-dir", self.data, "--grpc", "127.0.0.1:0"]
        # Into a file: a pipe that nobody reads would fill up and stop the server.
        with self.file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self.environment
            )
        self.address = until(lambda: self._address(known), lambda: f"an address of the server: {self.said()}")

    def _address(self, known):
        assert self.process.poll() is None, f"the server ended: {self.said()}"
        found = re.search(r"http://(127\.0\.0\.1:[1-9]\d*)\n", self.said()[known:])
        return found and found.group(1)

    def said(self):
        return self.file.read_text(errors="replace")

    def connect(self):
        # Flight SQL has no transactions here; autocommit is what the driver falls back to, with or without a warning.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dbapi.connect(f"grpc://{self.address}", autocommit=True)

    def ask(self, sql):
        """The rows of a statement, as dictionaries."""
        self.connection = self.connection or self.connect()
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table().to_pylist()

    def run(self, *statements):
        for sql in statements:
            self.ask(sql)

    def one(self, sql):
        [row] = self.ask(sql)
        [value] = row.values()
        return value

    def outbox(self, columns="id, notifier, alert, status, state, attempts, error"):
        return self.ask(f"SELECT {columns} FROM system.outbox ORDER BY number")

    def settled(self, count):
        """The outbox, once it has so many messages and none of them waits."""

        def look():
            rows = self.outbox()
            return len(rows) >= count and all(row["state"] != "waiting" for row in rows) and rows

        rows = until(look, lambda: f"{count} messages that are settled: {self.outbox()}")
        assert len(rows) == count, rows
        return rows

    def _disconnect(self):
        if self.connection:
            # What the driver says of a server that is gone does not matter.
            with contextlib.suppress(dbapi.Error):
                self.connection.close()
        self.connection = None

    def kill(self):
        """As a power cut of the process: no signal handler runs."""
        self.process.kill()
        self.process.wait()
        self._disconnect()

    def stop(self):
        """Asks it to stop; its exit code."""
        assert self.process.poll() is None, f"the server went down: {self.said()}"
        self._disconnect()
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE)


@contextlib.contextmanager
def serving(binary, directory, log="info"):
    """A server for one test, which must end in good order."""
    server = Server(binary, directory, log)
    try:
        yield server
        assert server.stop() == 0
        assert "panicked" not in server.said()
    finally:
        server.process.kill()
