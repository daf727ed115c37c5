"""One suite, three back ends: the embedded API in process and over HTTPS, and a real one if it is given.

`ROLLOUTS_TEST_KUBECONFIG` names a kubeconfig of a cluster to run the same cases on. Each test works in a
namespace of its own; a module's tests share a server. Of a real cluster's controllers the suite needs the
garbage collector and those of namespaces and service accounts.
"""

import asyncio
import copy
import uuid

import pytest

from rollouts.api.crd import crds
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import CRDS, NAMESPACES, Resource
from tests.contract.back_ends import BACK_ENDS, REAL, WIDGETS, Cluster, back_end

SERVICE_ACCOUNTS = Resource("", "v1", "ServiceAccount", "serviceaccounts")


@pytest.fixture(scope="session")
def group(tmp_path_factory):
    """The group of the custom kind: a new one for each session, so that sessions can share a cluster."""
    group = f"contract-{uuid.uuid4().hex[:8]}.example.com"
    if not REAL:
        yield group
        return
    asyncio.run(_install(definition(group)))
    yield group
    asyncio.run(_uninstall(group))


def definition(group):
    """The definition of Widgets in a group."""
    crd = copy.deepcopy(WIDGETS)
    crd["metadata"]["name"] = f"widgets.{group}"
    crd["spec"]["group"] = group
    return crd


async def _install(crd):
    with back_end("real", None) as real:
        client = await real.connect()
        try:
            await client.create(CRDS, crd)
            served = Resource(crd["spec"]["group"], "v1", "Widget", "widgets")
            async with asyncio.timeout(60):
                while True:
                    try:
                        await client.list(served)
                        return
                    except NotFound:
                        await asyncio.sleep(0.1)
        finally:
            await client.close()


async def _uninstall(group):
    with back_end("real", None) as real:
        client = await real.connect()
        await client.delete(CRDS, f"widgets.{group}")
        await client.close()


@pytest.fixture(scope="module", params=BACK_ENDS)
def server(request, tmp_path_factory, group):
    """A back end that the tests of a module share."""
    folder = tmp_path_factory.mktemp("contract")
    with back_end(request.param, folder, definition(group)) as found:
        yield found


@pytest.fixture
async def cluster(server, group):
    namespace = f"contract-{uuid.uuid4().hex[:8]}"
    client = await server.connect()
    try:
        await client.create(NAMESPACES, {"metadata": {"name": namespace}})
        yield Cluster(
            client, namespace, server.name, Resource(group, "v1", "Widget", "widgets"), server.forget
        )
        await client.delete(NAMESPACES, namespace)
    finally:
        await client.close()


@pytest.fixture(scope="module")
def installed(server):
    """A back end that knows our own kinds: a real one has them installed by who starts it."""
    if server.server is not None:
        server.server.install_crds(crds())


@pytest.fixture
async def ours(cluster, installed):
    """A cluster in which our own kinds are served."""
    return cluster


@pytest.fixture
async def pods(cluster):
    """A cluster in which pods can be created: a real one wants the namespace's service account first."""
    if cluster.is_real:
        path = cluster.path(SERVICE_ACCOUNTS, "default")
        await cluster.until(lambda: cluster.send("GET", path), lambda answer: answer.code == 200)
    return cluster
