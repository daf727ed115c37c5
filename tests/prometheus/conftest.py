"""One embedded cluster, one controller and one Prometheus for the lane; a namespace for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.http import connect
from rollouts.kube.resources import NAMESPACES
from tests.controlplane.plane import free_port
from tests.e2e.live import Live
from tests.prometheus.server import Prometheus, program


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    program("prometheus")
    home = tmp_path_factory.mktemp("prometheus") / "home"
    made = Live.at(home, metrics_port=free_port())
    try:
        made.begin()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def server(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus") / "server"
    made = Prometheus.of(folder, live.kubeconfig, live.metrics_port)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def prometheus(server: Prometheus) -> Prometheus:
    """The server, up whatever the test before did to it."""
    if server.process is None:
        server.start()
    return server


@pytest.fixture
async def kube(live: Live) -> AsyncIterator[Kube]:
    client = await connect(kubeconfig=live.kubeconfig)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def cd(live: Live, kube: Kube) -> AsyncIterator[Client]:
    """Our own client, on a namespace of the test's own."""
    name = live.new_namespace()
    await kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    async with Client.connect(kubeconfig=live.kubeconfig, namespace=name) as client:
        yield client
    await kube.delete(NAMESPACES, name)
