"""What the proxy is to do, apart from how Envoy is told. Frozen, so that two of them can be compared."""

from dataclasses import dataclass
from typing import Literal

CONTROLLER = "rollouts.io/envoy"
"""The controller name of our IngressClass and GatewayClass."""


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A pod that may get requests."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A port of a Service, under the name `{namespace}/{service}/{port}`, and the ready pods behind it."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a header, a query parameter or a cookie must be."""

    name: str
    value: str
    regex: bool = False
    """`value` is a regular expression that must match as a whole."""


@dataclass(frozen=True, slots=True)
class Path:
    """Which paths: `exact`; `prefix` of the text; `segments`, a prefix of whole ones; `regex` as a whole."""

    kind: Literal["exact", "prefix", "segments", "regex"]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which requests; all parts must hold."""

    path: Path
    method: str = ""
    headers: tuple[Pattern, ...] = ()
    cookies: tuple[Pattern, ...] = ()
    query: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Backend:
    """A share of the requests: its weight over the sum of the weights."""

    cluster: str
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderEdits:
    """Changes to the headers of a request or an answer."""

    add: tuple[tuple[str, str], ...] = ()
    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Matching requests go to the backends, or are answered with `failure`."""

    match: Match
    backends: tuple[Backend, ...] = ()
    failure: int = 0
    """An HTTP status to answer with at once; 0 to forward."""
    request: HeaderEdits = HeaderEdits()
    response: HeaderEdits = HeaderEdits()
    mirrors: tuple[str, ...] = ()
    """Clusters that get a copy of each request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHost:
    """A host name, `*.example.com`, or `*` for any other, and its routes: the first match counts."""

    domain: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in an object that cannot be obeyed; told as an event on it."""

    kind: str
    namespace: str
    name: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition of a route at a gateway."""

    type: str
    status: bool
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """How a route fares at one of its gateways."""

    namespace: str
    gateway: str
    section: str | None = None
    port: int | None = None
    as_written: tuple[tuple[str, str | int], ...]
    """The parentRef, as status.parents[].parentRef repeats it."""
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteVerdict:
    """An HTTPRoute as this configuration understands it, at one generation."""

    namespace: str
    name: str
    generation: int
    parents: tuple[Parent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that Envoy is told, and what is to be said about the objects it came from."""

    hosts: tuple[VirtualHost, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    problems: tuple[Problem, ...] = ()
    verdicts: tuple[RouteVerdict, ...] = ()
    ingresses: tuple[tuple[str, str], ...] = ()
    """Namespace and name of each Ingress that is ours."""
