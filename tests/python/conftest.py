"""What the tests share: the binary, and a server of their own on a free port."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def binary():
    """The built `driftline`: DRIFTLINE_BIN, else where `cargo build` leaves it."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = pathlib.Path(os.environ.get("DRIFTLINE_BIN", target / "debug" / "driftline"))
    if not path.exists():
        pytest.fail(f"{path} is not there; run `cargo build`, or tests/run which does")
    return path


class Served:
    """A running `driftline serve`."""

    def __init__(self, binary, directory):
        command = [binary, "serve", "--data-dir", directory, "--grpc", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.address = self._read_address()

    def _read_address(self):
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(r"127\.0\.0\.1:([1-9]\d*)", line):
                return found.group(0)
        pytest.fail(f"the server ended with {self.process.wait()} and said: {''.join(said)}")

    def is_up(self):
        return self.process.poll() is None

    def stop(self):
        """Asks it to stop; its exit code."""
        self.process.terminate()
        self.process.stdout.read()
        return self.process.wait()


@pytest.fixture(scope="module")
def served(binary, tmp_path_factory):
    server = Served(binary, tmp_path_factory.mktemp("data"))
    yield server
    assert server.is_up(), "the server went down during the tests"
    assert server.stop() == 0
