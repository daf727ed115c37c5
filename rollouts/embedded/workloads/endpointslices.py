"""EndpointSlice: which pods stand behind a Service.

As upstream, pods whose ports differ are listed in slices of their own: that is also how a pod is reached that
shares its address with others and differs in the port (macOS has but one loopback address).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.workloads import podview
from rollouts.embedded.workloads.cache import Cache, Key, key_of
from rollouts.embedded.workloads.loop import Loop
from rollouts.embedded.workloads.pods import owner_reference, random_suffix
from rollouts.kube.resources import ENDPOINT_SLICES, PODS, SERVICES

SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"

PORTS_ANNOTATION = "rollouts.io/ports"
"""On a pod: `{"8080": 51234}`, where a container port is really found if it is not under its own number."""

_Port = tuple[str, int, str]
"""Name, number, protocol."""


def plan(service: Object, pods: Iterable[Object]) -> tuple[Object, ...]:
    """The slices of a service, from all pods of its namespace. None without a selector."""
    spec = service["spec"]
    if not spec.get("selector") or spec.get("type") == "ExternalName":
        return ()
    groups: dict[tuple[_Port, ...], list[Object]] = {}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])):
        if selects(service, pod) and _has_address(pod):
            groups.setdefault(tuple(_ports(spec.get("ports") or (), pod)), []).append(pod)
    return tuple(_slice(service, ports, members) for ports, members in groups.items())


def selects(service: Object, pod: Object) -> bool:
    """Whether the pod carries the labels that the service asks for."""
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(name) == value for name, value in selector.items())


def _has_address(pod: Object) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") not in ("Succeeded", "Failed")


def _ports(ports: Sequence[Object], pod: Object) -> Iterator[_Port]:
    real = _real_ports(pod)
    for port in ports:
        number = _target(port, pod)
        if number is not None:
            yield port.get("name", ""), real.get(str(number), number), port.get("protocol", "TCP")


def _real_ports(pod: Object) -> Mapping[str, int]:
    text = (pod["metadata"].get("annotations") or {}).get(PORTS_ANNOTATION)
    found: Mapping[str, int] = json.loads(text) if text else {}
    return found


def _target(port: Object, pod: Object) -> int | None:
    """The number that a targetPort stands for in this pod; None where no container names it."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    declared = (p for c in pod["spec"]["containers"] for p in c.get("ports") or () if p.get("name") == target)
    return next((int(p["containerPort"]) for p in declared), None)


def _slice(service: Object, ports: tuple[_Port, ...], pods: Sequence[Object]) -> Object:
    namespace, name = key_of(service)
    everyone = bool(service["spec"].get("publishNotReadyAddresses"))
    return {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-{random_suffix(json.dumps(ports))}",
            "namespace": namespace,
            "labels": {SERVICE_LABEL: name, MANAGED_BY: MANAGER},
            "ownerReferences": [owner_reference(service, SERVICES)],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod, everyone=everyone) for pod in pods],
        "ports": [{"name": name, "port": number, "protocol": protocol} for name, number, protocol in ports],
    }


def _endpoint(pod: Object, *, everyone: bool) -> dict[str, Any]:
    namespace, name = key_of(pod)
    terminating = "deletionTimestamp" in pod["metadata"]
    serving = podview.is_ready(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": everyone or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": {"kind": "Pod", "namespace": namespace, "name": name, "uid": pod["metadata"]["uid"]},
    }


class EndpointSlices:
    """The shell: creates, changes and deletes the slices until they are as planned."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        # By pod: the services that had selected it last, in an order that is the same every time.
        self._selected: dict[Key, dict[Key, None]] = {}
        watches = {SERVICES: lambda item: (key_of(item),), PODS: self._services, ENDPOINT_SLICES: _service}
        self.loop = Loop(cache, watches, self._reconcile)

    async def _reconcile(self, key: Key) -> timedelta | None:
        service = self._cache.get(SERVICES, key)
        if service is None or "deletionTimestamp" in service["metadata"]:
            return None  # the slices are the service's children and go with it
        wanted = {key_of(s): s for s in plan(service, self._cache.all(PODS, key[0]))}
        mine = {key_of(s): s for s in self._cache.owned(ENDPOINT_SLICES, service)}
        for at, slice_ in wanted.items():
            if at not in mine:
                await self._cache.create(ENDPOINT_SLICES, slice_)
            elif any(mine[at].get(part) != slice_[part] for part in ("endpoints", "ports")):
                patch = {part: slice_[part] for part in ("endpoints", "ports")}
                await self._cache.patch(ENDPOINT_SLICES, mine[at], patch)
        for at, slice_ in mine.items():
            if at not in wanted:
                await self._cache.delete(ENDPOINT_SLICES, slice_)
        return None

    def _services(self, pod: Object) -> Iterable[Key]:
        namespace, _ = at = key_of(pod)
        present = self._cache.get(PODS, at) is not None
        services = self._cache.all(SERVICES, namespace) if present else []
        now = dict.fromkeys(key_of(service) for service in services if selects(service, pod))
        concerned = now | self._selected.pop(at, {})
        if now:
            self._selected[at] = now
        return concerned


def _service(slice_: Object) -> Iterable[Key]:
    labels = slice_["metadata"].get("labels") or {}
    if labels.get(MANAGED_BY) == MANAGER:
        yield slice_["metadata"]["namespace"], labels[SERVICE_LABEL]
