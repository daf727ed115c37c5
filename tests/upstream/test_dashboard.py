"""Upstream's dashboard shows rollouts of ours as its own, and its buttons work."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import yaml

from tests.controlplane.plane import free_port
from tests.upstream.acts import (
    BLUE_GREEN,
    BY_HAND,
    NGINX,
    ROUTED,
    SERVICES,
    Act,
    aborts,
    becomes,
    healthy,
    in_turn,
    paused,
    pods,
    rollout,
    run_is,
    template,
    updates,
    weight,
)
from tests.upstream.printed import masked, settles
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

_DROPPED = ("uid", "resourceVersion", "creationTimestamp", "generation", "startedAt", "scaleDownDeadline")
_DROPPED += ("dryRunSummary",)  # empty: Go writes it out
_LIMIT = 30.0
"""Seconds."""


@dataclass(frozen=True)
class Dashboard:
    """Its HTTP API, of one namespace."""

    client: aiohttp.ClientSession
    url: str
    namespace: str

    async def get(self, path: str) -> Any:
        """What it answers to `GET .../rollouts/NAMESPACE/PATH`."""
        async with self.client.get(f"{self.url}/rollouts/{self.namespace}/{path}") as answer:
            assert answer.status == 200, await answer.text()
            return json.loads(await answer.text())

    async def press(self, path: str, **body: Any) -> Any:
        """What it answers to `PUT .../rollouts/NAMESPACE/NAME/VERB`."""
        url = f"{self.url}/rollouts/{self.namespace}/{path}"
        named = {"namespace": self.namespace, "rollout": "shop", "name": "shop", **body}
        async with self.client.put(url, json=named) as answer:
            assert answer.status == 200, await answer.text()
            return json.loads(await answer.text())


@pytest.fixture
async def dashboard(walk: Walk) -> AsyncIterator[Dashboard]:
    """`kubectl argo rollouts dashboard`, on loopback."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(str(walk.peers / "kubectl-argo-rollouts"), "dashboard", f"--port={port}"),
        f"--namespace={walk.namespace}",
        env={**os.environ, "KUBECONFIG": str(walk.kubeconfig)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_LIMIT)) as client:
            found = Dashboard(client, f"http://127.0.0.1:{port}/rollouts/api/v1", walk.namespace)
            await walk.eventually(lambda: _answers(found), "dashboard", limit=_LIMIT)
            yield found
    finally:
        process.kill()  # it waits for its clients otherwise
        await process.wait()


async def _answers(dashboard: Dashboard) -> bool:
    with suppress(aiohttp.ClientError):
        async with dashboard.client.get(f"{dashboard.url}/version") as answer:
            return answer.status == 200
    return False


def _bare(value: Any) -> Any:
    match value:
        case dict():
            return {name: _bare(each) for name, each in sorted(value.items()) if name not in _DROPPED}
        case list():
            return [_bare(each) for each in value]
        case _:
            return value


STATES: dict[str, Act] = {
    "healthy canary": healthy(rollout(f"canary: {{{BY_HAND}}}")),
    "paused routed canary": in_turn(
        paused(*ROUTED, rollout(f"canary: {{{NGINX}, {BY_HAND}}}", replicas=4)), weight(50)
    ),
    "aborted canary": in_turn(
        paused(rollout(f"canary: {{{BY_HAND}}}")), aborts, becomes("Degraded"), pods(2, 0)
    ),
    "canary at an analysis": in_turn(
        healthy(
            template("slow", '"sleep 300"'),
            rollout("canary: {steps: [{setWeight: 50}, {analysis: {templates: [{templateName: slow}]}}]}"),
        ),
        updates,
        run_is("Step", "Running"),
    ),
    "paused blue-green": paused(
        *SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}, autoPromotionEnabled: false}}")
    ),
}


@pytest.mark.parametrize("name", STATES)
async def test_a_rollout_is_told_of_as_upstream_s_own(walk: Walk, dashboard: Dashboard, name: str) -> None:
    await STATES[name](walk)

    async def told() -> str:
        found = {"one": await dashboard.get("shop/info"), "all": await dashboard.get("info")}
        return masked(yaml.safe_dump(_bare(found), width=200, allow_unicode=True), walk.namespace)

    await settles(f"dashboard {name}", told)


async def test_its_buttons_promote_abort_retry_and_restart(walk: Walk, dashboard: Dashboard) -> None:
    await walk.healthy(rollout(f"canary: {{{BY_HAND}}}"))
    await walk.update()
    await walk.phase("Paused")
    await dashboard.press("shop/promote", full=False)
    await walk.step(3)
    await dashboard.press("shop/abort")
    await walk.phase("Degraded")
    await dashboard.press("shop/retry")
    await walk.phase("Paused")
    await dashboard.press("shop/promote", full=True)
    await walk.phase("Healthy")
    await asyncio.sleep(2)  # a restart replaces what is older than it, and times are whole seconds
    await dashboard.press("shop/restart")
    await walk.until(lambda each: bool(each["status"].get("restartedAt")), "restart")
