"""From a reference to a Service port to a cluster with endpoints. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rollouts.api.meta import Object
from rollouts.embedded.proxy.model import Cluster, Endpoint
from rollouts.embedded.workloads.endpointslices import SERVICE_LABEL

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Missing:
    """A reference that leads nowhere, and what to do about it."""

    message: str


@dataclass(slots=True)
class Backends:
    """The services and their endpoints; remembers which clusters were asked for."""

    services: dict[Key, Object]
    slices: dict[Key, list[Object]]
    used: dict[str, Cluster] = field(default_factory=dict)

    @classmethod
    def of(cls, services: Iterable[Object], slices: Iterable[Object]) -> "Backends":
        """Index the objects."""
        by_service: defaultdict[Key, list[Object]] = defaultdict(list)
        for slice_ in slices:
            labels = slice_["metadata"].get("labels") or {}
            if SERVICE_LABEL in labels:
                by_service[slice_["metadata"]["namespace"], labels[SERVICE_LABEL]].append(slice_)
        return cls({(s["metadata"]["namespace"], s["metadata"]["name"]): s for s in services}, by_service)

    def cluster(self, namespace: str, service: str, port: int | str) -> Cluster | Missing:
        """The cluster of a service's port, by number or name."""
        found = self.services.get((namespace, service))
        if found is None:
            return Missing(f'there is no Service "{service}" in namespace "{namespace}"; create it')
        ports: Sequence[Object] = found["spec"].get("ports") or ()
        chosen = next((p for p in ports if port in (p["port"], p.get("name"))), None)
        if chosen is None:
            have = ", ".join(str(p["port"]) for p in ports) or "none"
            return Missing(f'Service "{service}" has no port {port}; it has {have}')
        name = f"{namespace}/{service}/{chosen['port']}"
        if name not in self.used:
            endpoints = sorted(set(self._endpoints((namespace, service), chosen.get("name", ""))))
            self.used[name] = Cluster(name=name, endpoints=tuple(endpoints))
        return self.used[name]

    def _endpoints(self, service: Key, port_name: str) -> Iterable[Endpoint]:
        for slice_ in self.slices.get(service, ()):
            numbers = [p["port"] for p in slice_.get("ports") or () if (p.get("name") or "") == port_name]
            for endpoint in slice_.get("endpoints") or ():
                # An absent `ready` means ready, as the API says.
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    for number in numbers:
                        yield from (Endpoint(ip, int(number)) for ip in endpoint["addresses"])
