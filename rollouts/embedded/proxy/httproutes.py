"""HTTPRoute objects of the Gateway API. Pure.

A filter or a match that is not supported makes the route's Accepted condition False (UnsupportedValue), and
the route gets no traffic: nothing is left out in silence. The share of a backend that does not exist is
answered with 503 (the specification asks for 500 there), and with 500 if no backend of the rule exists.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.embedded.proxy.backends import Backends, Missing
from rollouts.embedded.proxy.ingresses import age
from rollouts.embedded.proxy.model import (
    CONTROLLER,
    Backend,
    Condition,
    HeaderEdits,
    Match,
    Parent,
    Path,
    Pattern,
    Route,
    RouteVerdict,
)
from rollouts.embedded.proxy.regex import runs_in_re2

NOWHERE = "rollouts-system/none/0"
"""The cluster that shares of missing backends go to; it never has endpoints."""

# What reading an object of another shape than its definition's comes to; the API here does not check it.
_MALFORMED = (KeyError, TypeError, AttributeError, ValueError)

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


@dataclass(slots=True)
class HttpRoutes:
    """What all HTTPRoutes come to."""

    routes: list[tuple[str, Route]] = field(default_factory=list)
    """Domain and route, the oldest object's first."""
    verdicts: list[RouteVerdict] = field(default_factory=list)


def our_gateways(gateways: Iterable[Object], classes: Iterable[Object]) -> dict[tuple[str, str], Object]:
    """The gateways whose class is ours."""
    names = {c["metadata"]["name"] for c in classes if c["spec"].get("controllerName") == CONTROLLER}
    mine = (g for g in gateways if g["spec"].get("gatewayClassName") in names and _is_sound(g))
    return {(g["metadata"]["namespace"], g["metadata"]["name"]): g for g in mine}


def _is_sound(gateway: Object) -> bool:
    """Whether the listeners have what their definition requires; the API here does not check it."""
    listeners = gateway["spec"].get("listeners")
    return isinstance(listeners, list) and all(isinstance(x, dict) and "name" in x for x in listeners)


def read(
    http_routes: Iterable[Object], gateways: Mapping[tuple[str, str], Object], backends: Backends
) -> HttpRoutes:
    """Route what is attached to `gateways`, and judge every route that names one of them."""
    made = HttpRoutes()
    for item in sorted(http_routes, key=age):
        try:
            parents = [*_parents(item, gateways)]
        except _MALFORMED:
            continue  # it names no gateway that could tell it so
        if not parents:
            continue
        missing: list[str] = []
        unsupported = None
        try:
            rules = [*_rules(item, backends, missing)]
        except InvalidSpec as error:
            rules, unsupported = [], error
        except _MALFORMED as error:
            rules, unsupported = (
                [],
                InvalidSpec(".spec.rules", f"is not as the Gateway API defines it: {error!r}"),
            )
        verdicts = []
        for ref, listeners in parents:
            verdicts.append(_judge(item, ref, listeners, unsupported, missing))
            for domain in _domains(item, listeners) if isinstance(listeners, list) else ():
                made.routes += [(domain, route) for route in rules if (domain, route) not in made.routes]
        metadata = item["metadata"]
        made.verdicts.append(
            RouteVerdict(
                namespace=metadata["namespace"],
                name=metadata["name"],
                generation=metadata.get("generation", 0),
                parents=tuple(verdicts),
            )
        )
    return made


def _parents(
    item: Object, gateways: Mapping[tuple[str, str], Object]
) -> Iterator[tuple[Object, list[Object] | Condition]]:
    """Each parentRef to a gateway of ours, with its listeners that take the route, or why none does."""
    namespace = item["metadata"]["namespace"]
    for ref in item["spec"].get("parentRefs") or ():
        if ref.get("kind", "Gateway") != "Gateway":
            continue
        where = ref.get("namespace") or namespace
        gateway = gateways.get((where, ref["name"]))
        if gateway is None:
            continue
        chosen = [
            listener
            for listener in gateway["spec"].get("listeners") or ()
            if ref.get("sectionName") in (None, "", listener["name"])
            and ref.get("port") in (None, listener.get("port"))
        ]
        if not chosen:
            yield ref, _refused("NoMatchingParent", "the gateway has no such listener")
        elif not (allowed := [x for x in chosen if _allows(x, where, namespace)]):
            yield (
                ref,
                _refused("NotAllowedByListeners", f"no listener admits routes of namespace {namespace}"),
            )
        elif not (fitting := [x for x in allowed if [*_domains(item, [x])]]):
            yield ref, _refused("NoMatchingListenerHostname", "no hostname of the route fits a listener")
        else:
            yield ref, fitting


def _refused(reason: str, message: str) -> Condition:
    return Condition(type="Accepted", status=False, reason=reason, message=message)


def _allows(listener: Object, gateway_namespace: str, namespace: str) -> bool:
    source = ((listener.get("allowedRoutes") or {}).get("namespaces") or {}).get("from", "Same")
    return source == "All" or (source == "Same" and gateway_namespace == namespace)


def _domains(item: Object, listeners: Sequence[Object]) -> Iterator[str]:
    wanted = item["spec"].get("hostnames") or ["*"]
    for listener in listeners:
        for name in wanted:
            if (met := _meet(name, listener.get("hostname") or "*")) is not None:
                yield met


def _meet(one: str, other: str) -> str | None:
    """The narrower of two host names, if either covers the other."""
    if other in (one, "*"):
        return one
    if one == "*":
        return other
    if other.startswith("*.") and one.endswith(other[1:]):
        return one
    if one.startswith("*.") and other.endswith(one[1:]):
        return other
    return None


def _judge(
    item: Object,
    ref: Object,
    listeners: list[Object] | Condition,
    unsupported: InvalidSpec | None,
    missing: Sequence[str],
) -> Parent:
    accepted = Condition(type="Accepted", status=True, reason="Accepted", message="Route is accepted")
    if isinstance(listeners, Condition):
        accepted = listeners
    elif unsupported is not None:
        accepted = _refused("UnsupportedValue", str(unsupported))
    resolved = Condition(type="ResolvedRefs", status=True, reason="ResolvedRefs")
    if missing:
        resolved = Condition(
            type="ResolvedRefs", status=False, reason="BackendNotFound", message="; ".join(missing)
        )
    programmed = Condition(type="Programmed", status=True, reason="Programmed", message="Envoy confirmed it")
    if not accepted.status:
        programmed = Condition(
            type="Programmed", status=False, reason="Invalid", message="Route is not accepted"
        )
    return Parent(
        namespace=ref.get("namespace") or item["metadata"]["namespace"],
        gateway=ref["name"],
        as_written=tuple(sorted(ref.items())),
        conditions=(accepted, resolved, programmed),
    )


def _rules(item: Object, backends: Backends, missing: list[str]) -> Iterator[Route]:
    for number, rule in enumerate(item["spec"].get("rules") or ()):
        where = f".spec.rules[{number}]"
        for name in ("timeouts", "retry", "sessionPersistence"):
            if rule.get(name):
                raise InvalidSpec(f"{where}.{name}", "is not supported in this cluster; remove it")
        targets = _targets(item, rule, where, backends, missing)
        request, response, mirrors = _filters(item, rule, where, backends, missing)
        for index, match in enumerate(rule.get("matches") or ({},)):
            yield Route(
                match=_match(match, f"{where}.matches[{index}]"),
                backends=targets,
                failure=0 if targets else 500,
                request=request,
                response=response,
                mirrors=mirrors,
            )


def _targets(
    item: Object, rule: Object, where: str, backends: Backends, missing: list[str]
) -> tuple[Backend, ...]:
    made = []
    for index, ref in enumerate(rule.get("backendRefs") or ()):
        if ref.get("filters"):
            raise InvalidSpec(
                f"{where}.backendRefs[{index}].filters", "is not supported; put filters on the rule"
            )
        name = _cluster(item, ref, f"{where}.backendRefs[{index}]", backends, missing)
        made.append(Backend(name, int(ref.get("weight", 1))))
    real = any(backend.weight and backend.cluster != NOWHERE for backend in made)
    return tuple(made) if real else ()


def _cluster(item: Object, ref: Object, where: str, backends: Backends, missing: list[str]) -> str:
    own = item["metadata"]["namespace"]
    if ref.get("kind", "Service") != "Service" or ref.get("group"):
        found: object = Missing("only Services can be backends in this cluster")
    elif ref.get("namespace", own) != own:
        found = Missing("backends in other namespaces are not supported in this cluster")
    elif "port" not in ref:
        found = Missing("a Service needs a port")
    else:
        found = backends.cluster(own, ref["name"], ref["port"])
    if isinstance(found, Missing):
        missing.append(f"{where}: {found.message}")
        return NOWHERE
    return str(getattr(found, "name", NOWHERE))


def _match(match: Object, where: str) -> Match:
    path = match.get("path") or {}
    method = match.get("method", "")
    if method and method not in _METHODS:
        raise InvalidSpec(f"{where}.method", f'"{method}" is no HTTP method', method)
    return Match(
        path=_path(path.get("type", "PathPrefix"), path.get("value", "/"), f"{where}.path"),
        method=method,
        headers=tuple(_patterns(match.get("headers") or (), f"{where}.headers")),
        query=tuple(_patterns(match.get("queryParams") or (), f"{where}.queryParams")),
    )


def _path(kind: str, value: str, where: str) -> Path:
    if kind == "Exact":
        return Path("exact", value)
    if kind == "PathPrefix":
        return Path("segments", value.rstrip("/")) if value.rstrip("/") else Path("prefix", "/")
    if kind == "RegularExpression":
        return Path("regex", _regex(value, where))
    raise InvalidSpec(f"{where}.type", f'"{kind}" is not supported; use Exact or PathPrefix', kind)


def _regex(value: str, where: str) -> str:
    if not runs_in_re2(value):
        raise InvalidSpec(where, f'"{value}" is no regular expression in RE2 syntax', value)
    return value


def _patterns(entries: Sequence[Object], where: str) -> Iterator[Pattern]:
    for index, entry in enumerate(entries):
        kind = entry.get("type", "Exact")
        if kind not in ("Exact", "RegularExpression"):
            raise InvalidSpec(f"{where}[{index}].type", f'"{kind}" is not supported; use Exact', kind)
        regex = kind == "RegularExpression"
        value = _regex(entry["value"], f"{where}[{index}].value") if regex else entry["value"]
        yield Pattern(entry["name"], value, regex)


def _filters(
    item: Object, rule: Object, where: str, backends: Backends, missing: list[str]
) -> tuple[HeaderEdits, HeaderEdits, tuple[str, ...]]:
    request, response, mirrors = HeaderEdits(), HeaderEdits(), []
    for index, entry in enumerate(rule.get("filters") or ()):
        here = f"{where}.filters[{index}]"
        match entry["type"]:
            case "RequestHeaderModifier":
                request = _edits(entry["requestHeaderModifier"])
            case "ResponseHeaderModifier":
                response = _edits(entry["responseHeaderModifier"])
            case "RequestMirror":
                if {"percent", "fraction"} & entry["requestMirror"].keys():
                    raise InvalidSpec(f"{here}.requestMirror", "percent and fraction are not supported")
                ref = entry["requestMirror"]["backendRef"]
                mirrors.append(_cluster(item, ref, f"{here}.requestMirror.backendRef", backends, missing))
            case other:
                known = "RequestHeaderModifier, ResponseHeaderModifier or RequestMirror"
                raise InvalidSpec(f"{here}.type", f'"{other}" is not supported; use {known}', other)
    return request, response, tuple(name for name in mirrors if name != NOWHERE)


def _edits(modifier: Object) -> HeaderEdits:
    return HeaderEdits(
        add=tuple((h["name"], h["value"]) for h in modifier.get("add") or ()),
        set=tuple((h["name"], h["value"]) for h in modifier.get("set") or ()),
        remove=tuple(modifier.get("remove") or ()),
    )
