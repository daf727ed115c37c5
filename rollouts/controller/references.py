"""What a rollout refers to, and what is wrong with it. Pure: the store in, sentences out.

Each sentence names the object, the field, the value and what to do.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from analysis.validation import template_problems
from rollouts.api.analysis import AnalysisTemplate, ClusterAnalysisTemplate
from rollouts.api.baseline import service_name
from rollouts.api.canary import RolloutAnalysis, RolloutAnalysisTemplate
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.api.validation import parse
from rollouts.controller import proofs, routes
from rollouts.controller.labels import MANAGED_BY, POD_HASH
from rollouts.kube.resources import (
    ANALYSIS_TEMPLATES,
    CLUSTER_ANALYSIS_TEMPLATES,
    INGRESSES,
    ROLLOUTS,
    SERVICES,
)
from rollouts.kube.store import Index, Store


def service_names(rollout: Rollout) -> tuple[str, ...]:
    """The Services that the strategy names, each once."""
    blue_green, canary = rollout.spec.strategy.blue_green, rollout.spec.strategy.canary
    names: list[str] = []
    if blue_green is not None:
        names += [blue_green.active_service, blue_green.preview_service]
    if canary is not None:
        names += [canary.stable_service, canary.canary_service]
        if canary.ping_pong is not None:
            names += [canary.ping_pong.ping_service, canary.ping_pong.pong_service]
    return tuple(dict.fromkeys(name for name in names if name))


def templates(rollout: Rollout) -> tuple[RolloutAnalysisTemplate, ...]:
    """The analysis templates that the strategy names, each once."""
    return tuple(dict.fromkeys(ref for analysis in analyses(rollout) for ref in analysis.templates))


def analyses(rollout: Rollout) -> Iterator[RolloutAnalysis]:
    """Every analysis that the strategy asks for."""
    return (analysis for _, analysis in analyses_by_field(rollout))


BACKGROUND = ".spec.strategy.canary.analysis"
"""The field of the analysis that goes on beside the steps."""


def analyses_by_field(rollout: Rollout) -> Iterator[tuple[str, RolloutAnalysis]]:
    """Every analysis that the strategy asks for, and the field that it stands in."""
    blue_green, canary = rollout.spec.strategy.blue_green, rollout.spec.strategy.canary
    found: list[tuple[str, RolloutAnalysis | None]] = []
    if blue_green is not None:
        found = [
            (".spec.strategy.blueGreen.prePromotionAnalysis", blue_green.pre_promotion_analysis),
            (".spec.strategy.blueGreen.postPromotionAnalysis", blue_green.post_promotion_analysis),
        ]
    if canary is not None:
        found.append((BACKGROUND, canary.analysis))
        found += [
            (f".spec.strategy.canary.steps[{index}].analysis", step.analysis)
            for index, step in enumerate(canary.steps)
        ]
    return ((field, analysis) for field, analysis in found if analysis is not None)


def problems(store: Store, rollout: Rollout) -> tuple[str, ...]:
    """What keeps the rollout from going on, for its author to mend."""
    return (
        *_services(store, rollout),
        *_baseline_service(store, rollout),
        *_templates(store, rollout),
        *proofs.problems(store, rollout),
        *_routes(store, rollout),
        *_ingress_ports(store, rollout),
    )


def _services(store: Store, rollout: Rollout) -> Iterator[str]:
    labels = ((rollout.spec.template.get("metadata") or {}).get("labels")) or {}
    for name in service_names(rollout):
        service = store.get(SERVICES, name, rollout.metadata.namespace)
        if service is None:
            yield (
                f'Service "{name}" not found in namespace {rollout.metadata.namespace}; '
                "create it or correct the name in .spec.strategy"
            )
            continue
        manager = (service["metadata"].get("annotations") or {}).get(MANAGED_BY, "")
        if manager and manager != rollout.metadata.name:
            yield (
                f'Service "{name}" is managed by another Rollout, "{manager}"; '
                "give each Rollout services of its own"
            )
        for key, value in (service["spec"].get("selector") or {}).items():
            if key != POD_HASH and labels.get(key) != value:
                yield (
                    f'Service "{name}" has unmatch label "{key}" in rollout: its selector wants "{value}", '
                    f'.spec.template.metadata.labels has "{labels.get(key, "")}"; make them equal'
                )


def _baseline_service(store: Store, rollout: Rollout) -> Iterator[str]:
    """The one Service that the rollout makes itself: nobody else's may have its name."""
    canary, name = rollout.spec.strategy.canary, service_name(rollout.metadata.name)
    asks = (canary.analysis, *(step.analysis for step in canary.steps)) if canary is not None else ()
    service = store.get(SERVICES, name, rollout.metadata.namespace)
    if service is None or not any(each is not None and each.baseline is not None for each in asks):
        return
    owners = service["metadata"].get("ownerReferences") or ()
    if all(owner["uid"] != rollout.metadata.uid for owner in owners):
        yield (
            f'Service "{name}" exists and is not controlled by Rollout "{rollout.metadata.name}", whose '
            "baseline pods need this name; delete or rename it"
        )


def _templates(store: Store, rollout: Rollout) -> Iterator[str]:
    """Looks into them before they are needed: a mistake is told when it is made, not during an update."""
    for ref in templates(rollout):
        if ref.cluster_scope:
            found = store.get(CLUSTER_ANALYSIS_TEMPLATES, ref.template_name)
            if found is None:
                yield f'ClusterAnalysisTemplate "{ref.template_name}" not found; create or rename it'
        else:
            found = store.get(ANALYSIS_TEMPLATES, ref.template_name, rollout.metadata.namespace)
            if found is None:
                yield (
                    f'AnalysisTemplate "{ref.template_name}" not found in namespace '
                    f"{rollout.metadata.namespace}; create it, correct the name, or set clusterScope"
                )
        if found is not None:
            yield from (f'{found["kind"]} "{ref.template_name}": {problem}' for problem in _broken(found))


def _broken(template: Object) -> tuple[str, ...]:
    """What is wrong with a template, by what it says; its metadata has nothing to do with it."""
    said = {name: value for name, value in template.items() if name in ("apiVersion", "kind", "spec")}
    return _wrong_with(orjson.dumps(said))


@lru_cache(maxsize=4096)
def _wrong_with(template: bytes) -> tuple[str, ...]:
    """Remembered for as many templates as differ: every pass over a rollout asks for its own."""
    body: Object = orjson.loads(template)
    cluster_wide = body["kind"] == CLUSTER_ANALYSIS_TEMPLATES.kind
    try:
        read = parse(ClusterAnalysisTemplate if cluster_wide else AnalysisTemplate, body)
    except InvalidSpec as problem:
        return (str(problem),)
    return tuple(map(str, template_problems(read)))


def _routes(store: Store, rollout: Rollout) -> Iterator[str]:
    """The user's own route objects; what a router makes itself may be missing."""
    for router in routes.of(rollout):
        found = routes.objects(store, rollout, router)
        for ref in router.kinds(rollout):
            if ref not in found and not _made_by_router(rollout, ref.kind, ref.name):
                namespace = ref.namespace or rollout.metadata.namespace
                yield (
                    f'{ref.kind} "{ref.name}" not found in namespace {namespace}; create it or correct the '
                    "name in .spec.strategy.canary.trafficRouting"
                )


def _made_by_router(rollout: Rollout, kind: str, name: str) -> bool:
    return kind == SERVICES.kind or (kind == INGRESSES.kind and name not in _stable_ingresses(rollout))


def _stable_ingresses(rollout: Rollout) -> tuple[str, ...]:
    canary = rollout.spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    if routing is None or routing.nginx is None:
        return ()
    return tuple(filter(None, (routing.nginx.stable_ingress, *routing.nginx.stable_ingresses)))


def _ingress_ports(store: Store, rollout: Rollout) -> Iterator[str]:
    namespace = rollout.metadata.namespace
    ours = service_names(rollout)
    for name in _stable_ingresses(rollout):
        ingress = store.get(INGRESSES, name, namespace)
        for backend in _backends(ingress) if ingress is not None else ():
            service_name, port = backend.get("name", ""), backend.get("port") or {}
            service = store.get(SERVICES, service_name, namespace)
            if service_name not in ours or service is None or _has_port(service, port):
                continue
            offered = ", ".join(str(each["port"]) for each in service["spec"].get("ports") or ())
            yield (
                f'Ingress "{name}" sends to port {port.get("number") or port.get("name")} of Service '
                f'"{service_name}", which has only {offered or "none"}; correct '
                ".spec.rules[].http.paths[].backend.service.port"
            )


def _backends(ingress: Object) -> Iterator[Object]:
    spec = ingress.get("spec") or {}
    if default := (spec.get("defaultBackend") or {}).get("service"):
        yield default
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            if service := (path.get("backend") or {}).get("service"):
                yield service


def _has_port(service: Object, port: Object) -> bool:
    return any(
        each.get("port") == port.get("number") if "number" in port else each.get("name") == port.get("name")
        for each in service["spec"].get("ports") or ()
    )


def strategy_of(rollout: Object) -> Any:
    """The strategy of a rollout that no model may take."""
    return (rollout.get("spec") or {}).get("strategy")


def mentions(value: object, name: str) -> bool:
    """Whether a name stands anywhere in a part of a manifest; works on what no model takes, too."""
    return name in _words(value)


def _words(value: object) -> Iterator[str]:
    """Every text in a part of a manifest."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)


def _names(rollout: Object) -> Iterator[str]:
    return _words(strategy_of(rollout))


def _names_here(rollout: Object) -> Iterator[tuple[str, str]]:
    namespace = rollout["metadata"].get("namespace", "")
    return ((namespace, name) for name in _names(rollout))


BY_NAME = Index(ROLLOUTS, _names)
"""Rollouts by every name that they mention in their strategy."""
BY_NAME_IN_NAMESPACE = Index(ROLLOUTS, _names_here)
"""The same, by their own namespace and the name."""
