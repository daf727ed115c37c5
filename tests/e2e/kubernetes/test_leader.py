"""Leader election with the rights that the manifests give."""

import asyncio
import signal

import pytest

from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.errors import NotFound
from rollouts.kube.lease import lease_name
from rollouts.kube.resources import LEASES
from tests.e2e.live import Live, until
from tests.e2e.shop import ROLLING
from tests.world.simulated import rollout

pytestmark = pytest.mark.cluster


async def test_a_controller_works_once_it_holds_the_lease_and_gives_it_back_when_it_ends(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    async def holder() -> str:
        try:
            lease = await kube.get(LEASES, lease_name(), "rollouts-system")
        except NotFound:
            return ""
        return str(lease["spec"].get("holderIdentity") or "")

    live.kill_controller(signal.SIGTERM)
    live.start_controller("--leader-elect")
    try:
        await until(holder, limit=60)
        await live.apply(ns, rollout(ROLLING, replicas=1))
        await cd.rollouts.wait_for("shop", timeout=60)
        # One that is told to end while its writes are under way lets the lease expire instead.
        await asyncio.sleep(3)
    finally:
        live.kill_controller(signal.SIGTERM)
    assert await holder() == ""
