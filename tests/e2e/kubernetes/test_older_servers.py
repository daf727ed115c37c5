"""A server without streaming lists, as those before Kubernetes 1.34: the controller pages instead."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rollouts.client import Client
from tests.controlplane import programs
from tests.controlplane.install import install
from tests.controlplane.plane import ControlPlane
from tests.e2e.clusters import Real
from tests.e2e.live import Live
from tests.world.simulated import rollout

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        "ROLLOUTS_TEST_AUDIT" not in os.environ, reason="a cluster that is given is as old as it is"
    ),
]


@contextmanager
def without_streaming_lists() -> Iterator[ControlPlane]:
    """A control plane of its own, beside the one of the others."""
    found = programs.find()
    folder = Path(tempfile.mkdtemp(prefix="rollouts-control-plane-"))
    audit = Path(os.environ["ROLLOUTS_TEST_AUDIT"])
    with ControlPlane(folder, found, audit=audit, flags=["--feature-gates=WatchList=false"]) as plane:
        install(plane.kubeconfig, found.gateway_api)
        yield plane


async def test_a_rollout_is_shipped_and_its_change_followed(tmp_path: Path) -> None:
    with without_streaming_lists() as plane:
        cluster = Real(plane.kubeconfig, tmp_path / "home", stand_in=True)
        live = Live.on(cluster, tmp_path / "home")
        try:
            await asyncio.to_thread(live.begin)
            await live.apply("default", rollout({"canary": {"steps": [{"setWeight": 50}]}}, replicas=2))
            async with Client.connect(kubeconfig=plane.kubeconfig, namespace="default") as cd:
                await cd.rollouts.wait_for("shop", timeout=60)
                await cd.rollouts.set_image("shop", {"*": "shop:v2"})
                await cd.rollouts.wait_for("shop", timeout=60)
                assert (await cd.rollouts.get("shop")).images == {"shop": "shop:v2"}
        finally:
            await asyncio.to_thread(live.end)
