"""The fields that the rollout loop owns, taken from the live object before a comparison or a sync. Pure.

A sync that took them from Git would send traffic to the wrong pods in the middle of a canary: the pod
hash in a Service's selector, the weight of one backend of a route, the replicas that an autoscaler chose.
Each rule names the smallest part, an element of a list and not the list, so that what Git says beside it
still counts.

The rules hold as long as the rollout exists and not only while it moves: at rest, too, a selector without
its pod hash would reach the pods of both revisions. What only an intent of a user changes (a pause) is
left alone while the rollout is active.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.api.baseline import service_name
from rollouts.api.meta import Object
from rollouts.gitops.tracking import GIT_REVISION, Ref, ref_of

POD_HASH = "rollouts-pod-template-hash"
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
GATEWAY_PLUGIN = "argoproj-labs/gatewayAPI"
_NGINX = "nginx.ingress.kubernetes.io"


@dataclass(frozen=True, slots=True)
class Owners:
    """Who owns fields of the objects of an application: its rollouts and its autoscalers, as they live."""

    rollouts: tuple[Object, ...] = ()
    autoscalers: tuple[Object, ...] = ()


def owners(objects: Iterable[Object]) -> Owners:
    """Sort out the owners among the live objects and the targets of an application."""
    seen = tuple(objects)
    return Owners(
        rollouts=tuple(obj for obj in seen if _is(obj, "argoproj.io", "Rollout")),
        autoscalers=tuple(obj for obj in seen if _is(obj, "autoscaling", "HorizontalPodAutoscaler")),
    )


def carry_over(target: Object, live: Object | None, by: Owners) -> Object:
    """The manifest as it may be applied: what others own stands as it lives.

    Args:
        target: what Git says.
        live: what there is; nothing is carried into an object that is yet to be made.
        by: who owns.
    """
    if live is None:
        return target
    rule = _RULES.get((ref_of(target).group, target["kind"]))
    carried = rule(target, live, by) if rule else target
    return _replicas(carried, live, by)


def active(rollout: Object) -> bool:
    """Whether an update is under way, or taken back and not yet replaced by another."""
    status = rollout.get("status") or {}
    observed = str(status.get("observedGeneration") or "")
    if status.get("abort") or observed != str(rollout["metadata"].get("generation") or ""):
        return True
    return bool(status.get("currentPodHash") != status.get("stableRS") or status.get("pauseConditions"))


def _service(target: Object, live: Object, by: Owners) -> Object:
    """Which pods it reaches: a selector is one value to the API, so the hash must be applied with it."""
    manager = (live["metadata"].get("annotations") or {}).get(MANAGED_BY)
    names = {rollout["metadata"]["name"] for rollout in by.rollouts if _near(rollout, live)}
    pod_hash = ((live.get("spec") or {}).get("selector") or {}).get(POD_HASH)
    selector = (target.get("spec") or {}).get("selector")
    if manager not in names or not pod_hash or not selector or POD_HASH in selector:
        return target
    return _with(target, ("spec", "selector"), {**selector, POD_HASH: pod_hash})


def _ingress(target: Object, live: Object, by: Owners) -> Object:
    """A canary Ingress that is in Git: the rollout writes its canary annotations."""
    annotations = live["metadata"].get("annotations") or {}
    prefixes = {
        prefix
        for rollout in by.rollouts
        if _near(rollout, live)
        for prefix in _canary_prefixes(rollout, live["metadata"]["name"])
    }
    owned = {
        key: value
        for key, value in annotations.items()
        if any(key.startswith(f"{prefix}/canary") for prefix in prefixes)
    }
    if not owned:
        return target
    mine = target["metadata"].get("annotations") or {}
    kept = {
        key: value
        for key, value in mine.items()
        if not any(key.startswith(f"{prefix}/canary") for prefix in prefixes)
    }
    return _with(target, ("metadata", "annotations"), {**kept, **owned})


def _canary_prefixes(rollout: Object, ingress: str) -> tuple[str, ...]:
    """The annotation prefix, if the Ingress is the canary one of the rollout."""
    nginx = (_canary(rollout).get("trafficRouting") or {}).get("nginx") or {}
    stables = (nginx.get("stableIngress"), *(nginx.get("stableIngresses") or ()))
    # Upstream's name for it: <rollout>-<stable ingress>-canary, the name cut to what the API takes.
    name = rollout["metadata"]["name"]
    mine = any(stable and f"{name}-{stable}-canary"[:253] == ingress for stable in stables)
    return (nginx.get("annotationPrefix") or _NGINX,) if mine else ()


def _http_route(target: Object, live: Object, by: Owners) -> Object:
    """The weights of the backends that a rollout shifts traffic between; every other stays Git's.

    A backend that the rollout added beside them, for baseline pods, stays too.
    """
    services, added = _routed_services(live, by), _added_services(live, by)
    rules = (target.get("spec") or {}).get("rules")
    live_rules = (live.get("spec") or {}).get("rules")
    if not services or not isinstance(rules, list) or not isinstance(live_rules, list):
        return target
    carried = [
        _rule(rule, _counterpart(rule, number, live_rules), services, added)
        for number, rule in enumerate(rules)
    ]
    return _with(target, ("spec", "rules"), [*carried, *_added_rules(live_rules, rules, live, by)])


def _routed_services(route: Object, by: Owners) -> frozenset[str]:
    return frozenset(
        service
        for rollout in by.rollouts
        if route["metadata"]["name"] in _routes(rollout) and _in_route_namespace(rollout, route)
        for service in (_canary(rollout).get("stableService"), _canary(rollout).get("canaryService"))
        if service
    )


def _added_services(route: Object, by: Owners) -> frozenset[str]:
    return frozenset(
        service_name(rollout["metadata"]["name"])
        for rollout in by.rollouts
        if route["metadata"]["name"] in _routes(rollout) and _in_route_namespace(rollout, route)
    )


def _routes(rollout: Object) -> frozenset[str]:
    plugin = _gateway(rollout)
    names = (plugin.get("httpRoute"), *(entry.get("name") for entry in plugin.get("httpRoutes") or ()))
    return frozenset(name for name in names if name)


def _in_route_namespace(rollout: Object, route: Object) -> bool:
    namespace = _gateway(rollout).get("namespace") or rollout["metadata"].get("namespace")
    return bool(namespace == route["metadata"].get("namespace"))


def _counterpart(rule: Object, number: int, live: list[Object]) -> Object:
    """The live form of a rule: of the same name, else of the same matches, else at the same place."""
    for key in ("name", "matches"):
        if rule.get(key):
            found = [other for other in live if other.get(key) == rule[key]]
            if len(found) == 1:
                return found[0]
    return live[number] if number < len(live) else {}


def _rule(rule: Object, live: Object, services: frozenset[str], added: frozenset[str]) -> Object:
    weights = {
        backend.get("name"): backend["weight"]
        for backend in live.get("backendRefs") or ()
        if backend.get("name") in services and "weight" in backend
    }
    if not weights:
        return rule
    backends = [
        {**backend, "weight": weights[backend["name"]]} if backend.get("name") in weights else backend
        for backend in rule.get("backendRefs") or ()
    ]
    named = {backend.get("name") for backend in backends}
    missing = [
        backend
        for backend in live.get("backendRefs") or ()
        if backend.get("name") in added and backend["name"] not in named
    ]
    return {**rule, "backendRefs": [*backends, *missing]}


def _added_rules(live: list[Object], rules: list[Object], route: Object, by: Owners) -> list[Object]:
    """The header routes that a step added; they bear the name of a managed route, which Git does not have."""
    managed = {
        entry["name"]
        for rollout in by.rollouts
        if route["metadata"]["name"] in _routes(rollout)
        for entry in (_canary(rollout).get("trafficRouting") or {}).get("managedRoutes") or ()
    }
    there = {rule.get("name") for rule in rules}
    return [
        rule
        for rule in live
        if rule.get("name")
        and rule["name"] not in there
        and str(rule["name"]).rstrip("-0123456789") in managed
    ]


def _rollout(target: Object, live: Object, by: Owners) -> Object:
    """Pauses and restarts are wishes of a user; a rollout under way keeps them."""
    spec, there = target.get("spec") or {}, live.get("spec") or {}
    if "restartAt" in spec and there.get("restartAt", "") > spec["restartAt"]:
        spec = {**spec, "restartAt": there["restartAt"]}
    if "paused" in spec and "paused" in there and active(live):
        spec = {**spec, "paused": there["paused"]}
    annotations = live["metadata"].get("annotations") or {}
    carried = {**target, "spec": spec}
    if GIT_REVISION in annotations:
        mine = target["metadata"].get("annotations") or {}
        # It says which sync last changed the rollout, and so is no change by itself.
        carried = _with(
            carried, ("metadata", "annotations"), {**mine, GIT_REVISION: annotations[GIT_REVISION]}
        )
    return carried


def _replicas(target: Object, live: Object, by: Owners) -> Object:
    """The size of what an autoscaler scales, and of a Deployment that a rollout has taken the pods from."""
    spec, there = target.get("spec"), live.get("spec")
    if not isinstance(spec, dict) or not isinstance(there, dict):
        return target
    if "replicas" not in spec or "replicas" not in there:
        return target
    me = ref_of(live)
    scaled = any(_refers(scaler, "scaleTargetRef", me) for scaler in by.autoscalers if _near(scaler, live))
    referred = any(_refers(rollout, "workloadRef", me) for rollout in by.rollouts if _near(rollout, live))
    return _with(target, ("spec", "replicas"), there["replicas"]) if scaled or referred else target


_RULES: Mapping[tuple[str, str], Callable[[Object, Object, Owners], Object]] = {
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("gateway.networking.k8s.io", "HTTPRoute"): _http_route,
    ("argoproj.io", "Rollout"): _rollout,
}


def _is(obj: Object, group: str, kind: str) -> bool:
    ref: Ref = ref_of(obj)
    return ref.group == group and ref.kind == kind


def _refers(obj: Object, field: str, other: Ref) -> bool:
    named = (obj.get("spec") or {}).get(field) or {}
    return bool(named.get("kind") == other.kind and named.get("name") == other.name)


def _near(one: Object, other: Object) -> bool:
    return bool(one["metadata"].get("namespace") == other["metadata"].get("namespace"))


def _canary(rollout: Object) -> Object:
    strategy = (rollout.get("spec") or {}).get("strategy") or {}
    return strategy.get("canary") or {}


def _gateway(rollout: Object) -> Object:
    plugins = (_canary(rollout).get("trafficRouting") or {}).get("plugins") or {}
    return plugins.get(GATEWAY_PLUGIN) or {}


def _with(obj: Object, path: tuple[str, ...], value: Any) -> Object:
    """A copy with one field set; the original is shared and stays."""
    head, *rest = path
    return {**obj, head: _with(obj.get(head) or {}, tuple(rest), value) if rest else value}
