"""Ingress objects, with the canary annotations of ingress-nginx. Pure.

A request to a location that has a canary is decided in this order (`balancer.lua` of ingress-nginx): the
header, then the cookie, then the weight. With a header value or pattern configured, a header that does not
match falls through; without, `always` and `never` decide and anything else falls through. A canary without
endpoints does not exist. Session affinity, which nginx asks before all this, is not supported.

Two differences are known: nginx attaches a canary to the primary's service, here it belongs to the host and
path; and a host `*.example.com` covers one label in nginx, here any number.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rollouts.api.meta import Object
from rollouts.embedded.proxy.backends import Backends, Missing
from rollouts.embedded.proxy.model import (
    CONTROLLER,
    Backend,
    Cluster,
    Match,
    Path,
    Pattern,
    Problem,
    Route,
)
from rollouts.embedded.proxy.regex import anywhere, runs_in_re2

PREFIX = "nginx.ingress.kubernetes.io/"
_CANARY = "canary"
_KNOWN = {
    _CANARY,
    "canary-by-header",
    "canary-by-header-value",
    "canary-by-header-pattern",
    "canary-by-cookie",
    "canary-weight",
    "canary-weight-total",
}

_Location = tuple[str, Path]
"""Host (`*` for any) and path."""


@dataclass(slots=True)
class Ingresses:
    """What all Ingress objects come to."""

    routes: dict[_Location, tuple[Route, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    ours: list[tuple[str, str]] = field(default_factory=list)


def read(ingresses: Iterable[Object], classes: Iterable[Object], backends: Backends) -> Ingresses:
    """Merge all ingresses of our class; the oldest wins where two claim the same path."""
    made = Ingresses()
    names = {c["metadata"]["name"]: c for c in classes if c["spec"].get("controller") == CONTROLLER}
    mine = sorted((i for i in ingresses if _is_ours(i, names)), key=age)
    primaries: dict[_Location, Cluster | Missing] = {}
    for ingress in mine:
        made.ours.append((ingress["metadata"]["namespace"], ingress["metadata"]["name"]))
        made.problems += _unknown_annotations(ingress)
        if not _is_canary(ingress):
            for location, cluster in _locations(ingress, backends, made.problems):
                if location in primaries:
                    made.problems.append(_problem(ingress, "Duplicate", _DUPLICATE.format(*_shown(location))))
                else:
                    primaries[location] = cluster
    canaries = _canaries(mine, primaries, backends, made.problems)
    for location, primary in primaries.items():
        made.routes[location] = tuple(routes_of(location[1], primary, *canaries.get(location, (None, {}))))
    return made


_DUPLICATE = "an older Ingress serves host {0}, path {1} already; remove one of the two"


def age(item: Object) -> tuple[str, str, str]:
    """A sort key: the oldest first."""
    metadata = item["metadata"]
    return metadata.get("creationTimestamp") or "", metadata["namespace"], metadata["name"]


def routes_of(
    path: Path, primary: Cluster | Missing, canary: Cluster | None, rules: Mapping[str, str]
) -> Iterator[Route]:
    """The routes of one location, in the order in which they are tried. `rules`: the canary annotations."""
    everything = Match(path=path)
    if isinstance(primary, Missing):
        yield Route(match=everything, failure=503)
        return
    stable = (Backend(primary.name),)
    if canary is None or not canary.endpoints:
        yield Route(match=everything, backends=stable)
        return
    new = (Backend(canary.name),)
    for pattern, to_canary in _header_rules(rules):
        match = replace(everything, headers=(pattern,))
        yield Route(match=match, backends=new if to_canary else stable)
    if cookie := rules.get("canary-by-cookie"):
        for value, to_canary in (("always", True), ("never", False)):
            match = replace(everything, cookies=(Pattern(cookie, value),))
            yield Route(match=match, backends=new if to_canary else stable)
    weight, total = _weight(rules)
    if weight == 0:
        yield Route(match=everything, backends=stable)
    else:
        split = (Backend(primary.name, total - weight), Backend(canary.name, weight))
        yield Route(match=everything, backends=split)


def _header_rules(rules: Mapping[str, str]) -> Iterator[tuple[Pattern, bool]]:
    header = rules.get("canary-by-header")
    if not header:
        return
    if value := rules.get("canary-by-header-value"):
        yield Pattern(header, value), True
    elif pattern := rules.get("canary-by-header-pattern"):
        if runs_in_re2(pattern):
            yield Pattern(header, anywhere(pattern), regex=True), True
        else:
            # A pattern that fails keeps the request on the primary, whatever the cookie and the weight say.
            yield Pattern(header, anywhere(""), regex=True), False
    else:
        yield Pattern(header, "always"), True
        yield Pattern(header, "never"), False


def _weight(rules: Mapping[str, str]) -> tuple[int, int]:
    total = _number(rules.get("canary-weight-total"))
    total = max(100, total)  # a smaller total counts for nothing in nginx
    return min(max(0, _number(rules.get("canary-weight"))), total), total


def _number(text: str | None) -> int:
    try:
        return int(text or "0")
    except ValueError:
        return 0


def _is_ours(ingress: Object, names: Mapping[str, Object]) -> bool:
    annotations = ingress["metadata"].get("annotations") or {}
    name = ingress["spec"].get("ingressClassName") or annotations.get("kubernetes.io/ingress.class")
    if name:
        return name in names
    default = "ingressclass.kubernetes.io/is-default-class"
    return any((c["metadata"].get("annotations") or {}).get(default) == "true" for c in names.values())


def _rules(ingress: Object) -> dict[str, str]:
    annotations = ingress["metadata"].get("annotations") or {}
    return {k.removeprefix(PREFIX): v for k, v in annotations.items() if k.startswith(PREFIX)}


def _is_canary(ingress: Object) -> bool:
    return _rules(ingress).get(_CANARY) == "true"


def _unknown_annotations(ingress: Object) -> Iterator[Problem]:
    rules = _rules(ingress)
    for name in sorted(set(rules) - _KNOWN):
        message = f"annotation {PREFIX}{name} has no effect in this cluster; remove it"
        yield _problem(ingress, "Unsupported", message)
    for name in ("canary-weight", "canary-weight-total"):
        text = rules.get(name)
        if text is not None and not (text.isascii() and text.isdigit()):
            message = f'annotation {PREFIX}{name} is "{text}" and counts as 0; use a whole number'
            yield _problem(ingress, "Invalid", message)
    if any(name != _CANARY for name in rules.keys() & _KNOWN) and rules.get(_CANARY) != "true":
        message = f'canary rules without {PREFIX}canary: "true" have no effect; add it'
        yield _problem(ingress, "Invalid", message)
    pattern = rules.get("canary-by-header-pattern")
    if pattern and not runs_in_re2(pattern):
        message = f'annotation {PREFIX}canary-by-header-pattern "{pattern}" cannot be run: use RE2 syntax'
        yield _problem(ingress, "Invalid", message)


def _locations(
    ingress: Object, backends: Backends, problems: list[Problem]
) -> Iterator[tuple[_Location, Cluster | Missing]]:
    spec = ingress["spec"]
    for number, rule in enumerate(spec.get("rules") or ()):
        host = rule.get("host") or "*"
        paths: Sequence[Object] = (rule.get("http") or {}).get("paths") or ()
        for index, path in enumerate(paths):
            field_ = f".spec.rules[{number}].http.paths[{index}].backend"
            yield (host, _path(path)), _backend(ingress, path["backend"], field_, backends, problems)
    if default := spec.get("defaultBackend"):
        hosts = {rule["host"] for rule in spec.get("rules") or () if rule.get("host")} or {"*"}
        cluster = _backend(ingress, default, ".spec.defaultBackend", backends, problems)
        for host in sorted(hosts):
            yield (host, Path("prefix", "/")), cluster


def _path(path: Object) -> Path:
    text = path.get("path") or "/"
    if path.get("pathType") == "Exact":
        return Path("exact", text)
    if path.get("pathType") == "Prefix" and text.rstrip("/"):
        return Path("segments", text.rstrip("/"))
    return Path("prefix", text)


def _backend(
    ingress: Object, backend: Object, where: str, backends: Backends, problems: list[Problem]
) -> Cluster | Missing:
    service = backend.get("service")
    if service is None:
        found: Cluster | Missing = Missing("only Services can be backends in this cluster")
    else:
        port = service["port"].get("number") or service["port"].get("name")
        found = backends.cluster(ingress["metadata"]["namespace"], service["name"], port)
    if isinstance(found, Missing):
        problems.append(_problem(ingress, "BackendNotFound", f"{where}: {found.message}"))
    return found


def _canaries(
    ingresses: Sequence[Object],
    primaries: Mapping[_Location, Cluster | Missing],
    backends: Backends,
    problems: list[Problem],
) -> dict[_Location, tuple[Cluster, Mapping[str, str]]]:
    """The canary of each location: the oldest, for nginx asks but the first."""
    found: dict[_Location, tuple[Cluster, Mapping[str, str]]] = {}
    for ingress in filter(_is_canary, ingresses):
        for location, cluster in _locations(ingress, backends, problems):
            host, path = _shown(location)
            if location not in primaries:
                message = (
                    f"no Ingress without canary serves host {host}, path {path}: there is nothing to split"
                )
                problems.append(_problem(ingress, "NoPrimary", message))
            elif location in found:
                message = f"host {host}, path {path} has a canary already, and only the oldest counts"
                problems.append(_problem(ingress, "Duplicate", message))
            elif isinstance(cluster, Cluster):
                found[location] = cluster, _rules(ingress)
    return found


def _shown(location: _Location) -> tuple[str, str]:
    return location[0], location[1].value


def _problem(ingress: Object, reason: str, message: str) -> Problem:
    metadata = ingress["metadata"]
    return Problem(
        kind="Ingress",
        namespace=metadata["namespace"],
        name=metadata["name"],
        reason=reason,
        message=message,
    )
