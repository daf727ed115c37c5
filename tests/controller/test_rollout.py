"""Which rollouts a change of another object concerns."""

import pytest

from rollouts.api.meta import Object
from rollouts.controller.reconciler import Key
from rollouts.controller.rollout import RolloutReconciler
from rollouts.embedded.virtual_time import VirtualClock, run
from rollouts.kube.events import Recorder
from rollouts.kube.resources import HTTP_ROUTES, ROLLOUTS, SERVICES, Resource
from rollouts.kube.store import Writer
from tests.controller.api import server
from tests.world.simulated import canary, rollout

GATEWAY = "argoproj-labs/gatewayAPI"


def concerned(resource: Resource, obj: Object) -> set[Key]:
    """The rollouts of three namespaces that look at an object; two of them look at routes of `gw`."""
    store = Writer()
    for namespace, plugin in (
        ("a", {"httpRoute": "shop", "namespace": "gw"}),
        ("b", {"httpRoute": "shop"}),
        ("c", {"httpRoute": "other", "namespace": "gw"}),
    ):
        made = rollout(canary(trafficRouting={"plugins": {GATEWAY: plugin}}))
        made["metadata"]["namespace"] = namespace
        store.put(ROLLOUTS, made)

    async def look() -> set[Key]:
        _, client = server()
        clock = VirtualClock()
        reconciler = RolloutReconciler(client, store, Recorder(client, clock), clock)
        return set(reconciler.watches()[resource](obj))

    return run(look())


@pytest.mark.parametrize(("namespace", "rollouts"), [("gw", {"a"}), ("b", {"b"}), ("c", set())])
def test_a_route_concerns_the_rollouts_that_name_it_from_wherever(namespace: str, rollouts: set[str]) -> None:
    route = {"metadata": {"name": "shop", "namespace": namespace}, "spec": {}}
    assert concerned(HTTP_ROUTES, route) == {Key(each, "shop") for each in rollouts}


def test_a_service_concerns_the_rollouts_of_its_namespace_that_name_it() -> None:
    service = {"metadata": {"name": "shop-canary", "namespace": "a"}, "spec": {}}
    assert concerned(SERVICES, service) == {Key("a", "shop")}
