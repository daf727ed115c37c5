"""Between the routers, which are pure, and the store."""

from collections.abc import Mapping

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.kube.resources import HTTP_ROUTES, INGRESSES, SERVICES, Resource
from rollouts.kube.store import Store
from rollouts.routers import Ref, Router, configured

ROUTE_KINDS: Mapping[tuple[str, str], Resource] = {
    (resource.group, resource.kind): resource for resource in (INGRESSES, HTTP_ROUTES, SERVICES)
}
"""The kinds that the controller keeps in its store for the routers."""


def of(rollout: Rollout) -> tuple[Router, ...]:
    """The routers that the rollout asks for, in the order in which they are applied."""
    return configured(rollout)


def resource_of(group: str, kind: str) -> Resource:
    """The resource of a route object.

    Raises:
        InvalidSpec: a router asks for a kind that is not watched.
    """
    try:
        return ROUTE_KINDS[group, kind]
    except KeyError:
        raise InvalidSpec(
            ".spec.strategy.canary.trafficRouting",
            f"a router asks for {kind} of {group or 'the core group'}, which is not watched; "
            f"known are {', '.join(kind for _, kind in ROUTE_KINDS)}",
            kind,
        ) from None


def objects(store: Store, rollout: Rollout, router: Router) -> dict[Ref, Object]:
    """What the router wants to see, as far as it exists."""
    found: dict[Ref, Object] = {}
    for ref in router.kinds(rollout):
        namespace = ref.namespace or rollout.metadata.namespace
        obj = store.get(resource_of(ref.group, ref.kind), ref.name, namespace)
        if obj is not None:
            found[ref] = obj
    return found
