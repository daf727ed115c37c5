"""Either controller as a process beside others: it acts on the objects of one instance id alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.controlplane.plane import free_port

Name = Literal["ours", "upstream"]

_READY_LIMIT = 60.0
_END_LIMIT = 20.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Controllers:
    """How to start them on one cluster."""

    kubeconfig: Path
    """An administrator's, for upstream's controller."""
    account: Path
    """Of our controller's own ServiceAccount."""
    peers: Path
    """The folder with upstream's programs."""
    logs: Path
    """The folder with what they say, a file for each instance id."""

    @contextmanager
    def running(self, name: Name, instance: str, namespace: str = "", metrics: int = 0) -> Iterator[None]:
        """One of them for the objects of an instance id, of one namespace or all; it ends with the block.

        Its metrics are served at a port of its choice, or at a given one.
        """
        health, metrics = free_port(), metrics or free_port()
        own = self._ours(health, metrics) if name == "ours" else self._upstream(health, metrics)
        command = [*own, f"--instance-id={instance}"]
        if namespace:
            command += [f"--namespace={namespace}", *(["--namespaced"] if name == "upstream" else [])]
        environment = {**os.environ, "HOME": str(self.logs), "PYTHONUNBUFFERED": "1"}
        with (
            self.log(instance).open("ab") as log,
            subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            ) as process,
        ):
            try:
                self._await(process, health, instance)
                yield
            finally:
                _end(process)

    def log(self, instance: str) -> Path:
        """What the controllers of an instance id have said."""
        return self.logs / f"{instance}.log"

    def _ours(self, health: int, metrics: int) -> list[str]:
        ports = [f"--health-port={health}", f"--metrics-port={metrics}", "--webhook-port=0"]
        # An hour between two looks at Git: what is quicker is due to something else.
        command = [sys.executable, "-m", "rollouts", "controller", "--git-poll-interval=1h"]
        return [*command, f"--kubeconfig={self.account}", *ports]

    def _upstream(self, health: int, metrics: int) -> list[str]:
        command = [str(self.peers / "rollouts-controller"), f"--kubeconfig={self.kubeconfig}"]
        command += [f"--healthzPort={health}", f"--metricsPort={metrics}", "--leader-elect=false"]
        # Its budget of requests is for one cluster; all walks at the same time need more.
        return [*command, "--qps=200", "--burst=400"]

    def _await(self, process: "subprocess.Popen[bytes]", health: int, instance: str) -> None:
        """Until ours says that its caches are filled; upstream's only says that it is there."""
        deadline = time.monotonic() + _READY_LIMIT
        while not _answers(health):
            said = self.log(instance)
            assert process.poll() is None, said.read_text()[-2000:]
            assert time.monotonic() < deadline, said.read_text()[-2000:]
            time.sleep(0.05)


def _answers(health: int) -> bool:
    for path in ("/readyz", "/healthz"):
        try:
            with socket.create_connection(("127.0.0.1", health), 1) as sock:
                sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                first = sock.recv(64)
        except OSError:
            return False
        if b" 404 " not in first:
            return b" 200 " in first
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_END_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
