"""From a commit to the cluster and back; the controller asks Git once an hour unless told of a push."""

import asyncio
import time
from pathlib import Path

import pytest

from rollouts.api.meta import parse_time
from rollouts.client import Client, RevisionRejected
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import INGRESSES, ROLLOUTS, SERVICES
from tests.e2e.gitops import Shop
from tests.e2e.live import Live, until
from tests.e2e.shop import ROLLING, pause, weighted, weights
from tests.world.simulated import rollout, service

pytestmark = pytest.mark.cluster


@pytest.fixture
def shop(live: Live, cd: Client, tmp_path: Path) -> Shop:
    return Shop(live, cd, tmp_path)


async def test_a_push_that_is_announced_is_synced_at_once(live: Live, shop: Shop, cd: Client) -> None:
    first = await shop.create(service("shop"), rollout(ROLLING, replicas=1))
    await shop.synced(first)
    second = shop.set_version("v1", "v2")
    await asyncio.sleep(0.3)
    assert (await cd.applications.get("shop")).revision == first
    pushed = time.monotonic()
    assert (await shop.announce()).status_code == 200
    started = await shop.until(lambda a: a.operation and a.operation.revision == second)
    live.seconds["push announced to sync started"] = time.monotonic() - pushed
    assert started.operation is not None
    assert parse_time(started.operation.started_at) is not None
    await until(lambda: _runs(cd, "shop:v2"))
    live.seconds["push announced to rollout changed"] = time.monotonic() - pushed
    assert time.monotonic() - pushed < 5
    await shop.synced(second)


async def _runs(cd: Client, image: str) -> bool:
    return (await cd.rollouts.get("shop")).images["shop"] == image


async def test_a_push_to_another_repository_or_without_sense_changes_nothing(shop: Shop) -> None:
    first = await shop.create(service("shop"))
    await shop.synced(first)
    shop.repo.commit(message="nobody is told of this one")
    url, shop.repo.bare = shop.repo.bare, Path("/somewhere/else.git")
    assert (await shop.announce()).status_code == 200
    shop.repo.bare = url
    refused = await shop.announce(**{"x-github-event": "issues"})
    assert (refused.status_code, "issues" in refused.text) == (400, True)
    await asyncio.sleep(0.5)
    assert (await shop.cd.applications.get("shop")).revision == first


async def test_a_change_by_hand_is_healed_and_a_canary_is_not_fought(
    shop: Shop, kube: Kube, cd: Client, ns: str
) -> None:
    first = await shop.create(*weighted(ns, {"setWeight": 30}, pause(), *weights(60, seconds=1)))
    await shop.synced(first)
    await shop.ship("v1", "v2")
    await cd.rollouts.wait_for("shop", "Paused", timeout=20)
    before = await _shape(kube, ns)
    change = '[{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 9999}]'
    await shop.live.kubectl("patch", "service/shop-stable", "-n", ns, "--type=json", "-p", change)

    async def healed() -> bool:
        ports = (await kube.get(SERVICES, "shop-stable", ns))["spec"]["ports"]
        return [p["targetPort"] for p in ports] == [8080]

    await until(healed)
    await asyncio.sleep(0.5)
    assert await _shape(kube, ns) == before
    assert before["weight"] == "30"
    assert before["stable"] != before["canary"]
    assert (await cd.rollouts.get("shop")).phase == "Paused"


async def _shape(kube: Kube, ns: str) -> dict[str, str]:
    """What the rollout has made of what Git says."""
    by_role = {role: await kube.get(SERVICES, f"shop-{role}", ns) for role in ("stable", "canary")}
    hashes = {r: s["spec"]["selector"]["rollouts-pod-template-hash"] for r, s in by_role.items()}
    annotations = (await kube.get(INGRESSES, "shop-shop-canary", ns))["metadata"]["annotations"]
    return {**hashes, "weight": annotations["nginx.ingress.kubernetes.io/canary-weight"]}


async def test_a_second_commit_takes_the_place_of_a_paused_canary(shop: Shop, cd: Client, ns: str) -> None:
    first = await shop.create(*weighted(ns, {"setWeight": 30}, pause()))
    await shop.synced(first)
    await shop.ship("v1", "v2")
    await cd.rollouts.wait_for("shop", "Paused", timeout=20)
    await shop.ship("v2", "v3")
    await until(lambda: _paused_at(cd, "shop:v3"))
    await cd.rollouts.promote("shop")
    seen = await cd.rollouts.wait_for("shop", timeout=20)
    assert (seen.promoted, seen.revision) == (True, 3)


async def _paused_at(cd: Client, image: str) -> bool:
    shop = await cd.rollouts.get("shop")
    return (shop.phase, shop.images["shop"], shop.weight) == ("Paused", image, 30)


async def test_a_bad_revision_is_rejected_and_held_until_the_next_commit(
    shop: Shop, kube: Kube, cd: Client, ns: str
) -> None:
    first = await shop.create(*weighted(ns, {"setWeight": 30}, pause(), abortScaleDownDelaySeconds=1))
    await shop.synced(first)
    bad = await shop.ship("v1", "bad")
    await cd.rollouts.wait_for("shop", "Paused", timeout=20)
    await cd.rollouts.abort("shop")
    held = await shop.until(lambda a: a.rejection)
    verdict = held.verdicts[-1]
    assert (verdict["revision"], verdict["phase"]) == (bad, "Rejected")
    with pytest.raises(RevisionRejected):
        await cd.applications.wait("shop", timeout=10)
    writes = (await kube.get(ROLLOUTS, "shop", ns))["metadata"]["generation"]
    await shop.announce()
    await asyncio.sleep(0.5)
    assert (await kube.get(ROLLOUTS, "shop", ns))["metadata"]["generation"] == writes
    assert (await shop.until(lambda a: not a.refreshing)).rejection
    await shop.ship("bad", "v2")
    await until(lambda: _paused_at(cd, "shop:v2"))
    await cd.rollouts.promote("shop", full=True)
    await cd.rollouts.wait_for("shop", timeout=20)
    await shop.until(lambda a: not a.rejection and a.health == "Healthy")


async def test_a_rejected_revision_is_cleared_by_a_rollback(shop: Shop, cd: Client, ns: str) -> None:
    first = await shop.create(*weighted(ns, {"setWeight": 30}, pause(), abortScaleDownDelaySeconds=1))
    await shop.synced(first)
    await shop.ship("v1", "bad")
    await cd.rollouts.wait_for("shop", "Paused", timeout=20)
    await cd.rollouts.abort("shop")
    await shop.until(lambda a: a.rejection)
    done = await shop.live.rollouts("app", "rollback", "shop", "-n", ns, "--timeout", "20s")
    assert done.code == 0, done.err
    seen = await cd.rollouts.wait_for("shop", timeout=20)
    assert (seen.images["shop"], seen.promoted) == ("shop:v1", True)


async def test_the_engine_reverts_a_bad_commit_where_it_is_asked_to(shop: Shop, cd: Client, ns: str) -> None:
    objects = weighted(ns, {"setWeight": 30}, pause(), abortScaleDownDelaySeconds=1)
    first = await shop.create(*objects, annotations={"rollouts.argoproj.io/on-reject": "revert"})
    await shop.synced(first)
    bad = await shop.ship("v1", "bad")
    await cd.rollouts.wait_for("shop", "Paused", timeout=20)
    await cd.rollouts.abort("shop")

    async def reverted() -> bool:
        return shop.repo.head() not in (first, bad)

    await until(reverted)
    shop.repo.pull()
    assert "shop:v1" in (shop.repo.clone / "all.yaml").read_text()
    await shop.synced(shop.repo.head())
    assert (await cd.rollouts.get("shop")).images["shop"] == "shop:v1"
