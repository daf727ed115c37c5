"""A namespace and a walk for each test."""

import asyncio
import itertools
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from rollouts.kube.errors import NotFound
from rollouts.kube.http import connect
from rollouts.kube.resources import NAMESPACES
from tests.upstream import remains
from tests.upstream.walk import Walk

_NUMBERS = itertools.count()
_MARK = uuid.uuid4().hex[:6]

UPSTREAM = os.environ.get("ROLLOUTS_TEST_CONTROLLER") == "upstream"


@pytest.fixture
async def walk(request: pytest.FixtureRequest) -> AsyncIterator[Walk]:
    """Whoever uses the rollout of one namespace.

    With ROLLOUTS_TEST_REMAINS, a folder, what is left of the walk is written into it.
    """
    kubeconfig = Path(os.environ["ROLLOUTS_TEST_KUBECONFIG"])
    peers = Path(os.environ["ROLLOUTS_TEST_PEERS"])
    namespace = f"walk-{_MARK}-{next(_NUMBERS)}"
    kube = await connect(kubeconfig=kubeconfig)
    try:
        made = await kube.create(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
        walk = Walk(kube, kubeconfig, peers, namespace)
        listening = asyncio.create_task(walk.listen(made["metadata"]["resourceVersion"]))
        yield walk
        listening.cancel()
        if folder := os.environ.get("ROLLOUTS_TEST_REMAINS"):
            Path(folder, f"{request.node.name}.yaml").write_text(await remains.of(kube, namespace))
        with suppress(NotFound):
            await kube.delete(NAMESPACES, namespace)
    finally:
        await kube.close()
