"""A real Graphite on loopback: Debian's graphite-web over files that Debian's whisper writes."""

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.controlplane.plane import free_port

STEP = 10
"""Seconds between two points."""
_READY_LIMIT = 60.0
"""Seconds."""
_SETTINGS = """
STORAGE_DIR = {here!r}
WHISPER_DIR = {here!r} + "/whisper"
LOG_DIR = {here!r}
INDEX_FILE = {here!r} + "/index"
DATABASES = {{"default": {{"NAME": {here!r} + "/database", "ENGINE": "django.db.backends.sqlite3"}}}}
SECRET_KEY = "of a server on loopback, for the time of a test"
TIME_ZONE = "UTC"
CARBONLINK_HOSTS = []
"""
_WRITE = """
import sys, whisper
path, step, *points = sys.argv[1:]
whisper.create(path, [(int(step), 360)])
whisper.update_many(path, [tuple(map(float, point.split("="))) for point in points])
"""
_MISSING = (
    "this lane needs a real Graphite, and there is no {} on PATH. Install it (Debian and Ubuntu: apt-get "
    "install --no-install-recommends graphite-web python3-whisper) and run it again; nothing needs to be "
    "configured"
)


def program() -> str:
    """Where `graphite-manage` is; the lane fails without it."""
    found = shutil.which("graphite-manage")
    if found is None:
        pytest.fail(_MISSING.format("graphite-manage"))
    return found


def python() -> str:
    """The interpreter whose packages hold Graphite: the first line of its program names it."""
    first = Path(program()).read_text().splitlines()[0]
    return first.removeprefix("#!").strip().split()[0]


@dataclass(frozen=True, slots=True)
class Graphite:
    """A running server."""

    folder: Path
    url: str

    def write(self, name: str, values: Sequence[float | None], *, until: int) -> None:
        """A series whose last point is at `until`, with a step between two; None is a gap."""
        path = self.folder / "whisper" / f"{name.replace('.', '/')}.wsp"
        path.parent.mkdir(parents=True, exist_ok=True)
        times = [until - STEP * back for back in reversed(range(len(values)))]
        points = [f"{at}={value}" for at, value in zip(times, values, strict=True) if value is not None]
        command = [python(), "-c", _WRITE, str(path), str(STEP), *points]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


@contextmanager
def running(folder: Path) -> Iterator[Graphite]:
    """A server with a folder of its own."""
    (folder / "whisper").mkdir(parents=True)
    (folder / "graphite_of_a_test.py").write_text(_SETTINGS.format(here=str(folder)))
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder),
        "GRAPHITE_SETTINGS_MODULE": "graphite_of_a_test",
    }
    command = [program(), "runserver", f"127.0.0.1:{port}", "--noreload"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=folder
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(process, f"{url}/render?format=json", folder / "log")
            yield Graphite(folder, url)
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
