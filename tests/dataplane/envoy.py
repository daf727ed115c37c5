"""What Envoy itself says of where it sends requests: its answer, not the objects that asked for it."""

from collections import Counter
from collections.abc import Iterator, Mapping

from rollouts.api.meta import Object
from rollouts.embedded.pods.images import tag_of
from rollouts.kube.client import Client
from rollouts.kube.resources import PODS

_ADMIN = "/api/v1/namespaces/rollouts-system/services/envoy:admin/proxy"


async def shares(kube: Client, namespace: str, host: str) -> Mapping[str, int]:
    """Percentages of the requests for a host, by the versions of the pods that get them."""
    dump = await kube.raw(f"{_ADMIN}/config_dump", {"resource": "dynamic_route_configs"})
    weights = Counter[str]()
    for cluster, weight in _weights(dump, host):
        weights[cluster] += weight
    members = await kube.raw(f"{_ADMIN}/clusters", {"format": "json"})
    addresses = {each["name"]: [*_addresses(each)] for each in members["cluster_statuses"]}
    pods = (await kube.list(PODS, namespace))["items"]
    version = {pod["status"].get("podIP"): tag_of(pod["spec"]["containers"][0]["image"]) for pod in pods}
    parts: dict[str, float] = {}
    for cluster, weight in weights.items():
        here = addresses.get(cluster) or ["nowhere"]
        for address in here:
            name = version.get(address, address)
            parts[name] = parts.get(name, 0.0) + 100 * weight / weights.total() / len(here)
    return {name: round(part) for name, part in parts.items()}


def _weights(dump: Object, host: str) -> Iterator[tuple[str, int]]:
    for config in dump["configs"]:
        for virtual_host in config["route_config"].get("virtual_hosts", ()):
            if virtual_host["domains"] == [host]:
                for route in virtual_host["routes"]:
                    action = route.get("route", {})
                    for part in action.get("weighted_clusters", {}).get("clusters", ()):
                        yield part["name"], part["weight"]
                    if "cluster" in action:
                        yield action["cluster"], 1


def _addresses(cluster: Object) -> Iterator[str]:
    for status in cluster.get("host_statuses", ()):
        if "socket_address" in status["address"]:
            yield status["address"]["socket_address"]["address"]
