"""What is written about routes and gateways once Envoy has confirmed a configuration. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rollouts.api.meta import Object, format_time
from rollouts.embedded.proxy.model import CONTROLLER, Condition, Parent, RouteVerdict

ADDRESS = "127.0.0.1"


def route_parents(route: Object, verdict: RouteVerdict, now: datetime) -> list[dict[str, Any]]:
    """The route's status.parents: ours as judged, those of other controllers as they are."""
    seen: Sequence[Object] = (route.get("status") or {}).get("parents") or ()
    others = [parent for parent in seen if parent.get("controllerName") != CONTROLLER]
    mine = []
    for parent in verdict.parents:
        ref = dict(parent.as_written)
        old = next((p for p in seen if p not in others and p.get("parentRef") == ref), {})
        conditions = _conditions(old.get("conditions") or (), parent.conditions, verdict.generation, now)
        mine.append({"parentRef": ref, "controllerName": CONTROLLER, "conditions": conditions})
    return [*others, *mine]


def gateway_status(gateway: Object, routes: Sequence[RouteVerdict], now: datetime) -> dict[str, Any]:
    """A gateway's status: it is there, at our address, with so many routes on each listener."""
    seen: Mapping[str, Any] = gateway.get("status") or {}
    generation = gateway["metadata"].get("generation", 0)
    at = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
    attached = [p for r in routes for p in r.parents if (p.namespace, p.gateway) == at and _accepted(p)]
    old = {listener["name"]: listener for listener in seen.get("listeners") or ()}
    listeners = []
    for listener in gateway["spec"].get("listeners") or ():
        name = listener["name"]
        count = sum(dict(p.as_written).get("sectionName") in (None, "", name) for p in attached)
        conditions = _conditions(old.get(name, {}).get("conditions") or (), _LISTENER, generation, now)
        kinds = [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]
        listeners.append(
            {"name": name, "supportedKinds": kinds, "attachedRoutes": count, "conditions": conditions}
        )
    return {
        "addresses": [{"type": "IPAddress", "value": ADDRESS}],
        "conditions": _conditions(seen.get("conditions") or (), _GATEWAY, generation, now),
        "listeners": listeners,
    }


def class_status(class_: Object, now: datetime) -> dict[str, Any]:
    """A gateway class's status: it is ours."""
    seen = (class_.get("status") or {}).get("conditions") or ()
    accepted = (Condition(type="Accepted", status=True, reason="Accepted"),)
    return {"conditions": _conditions(seen, accepted, class_["metadata"].get("generation", 0), now)}


_GATEWAY = (
    Condition(type="Accepted", status=True, reason="Accepted"),
    Condition(type="Programmed", status=True, reason="Programmed"),
)
_LISTENER = (*_GATEWAY, Condition(type="ResolvedRefs", status=True, reason="ResolvedRefs"))


def _accepted(parent: Parent) -> bool:
    return all(c.status for c in parent.conditions if c.type == "Accepted")


def _conditions(
    seen: Sequence[Object], wanted: Sequence[Condition], generation: int, now: datetime
) -> list[dict[str, Any]]:
    old = {c["type"]: c for c in seen}
    made = []
    for condition in wanted:
        status = "True" if condition.status else "False"
        same = old.get(condition.type, {}).get("status") == status
        made.append(
            {
                "type": condition.type,
                "status": status,
                "reason": condition.reason,
                "message": condition.message,
                "observedGeneration": generation,
                "lastTransitionTime": old[condition.type]["lastTransitionTime"] if same else format_time(now),
            }
        )
    return made
