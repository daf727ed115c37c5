"""The embedded cluster as one background process for each state folder."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rollouts.api.errors import RolloutsError, Unavailable
from rollouts.embedded import state
from rollouts.embedded.state import Record

_START_LIMIT, _STOP_LIMIT = 30.0, 10.0
"""Seconds."""


class AlreadyUp(RolloutsError):
    """The state folder has a running cluster."""


def start(folder: Path, *, port: int = 0, ingress_port: int = 0) -> Record:
    """Start a cluster in the background and return once it can be used.

    Raises:
        AlreadyUp: there is one.
        Unavailable: the folder cannot be written, or the cluster did not come up; the message ends with the
            last line of its log.
    """
    _refuse_second(folder)
    _make(folder)
    command = [sys.executable, "-m", "rollouts", "cluster", "up", "--foreground"]
    command += ["--port", str(port), "--ingress-port", str(ingress_port)]
    log = folder / state.LOG
    with _opened(log) as output:
        process = subprocess.Popen(  # noqa: S603 - this very program
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "ROLLOUTS_HOME": str(folder)},
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        record = state.read(folder)
        if record is not None and record.pid == process.pid:
            return record
        time.sleep(0.02)
    if process.poll() is None:
        process.terminate()
    lines = log.read_text(errors="replace").strip().splitlines()
    raise Unavailable(f"the cluster did not come up: {lines[-1] if lines else 'no word in'} ({log})")


def stop(folder: Path) -> bool:
    """End the cluster of a state folder with all its children, and remove its files.

    Returns:
        Whether there was one.

    Raises:
        Unavailable: its process does not end.
    """
    record = state.read(folder)
    if record is None or not state.is_alive(record):
        state.clean(folder, record, log=True)
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.kill(record.pid, number)
        deadline = time.monotonic() + _STOP_LIMIT
        while state.is_alive(record) and time.monotonic() < deadline:
            time.sleep(0.01)
    if state.is_alive(record):
        raise Unavailable(f"process {record.pid} does not end")
    state.clean(folder, record, log=True)
    return True


async def run(folder: Path, *, port: int = 0, ingress_port: int = 0) -> None:
    """Be the cluster, until SIGTERM or SIGINT.

    Raises:
        AlreadyUp: the state folder has one.
        OSError: a port is taken.
    """
    # Only this process needs the whole of it: `cluster down` and `status` start without.
    from rollouts.embedded.api import kubeconfig  # noqa: PLC0415
    from rollouts.embedded.api.http import serve  # noqa: PLC0415
    from rollouts.embedded.cluster import Cluster  # noqa: PLC0415

    _refuse_second(folder)
    _make(folder)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _locked(folder):
        state.clean(folder, state.read(folder), log=False)  # of one that was killed
        cluster = Cluster(ingress_port=ingress_port)
        record = None
        try:
            async with await serve(cluster.server, port=port) as serving, cluster:
                record = Record(
                    pid=os.getpid(),
                    born=state.birth(os.getpid()) or "",
                    api=serving.url,
                    ingress=f"http://127.0.0.1:{cluster.ingress_port}",
                    sockets=str(cluster.folder),
                )
                kubeconfig.write(folder / state.KUBECONFIG, serving.kubeconfig)
                state.write(folder, record)
                await _either(stop, cluster.failed())
        finally:
            state.clean(folder, record, log=False)


async def _either(stop: asyncio.Event, failed: object) -> None:
    stopping = asyncio.create_task(stop.wait())
    failing = asyncio.ensure_future(failed)  # type: ignore[call-overload]
    done, _ = await asyncio.wait((stopping, failing), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if failing in done:
        failing.result()
    failing.cancel()


def _refuse_second(folder: Path) -> None:
    record = state.read(folder)
    if record is not None and state.is_alive(record):
        raise AlreadyUp(
            f"the embedded cluster of {folder} is up already: API {record.api}, ingress {record.ingress}"
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise state.unusable(folder, error) from error


def _opened(log: Path) -> BinaryIO:
    try:
        return log.open("wb")
    except OSError as error:
        raise state.unusable(log.parent, error) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder, for two may start at the same moment."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyUp(f"another embedded cluster is starting in {folder}") from error
        yield
    finally:
        os.close(descriptor)
