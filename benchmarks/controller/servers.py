"""The API servers that a fleet can live on."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.controller.embedded import KUBECONFIG, grow
from benchmarks.controller.fleet import copy
from benchmarks.controller.process import Process
from rollouts.kube.client import Client
from tests.controlplane import programs
from tests.controlplane.install import install
from tests.controlplane.plane import ControlPlane

_START = 30.0
"""Seconds."""
_NO_ENDPOINTS = ("endpoints-controller", "endpointslice-controller", "endpointslice-mirroring-controller")
"""They look at all Services of a namespace for each event of a pod; 10,000 in one would hold up the rest."""


Grow = Callable[[Client, int, int], Awaitable[None]]
"""Copies the first rollout from a number on until there are so many."""
Server = tuple[Path, Grow]
"""The kubeconfig of a server that is up, and how a fleet grows there."""


@contextmanager
def embedded(folder: Path) -> Iterator[Server]:
    """The embedded API in a process of its own."""
    kubeconfig = folder / KUBECONFIG
    process = Process.start("benchmarks.controller.embedded", str(folder), log=folder / "server.log")
    try:
        deadline = time.monotonic() + _START
        while not kubeconfig.exists():
            if process.child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"the server did not come up: {(folder / 'server.log').read_text()[-500:]}"
                )
            time.sleep(0.05)
        yield kubeconfig, grow
    finally:
        process.stop()


@contextmanager
def kubernetes(folder: Path) -> Iterator[Server]:
    """The control plane of the tests: etcd, kube-apiserver and kube-controller-manager.

    Raises:
        NotAvailable: it is not built and cannot be; the message says what to install.
    """
    found = programs.find()
    home = folder / "plane"
    home.mkdir()
    with ControlPlane(home, found, without=_NO_ENDPOINTS) as plane:
        install(plane.kubeconfig, found.gateway_api)
        pods = Process.start("benchmarks.controller.pods", str(plane.kubeconfig), log=folder / "pods.log")
        try:
            yield plane.kubeconfig, copy
        finally:
            pods.stop()


SERVERS: Mapping[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "embedded": embedded,
    "kubernetes": kubernetes,
}
