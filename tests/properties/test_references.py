"""Whatever rollouts say and however they change, the index finds what a look at each of them would find."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.meta import Object
from rollouts.controller.labels import MANAGED_BY
from rollouts.controller.reconciler import Key, controller_keys, key_of
from rollouts.controller.rollout import RolloutReconciler
from rollouts.controller.services import ServiceReconciler
from rollouts.embedded.virtual_time import VirtualClock, run
from rollouts.kube.events import Recorder
from rollouts.kube.resources import (
    CLUSTER_ANALYSIS_TEMPLATES,
    HTTP_ROUTES,
    ROLLOUTS,
    SERVICES,
    Resource,
)
from rollouts.kube.store import Store, Writer
from tests.controller.api import server

NAMES = st.sampled_from(["shop", "shop-canary", "web", "gw", "a"])
NAMESPACES = st.sampled_from(["a", "b", "gw"])
PARTS = st.recursive(
    NAMES | st.integers(0, 3) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def rollouts(draw: st.DrawFn) -> Object:
    spec = draw(st.none() | st.fixed_dictionaries({}, optional={"strategy": PARTS}))
    return {"metadata": {"name": draw(NAMES), "namespace": draw(NAMESPACES)}, "spec": spec}


@st.composite
def services(draw: st.DrawFn) -> Object:
    manager = draw(st.none() | NAMES)
    annotations = {MANAGED_BY: manager} if manager else None
    return {"metadata": {"name": draw(NAMES), "namespace": draw(NAMESPACES), "annotations": annotations}}


Change = tuple[str, Resource, list[Object]]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["put", "remove"]), st.just(ROLLOUTS), rollouts().map(lambda each: [each]))
    | st.tuples(st.sampled_from(["put", "remove"]), st.just(SERVICES), services().map(lambda each: [each]))
    | st.tuples(st.just("replace"), st.just(ROLLOUTS), st.lists(rollouts(), max_size=6)),
    max_size=20,
)


def mentions(value: object, name: str) -> bool:
    if isinstance(value, dict):
        return any(mentions(inner, name) for inner in value.values())
    if isinstance(value, list):
        return any(mentions(inner, name) for inner in value)
    return value == name


def strategy(rollout: Object) -> object:
    return (rollout.get("spec") or {}).get("strategy")


def scan(store: Store, obj: Object) -> Iterable[Key]:
    """The rollouts that name an object in their strategy, or that control it."""
    metadata = obj["metadata"]
    owned = controller_keys(ROLLOUTS.kind)(obj)
    for rollout in store.list(ROLLOUTS, metadata.get("namespace", "")):
        if key_of(rollout) in owned or mentions(strategy(rollout), metadata["name"]):
            yield key_of(rollout)


def scan_for_route(store: Store, route: Object) -> Iterable[Key]:
    name, namespace = route["metadata"]["name"], route["metadata"]["namespace"]
    for rollout in store.list(ROLLOUTS):
        here = key_of(rollout).namespace
        if mentions(strategy(rollout), name) and (
            here == namespace or mentions(strategy(rollout), namespace)
        ):
            yield key_of(rollout)


def scan_for_services(store: Store, rollout: Object) -> Iterable[Key]:
    for service in store.list(SERVICES, rollout["metadata"]["namespace"]):
        manager = (service["metadata"].get("annotations") or {}).get(MANAGED_BY)
        if manager == rollout["metadata"]["name"]:
            yield key_of(service)


def make(store: Store) -> tuple[RolloutReconciler, ServiceReconciler]:
    async def build() -> tuple[RolloutReconciler, ServiceReconciler]:
        _, client = server()
        clock = VirtualClock()
        return (
            RolloutReconciler(client, store, Recorder(client, clock), clock),
            ServiceReconciler(client, store),
        )

    return run(build())


@given(changes=CHANGES, late=st.integers(0, 20), name=NAMES, namespace=NAMESPACES, owner=st.none() | NAMES)
def test_an_object_concerns_the_rollouts_that_a_look_at_each_of_them_finds(
    changes: list[Change], late: int, name: str, namespace: str, owner: str | None
) -> None:
    """The reconcilers may come when some of the changes have happened already."""
    store = Writer()
    reconcilers = None
    for number, (what, resource, objects) in enumerate(changes):
        if number == late:
            reconcilers = make(store)
        if what == "replace":
            store.replace(resource, objects)
        elif what == "put":
            store.put(resource, *objects)
        else:
            store.remove(resource, *objects)
    rollout, service = reconcilers or make(store)
    of = rollout.watches()
    references = [{"kind": "Rollout", "name": owner, "controller": True}] if owner else []
    here = {"metadata": {"name": name, "namespace": namespace, "ownerReferences": references}}
    everywhere = {"metadata": {"name": name}}
    assert set(of[SERVICES](here)) == set(scan(store, here))
    assert set(of[CLUSTER_ANALYSIS_TEMPLATES](everywhere)) == set(scan(store, everywhere))
    assert set(of[HTTP_ROUTES](here)) == set(scan_for_route(store, here))
    assert set(service.watches()[ROLLOUTS](here)) == set(scan_for_services(store, here))
