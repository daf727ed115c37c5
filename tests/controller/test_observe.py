"""What a decision is made from: read out of the store, and nothing made up."""

from typing import Any

import pytest

from rollouts.api.crd import crds
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object, parse_time
from rollouts.api.rollout import Rollout
from rollouts.api.weights import Weights
from rollouts.controller.execute import Executor
from rollouts.controller.observe import observe
from rollouts.embedded.virtual_time import START
from rollouts.kube.resources import ANALYSIS_RUNS, HTTP_ROUTES, INGRESSES, REPLICA_SETS, ROLLOUTS
from rollouts.kube.store import Writer
from rollouts.routers import ROUTERS
from strategies import model
from tests.controller.api import server, virtually
from tests.world.simulated import canary, ingress, rollout

GATEWAY = "argoproj-labs/gatewayAPI"
UID = "u-1"


def both_routers() -> Object:
    """A rollout whose traffic passes an Ingress and an HTTPRoute."""
    strategy = canary({"setWeight": 20})
    strategy["canary"]["trafficRouting"]["plugins"] = {GATEWAY: {"httpRoute": "shop"}}
    obj = rollout(strategy)
    obj["metadata"] |= {"namespace": "default", "uid": UID}
    return obj


def route(weight: int) -> Object:
    backends = [
        {"name": "shop-stable", "port": 80, "weight": 100 - weight},
        {"name": "shop-canary", "port": 80, "weight": weight},
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"rules": [{"backendRefs": backends}]},
    }


def store_with(obj: Object, *, nginx: int, gateway: int) -> Writer:
    store = Writer()
    stable = ingress()
    stable["metadata"]["namespace"] = "default"
    store.put(INGRESSES, stable)
    parsed = Rollout.model_validate(obj)
    seen = dict.fromkeys(ROUTERS["nginx"].kinds(parsed)[:1], stable)
    for made in ROUTERS["nginx"].render(parsed, seen, Weights(canary=nginx)):
        store.put(INGRESSES, made)
    store.put(HTTP_ROUTES, route(gateway))
    return store


@pytest.mark.parametrize(("nginx", "gateway"), [(0, 20), (20, 0)])
def test_routers_that_differ_carry_the_most_of_any_and_have_to_be_written_again(
    nginx: int, gateway: int
) -> None:
    obj = both_routers()
    store = store_with(obj, nginx=nginx, gateway=gateway)
    seen = observe(store, Rollout.model_validate(obj), START)
    assert seen.weights == Weights(canary=20, verified=False)


def owned_set(**status: Any) -> Object:
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": []}}
    owner = {"kind": "Rollout", "name": "shop", "uid": UID, "controller": True}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": "shop-abc",
            "namespace": "default",
            "uid": "u-2",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"rollouts-pod-template-hash": "abc"},
            "annotations": {"rollout.argoproj.io/revision": "²"},
            "ownerReferences": [owner],
        },
        "spec": {"replicas": 2, "minReadySeconds": 7, "selector": {}, "template": template},
        "status": status,
    }


def the_set(**status: Any) -> model.ReplicaSet:
    obj = both_routers()
    store = store_with(obj, nginx=0, gateway=0)
    store.put(REPLICA_SETS, owned_set(**status))
    (found,) = observe(store, Rollout.model_validate(obj), START).replica_sets
    return found


def test_what_keeps_a_replica_set_from_making_pods_is_seen() -> None:
    quota = 'pods "shop-abc-1" is forbidden: exceeded quota: small'
    failing = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": quota}
    assert the_set(replicas=1, conditions=[failing]).failure == quota
    assert the_set(replicas=2, conditions=[failing | {"status": "False"}]).failure == ""
    assert the_set(replicas=2).failure == ""


def test_the_readiness_that_a_replica_set_asks_for_is_seen() -> None:
    assert the_set().min_ready_seconds == 7


def test_a_number_that_is_none_is_not_read_as_one() -> None:
    assert the_set().revision == 0


@virtually
async def test_a_router_that_is_broken_keeps_no_other_from_taking_traffic_back() -> None:
    api, client = server()
    api.install_crds(crds())
    made = await client.create(ROLLOUTS, both_routers(), "default")
    await client.create(HTTP_ROUTES, route(20), "default")
    store = Writer()
    store.replace(HTTP_ROUTES, (await client.list(HTTP_ROUTES, "default"))["items"])
    parsed = Rollout.model_validate(made)
    executor = Executor(client=client, store=store, rollout=parsed, seen=observe(store, parsed, START))
    with pytest.raises(InvalidSpec, match='Ingress "shop" not found'):
        await executor.run(made, (model.SetWeight(canary=0),))
    written = await client.get(HTTP_ROUTES, "shop", "default")
    assert written["spec"]["rules"][0]["backendRefs"][1]["weight"] == 0


def run_of(spec: Object, status: Object) -> Object:
    owner = {"uid": UID, "controller": True, "kind": "Rollout", "name": "shop"}
    return {
        "metadata": {
            "name": "run",
            "namespace": "default",
            "uid": "r-1",
            "labels": {"rollout-type": "Step", "step-index": "1"},
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [owner],
        },
        "spec": spec,
        "status": status,
    }


def seen_run(spec: Object, status: Object) -> model.AnalysisRun:
    store = store_with(both_routers(), nginx=0, gateway=0)
    store.put(ANALYSIS_RUNS, run_of(spec, status))
    (run,) = observe(store, Rollout.model_validate(both_routers()), START).runs
    return run


@pytest.mark.parametrize(
    ("metrics", "milestones", "awaits"),
    [
        ([{"name": "a"}], None, set()),
        ([{"name": "a", "startOn": "stepStart"}, {"name": "b", "judge": {"threshold": {}}}], None, set()),
        ([{"name": "a", "startOn": "podsReady"}], None, {"podsReady"}),
        ([{"name": "a", "judge": {"sequential": {}}}], {}, {"firstTraffic"}),
        ([{"name": "a", "judge": {"sequential": {}}, "startOn": "stepStart"}], None, set()),
        (
            [{"name": "a", "startOn": "podsReady"}, {"name": "b", "startOn": "firstTraffic"}],
            {"podsReady": "2026-01-01T00:00:00Z"},
            {"firstTraffic"},
        ),
    ],
)
def test_a_run_awaits_what_its_metrics_wait_for_and_nobody_has_told_it(
    metrics: list[Object], milestones: Object | None, awaits: set[str]
) -> None:
    told = {} if milestones is None else {"milestones": milestones}
    assert seen_run({"metrics": metrics, **told}, {}).awaits == awaits


def test_of_a_run_is_seen_when_it_began_whether_it_proved_anything_and_whether_somebody_ended_it() -> None:
    run = seen_run({}, {"phase": "Running", "startedAt": "2026-01-01T00:01:00Z", "proven": True})
    assert (run.started, run.proven, run.cut_short) == (parse_time("2026-01-01T00:01:00Z"), True, False)
    assert seen_run({"terminate": True}, {"phase": "Successful", "terminated": True}).cut_short
    assert not seen_run({"terminate": True}, {"phase": "Successful"}).cut_short
