"""`rollouts controller` as a process: it works on a cluster, and ends when told to."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import unused_port
from click.testing import CliRunner

from rollouts.api.crd import crds
from rollouts.cli.controller import controller
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.api.http import serve
from rollouts.kube.client import Client
from rollouts.kube.resources import EVENTS, LEASES, REPLICA_SETS, ROLLOUTS
from tests.world.simulated import rollout


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Client]:
    server = ApiServer(lambda: datetime.now(UTC))
    server.install_crds(crds())
    async with await serve(server, kubeconfig_path=tmp_path / "kubeconfig"):
        yield Client(InProcess(server))


async def start(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rollouts",
        "controller",
        "--kubeconfig",
        str(folder / "kubeconfig"),
        *arguments,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "ROLLOUTS_HOME": str(folder)},
    )


async def first_replica_set(client: Client) -> str:
    async with asyncio.timeout(60):
        while True:
            found = (await client.list(REPLICA_SETS, "default"))["items"]
            if found:
                return str(found[0]["metadata"]["name"])
            await asyncio.sleep(0.05)


async def test_it_reconciles_serves_its_health_and_ends_in_good_order(
    cluster: Client, tmp_path: Path
) -> None:
    port = unused_port()
    process = await start(tmp_path, "--metrics-port", str(port), "--health-port", str(port), "--leader-elect")
    try:
        await cluster.create(ROLLOUTS, rollout({"canary": {}}), "default")
        assert (await first_replica_set(cluster)).startswith("shop-")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            assert (await session.get("/readyz")).status == 200
            assert "rollout_info{" in await (await session.get("/metrics")).text()
        lease = await cluster.get(LEASES, "argo-rollouts-controller-lock", "default")
        assert lease["spec"]["holderIdentity"]
        process.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(process.communicate(), 20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 0, log.decode()
    lease = await cluster.get(LEASES, "argo-rollouts-controller-lock", "default")
    assert not lease["spec"].get("holderIdentity")
    assert (await cluster.list(EVENTS, "default"))["items"]


async def test_objects_of_another_instance_are_left_alone(cluster: Client, tmp_path: Path) -> None:
    other, mine = rollout({"canary": {}}, name="other"), rollout({"canary": {}}, name="mine")
    mine["metadata"]["labels"] = {"argo-rollouts.argoproj.io/controller-instance-id": "blue"}
    for each in (other, mine):
        await cluster.create(ROLLOUTS, each, "default")
    ports = ("--metrics-port", "0", "--health-port", "0")
    process = await start(tmp_path, "--instance-id", "blue", *ports)
    try:
        assert (await first_replica_set(cluster)).startswith("mine-")
        await asyncio.sleep(0.5)
        found = (await cluster.list(REPLICA_SETS, "default"))["items"]
        assert [each["metadata"]["name"].split("-")[0] for each in found] == ["mine"]
    finally:
        process.kill()
        await process.wait()


def test_a_kubeconfig_that_is_not_there_is_one_clear_line() -> None:
    outcome = CliRunner().invoke(controller, ["--kubeconfig", "/nowhere/at/all"])
    assert outcome.exit_code != 0
    assert "/nowhere/at/all" in str(outcome.exception or outcome.output)


def test_an_interval_that_is_no_duration_is_refused_by_name() -> None:
    outcome = CliRunner().invoke(controller, ["--git-poll-interval", "soon"])
    assert outcome.exit_code == 2
    assert "write it like 30s, 5m or 1h30m" in outcome.output
