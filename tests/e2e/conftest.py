"""One embedded cluster and one controller as processes for the whole run, and a namespace for each test."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.errors import NotFound
from rollouts.kube.http import connect
from rollouts.kube.resources import NAMESPACES
from tests.e2e.clusters import REAL
from tests.e2e.live import Live

collect_ignore = [] if REAL else ["kubernetes"]
"""What only a real API server can show."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What sums up what all the others did comes last."""
    items.sort(key=lambda item: item.path.name == "test_rights.py")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("e2e") / "home"
    live = Live.at(home)
    try:
        live.begin()
        yield live
        live.figures["controller RSS at the end"] = f"{live.megabytes() or 0:.0f} MB"
    finally:
        live.end()
    figures = {what: f"{seconds:.3f} s" for what, seconds in live.seconds.items()} | live.figures
    print(*(f"\n{what}: {figure}" for what, figure in figures.items()))  # noqa: T201 - shown by pytest -s


@pytest.fixture
def live(running: Live) -> Live:
    """The engine, up whatever the test before did to it."""
    if running.controller is None or running.controller.poll() is not None:
        running.start_controller()
        running.await_controller()
    return running


@pytest.fixture
async def kube(live: Live) -> AsyncIterator[Kube]:
    """The API of the cluster."""
    client = await connect(kubeconfig=live.kubeconfig)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def ns(live: Live, kube: Kube) -> AsyncIterator[str]:
    """A namespace of the test's own."""
    name = live.new_namespace()
    await kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    with suppress(NotFound):
        await kube.delete(NAMESPACES, name)


@pytest.fixture
async def cd(live: Live, ns: str) -> AsyncIterator[Client]:
    """Our own client, on the test's namespace."""
    async with Client.connect(kubeconfig=live.kubeconfig, namespace=ns) as client:
        yield client
