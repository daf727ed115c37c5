"""Which controller sends traffic to a Service: found by the routes that refer to it, not by configuration."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.api.errors import Unavailable
from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import (
    GATEWAY_CLASSES,
    GATEWAYS,
    HTTP_ROUTES,
    INGRESS_CLASSES,
    INGRESSES,
    Resource,
)

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_DEFAULT_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"
_CANARY_ANNOTATION = "nginx.ingress.kubernetes.io/canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An Ingress or HTTPRoute that sends traffic to the Service."""

    name: str
    """`Ingress shop/web`, for messages."""
    controller: str
    """Of its class, such as `k8s.io/ingress-nginx`."""
    canary: bool = False
    """Whether it is the canary ingress beside another one."""


class NoRoute(Unavailable):
    """Nothing that can be asked sends traffic to the Service."""


async def find(client: Client, namespace: str, *services: str) -> Mapping[str, tuple[Route, ...]]:
    """The routes that refer to each Service.

    Raises:
        NoRoute: there are none to one of them, or none has a class whose controller is known.
        ApiError, Unreachable: the cluster could not be asked.
    """
    found: dict[str, list[Route]] = {service: [] for service in services}
    for ingress in await _items(client, INGRESSES, namespace):
        if (named := found.keys() & set(_ingress_services(ingress))) and (
            controller := await _ingress_controller(client, ingress)
        ):
            for service in named:
                found[service].append(_route("Ingress", ingress, controller))
    for http_route in await _items(client, HTTP_ROUTES, namespace):
        if named := found.keys() & set(_route_services(http_route, namespace)):
            for controller in await _gateway_controllers(client, http_route):
                for service in named:
                    found[service].append(_route("HTTPRoute", http_route, controller))
    for service, routes in found.items():
        if not routes:
            raise NoRoute(
                f'no Ingress or HTTPRoute in namespace "{namespace}" with a known class sends traffic to '
                f'Service "{service}"; create one, or use another provider'
            )
    return {service: tuple(routes) for service, routes in found.items()}


async def _items(client: Client, resource: Resource, namespace: str) -> Iterable[Object]:
    try:
        found = await client.list(resource, namespace)
    except NotFound:
        return ()  # A cluster without this API.
    return found.get("items") or ()


def _route(kind: str, obj: Object, controller: str) -> Route:
    metadata = obj["metadata"]
    canary = (metadata.get("annotations") or {}).get(_CANARY_ANNOTATION) == "true"
    return Route(
        name=f"{kind} {metadata.get('namespace', '')}/{metadata['name']}",
        controller=controller,
        canary=canary,
    )


def _ingress_services(ingress: Object) -> Iterator[str]:
    spec = ingress.get("spec") or {}
    backends: list[Any] = [spec.get("defaultBackend")]
    for rule in spec.get("rules") or ():
        backends += [path.get("backend") for path in (rule.get("http") or {}).get("paths") or ()]
    for backend in backends:
        if backend and backend.get("service"):
            yield backend["service"].get("name", "")


def _route_services(route: Object, namespace: str) -> Iterator[str]:
    for rule in (route.get("spec") or {}).get("rules") or ():
        for ref in rule.get("backendRefs") or ():
            if ref.get("kind", "Service") == "Service" and ref.get("namespace", namespace) == namespace:
                yield ref.get("name", "")


async def _ingress_controller(client: Client, ingress: Object) -> str:
    annotations = ingress["metadata"].get("annotations") or {}
    name = (ingress.get("spec") or {}).get("ingressClassName") or annotations.get(_CLASS_ANNOTATION)
    if name:
        return await _controller(client, INGRESS_CLASSES, name, "controller")
    for ingress_class in await _items(client, INGRESS_CLASSES, ""):
        if (ingress_class["metadata"].get("annotations") or {}).get(_DEFAULT_ANNOTATION) == "true":
            return str((ingress_class.get("spec") or {}).get("controller") or "")
    return ""


async def _gateway_controllers(client: Client, route: Object) -> Iterable[str]:
    found: dict[str, None] = {}
    own = route["metadata"].get("namespace", "")
    for parent in (route.get("spec") or {}).get("parentRefs") or ():
        if parent.get("kind", "Gateway") != "Gateway":
            continue
        try:
            gateway = await client.get(GATEWAYS, parent.get("name", ""), parent.get("namespace", own))
        except NotFound:
            continue
        name = (gateway.get("spec") or {}).get("gatewayClassName") or ""
        if name and (controller := await _controller(client, GATEWAY_CLASSES, name, "controllerName")):
            found[controller] = None
    return {**found, **dict.fromkeys(_meshes(route))}


def _meshes(route: Object) -> Iterator[str]:
    """Who routes for a Service rather than a Gateway: a mesh has no class, and says so in the status."""
    for parent in (route.get("status") or {}).get("parents") or ():
        if (parent.get("parentRef") or {}).get("kind") == "Service" and parent.get("controllerName"):
            yield parent["controllerName"]


async def _controller(client: Client, resource: Resource, name: str, field: str) -> str:
    try:
        found = await client.get(resource, name)
    except NotFound:
        return ""
    return str((found.get("spec") or {}).get(field) or "")
