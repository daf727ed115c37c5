"""Where simulated requests end up: from the route objects over Services to ready pods.

Honours what the embedded ingress honours of weights: the nginx canary annotations and HTTPRoute weights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollouts.api.meta import Object
from rollouts.kube.resources import HTTP_ROUTES, INGRESSES, PODS, SERVICES
from rollouts.kube.store import Store

_PREFIX = "nginx.ingress.kubernetes.io"


@dataclass(frozen=True, slots=True)
class Backend:
    """A port of a Service."""

    namespace: str
    service: str
    port: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A way into the cluster: the backends of one host and path, with their parts of the requests."""

    name: str
    parts: Mapping[Backend, float]
    """They add up to 1."""


def entries(store: Store) -> tuple[Entry, ...]:
    """Every way in: of Ingresses and HTTPRoutes, and in namespaces without any, of Services."""
    found = [*_ingresses(store), *_http_routes(store)]
    routed = {part.namespace for entry in found for part in entry.parts}
    for service in store.list(SERVICES):
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        ports = service["spec"].get("ports") or ()
        if ports and namespace not in routed:
            found.append(Entry(name, {Backend(namespace, name, ports[0]["port"]): 1.0}))
    return tuple(found)


def ready_pods(store: Store, backend: Backend) -> tuple[Object, ...]:
    """The pods that answer for a Service."""
    service = store.get(SERVICES, backend.service, backend.namespace)
    selector = (service["spec"].get("selector") or {}) if service else {}
    if not selector:
        return ()
    return tuple(
        pod for pod in store.list(PODS, backend.namespace) if _selected(pod, selector) and ready(pod)
    )


def ready(pod: Object) -> bool:
    """Whether a pod takes requests."""
    if "deletionTimestamp" in pod["metadata"]:
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _selected(pod: Object, selector: Mapping[str, str]) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def _ingresses(store: Store) -> Iterable[Entry]:
    objects = store.list(INGRESSES)
    canaries = [obj for obj in objects if _annotation(obj, "canary") == "true"]
    for obj in objects:
        if obj in canaries:
            continue
        for host, path, stable in _paths(store, obj):
            parts = {stable: 1.0}
            for canary in canaries:
                if canary["metadata"]["namespace"] != obj["metadata"]["namespace"]:
                    continue
                for other_host, other_path, backend in _paths(store, canary):
                    if (other_host, other_path) == (host, path) and backend != stable:
                        part = int(_annotation(canary, "canary-weight") or 0)
                        total = int(_annotation(canary, "canary-weight-total") or 100)
                        # As in ingress-nginx, no request goes to a canary without endpoints.
                        share = part / total if ready_pods(store, backend) else 0.0
                        parts = {stable: 1.0 - share, backend: share}
            yield Entry(obj["metadata"]["name"], parts)


def _annotation(obj: Object, name: str) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(f"{_PREFIX}/{name}", ""))


def _paths(store: Store, ingress: Object) -> Iterable[tuple[str, str, Backend]]:
    namespace = ingress["metadata"]["namespace"]
    for rule in (ingress.get("spec") or {}).get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            service = (path.get("backend") or {}).get("service") or {}
            port = _port(store, namespace, service)
            if port is not None:
                backend = Backend(namespace, service["name"], port)
                yield rule.get("host", ""), path.get("path", "/"), backend


def _port(store: Store, namespace: str, service: Object) -> int | None:
    wanted = service.get("port") or {}
    obj = store.get(SERVICES, service.get("name", ""), namespace)
    for port in (obj["spec"].get("ports") or ()) if obj else ():
        if wanted.get("number") == port["port"] or (
            wanted.get("name") and wanted["name"] == port.get("name")
        ):
            return int(port["port"])
    return None


def _http_routes(store: Store) -> Iterable[Entry]:
    for obj in store.list(HTTP_ROUTES):
        namespace = obj["metadata"]["namespace"]
        for rule in (obj.get("spec") or {}).get("rules") or ():
            refs = rule.get("backendRefs") or ()
            total = sum(ref.get("weight", 1) for ref in refs)
            parts: dict[Backend, float] = {}
            for ref in refs if total else ():
                backend = Backend(ref.get("namespace", namespace), ref["name"], int(ref.get("port", 0)))
                parts[backend] = parts.get(backend, 0.0) + ref.get("weight", 1) / total
            if parts:
                yield Entry(obj["metadata"]["name"], parts)
