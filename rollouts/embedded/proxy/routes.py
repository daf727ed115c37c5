"""All of it together: from the cluster's objects to what the proxy is to do. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from rollouts.api.meta import Object
from rollouts.embedded.proxy import httproutes, ingresses
from rollouts.embedded.proxy.backends import Backends
from rollouts.embedded.proxy.model import Cluster, Config, Route, VirtualHost


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The objects that routing depends on."""

    services: Iterable[Object] = ()
    endpoint_slices: Iterable[Object] = ()
    ingresses: Iterable[Object] = ()
    ingress_classes: Iterable[Object] = ()
    http_routes: Iterable[Object] = ()
    gateways: Iterable[Object] = ()
    gateway_classes: Iterable[Object] = ()


def configure(seen: Seen) -> Config:
    """What the proxy is to do."""
    backends = Backends.of(seen.services, seen.endpoint_slices)
    from_ingresses = ingresses.read(seen.ingresses, seen.ingress_classes, backends)
    gateways = httproutes.our_gateways(seen.gateways, seen.gateway_classes)
    from_routes = httproutes.read(seen.http_routes, gateways, backends)
    by_domain: dict[str, list[Route]] = {}
    for (host, _), routes in from_ingresses.routes.items():
        by_domain.setdefault(host, []).extend(routes)
    for domain, route in from_routes.routes:
        by_domain.setdefault(domain, []).append(route)
    nowhere = any(
        b.cluster == httproutes.NOWHERE for _, r in from_routes.routes for b in r.backends if b.weight
    )
    extra = (Cluster(name=httproutes.NOWHERE),) if nowhere else ()
    return Config(
        hosts=tuple(
            VirtualHost(domain=domain, routes=tuple(sorted(routes, key=_precedence)))
            for domain, routes in sorted(by_domain.items())
        ),
        clusters=(*sorted(backends.used.values(), key=lambda c: c.name), *extra),
        problems=tuple(from_ingresses.problems),
        verdicts=tuple(from_routes.verdicts),
        ingresses=tuple(from_ingresses.ours),
    )


_PATH_ORDER = {"exact": 0, "regex": 1, "segments": 2, "prefix": 2}


def _precedence(route: Route) -> tuple[int, int, bool, int, int]:
    """Gateway API's order, which nginx's agrees with: the more specific path, then method, headers, query.

    Routes of one canary stay in their order, for sorting is stable: a cookie route counts as one header, and
    comes after those of the header because it was made after them.
    """
    match = route.match
    conditions = len(match.headers) + len(match.cookies)
    return (
        _PATH_ORDER[match.path.kind],
        -len(match.path.value),
        not match.method,
        -conditions,
        -len(match.query),
    )
