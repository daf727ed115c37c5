"""A canary beside baseline pods: they answer, no request is lost, and nothing of them stays."""

import json

import pytest

from rollouts.api.baseline import BASELINE_OF
from rollouts.api.meta import Object
from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import HTTP_ROUTES, PODS, REPLICA_SETS, SERVICES
from tests.e2e.live import Live, until
from tests.e2e.shop import by_route, failures, host, pause, traffic
from tests.e2e.test_providers import template

pytestmark = pytest.mark.cluster

V2 = {"*": "shop:v2"}


def compared(ns: str, *, count: int) -> list[Object]:
    """A canary whose analysis asks how the requests to its baseline went, so many times."""
    provider = {"traffic": {"metric": "success-rate", "service": "shop-baseline", "window": "1s"}}
    measure = {"interval": "1s", "count": count, "successCondition": "result >= 0.99"}
    analysis = {"templates": [{"templateName": "compare"}], "baseline": {"matchCanary": True}}
    steps = ({"setWeight": 25}, {"analysis": analysis}, {"setWeight": 50}, pause())
    return [template("compare", provider, **measure), *by_route(ns, *steps)]


async def traces(kube: Kube, ns: str) -> list[str]:
    """What there is of a baseline."""
    sets = [
        each
        for each in (await kube.list(REPLICA_SETS, ns))["items"]
        if BASELINE_OF in each["metadata"].get("annotations", {})
    ]
    uids = {each["metadata"]["uid"] for each in sets}
    pods = [
        each
        for each in (await kube.list(PODS, ns))["items"]
        if uids & {owner["uid"] for owner in each["metadata"].get("ownerReferences", ())}
    ]
    services = [
        each
        for each in (await kube.list(SERVICES, ns))["items"]
        if each["metadata"]["name"] == "shop-baseline"
    ]
    backends = (await kube.get(HTTP_ROUTES, "shop", ns))["spec"]["rules"][0]["backendRefs"]
    return [
        *(each["metadata"]["name"] for each in (*sets, *pods, *services)),
        *(f"backend with {each['weight']}" for each in backends if each["name"] == "shop-baseline"),
    ]


async def test_baseline_pods_answer_beside_the_canary_and_go_with_their_step(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    await live.apply(ns, *compared(ns, count=3))
    await cd.rollouts.wait_for("shop", timeout=60)
    async with traffic(live, host(ns)) as load:
        await cd.rollouts.set_image("shop", V2)

        async def shared() -> bool:
            weights = (await live.get(ns, "rollout/shop"))["status"]["canary"]["weights"]
            return [each["weight"] for each in weights.get("additional", ())] == [25]

        await until(shared, limit=60)
        shown = await live.rollouts("get", "rollout", "shop", "-n", ns)
        assert "25 to shop-baseline" in shown.out, shown.err
        # The analysis is Successful only where requests to the baseline were answered.
        await cd.rollouts.wait_for("shop", "Paused", timeout=90)

        async def gone() -> bool:
            return await traces(kube, ns) == []

        await until(gone)
    assert not failures(load)
    (run,) = await cd.analysis_runs.list()
    assert run.spec.baseline is not None
    assert run.spec.baseline.service == "shop-baseline"
    events = json.loads(await live.kubectl("get", "events", "-n", ns, "-o", "json"))["items"]
    assert {"BaselineCreated", "BaselineDeleted"} <= {each["reason"] for each in events}


async def test_a_baseline_goes_although_the_controller_is_killed_when_it_is_aborted(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    await live.apply(ns, *compared(ns, count=1000))
    await cd.rollouts.wait_for("shop", timeout=60)
    async with traffic(live, host(ns)) as load:
        await cd.rollouts.set_image("shop", V2)

        async def compares() -> bool:
            return bool(await cd.analysis_runs.list())

        await until(compares, limit=60)
        live.kill_controller()
        await live.kubectl(
            *("patch", "rollout", "shop", "-n", ns, "--subresource=status", "--type=merge"),
            *("-p", '{"status":{"abort":true}}'),
        )
        live.start_controller()

        async def gone() -> bool:
            return await traces(kube, ns) == []

        await until(gone, limit=60)
    assert not failures(load)
    weights = (await live.get(ns, "rollout/shop"))["status"]["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (0, 100)
