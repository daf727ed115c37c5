"""The `rollouts` command against the engine that runs: every verb once, its words and its exit status."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rollouts.cli import cli
from rollouts.client import Client
from tests.e2e.gitops import Shop
from tests.e2e.live import Done, Live, until
from tests.e2e.shop import ROLLING, pause, weighted
from tests.e2e.test_providers import template
from tests.world.simulated import rollout, service

pytestmark = pytest.mark.cluster


class Says:
    """Runs commands on one namespace, each as the process's only one but without the time to load it."""

    def __init__(self, live: Live, ns: str) -> None:
        self._env = {"KUBECONFIG": str(live.kubeconfig), "HOME": str(live.home)}
        self._ns = ns

    async def __call__(self, *words: str, code: int = 0) -> str:
        done = await self.run("-n", self._ns, *words)
        assert done.code == code, done
        if code:
            assert len(done.err.strip().splitlines()) <= 1, done.err
        return (done.out + done.err).strip()

    async def read(self, *words: str) -> object:
        """What a command prints for machines, once it is the same as JSON and as YAML: objects change."""

        async def agrees() -> object:
            as_json, as_yaml = await self(*words, "-o", "json"), await self(*words, "-o", "yaml")
            found = json.loads(as_json)
            return found if found == yaml.safe_load(as_yaml) else None

        return await until(agrees, limit=10)

    async def run(self, *words: str) -> Done:
        ended = await asyncio.to_thread(CliRunner().invoke, cli, words, env=self._env)
        return Done(ended.exit_code, ended.stdout, ended.stderr)


@pytest.fixture
def says(live: Live, ns: str) -> Says:
    return Says(live, ns)


async def test_a_rollout_is_shipped_by_its_verbs(live: Live, cd: Client, ns: str, says: Says) -> None:
    await live.apply(ns, *weighted(ns, {"setWeight": 50}, pause(), abortScaleDownDelaySeconds=1))
    assert "Healthy" in await says("status", "shop", "--timeout", "20s")
    assert await says("set", "image", "shop", "shop=shop:v2") == "rollout shop image updated"
    await cd.rollouts.wait_for("shop", "Paused", timeout=20)
    await says("status", "shop", "--timeout", "0.5s", code=4)
    tree = await says("get", "shop")
    for part in ("shop:v2", "canary", "stable", "50", "Paused"):
        assert part in tree
    assert "aborted" in await says("abort", "shop")
    await cd.rollouts.wait_for("shop", "Degraded", timeout=20)
    assert "abort" in (await says("status", "shop", "--no-watch", code=3)).lower()
    assert "aborted" in await says("promote", "shop", code=1)
    assert await says("retry", "shop") == "rollout shop retried"
    await cd.rollouts.wait_for("shop", "Paused", timeout=20)
    assert await says("promote", "shop") == "rollout shop promoted"
    await says("status", "shop", "--timeout", "20s")
    assert "goes back" in await says("undo", "shop")
    assert await says("pause", "shop") == "rollout shop paused"
    assert "fully promoted" in await says("promote", "shop", "--full")
    await says("status", "shop", "--timeout", "20s")
    assert "restarts" in await says("restart", "shop")
    await says("status", "shop", "--timeout", "20s")
    assert (await cd.rollouts.get("shop")).images == {"shop": "shop:v1"}


async def test_what_is_read_is_the_same_in_json_and_yaml(live: Live, cd: Client, ns: str, says: Says) -> None:
    await live.apply(ns, rollout(ROLLING, replicas=1))
    await cd.rollouts.wait_for("shop", timeout=20)
    assert "shop" in await says("list")
    for words in (("list",), ("status", "shop"), ("get", "shop")):
        assert "shop" in json.dumps(await says.read(*words))


async def test_an_analysis_run_is_terminated(live: Live, cd: Client, ns: str, says: Says) -> None:
    endless = {"traffic": {"metric": "request-count", "service": "shop-canary"}}
    step = {"analysis": {"templates": [{"templateName": "long"}]}}
    objects = weighted(ns, {"setWeight": 50}, step)
    await live.apply(
        ns, template("long", endless, count=100, interval="1s", successCondition="true"), *objects
    )
    await cd.rollouts.wait_for("shop", timeout=20)
    await cd.rollouts.set_image("shop", {"*": "shop:v2"})

    async def running() -> str:
        runs = await cd.analysis_runs.list()
        return next((run.metadata.name for run in runs if run.status.phase == "Running"), "")

    name = await until(running)
    assert await says("terminate", "analysisrun", name) == f"analysisrun {name} terminated"
    assert "already" in await says("terminate", "analysisrun", name)

    async def ended() -> bool:
        return (await cd.analysis_runs.get(name)).status.phase not in ("Running", "Pending")

    await until(ended)


async def test_what_cannot_be_done_is_one_line_and_a_status(says: Says, tmp_path: Path) -> None:
    for words in (("get",), ("promote",), ("status",), ("app", "get"), ("app", "sync")):
        assert "nothere" in await says(*words, "nothere", code=1)
    await says("set", "image", "nothere", "no-equals", code=2)
    wrong = rollout({"canary": {"steps": [{"setWeight": 120}]}})
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(wrong))
    assert "setWeight" in await says("lint", "-f", str(tmp_path), code=1)
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(rollout(ROLLING)))
    await says("lint", "-f", str(tmp_path))


async def test_an_application_is_created_synced_rolled_back_and_deleted(
    live: Live, cd: Client, ns: str, says: Says, tmp_path: Path
) -> None:
    shop = Shop(live, cd, tmp_path)
    first = shop.write(service("shop"), rollout(ROLLING, replicas=1))
    create = ("app", "create", "shop", "--repo", shop.repo.url, "--path", ".", "--dest-namespace", ns)
    assert "created" in await says(*create, "--revision", "main")
    await shop.until(lambda a: a.sync == "OutOfSync")
    assert "Rollout" in await says("app", "diff", "shop", code=1)
    assert first[:7] in await says("app", "sync", "shop", "--timeout", "20s")
    await says("app", "wait", "shop", "--timeout", "20s")
    await says("app", "diff", "shop")
    assert "Synced" in await says("app", "get", "shop")
    second = shop.set_version("v1", "v2")
    assert "OutOfSync" in await says("app", "get", "shop", "--refresh")
    assert second[:7] in await says("app", "sync", "shop", "--timeout", "20s")
    history = await says("app", "history", "shop")
    assert first in history
    assert second in history
    for words in (("app", "list"), ("app", "get", "shop"), ("app", "history", "shop")):
        assert first in json.dumps(await says.read(*words))
    oldest = (await cd.applications.history("shop"))[0]["id"]
    assert first[:7] in await says("app", "rollback", "shop", str(oldest), "--timeout", "20s")
    assert (await cd.rollouts.get("shop")).images == {"shop": "shop:v1"}
    assert "deleted" in await says("app", "delete", "shop", "--yes", "--timeout", "20s")
    assert not await live.kubectl("get", "rollouts,services,applications", "-n", ns, "-o", "name")


async def test_kubectl_finds_the_command_as_its_plugin(live: Live, cd: Client, ns: str) -> None:
    await live.apply(ns, rollout(ROLLING, replicas=1))
    await cd.rollouts.wait_for("shop", timeout=20)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    told = await live.kubectl("rollouts", "status", "shop", "-n", ns, PATH=path)
    assert "Healthy" in told
