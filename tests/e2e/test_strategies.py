"""What the strategies do beyond weights: switches, gates, histories, and what may be in the way."""

import asyncio
import json
from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import INGRESSES, JOBS, PODS, REPLICA_SETS
from strategies.revisions import pod_hash
from tests.e2e.live import Live, until
from tests.e2e.shop import ROLLING, entry, host, last_versions, pause, traffic, weighted
from tests.e2e.test_providers import job, template
from tests.world.simulated import rollout, service

pytestmark = pytest.mark.cluster

HEALTHY = "--for=jsonpath={.status.phase}=Healthy"
V2, V3 = {"*": "shop:v2"}, {"*": "shop:v3"}


def switched(namespace: str, **more: Any) -> list[Object]:
    """A blue/green behind its active service."""
    strategy = {"blueGreen": {"activeService": "shop", "previewService": "shop-preview", **more}}
    return [
        *(service("shop"), service("shop-preview"), entry(namespace, "shop", "shop")),
        rollout(strategy, replicas=1),
    ]


async def selected(live: Live, ns: str, name: str) -> str:
    """The pod hash that a Service selects."""
    found = (await live.get(ns, f"service/{name}"))["spec"]["selector"]
    return str(found.get("rollouts-pod-template-hash", ""))


async def sizes(kube: Kube, ns: str) -> dict[str, int]:
    """The replicas asked for of each image."""
    return {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"]
        for each in (await kube.list(REPLICA_SETS, ns))["items"]
    }


async def test_blue_green_shows_a_preview_and_switches_when_it_is_promoted(
    live: Live, cd: Client, ns: str
) -> None:
    await live.apply(ns, *switched(ns, autoPromotionEnabled=False))
    await cd.rollouts.wait_for("shop", timeout=30)
    before = await selected(live, ns, "shop")
    async with traffic(live, host(ns)) as load:
        await cd.rollouts.set_image("shop", V2)
        await cd.rollouts.wait_for("shop", "Paused", timeout=30)
        assert await selected(live, ns, "shop") == before
        assert await selected(live, ns, "shop-preview") != before
        await cd.rollouts.promote("shop")
        await cd.rollouts.wait_for("shop", timeout=30)
        assert await selected(live, ns, "shop") == await selected(live, ns, "shop-preview")
        await asyncio.sleep(1)
    assert last_versions(load, host(ns)) == {"v2"}


async def test_blue_green_does_not_switch_to_what_its_analysis_refuses(
    live: Live, cd: Client, ns: str
) -> None:
    gate = {"templates": [{"templateName": "gate"}]}
    await live.apply(ns, template("gate", job("exit 1")), *switched(ns, prePromotionAnalysis=gate))
    await cd.rollouts.wait_for("shop", timeout=30)
    before = await selected(live, ns, "shop")
    await cd.rollouts.set_image("shop", V2)
    await cd.rollouts.wait_for("shop", "Degraded", timeout=30)
    assert await selected(live, ns, "shop") == before


async def test_a_canary_without_routing_shifts_pods_step_by_step(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    await live.apply(ns, rollout({"canary": {"steps": [{"setWeight": 50}, pause()]}}, replicas=4))
    await cd.rollouts.wait_for("shop", timeout=30)
    await cd.rollouts.set_image("shop", V2)
    await cd.rollouts.wait_for("shop", "Paused", timeout=30)
    assert await sizes(kube, ns) == {"shop:v1": 2, "shop:v2": 2}
    await cd.rollouts.abort("shop")

    async def back() -> bool:
        return await sizes(kube, ns) == {"shop:v1": 4, "shop:v2": 0}

    await until(back)
    await cd.rollouts.retry("shop")
    await cd.rollouts.wait_for("shop", "Paused", timeout=30)
    await cd.rollouts.promote("shop", full=True)
    await cd.rollouts.wait_for("shop", timeout=30)
    assert await sizes(kube, ns) == {"shop:v1": 0, "shop:v2": 4}


async def test_pods_carry_the_labels_of_the_role_of_their_version(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    roles = {f"{role}Metadata": {"labels": {"role": role}} for role in ("canary", "stable")}
    strategy = {"canary": {"steps": [{"setWeight": 50}, pause()], **roles}}
    await live.apply(ns, rollout(strategy, replicas=2))
    await cd.rollouts.wait_for("shop", timeout=30)

    async def shown() -> set[tuple[str, str]]:
        pods = (await kube.list(PODS, ns))["items"]
        alive = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
        return {
            (each["spec"]["containers"][0]["image"], each["metadata"]["labels"].get("role", ""))
            for each in alive
        }

    assert await shown() == {("shop:v1", "stable")}
    await cd.rollouts.set_image("shop", V2)
    await cd.rollouts.wait_for("shop", "Paused", timeout=30)
    assert await shown() == {("shop:v1", "stable"), ("shop:v2", "canary")}
    await cd.rollouts.promote("shop", full=True)
    await cd.rollouts.wait_for("shop", timeout=30)

    async def promoted() -> bool:
        return await shown() == {("shop:v2", "stable")}

    await until(promoted)


async def test_old_revisions_go_beyond_the_limit_with_their_analysis_runs(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    gate = {"analysis": {"templates": [{"templateName": "gate"}]}}
    shop = rollout({"canary": {"steps": [gate]}}, replicas=1, revisionHistoryLimit=1)
    await live.apply(ns, template("gate", job("exit 0")), shop)
    await cd.rollouts.wait_for("shop", timeout=30)
    for images in (V2, V3, {"*": "shop:v4"}):
        await cd.rollouts.set_image("shop", images)
        await cd.rollouts.wait_for("shop", timeout=30)

    async def few() -> bool:
        runs = await cd.analysis_runs.list()
        return set(await sizes(kube, ns)) == {"shop:v3", "shop:v4"} and len(runs) == 2

    await until(few)


async def test_a_job_that_measures_ends_with_its_analysis_run(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    gate = {"analysis": {"templates": [{"templateName": "long"}]}}
    await live.apply(ns, template("long", job("sleep 600")), *weighted(ns, {"setWeight": 20}, gate))
    await cd.rollouts.wait_for("shop", timeout=30)
    await cd.rollouts.set_image("shop", V2)

    async def jobs() -> int:
        return len(
            [j for j in (await kube.list(JOBS, ns))["items"] if "deletionTimestamp" not in j["metadata"]]
        )

    await until(jobs)
    await cd.rollouts.abort("shop")

    async def no_jobs() -> bool:
        return await jobs() == 0

    await until(no_jobs)


async def test_a_weight_that_somebody_changed_by_hand_is_put_right(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    await live.apply(ns, *weighted(ns, {"setWeight": 20}, pause()))
    await cd.rollouts.wait_for("shop", timeout=30)
    await cd.rollouts.set_image("shop", V2)
    await cd.rollouts.wait_for("shop", "Paused", timeout=30)
    key = "nginx.ingress.kubernetes.io/canary-weight"
    await live.kubectl("annotate", "ingress/shop-shop-canary", "-n", ns, f"{key}=90", "--overwrite")

    async def right() -> bool:
        return (await kube.get(INGRESSES, "shop-shop-canary", ns))["metadata"]["annotations"][key] == "20"

    await until(right)


async def test_a_missing_service_is_named_and_awaited(live: Live, cd: Client, ns: str) -> None:
    missing, *others = weighted(ns)
    await live.apply(ns, *others)
    await live.kubectl("wait", "--for=condition=InvalidSpec", "rollout/shop", "-n", ns, "--timeout=30s")
    assert missing["metadata"]["name"] in (await cd.rollouts.get("shop")).message
    await live.apply(ns, missing)
    await live.kubectl("wait", HEALTHY, "rollout/shop", "-n", ns, "--timeout=30s")


async def test_a_replica_set_of_somebody_else_with_the_name_that_is_needed_is_named(
    live: Live, cd: Client, ns: str
) -> None:
    shop = rollout(ROLLING, replicas=1)
    template_ = shop["spec"]["template"]
    taken = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": f"shop-{pod_hash(template_)}"},
        "spec": {"replicas": 0, "selector": shop["spec"]["selector"], "template": template_},
    }
    await live.apply(ns, taken)
    await live.apply(ns, shop)

    async def told() -> bool:
        return "is not controlled by Rollout" in json.dumps(
            (await live.get(ns, "rollout/shop")).get("status")
        )

    await until(told)
    await live.kubectl("delete", "replicaset", taken["metadata"]["name"], "-n", ns)
    await live.kubectl("wait", HEALTHY, "rollout/shop", "-n", ns, "--timeout=60s")


async def test_an_experiment_is_refused_by_condition_and_event(live: Live, ns: str) -> None:
    shop = rollout(ROLLING)
    spec = {
        "templates": [
            {"name": "one", "selector": shop["spec"]["selector"], "template": shop["spec"]["template"]}
        ]
    }
    experiment = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "shop"},
        "spec": spec,
    }
    await live.apply(ns, experiment)

    async def refused() -> bool:
        told = await live.kubectl("describe", "experiment", "shop", "-n", ns)
        return "InvalidSpec" in told and "Events:" in told and "<none>" not in told[told.index("Events:") :]

    await until(refused)


async def test_what_was_told_before_a_restart_is_counted_on_and_not_told_anew(
    live: Live, cd: Client, ns: str
) -> None:
    await live.apply(ns, rollout(ROLLING, replicas=1))
    await cd.rollouts.wait_for("shop", timeout=30)
    await live.kubectl("scale", "rollout/shop", "-n", ns, "--replicas=0")
    await live.kubectl("wait", "--for=delete", "pods", "-l", "app=shop", "-n", ns, "--timeout=30s")
    live.kill_controller()
    live.start_controller()
    await live.kubectl("scale", "rollout/shop", "-n", ns, "--replicas=1")

    async def counted() -> bool:
        events = json.loads(await live.kubectl("get", "events", "-n", ns, "-o", "json"))["items"]
        again = [e["count"] for e in events if e["message"].endswith("from 0 to 1")]
        return again == [2]

    await until(counted)
