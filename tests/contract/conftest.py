"""One suite, several back ends: the embedded API in process and over HTTPS, and a real one if it is given.

`ROLLOUTS_CONTRACT_KUBECONFIG` names a kubeconfig of a cluster to run the same cases on; each works in a
namespace of its own. No controllers need to run there.
"""

import os
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.api.http import serve
from rollouts.kube.client import Client
from rollouts.kube.http import connect
from rollouts.kube.resources import NAMESPACES

REAL = os.environ.get("ROLLOUTS_CONTRACT_KUBECONFIG", "")


@dataclass
class Cluster:
    """A back end and the namespace that a test has to itself."""

    client: Client
    namespace: str


@asynccontextmanager
async def back_end(name, folder):
    """A client of one of the back ends."""
    if name == "real":
        yield await connect(REAL)
        return
    server = ApiServer(lambda: datetime.now(UTC))
    if name == "in process":
        yield Client(InProcess(server))
        return
    async with await serve(server, kubeconfig_path=folder / "kubeconfig"):
        yield await connect(str(folder / "kubeconfig"))


@pytest.fixture(params=["in process", "over https", *(["real"] if REAL else [])])
async def cluster(request, tmp_path):
    namespace = f"contract-{uuid.uuid4().hex[:8]}"
    async with back_end(request.param, tmp_path) as client:
        await client.create(NAMESPACES, {"metadata": {"name": namespace}})
        try:
            yield Cluster(client, namespace)
        finally:
            await client.delete(NAMESPACES, namespace)
            await client.close()
